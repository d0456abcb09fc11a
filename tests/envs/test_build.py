"""The rules of building an architecture."""

from itertools import product
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark, Noise
from anb_gym.calibration import calibration
from anb_gym.envs.build import BuildEnv
from anb_gym.envs.core.actions import GRANULARITIES
from anb_gym.envs.core.observations import OBSERVATIONS
from anb_gym.fronts import NoFrontError
from anb_gym.rewards import Product, make_reward
from anb_gym.space import CHOICE_NAMES
from anb_gym.tasks import TASKS, Task

EVERY_TASK = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)


def _play(env: gymnasium.Env, actions: Any) -> tuple[float, dict[str, Any]]:
    for action in actions:
        _, reward, terminated, truncated, info = env.step(action)
        assert truncated is False
    assert terminated is True
    return float(reward), info | {"action_mask": info["action_mask"].tolist()}


def _score(env: gymnasium.Env, architecture: Architecture) -> tuple[float, dict[str, Any]]:
    env.reset()
    return _play(env, architecture.choices)


def _expected_observation(choices: np.ndarray) -> np.ndarray:
    """The observation written from its description, option by option."""
    cells: list[float] = []
    for position, options in enumerate(SPACE.cardinalities):
        cells += [float(position < len(choices) and choices[position] == option) for option in range(options)]
    return np.array(cells + [float(made == len(choices)) for made in range(29)])


def _expected_tokens(choices: np.ndarray) -> np.ndarray:
    return np.array([*(choices + 1), *[0] * (28 - len(choices))])


@pytest.mark.parametrize(
    ("granularity", "space"),
    [
        ("choice", gymnasium.spaces.Discrete(4)),
        ("block", gymnasium.spaces.Discrete(48)),
        ("network", gymnasium.spaces.MultiDiscrete(SPACE.cardinalities)),
    ],
)
def test_spaces(granularity: str, space: gymnasium.Space) -> None:
    env = BuildEnv("VCK190", granularity=granularity)
    assert env.action_space == space
    assert env.observation_space == gymnasium.spaces.Box(0.0, 1.0, (100,), np.float32)
    tokens = BuildEnv("VCK190", granularity=granularity, observation="tokens").observation_space
    assert tokens == gymnasium.spaces.Box(np.zeros(28, np.int8), SPACE.cardinalities.astype(np.int8), dtype=np.int8)
    assert env.action_space is not BuildEnv("VCK190", granularity=granularity).action_space, "each has its generator"


def _actions(architecture: Architecture, granularity: str) -> list[Any]:
    return {
        "choice": architecture.choices.tolist(),
        "block": architecture.states.tolist(),
        "network": [architecture.choices],
    }[granularity]


@pytest.mark.parametrize(("granularity", "observation"), list(product(GRANULARITIES, OBSERVATIONS)))
def test_granularities_build_the_same(granularity: str, observation: str) -> None:
    env = BuildEnv("VCK190", granularity=granularity, observation=observation)
    reference = BuildEnv("VCK190", observation=observation)
    expected = _expected_observation if observation == "onehot" else _expected_tokens
    for choices in SPACE.sample(3, np.random.default_rng(8)):
        architecture = Architecture.from_choices(choices)
        seen, info = env.reset()
        actions = _actions(architecture, granularity)
        width = 28 // len(actions)
        for step, action in enumerate(actions):
            assert seen in env.observation_space
            assert np.array_equal(seen, expected(choices[: step * width]))
            assert info["action_mask"].tolist() == env.action_masks().tolist()
            seen, reward, terminated, _, info = env.step(action)
            assert terminated is (step == len(actions) - 1)
        assert np.array_equal(seen, expected(choices))
        assert not info.pop("action_mask").any()
        expected_reward, expected_info = _score(reference, architecture)
        assert (reward, info | {"action_mask": [0] * 4}) == (expected_reward, expected_info)


def test_masks_of_blocks_and_networks() -> None:
    env = BuildEnv("VCK190", granularity="block")
    _, info = env.reset()
    for size in SPACE.block_sizes:
        assert info["action_mask"].tolist() == (np.arange(48) < size).tolist()
        _, _, terminated, _, info = env.step(47)
    assert terminated
    assert info["architecture"] == str(Architecture.from_choices(SPACE.from_states([47 % SPACE.block_sizes])[0]))
    network = BuildEnv("VCK190", granularity="network")
    _, info = network.reset()
    assert info["action_mask"].tolist() == [1] * 71


