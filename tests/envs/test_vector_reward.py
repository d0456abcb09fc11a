"""The ids with a vector reward."""

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from ids import id_of

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym.calibration import calibration, front_scale
from anb_gym.envs.build import BuildEnv
from anb_gym.envs.vector_reward import MOBuildEnv
from anb_gym.fronts import NoFrontError
from anb_gym.rewards import Accuracy
from anb_gym.tasks import TASKS, Task

EVERY_TASK = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
RANDOM = [Architecture.from_choices(choices) for choices in SPACE.sample(5, np.random.default_rng(3))]


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*is out of date", DeprecationWarning)  # a newer version of an id
        yield


def _score(env: gymnasium.Env, architecture: Architecture) -> tuple[Any, dict[str, Any]]:
    env.reset(seed=0)
    for choice in architecture.choices:
        _, reward, terminated, truncated, info = env.step(choice)
    assert terminated is True
    assert truncated is False
    return reward, info | {"action_mask": info["action_mask"].tolist()}


def _expected(task: Task, metrics: dict[str, float]) -> list[float]:
    """The objectives in unit scale, from the recorded ideal and nadir."""
    if task.kind == "accuracy":
        return calibration(Accuracy(), "gp").to_unit(np.array([metrics["accuracy"]])).tolist()
    known = front_scale(task)
    columns = zip(metrics.values(), known.nadir, known.ideal, strict=True)
    return [(value - nadir) / (ideal - nadir) for value, nadir, ideal in columns]


@EVERY_TASK
def test_an_episode(task: Task) -> None:
    env = gymnasium.make(f"anb_gym:AccelNAS-{task.name}-MO-v0")
    inner = env.unwrapped
    assert isinstance(inner, MOBuildEnv)
    assert inner.reward_dim == len(task.metrics)
    assert inner.reward_space == gymnasium.spaces.Box(-np.inf, np.inf, (len(task.metrics),), np.float32)
    twin = BuildEnv(task.name)
    for architecture in RANDOM:
        observation, info = env.reset(seed=0)
        expected = twin.reset(seed=0)
        assert np.array_equal(observation, expected[0])
        for step, choice in enumerate(architecture.choices):
            observation, reward, terminated, _, info = env.step(choice)
            expected = twin.step(choice)
            assert np.array_equal(observation, expected[0])
            assert isinstance(reward, np.ndarray)
            assert inner.reward_space.contains(reward)
            assert terminated is (step == 27)
            assert terminated or not reward.any()
            reward += 7.0  # as wrappers do
        assert info.keys() == {"action_mask", "architecture", "index", "metrics"}
        assert all(np.array_equal(info[key], expected[-1][key]) for key in info)
        assert reward - 7.0 == pytest.approx(_expected(task, info["metrics"]), abs=1e-5)


