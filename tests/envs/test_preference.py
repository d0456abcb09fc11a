"""Episodes with a preference of their own."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from ids import id_of

from anb_gym import SPACE, Architecture, Benchmark
from anb_gym.envs.build import BuildEnv
from anb_gym.envs.preference import PREFERENCES
from anb_gym.fronts import NoFrontError
from anb_gym.rewards import Constrained, front_extent, make_reward
from anb_gym.tasks import TASKS, get_task

NAMES = [task.name for task in TASKS.values() if len(task.metrics) == 2]
RANDOM = SPACE.sample(400, np.random.default_rng(4))


def _make(task: str = "VCK190", reward: str = "chebyshev", **arguments: Any) -> BuildEnv:
    return BuildEnv(task, reward=reward, preference="sampled", granularity="network", **arguments)


def _score(env: BuildEnv, choices: np.ndarray, preference: Any = None) -> tuple[float, dict[str, Any]]:
    env.reset(options=None if preference is None else {"preference": preference})
    _, reward, _, _, info = env.step(choices)
    return reward, info


def _same_fixed(task: str, reward: str, preference: Any) -> Any:
    """The reward of one fixed preference, made without the code of preferences."""
    if reward == "constrained":
        return make_reward(reward, get_task(task), target=preference)
    return make_reward(reward, get_task(task), weights=preference)


def _preference(task: str, reward: str, u: float) -> Any:
    ideal, nadir = front_extent(get_task(task))
    return float(nadir[1] + u * (ideal[1] - nadir[1])) if reward == "constrained" else [u, 1.0 - u]


@pytest.mark.parametrize("task", ["VCK190", "ZCU102-Latency"])
@pytest.mark.parametrize("reward", [name for name in PREFERENCES if name != "bounded"])  # see test_bound.py
@pytest.mark.parametrize("u", [0.0, 0.3, 0.75, 1.0])
def test_every_preference_has_its_own_scale(task: str, reward: str, u: float) -> None:
    """1 is the certified optimum of the preference, 0 about the mean of random architectures."""
    env, preference = _make(task, reward), _preference(task, reward, u)
    fixed = _same_fixed(task, reward, preference)
    best = Benchmark().optimum(fixed)
    unit, info = _score(env, best.architecture.choices, preference)
    assert unit == pytest.approx(1.0, abs=1e-9)
    assert info["regret"] == pytest.approx(0.0, abs=1e-9)
    assert info["raw_reward"] == pytest.approx(best.value, rel=1e-9)
    values = Benchmark().query(RANDOM, fixed.metrics)
    rewards = np.array([_score(env, choices, preference)[0] for choices in RANDOM])
    assert abs(rewards.mean()) < 5 * rewards.std() / np.sqrt(len(rewards))
    assert rewards.max() < 1.0
    assert np.corrcoef(rewards, fixed(values))[0, 1] == pytest.approx(1.0)


@pytest.mark.parametrize("reward", ["weighted", "chebyshev"])
def test_weights_are_shown(reward: str) -> None:
    env = _make(reward=reward)
    assert env.observation_space == gymnasium.spaces.Box(0.0, 1.0, (102,), np.float32)
    observation, _ = env.reset(options={"preference": [0.25, 0.75]})
    assert observation[100:].tolist() == [0.25, 0.75]
    observation, _, _, _, info = env.step(RANDOM[0])
    assert observation[100:].tolist() == info["preference"].tolist() == [0.25, 0.75]


def test_bound_is_shown() -> None:
    env = _make("VCK190-Latency", "constrained")
    assert env.observation_space == gymnasium.spaces.Box(0.0, 1.0, (101,), np.float32)
    ideal, nadir = front_extent(get_task("VCK190-Latency"))
    for bound, shown in ((ideal[1], 1.0), (nadir[1], 0.0), ((ideal[1] + nadir[1]) / 2, 0.5)):
        observation, _ = env.reset(options={"preference": bound})
        assert observation[-1] == pytest.approx(shown)
        info = env.step(RANDOM[0])[-1]
        assert info["preference"] == pytest.approx(bound)
        assert info["raw_reward"] == pytest.approx(Constrained("vck190/latency", bound)(_columns(info))[0])


def _columns(info: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in info["metrics"].items()}


def test_tokens_take_the_preference() -> None:
    env = _make(observation="tokens")
    assert env.observation_space.dtype == np.float32
    observation, _ = env.reset(options={"preference": [0.25, 0.75]})
    assert observation.tolist() == [0.0] * 28 + [0.25, 0.75]
    assert env.step(RANDOM[0])[0].tolist() == [*(RANDOM[0] + 1).tolist(), 0.25, 0.75]


@pytest.mark.parametrize("reward", PREFERENCES)
def test_preferences_are_drawn_uniformly_by_seed(reward: str) -> None:
    env, twin = _make(reward=reward), _make(reward=reward)
    env.reset(seed=3)
    twin.reset(seed=3)
    drawn = []
    for _ in range(300):
        observation, twins = env.reset()[0], twin.reset()[0]
        assert np.array_equal(observation, twins)
        drawn.append(observation[100])
        assert observation[100:].sum() == pytest.approx(1.0) or reward in ("constrained", "bounded")
    quartiles = np.histogram(drawn, bins=4, range=(0.0, 1.0))[0]
    assert quartiles.min() > 50


def test_noise_does_not_enter_the_regret() -> None:
    noisy, exact = _make(reward="weighted", noise=True), _make(reward="weighted")
    noisy.reset(seed=0)
    reward, info = _score(noisy, RANDOM[0], [0.5, 0.5])
    expected, exact_info = _score(exact, RANDOM[0], [0.5, 0.5])
    assert reward != expected
    assert info["regret"] == exact_info["regret"]
    assert info["exact_metrics"] == exact_info["metrics"]


def test_raw_scale() -> None:
    reward, info = _score(_make(reward="weighted", reward_scale="raw"), RANDOM[0], [0.5, 0.5])
    fixed = make_reward("weighted", get_task("VCK190"), weights=[0.5, 0.5])
    assert reward == info["raw_reward"] == pytest.approx(fixed(_columns(info))[0])
    assert info["regret"] > 0.0


def test_without_a_front() -> None:
    with pytest.raises(NoFrontError, match='reward_scale="unit" of preferences needs the exact front: .*anb-gym solve'):
        _make(surrogate="xgb")
    assert "regret" not in _score(_make(surrogate="xgb", reward_scale="raw"), RANDOM[0], [0.5, 0.5])[1]


@pytest.mark.parametrize("name", NAMES)
def test_registered(name: str) -> None:
    env = gymnasium.make("anb_gym:" + id_of("preference", get_task(name)))
    observation, _ = env.reset(seed=0, options={"preference": [1.0, 0.0]})
    assert observation[100:].tolist() == [1.0, 0.0]
    front = Benchmark().front(get_task(name).metrics[1])
    for choice in Architecture.from_index(int(front.indices[0])).choices:  # the most accurate
        _, reward, _, _, info = env.step(choice)
    assert reward == pytest.approx(1.0)
    assert info["regret"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    "preference", [[0.5, 0.6], [-0.1, 1.1], [1.0], [0.2, 0.3, 0.5], [np.nan, 1.0], 0.5, "half", None, [[0.5, 0.5]]]
)
def test_weights_outside_the_simplex(preference: Any) -> None:
    env = _make()
    if preference is None:  # as if it were not there
        env.reset(options={"preference": None})
        return
    with pytest.raises(ValueError, match="preference must be 2 non-negative numbers with the sum 1, got"):
        env.reset(options={"preference": preference})


@pytest.mark.parametrize("preference", [0.0, -5.0, 1e9, 10**400, float("nan"), "3000", [3000.0], True])
def test_bound_outside_the_front(preference: Any) -> None:
    with pytest.raises(
        ValueError, match=r"preference must be a bound of vck190/throughput in \d+\.\d+\.\.\d+\.\d+, got"
    ):
        _make(reward="constrained").reset(options={"preference": preference})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reward": "product"}, "reward must not be 'product' .* the same architecture is best for all"),
        ({"reward": "accuracy"}, "reward, with a sampled preference, must be one of 'weighted'"),
        ({"reward": len}, "reward, with a sampled preference, must be one of"),
        ({"preference": "sample"}, "preference must be one of 'sampled', got 'sample'; did you mean 'sampled'"),
        ({"target": 3000.0}, "target must be None: a sampled preference takes its place, got 3000.0"),
        ({"weights": [0.5, 0.5]}, "weights must be None: a sampled preference takes its place"),
        ({"task": "Accuracy"}, "preference needs a task with two metrics"),
        ({"reward_scale": "units"}, "reward_scale must be one of .* did you mean 'unit'"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BuildEnv(**({"task": "VCK190", "reward": "chebyshev", "preference": "sampled"} | arguments))