@pytest.mark.parametrize("action", [[0] * 27, [0] * 28 + [0], 0, [0.0] * 28, [[0]] * 28, None, [[0], [0, 1]]])
def test_network_of_the_wrong_shape(action: Any) -> None:
    env = BuildEnv("VCK190", granularity="network")
    env.reset()
    with pytest.raises(ValueError, match=r"action must be integers of shape \(28,\), got"):
        env.step(action)


@pytest.mark.parametrize(("position", "option"), [(0, 3), (1, 2), (22, 4), (27, -1)])
def test_network_with_an_option_outside_the_space(position: int, option: int) -> None:
    env = BuildEnv("VCK190", granularity="network")
    env.reset()
    action = np.zeros(28, dtype=np.int64)
    action[position] = option
    limit = SPACE.cardinalities[position] - 1
    with pytest.raises(ValueError, match=rf"action\[{position}\] must be in 0\.\.{limit}, got {option}"):
        env.step(action)


def test_an_episode() -> None:
    env = BuildEnv("VCK190")
    rng = np.random.default_rng(0)
    choices = SPACE.sample(1, rng)[0]
    observation, info = env.reset(seed=0)
    for step, choice in enumerate(choices):
        assert observation.dtype == np.float32
        assert np.array_equal(observation, _expected_observation(choices[:step]))
        valid = np.arange(4) < SPACE.cardinalities[step]
        assert info.keys() == {"action_mask"}
        assert info["action_mask"].dtype == np.int8
        assert info["action_mask"].tolist() == valid.tolist() == env.action_masks().tolist()
        assert env.action_masks().dtype == np.bool_
        observation, reward, terminated, truncated, info = env.step(choice)
        assert type(reward) is float
        assert type(terminated) is type(truncated) is bool
        assert (reward != 0.0) == terminated == (step == 27)
    assert np.array_equal(observation, _expected_observation(choices))
    assert info["architecture"] == str(Architecture.from_choices(choices))
    assert not env.action_masks().any()


def test_returned_arrays_are_the_callers() -> None:
    env = BuildEnv("VCK190")
    observation, info = env.reset()
    for step in range(28):
        assert observation.sum() == step + 1
        observation[:] = 7.0
        env.action_masks()[:] = False
        assert info["action_mask"].any()
        info["action_mask"][:] = 0
        observation, *_, info = env.step(0)
    assert observation.sum() == 29


@pytest.mark.parametrize("action", range(4))
def test_actions_beyond_the_options_start_over(action: int) -> None:
    env = BuildEnv("Accuracy")
    env.reset()
    _, info = _play(env, [action] * 28)
    assert info["architecture"] == str(Architecture.from_choices(action % SPACE.cardinalities))


@pytest.mark.parametrize("kind", [int, np.int8, np.uint8, np.int64, np.array])
def test_every_integer_is_an_action(kind: Any) -> None:
    env = BuildEnv("VCK190")
    env.reset()
    _, info = _play(env, [kind(choice) for choice in EFFICIENTNET_B0.choices.tolist()])
    assert info["index"] == EFFICIENTNET_B0.index


@EVERY_TASK
def test_last_info(task: Task) -> None:
    env = BuildEnv(task.name, reward_scale="raw")
    reward, info = _score(env, EFFICIENTNET_B0)
    values = Benchmark().query(EFFICIENTNET_B0, task.metrics)
    assert info.keys() == {"action_mask", "architecture", "index", "metrics", "raw_reward", "regret"}
    assert info["action_mask"] == [0] * 4
    assert info["architecture"] == str(EFFICIENTNET_B0)
    assert info["index"] == EFFICIENTNET_B0.index
    assert info["metrics"] == {name: column[0] for name, column in values.items()}
    assert all(type(value) is float for value in info["metrics"].values())
    assert info["raw_reward"] == reward == make_reward("product", task)(values)[0]


@EVERY_TASK
def test_unit_scale(task: Task) -> None:
    """Random architectures have mean 0, the best architecture has exactly 1."""
    env = BuildEnv(task.name)
    known = calibration(make_reward("product", task), "gp")
    assert _score(env, Architecture.parse(known.architecture))[0] == 1.0
    choices = SPACE.sample(20_000, np.random.default_rng(99))
    rewards = known.to_unit(make_reward("product", task)(Benchmark().query(choices, task.metrics)))
    assert abs(rewards.mean()) < 4 * rewards.std() / np.sqrt(len(rewards)) < 0.02
    assert rewards.max() < 1.0
    assert _score(env, Architecture.from_choices(choices[0]))[0] == rewards[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"target": 1000.0},
        {"reward": "accuracy"},
        {"reward": "weighted", "weights": [0.2, 0.8]},
        {"reward": "chebyshev"},
        {"reward": "constrained", "target": 2000.0},
        {"reward": lambda v: -((v["vck190/throughput"] - 2e3) ** 2)},
    ],
)
def test_unit_scale_of_other_rewards(arguments: dict[str, Any]) -> None:
    env = BuildEnv("VCK190", **arguments)
    rng = np.random.default_rng(5)
    rewards = np.array([_score(env, Architecture.from_choices(c))[0] for c in SPACE.sample(1000, rng)])
    assert abs(rewards.mean()) < 5 * rewards.std() / np.sqrt(len(rewards))
    assert rewards.max() <= 1.0


