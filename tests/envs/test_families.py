"""A family of one's own costs one file and one row, and all else finds it in the table."""

from collections.abc import Iterator
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

import anb_gym
from anb_gym.envs import FAMILIES, Family, families, register
from anb_gym.study.problems import arguments_of, problem_of, searched

TOY = Family(
    "fast",
    "Fast architectures",
    "Fast-{task}-v0",
    env="toy_family:FastEnv",
    vector_env="toy_family:FastVectorEnv",
    problem="toy_family:make_problem",
    suits=lambda task: len(task.metrics) == 2,
    threshold=0.95,
    searched=True,
)
ID = "Fast-VCK190-v0"


@pytest.fixture
def toy() -> Iterator[Family]:
    register(TOY)
    yield TOY
    for env_id in TOY.ids():
        del gymnasium.registry[env_id]
    del families._FAMILIES[TOY.name]


def test_its_environments_are_made(toy: Family) -> None:
    spec = gymnasium.spec(ID)
    assert spec.reward_threshold == 0.95
    check_env(gymnasium.make(ID, granularity="choice").unwrapped)
    with pytest.raises(ValueError, match="task must be 'VCK190', which the id says"):
        gymnasium.make(ID, task="A100")


def test_its_copies_equal_single_ones(toy: Family) -> None:
    ours, theirs = (gymnasium.make_vec(ID, 3, noise=True, vectorization_mode=mode) for mode in (None, "sync"))
    assert type(ours).__name__ == "FastVectorEnv"
    assert data_equivalence(ours.reset(seed=4), theirs.reset(seed=4))
    for action in np.random.default_rng(0).integers(0, 36, size=(9, 3)):
        assert data_equivalence(ours.step(action), theirs.step(action))


def test_it_has_problems_and_studies(toy: Family) -> None:
    problem = anb_gym.make_problem(ID, weight=0.8)
    assert problem == gymnasium.make(ID, weight=0.8).unwrapped.problem != anb_gym.make_problem(ID)
    assert FAMILIES["fast"] is searched()[ID] is toy
    assert arguments_of(ID) == ["weight"]
    assert problem_of(ID, {"weight": 0.8}) == problem


def test_stable_baselines3_trains_on_it(toy: Family) -> None:
    pytest.importorskip("stable_baselines3")
    from anb_gym.envs.sb3 import make_vec_env

    envs = make_vec_env(ID, 2, seed=0, granularity="block")
    assert envs.reset().shape == (2, 28)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "edit"}, "family must have a name of its own, got 'edit', which is taken"),
        ({"id": "AccelNAS-{task}-v0"}, "family must have ids of its own, got 'AccelNAS-.*', which is taken"),
        ({"id": "Toy {task} v0"}, "family must have ids that Gymnasium takes, got 'Toy ZCU102 v0': Malformed"),
        ({"id": "Toy-{tsk}-v0"}, "family must have ids that Gymnasium takes, got 'Toy-{tsk}-v0': Malformed"),
    ],
)
def test_what_is_taken_or_malformed_is_refused(changed: dict[str, str], message: str) -> None:
    before = dict(FAMILIES), dict(gymnasium.registry)
    with pytest.raises(ValueError, match=message):
        register(replace(TOY, **changed))
    assert (dict(FAMILIES), dict(gymnasium.registry)) == before
