"""The id whose device changes from episode to episode."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from ids import id_of

from anb_gym import SPACE
from anb_gym.envs.build import BuildEnv
from anb_gym.envs.transfer import TransferBuildEnv
from anb_gym.tasks import get_task

NAMES = ["ZCU102", "VCK190", "TPUv2", "TPUv3", "A100", "RTX3090", "ZCU102-Latency", "VCK190-Latency"]

TRANSFER = id_of("transfer")


def _task(env: gymnasium.Env, **options: Any) -> str:
    observation, _ = env.reset(options=options)
    shown = observation[100:]
    assert sorted(shown) == [0.0] * (len(shown) - 1) + [1.0]
    return NAMES[int(shown.argmax())]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("arguments", [{}, {"reward": "constrained", "noise": True}], ids=str)
def test_scores_as_the_tasks_own_environment(name: str, arguments: dict[str, Any]) -> None:
    env = gymnasium.make("anb_gym:" + TRANSFER, granularity="network", **arguments)
    twin = BuildEnv(name, granularity="network", **arguments)
    env.reset(seed=2, options={"task": name})
    twin.reset(seed=2)
    assert env.unwrapped.task == get_task(name)
    for choices in SPACE.sample(3, np.random.default_rng(1)):
        observation, reward, _, _, info = env.step(choices)
        expected = twin.step(choices)
        assert np.array_equal(observation[:100], expected[0])
        assert reward == expected[1]
        assert data_equivalence(info, expected[-1] | {"task": name}, exact=True)
        assert _task(env, task=name) == name
        twin.reset()


def test_tasks_are_drawn_evenly_by_seed() -> None:
    env, twin = (gymnasium.make("anb_gym:" + TRANSFER) for _ in range(2))
    env.reset(seed=1)
    twin.reset(seed=1)
    drawn = [_task(env) for _ in range(400)]
    assert drawn == [_task(twin) for _ in range(400)]
    assert min(drawn.count(name) for name in NAMES) > 25


def test_device() -> None:
    env = gymnasium.make("anb_gym:" + TRANSFER)
    env.reset(seed=0)
    assert {_task(env, device="a100") for _ in range(5)} == {"A100"}
    assert {_task(env, device="vck190") for _ in range(30)} == {"VCK190", "VCK190-Latency"}
    assert _task(env, device="vck190", task="VCK190-Latency") == "VCK190-Latency"


def test_some_tasks() -> None:
    env = TransferBuildEnv(("A100", "Accuracy"), observation="tokens", granularity="network")
    assert env.observation_space.shape == (30,)
    assert env.observation_space.dtype == np.int8
    observation, _ = env.reset(options={"task": "Accuracy"})
    assert observation.tolist() == [0] * 28 + [0, 1]
    assert env.step([0] * 28)[-1]["metrics"].keys() == {"accuracy"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "VCK-190"}, "task must be one of .* did you mean 'VCK190'"),
        ({"task": "Accuracy"}, "task must be one of"),
        ({"device": "VCK190"}, "device must be one of .* did you mean 'vck190'"),
        ({"device": "a100", "task": "VCK190"}, "task must be one of 'A100', got 'VCK190'"),
        ({"device": 3}, "device must be one of"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gymnasium.make("anb_gym:" + TRANSFER).reset(options=options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": []}, "tasks must be one or more different names, got"),
        ({"tasks": "VCK190"}, "tasks must be one or more different names, got 'VCK190'"),
        ({"tasks": None}, "tasks must be one or more"),
        ({"tasks": ["A100", "A100"]}, "tasks must be one or more different names"),
        ({"tasks": ["A100", "A1000"]}, "task must be one of .* did you mean 'A100'"),
        ({"reward": "prodct"}, "reward must be one of"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransferBuildEnv(**({"tasks": ["A100"]} | arguments))