@EVERY_TASK
@pytest.mark.parametrize("scale", ["unit", "raw"])
def test_regret_is_measured_from_the_certified_optimum(task: Task, scale: str) -> None:
    env, unit = BuildEnv(task.name, reward_scale=scale), BuildEnv(task.name)
    best = Benchmark().optimum(make_reward("product", task))
    assert _score(env, best.architecture)[1]["regret"] == 0.0
    for choices in SPACE.sample(20, np.random.default_rng(1)):
        architecture = Architecture.from_choices(choices)
        regret = _score(env, architecture)[1]["regret"]
        assert type(regret) is float
        assert regret > 0.0
        assert regret == pytest.approx(1.0 - _score(unit, architecture)[0])


def test_regret_is_of_the_reward_without_noise() -> None:
    noisy, exact = BuildEnv("TPUv3", noise=True), BuildEnv("TPUv3")
    for choices in SPACE.sample(5, np.random.default_rng(2)):
        architecture = Architecture.from_choices(choices)
        reward, info = _score(noisy, architecture)
        assert info["regret"] == _score(exact, architecture)[1]["regret"]
        assert info["regret"] != 1.0 - reward


@pytest.mark.parametrize(
    ("arguments", "certified"),
    [
        ({"target": 1000.0}, True),
        ({"reward": "accuracy"}, True),
        ({"reward": "weighted"}, True),
        ({"reward": "chebyshev"}, True),
        ({"reward": "constrained"}, True),
        ({"reward": lambda v: v["accuracy"] ** 2}, False),
    ],
)
@pytest.mark.parametrize("scale", ["unit", "raw"])
def test_regret_only_where_the_optimum_is_certified(arguments: dict[str, Any], certified: bool, scale: str) -> None:
    _, info = _score(BuildEnv("VCK190", reward_scale=scale, **arguments), EFFICIENTNET_B0)
    assert ("regret" in info) is certified


