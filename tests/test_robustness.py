"""What is left of designs in other worlds."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import anb_gym
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import Calibration, records, write_world_records
from anb_gym.calibration import lookup as lookups
from anb_gym.robustness import audit, front_in_worlds, regret_in_worlds, resolution
from anb_gym.tasks import get_task

#: A task whose worlds are quick: accuracy, and a metric of pairs of blocks.
TASK = "ZCU102"
WORLDS = range(3)


@pytest.fixture(scope="module")
def world_file(tmp_path_factory):
    """Scales of a task in worlds, certified."""
    path = tmp_path_factory.mktemp("worlds") / "worlds.json"
    assert all(new for _, new in write_world_records([get_task(TASK)], WORLDS, path=path))
    assert not any(new for _, new in write_world_records([get_task(TASK)], WORLDS, path=path))
    return path


@pytest.fixture
def recorded(world_file, monkeypatch):
    monkeypatch.setattr(lookups, "own_file", lambda name: world_file)


def test_environments_in_a_world(recorded):
    env = gym.make(f"anb_gym:AccelNAS-{TASK}-v0", world=1, granularity="network")
    problem = env.unwrapped.problem
    assert problem == anb_gym.make_problem(f"AccelNAS-{TASK}-v0", world=1)
    assert problem.surrogate == "gp@1"
    assert problem.gauge.certified
    env.reset(seed=0)
    *_, info = env.step(env.action_space.sample())
    values = Benchmark(world=1).query(info["index"], list(info["metrics"]))
    assert info["metrics"] == {name: value[0] for name, value in values.items()}
    best = anb_gym.Architecture.parse(problem.gauge.architecture)
    assert problem.evaluate(best).reward == 1.0
    assert problem.evaluate(best).regret == 0.0
    assert anb_gym.make_problem(f"AccelNAS-{TASK}-v0").evaluate(best).regret[0] > 0.0
    with pytest.raises(ValueError, match="world must be an integer"):
        gym.make(f"anb_gym:AccelNAS-{TASK}-v0", world=-1)


def test_recorded_optima_are_those_of_the_exact_front(recorded):
    problem = anb_gym.make_problem(f"AccelNAS-{TASK}-v0", world=2)
    assert problem.optimum.value == problem.gauge.best
    problem.optimum.verify()
    random = problem.evaluate(anb_gym.SPACE.sample(20_000, np.random.default_rng(5))).reward
    assert abs(random.mean()) < 0.02
    assert random.max() < 1.0


def test_regret_in_worlds(recorded):
    problem = anb_gym.make_problem(f"AccelNAS-{TASK}-v0")
    archs = [problem.optimum.architecture, anb_gym.EFFICIENTNET_B0]
    found = regret_in_worlds(problem, archs, WORLDS)
    assert found.certified
    assert found.regret.shape == (3, 2)
    for world, row in zip(WORLDS, found.regret, strict=True):
        there = anb_gym.make_problem(f"AccelNAS-{TASK}-v0", world=world)
        np.testing.assert_allclose(row, there.evaluate(archs).regret, atol=1e-9)
    np.testing.assert_allclose(found.mean, found.regret.mean(axis=0))
    assert (found.high >= found.mean).all()


def test_audit_and_resolution():
    problem = anb_gym.make_problem(f"AccelNAS-{TASK}-v0")
    overall, near = audit(problem, WORLDS)
    assert (overall.over, near.over) == ("random mean", "hundredth best")
    assert overall.advantage > near.advantage > 0.0
    assert np.abs(overall.worlds - 1.0).max() < 0.2
    assert set(overall.families) == {"xgb", "lgb"}
    assert 0.0 < resolution(problem, WORLDS) < 0.2


def test_front_in_worlds():
    front = Benchmark().front(TASK.lower())
    share = front_in_worlds(front, WORLDS)
    assert share.shape == (len(front),)
    assert ((share >= 0.0) & (share <= 1.0)).all()
    exact = Benchmark(world=0).front(TASK.lower())
    # What is on the exact front of a world is on none of less.
    assert set(front.indices[front_in_worlds(front, [0]) == 0.0]).isdisjoint(exact.indices)


@pytest.mark.parametrize("id", ["AccelNAS-VCK190-MO-v0", "AccelNAS-VCK190-Preference-v0", "AccelNAS-VCK190-Bound-v0"])
def test_problems_without_one_reward_are_refused(id):
    with pytest.raises(ValueError, match="problem must have one scalar reward for all episodes and no bound"):
        regret_in_worlds(anb_gym.make_problem(id), anb_gym.EFFICIENTNET_B0, WORLDS)


def test_families_without_worlds_are_refused():
    problem = anb_gym.make_problem(f"AccelNAS-{TASK}-v0", surrogate="xgb")
    with pytest.raises(ValueError, match="'xgb' has no posterior"):
        regret_in_worlds(problem, anb_gym.EFFICIENTNET_B0, WORLDS)


def test_records_of_the_mean_are_not_those_of_worlds():
    assert not any("@" in name for name in records())
    assert isinstance(anb_gym.make_problem(f"AccelNAS-{TASK}-v0").gauge, Calibration)