@EVERY_TASK
def test_front_is_attained(task: Task) -> None:
    env = MOBuildEnv(task.name)
    points = env.pareto_front(1.0)
    front = Benchmark().front(task.metrics[-1])
    assert len(points) == len(front)
    for row in {0, len(front) // 2, len(front) - 1}:
        reward, _ = _score(env, front.architectures()[row])
        assert reward == pytest.approx(points[row], rel=1e-6)
    assert np.max(points, axis=0).tolist() == [1.0] * env.reward_dim
    if env.reward_dim == 2:
        assert np.min(points, axis=0).tolist() == [0.0, 0.0]
        assert points[0].tolist() == [1.0, 0.0]
        assert points[-1].tolist() == [0.0, 1.0]
    for architecture in RANDOM:
        reward, _ = _score(env, architecture)
        assert any((point >= reward).all() for point in points)


@pytest.mark.parametrize("scale", ["unit", "raw"])
def test_discounted_front(scale: str) -> None:
    env = MOBuildEnv("VCK190-Latency", reward_scale=scale)
    plain, discounted = np.stack(env.pareto_front(1)), np.stack(env.pareto_front(0.9))
    assert discounted == pytest.approx(0.9**27 * plain)
    assert not np.any(env.pareto_front(0.0))
    env.pareto_front(1.0)[0][:] = 5.0
    assert np.array_equal(np.stack(env.pareto_front(1.0)), plain)


@EVERY_TASK
def test_raw_scale(task: Task) -> None:
    env = MOBuildEnv(task.name, reward_scale="raw")
    reward, info = _score(env, EFFICIENTNET_B0)
    signs = np.array([-1 if "latency" in name else 1 for name in task.metrics])
    values = np.array(list(info["metrics"].values()))
    assert np.array_equal(reward, (signs * values).astype(np.float32))
    objectives = Benchmark().front(task.metrics[-1]).objectives
    assert np.array_equal(np.stack(env.pareto_front(1.0)), signs * objectives)


@pytest.mark.parametrize("scale", ["unit", "raw"])
def test_lower_latency_is_better(scale: str) -> None:
    small, large = Architecture.from_choices([0] * 28), EFFICIENTNET_B0
    env = MOBuildEnv("ZCU102-Latency", reward_scale=scale)
    (quick, quick_info), (slow, slow_info) = _score(env, small), _score(env, large)
    assert quick_info["metrics"]["zcu102/latency"] < slow_info["metrics"]["zcu102/latency"]
    assert quick[1] > slow[1]
    assert quick[0] < slow[0]


def test_noise_is_that_of_the_scalar_id() -> None:
    reward, info = _score(MOBuildEnv("TPUv3", noise=True), EFFICIENTNET_B0)
    _, scalar_info = _score(BuildEnv("TPUv3", noise=True), EFFICIENTNET_B0)
    assert info.items() <= scalar_info.items()
    assert info["metrics"] != info["exact_metrics"]
    assert reward == pytest.approx(_expected(TASKS["TPUv3"], info["metrics"]), rel=1e-5)


@EVERY_TASK
def test_wrappers_of_mo_gymnasium(task: Task) -> None:
    mo_gymnasium = pytest.importorskip("mo_gymnasium")
    wrappers = pytest.importorskip("mo_gymnasium.wrappers")
    plain, _ = _score(MOBuildEnv(task.name), EFFICIENTNET_B0)
    dim = len(task.metrics)
    made = mo_gymnasium.make("anb_gym:" + id_of("vector_reward", task))
    weight = np.arange(1.0, dim + 1.0)
    reward, info = _score(wrappers.LinearReward(made, weight), EFFICIENTNET_B0)
    assert reward == pytest.approx(plain @ weight)
    assert np.array_equal(info["vector_reward"], plain)

    recorded = wrappers.MORecordEpisodeStatistics(mo_gymnasium.make(id_of("vector_reward", task)), gamma=0.9)
    for _ in range(2):
        _, info = _score(recorded, EFFICIENTNET_B0)
        assert info["episode"]["l"] == 28
        assert np.array_equal(info["episode"]["r"], plain)
        assert info["episode"]["dr"] == pytest.approx(0.9**27 * plain)

    clipped = wrappers.MOClipReward(mo_gymnasium.make(id_of("vector_reward", task)), 0, -0.1, 0.1)
    for _ in range(2):
        assert _score(clipped, EFFICIENTNET_B0)[0].tolist() == [pytest.approx(np.clip(plain[0], -0.1, 0.1)), *plain[1:]]


@EVERY_TASK
def test_spec_and_pickle(task: Task) -> None:
    env = gymnasium.make(id_of("vector_reward", task), reward_scale="raw", noise=True, surrogate="gp")
    assert env.spec is not None
    expected = _score(env, EFFICIENTNET_B0)
    for twin in (EnvSpec.from_json(env.spec.to_json()).make(), pickle.loads(pickle.dumps(env.unwrapped))):
        reward, info = _score(twin, EFFICIENTNET_B0)
        assert np.array_equal(reward, expected[0])
        assert info == expected[1]


def test_render() -> None:
    env = MOBuildEnv("VCK190", render_mode="ansi")
    reward, _ = _score(env, EFFICIENTNET_B0)
    assert str(env.render()).splitlines()[-1] == f"reward: {reward[0]:.4f}, {reward[1]:.4f}"


@pytest.mark.parametrize("task", ["VCK190", "Accuracy"])
def test_without_a_front(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise NoFrontError("there is none; run: anb-gym solve")

    monkeypatch.setattr("anb_gym.benchmark.load_front", missing)
    with pytest.raises(NoFrontError, match='reward_scale="unit" .* needs the exact front: there is none; run: anb-gym'):
        MOBuildEnv(task)
    env = MOBuildEnv(task, reward_scale="raw")
    assert _score(env, EFFICIENTNET_B0)[0][0] > 50.0
    with pytest.raises(NoFrontError, match="run: anb-gym solve"):
        env.pareto_front(1.0)


@pytest.mark.parametrize("argument", [{"reward": "product"}, {"target": 3000.0}])
def test_no_scalar_arguments(argument: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{next(iter(argument))}'"):
        gymnasium.make("AccelNAS-VCK190-MO-v0", **argument)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "VCK-190"}, "task must be one of .* did you mean 'VCK190'"),
        ({"reward_scale": "units"}, "reward_scale must be one of .* did you mean 'unit'"),
        ({"surrogate": "gpp"}, "surrogate must be one of .* did you mean 'gp'"),
        ({"noise": 1}, "noise must be True or False, got 1"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MOBuildEnv(**({"task": "VCK190"} | arguments))


def test_all_devices_at_once() -> None:
    env = gymnasium.make("anb_gym:AccelNAS-All-MO-v0", granularity="network")
    env.reset(seed=0)
    _, reward, _, _, info = env.step(EFFICIENTNET_B0.choices)
    assert reward.shape == (9,)
    assert len(info["metrics"]) == 9
    single = MOBuildEnv("A100", granularity="network")
    single.reset()
    assert reward[list(info["metrics"]).index("a100/throughput")] == single.step(EFFICIENTNET_B0.choices)[1][1]
    with pytest.raises(NoFrontError, match="no exact front of 9 metrics is known"):
        env.unwrapped.pareto_front(1.0)


@pytest.mark.parametrize("gamma", [-0.1, 1.1, float("nan"), "1", None, True, [1.0]])
def test_bad_discount(gamma: Any) -> None:
    with pytest.raises(ValueError, match=r"gamma must be a number in 0\.\.1, got"):
        MOBuildEnv("VCK190").pareto_front(gamma)