def test_no_regret_without_a_front_of_the_surrogate(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise NoFrontError("none")

    monkeypatch.setattr("anb_gym.benchmark.load_front", missing)
    reward = Product("vck190/throughput", 1717.0)
    assert not calibration(reward, "gp").certified
    for scale in ("unit", "raw"):
        _, info = _score(BuildEnv("VCK190", target=1717.0, reward_scale=scale), EFFICIENTNET_B0)
        assert "regret" not in info


@EVERY_TASK
def test_reward_threshold_is_near_the_optimum(task: Task) -> None:
    spec = gymnasium.spec(task.id)
    assert spec.reward_threshold == 0.99
    env = gymnasium.make(task.id)
    assert _score(env, Benchmark().optimum(make_reward("product", task)).architecture)[0] > spec.reward_threshold


def test_target_changes_the_raw_reward() -> None:
    near, far = (BuildEnv("VCK190", reward_scale="raw", target=target) for target in (1000, 4000))
    assert _score(near, EFFICIENTNET_B0)[0] == pytest.approx(_score(far, EFFICIENTNET_B0)[0] * 4**0.07)


def test_noise() -> None:
    env, twin = BuildEnv("TPUv3", noise=True), BuildEnv("TPUv3", noise=True)
    exact = BuildEnv("TPUv3")
    bench = Benchmark()
    seeds = set()
    for episode in range(3):
        for environment in (env, twin):
            environment.reset(seed=4 if episode == 0 else None)
        results = [_play(environment, EFFICIENTNET_B0.choices) for environment in (env, twin)]
        assert results[0] == results[1]
        reward, info = results[0]
        assert info["exact_metrics"] == _score(exact, EFFICIENTNET_B0)[1]["metrics"] != info["metrics"]
        again = bench.query(info["index"], list(info["metrics"]), noise=Noise(info["noise_seed"]))
        assert info["metrics"] == {name: column[0] for name, column in again.items()}
        known = calibration(make_reward("product", TASKS["TPUv3"]), "gp")
        assert reward == known.to_unit(make_reward("product", TASKS["TPUv3"])(again))[0]
        seeds.add(info["noise_seed"])
    assert len(seeds) == 3


def test_render() -> None:
    env = BuildEnv("VCK190", render_mode="ansi")
    with pytest.raises(ResetNeeded, match="before render"):
        env.render()
    env.reset()
    lines = str(env.render()).splitlines()
    assert len(lines) == 8
    assert lines[0].split() == ["block", "expansion", "kernel", "layers", "se"]
    assert lines[1].split() == ["0", *"...."]
    for choice in EFFICIENTNET_B0.choices[:6]:
        env.step(choice)
    lines = str(env.render()).splitlines()
    assert lines[1].split() == ["0", "1", "3", "1", "yes"]
    assert lines[2].split() == ["1", "6", "3", ".", "."]
    for choice in EFFICIENTNET_B0.choices[6:]:
        _, reward, _, _, info = env.step(choice)
    lines = str(env.render()).splitlines()
    assert lines[6].split() == ["5", "6", "5", "4", "yes"]
    assert lines[8:] == [
        f"accuracy: {info['metrics']['accuracy']:,.2f}",
        f"vck190/throughput: {info['metrics']['vck190/throughput']:,.2f}",
        f"reward: {reward:.4f}",
    ]
    env.reset()
    assert len(str(env.render()).splitlines()) == 1 + len(EFFICIENTNET_B0.choices) // len(CHOICE_NAMES)


def test_render_without_a_mode_warns() -> None:
    env = BuildEnv("VCK190")
    env.reset()
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


@pytest.mark.parametrize("action", [-1, 4, 1.0, 0.5, float("nan"), "0", None, [0], np.array([0, 1]), np.float32(1)])
def test_action_outside_the_space(action: Any) -> None:
    env = BuildEnv("VCK190")
    env.reset()
    with pytest.raises(ValueError, match=r"action must be an integer in 0\.\.3, got"):
        env.step(action)
    assert _play(env, EFFICIENTNET_B0.choices)[1]["index"] == EFFICIENTNET_B0.index


def test_step_before_reset_and_after_the_end() -> None:
    env = BuildEnv("VCK190")
    assert not env.action_masks().any()
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        env.step(0)
    _score(env, EFFICIENTNET_B0)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\): the episode is over"):
        env.step(0)
    env.reset()
    env.step(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "All"}, "reward 'product' needs a task with at most two metrics"),
        ({"task": "VCK-190"}, "task must be one of .* did you mean 'VCK190'"),
        ({"surrogate": "gpp"}, "surrogate must be one of .* did you mean 'gp'"),
        ({"reward": "prodct"}, "reward must be one of .* did you mean 'product'"),
        ({"reward_scale": "units"}, "reward_scale must be one of .* did you mean 'unit'"),
        ({"target": 0.0}, "target must be positive"),
        ({"target": -3000}, "target must be positive"),
        ({"target": float("nan")}, "target must be positive and finite, got nan"),
        ({"target": "3000"}, "target must be a positive number"),
        ({"task": "Accuracy", "target": 3000.0}, "target must be None"),
        ({"weights": [0.5, 0.5]}, "weights must be None: the reward 'product' has none"),
        ({"reward": "weighted", "weights": [0.5, 0.6]}, "weights must be 2 non-negative numbers with the sum 1, got"),
        ({"reward": "weighted", "task": "Accuracy"}, "reward 'weighted' needs a task with two metrics"),
        ({"granularity": "choices"}, "granularity must be one of .* did you mean 'choice'"),
        ({"observation": "one-hot"}, "observation must be one of .* did you mean 'onehot'"),
        ({"noise": 1}, "noise must be True or False, got 1"),
        ({"render_mode": "ascii"}, "render_mode must be one of 'ansi', 'rgb_array', got 'ascii'"),
        ({"reward": lambda values: values["accuracy"][:1]}, r"reward must return shape \(100000,\)"),
        ({"reward": lambda values: values["accuracy"] * np.nan}, "reward must return finite numbers, got nan"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BuildEnv(**({"task": "VCK190"} | arguments))


def test_nan_from_a_reward_in_an_episode() -> None:
    env = BuildEnv("VCK190", reward=lambda values: values["accuracy"] * np.nan, reward_scale="raw")
    with pytest.raises(ValueError, match="reward must return finite numbers, got nan for {'accuracy'"):
        _score(env, EFFICIENTNET_B0)
