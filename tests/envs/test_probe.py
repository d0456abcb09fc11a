"""The environment that measures networks before it designs.

``python tests/envs/test_probe.py`` writes ``golden_probe.json`` anew.
"""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import anb_gym
from anb_gym.envs.core.actions import GRANULARITIES
from anb_gym.envs.core.measuring import MEASURE, SUBMIT
from anb_gym.envs.families import FAMILIES
from anb_gym.hardware import TEST_SEEDS
from anb_gym.problems import MeasuredProblem
from anb_gym.space import SPACE

ID = FAMILIES["probe"].id
GOLDEN = Path(__file__).with_name("golden_probe.json")
MODES = [mode.value for mode in AutoresetMode]
RNG = np.random.default_rng(0)
CHOICES = SPACE.sample(20, RNG)
EVERY_GRANULARITY = pytest.mark.parametrize("granularity", GRANULARITIES)
N = 3


def make(**arguments: Any) -> gymnasium.Env:
    return gymnasium.make(ID, **({"devices": "test"} | arguments))


def actions_of(purpose: int, choices: np.ndarray, granularity: str) -> list[Any]:
    """The actions that build a network."""
    if granularity == "network":
        return [[purpose, *choices.tolist()]]
    return [purpose, *(choices if granularity == "choice" else SPACE.to_states(choices[None])[0]).tolist()]


def build(env: gymnasium.Env, purpose: int, choices: np.ndarray) -> Any:
    """The last transition of a build; those before it have no reward."""
    actions = actions_of(purpose, choices, env.unwrapped.rules.granularity)
    transitions = [env.step(action) for action in actions]
    assert all(
        (reward, terminated, info["cost"]) == (0.0, False, 0.0) for _, reward, terminated, _, info in transitions[:-1]
    )
    return transitions[-1]


@EVERY_GRANULARITY
def test_checkers(granularity: str) -> None:
    check_env(make(granularity=granularity, render_mode="ansi", probe_noise=0.1).unwrapped)
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(make(granularity=granularity, budget=2).unwrapped, warn=True)


@EVERY_GRANULARITY
def test_an_episode(granularity: str) -> None:
    """What is shown and rewarded follows from the device, the bound and the networks."""
    env = make(granularity=granularity, budget=4, price=0.25)
    device, bound = TEST_SEEDS[3], None
    first, info = env.reset(seed=3, options={"device": device})
    on = env.unwrapped.problem.on(device)
    assert info["cost"] == 0.0
    assert first.tolist() == [float(cell in (71, 102)) for cell in range(103 + 4 * 72)]
    for number, choices in enumerate(CHOICES[:3], start=1):
        observation, reward, terminated, truncated, info = build(env, MEASURE, choices)
        assert (reward, terminated, truncated) == (-0.25, False, False)
        assert observation in env.observation_space
        assert np.flatnonzero(observation[:102]).tolist() == [71]
        assert observation[102] == np.float32(1.0 - number / 4)
        assert not observation[103 + 72 * number :].any()
    measured, logs = env.unwrapped.rules.read(observation)
    assert np.array_equal(measured, CHOICES[:3])
    observation, reward, terminated, truncated, info = build(env, SUBMIT, CHOICES[5])
    assert (terminated, truncated, info["measurements"], info["device"]) == (True, False, 3, on.name)
    bound = info["preference"]
    (_, ideal), (_, nadir) = on.extent
    assert nadir <= bound <= ideal
    times = np.log(bound / on.performance(SPACE.to_states(CHOICES[:3])))
    np.testing.assert_allclose(logs, times, atol=1e-6)
    again = build_reward(on, CHOICES[5], bound)
    assert reward == pytest.approx(again)
    with pytest.raises(ResetNeeded, match="the episode is over"):
        env.step(env.action_space.sample())


def build_reward(on: Any, choices: np.ndarray, bound: float) -> float:
    """The reward as the page says it."""
    states = SPACE.to_states(choices[None])
    performance, accuracy = on.performance(states)[0], on.accuracy(states)[0]
    violation = on.sign * (bound - performance) / bound
    if violation > 0.0:
        return -min(1.0, violation)
    best = on.front.accuracy[on.sign * on.front.performance >= on.sign * bound].max()
    zero = min(on.front.accuracy[-1], best - 1.0)
    return max(0.0, (accuracy - zero) / (best - zero))


@pytest.mark.parametrize("kind", ["throughput", "latency"])
@pytest.mark.parametrize("device", [TEST_SEEDS[0], "vck190"])
def test_the_reward_is_1_for_the_best_and_0_for_the_fastest(kind: str, device: int | str) -> None:
    problem = anb_gym.make_problem(ID, kind=kind)
    front = problem.on(device).front
    for place in (0, len(front) // 2):
        bound = float(front.performance[place])
        found = problem.evaluate(front.indices, device=device, preference=bound)
        assert found.reward.max() == found.reward[place] == 1.0
        assert found.regret[place] == 0.0
        assert (found.reward[:place] < 0.0).all()
        assert np.isinf(found.regret[:place]).all()
        assert found.reward[-1] == 0.0
        assert (found.reward[place:] >= 0.0).all()
    tight = problem.evaluate(front.indices[-1:], device=device, preference=float(front.performance[-1]))
    assert tight.reward.tolist() == [1.0]


def test_optima_of_all_devices_are_certified_on_demand() -> None:
    pytest.importorskip("numba")
    seed = 2_000_001
    problem = anb_gym.make_problem(ID, certified=True)
    front, exact = problem.on(seed).front, problem.on(seed).solve()
    assert set(front.indices.tolist()) == set(exact.indices.tolist())
    bound = float(front.performance[9])
    assert problem.evaluate(front.indices[9:10], device=seed, preference=bound).regret.tolist() == [0.0]
    for certified in (False, True):
        env = make(certified=certified)
        env.reset(seed=0, options={"device": seed, "preference": bound})
        assert ("regret" in build(env, SUBMIT, CHOICES[0])[-1]) == certified


@EVERY_GRANULARITY
def test_random_networks_have_the_documented_reward(granularity: str) -> None:
    env = make(granularity=granularity)
    for seed, choices in enumerate(CHOICES):
        env.reset(seed=seed)
        _, reward, _, _, info = build(env, SUBMIT, choices)
        on = env.unwrapped.problem.on(int(info["device"].rpartition("_")[2]))
        assert reward == pytest.approx(build_reward(on, choices, info["preference"]))


@EVERY_GRANULARITY
def test_a_spent_budget_leaves_submitting(granularity: str) -> None:
    env = make(granularity=granularity, budget=1)
    _, info = env.reset(seed=0)
    assert info["action_mask"][:2].tolist() == [1, 1]
    info = build(env, MEASURE, CHOICES[0])[-1]
    assert info["action_mask"][:2].tolist() == [0, 1]
    assert env.unwrapped.action_masks()[:2].tolist() == [False, True]
    _, _, terminated, _, info = build(env, MEASURE, CHOICES[1])
    assert terminated
    assert info["index"] == SPACE.to_index(CHOICES[1:2])[0]
    assert not info["action_mask"].any()
    assert info["measurements"] == 1
    assert env.unwrapped.n_steps == 2 * {"network": 1, "block": 8, "choice": 29}[granularity]


def test_masks_name_every_option_once() -> None:
    env = make(granularity="block")
    _, info = env.reset(seed=0)
    sizes = []
    for _ in range(9):
        sizes.append(int(info["action_mask"].sum()))
        *_, info = env.step(env.action_space.sample(mask=info["action_mask"]) if len(sizes) > 1 else 0)
    assert sizes == [2, 36, 36, 36, 36, 36, 48, 36, 2]


def test_an_action_stands_for_its_remainder() -> None:
    first, second = (make(granularity="block") for _ in range(2))
    for env in (first, second):
        env.reset(seed=1)
    for mine, other in zip([2, 36, 37, 47, 3, 40, 0, 41], [0, 0, 1, 11, 3, 4, 0, 5], strict=True):
        assert data_equivalence(first.step(mine), second.step(other), exact=True)


def test_bounds_are_drawn_at_even_ratios() -> None:
    problem = anb_gym.make_problem(ID, devices="test")
    rng = np.random.default_rng(0)
    places = []
    for _ in range(400):
        request = problem.ask.draw(rng, {"device": TEST_SEEDS[0]})
        (_, ideal), (_, nadir) = problem.on(TEST_SEEDS[0]).extent
        places.append(np.log(problem.ask.bounds(request)[0] / nadir) / np.log(ideal / nadir))
    assert np.quantile(places, [0.0, 0.25, 0.5, 0.75, 1.0]) == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0], abs=0.06)


def test_noise_belongs_to_the_episode_and_the_network() -> None:
    def times(noise: float, seed: int) -> np.ndarray:
        env = make(probe_noise=noise)
        env.reset(seed=seed, options={"device": "vck190", "preference": 3000.0})
        for choices in CHOICES[[0, 0, 1]]:
            observation = build(env, MEASURE, choices)[0]
        return env.unwrapped.rules.read(observation)[1]

    exact, noisy, again, other = times(0.0, 0), times(0.1, 0), times(0.1, 0), times(0.1, 1)
    assert noisy[0] == noisy[1]
    assert np.array_equal(noisy, again)
    assert not np.array_equal(noisy, other)
    assert 0.0 < np.abs(noisy - exact).max() < 0.5


def test_what_is_given_stays_as_it_is() -> None:
    env = make()
    env.reset(seed=0, options={"device": "a100", "preference": 20_000.0})
    info = build(env, SUBMIT, CHOICES[0])[-1]
    assert (info["device"], info["preference"]) == ("a100", 20_000.0)
    with pytest.raises(ValueError, match="preference must be a bound of throughput in .* on a100, got 1.0"):
        env.reset(options={"device": "a100", "preference": 1.0})
    with pytest.raises(ValueError, match="options must be one of 'device', 'preference', got 'bound'"):
        env.reset(options={"bound": 1.0})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": 0}, "budget must be an integer of at least 1, got 0"),
        ({"budget": 2.5}, "budget must be an integer"),
        ({"price": -0.1}, "price must be at least 0, got -0.1"),
        ({"price": float("nan")}, "price must be a finite number, got nan"),
        ({"granularity": "blocks"}, "granularity must be one of .*did you mean 'block'"),
        ({"devices": "trian"}, "devices must be one of 'train', 'test', got 'trian'; did you mean 'train'"),
        ({"devices": 5}, r"devices must be 'train', 'test' or seeds below 2\*\*63, got 5"),
        ({"probe_noise": -1.0}, "probe_noise must be at least 0, got -1.0"),
        ({"certified": 1}, "certified must be True or False, got 1"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    for maker in (gymnasium.make, gymnasium.make_vec):
        with pytest.raises(ValueError, match=message):
            maker(ID, **arguments)


def test_a_problem_that_measures_has_one_reward() -> None:
    with pytest.raises(ValueError, match="reward must be one of 'accuracy', got 'product'"):
        MeasuredProblem(reward="product")
    with pytest.raises(ValueError, match="reward_scale must be one of 'unit', got 'raw'"):
        MeasuredProblem(scale="raw")


@pytest.mark.parametrize(
    ("action", "granularity", "message"),
    [
        ([2, *[0] * 28], "network", r"action\[0\] must be in 0\.\.1, got 2"),
        ([0] * 28, "network", r"action must be integers of shape \(29,\), got int64 \(28,\)"),
        (48, "block", r"action must be an integer in 0\.\.47, got 48"),
        (0.5, "choice", r"action must be an integer in 0\.\.3, got 0.5"),
    ],
)
def test_actions_outside_the_space_are_refused(action: Any, granularity: str, message: str) -> None:
    env = make(granularity=granularity).unwrapped
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        env.step(action)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(action)


@EVERY_GRANULARITY
def test_pickle_in_the_middle_of_an_episode(granularity: str) -> None:
    env = make(granularity=granularity, probe_noise=0.1).unwrapped
    env.reset(seed=5)
    build(env, MEASURE, CHOICES[0])
    twins = [pickle.loads(pickle.dumps(env)), copy.deepcopy(env)]
    for purpose, choices in ((MEASURE, CHOICES[1]), (SUBMIT, CHOICES[2])):
        expected = build(env, purpose, choices)
        for twin in twins:
            assert data_equivalence(build(twin, purpose, choices), expected, exact=True)
    assert all(data_equivalence(twin.reset(), copy.deepcopy(env).reset(), exact=True) for twin in twins)


def test_spec_round_trip() -> None:
    env = make(kind="latency", leave_out="fpga", budget=3, price=0.1, granularity="block")
    restored = EnvSpec.from_json(env.spec.to_json()).make()
    for each in (env, restored):
        each.reset(seed=2)
    for purpose in (MEASURE, SUBMIT):
        assert data_equivalence(build(env, purpose, CHOICES[1]), build(restored, purpose, CHOICES[1]), exact=True)


def test_pictures() -> None:
    env = make(render_mode="ansi", granularity="block")
    with pytest.raises(ResetNeeded, match="before render"):
        env.unwrapped.render()
    env.reset(seed=0)
    build(env, MEASURE, CHOICES[0])
    env.step(SUBMIT)
    env.step(0)
    *lines, last = env.render().splitlines()
    assert last == "measured: 1 of 10"
    assert [line.split()[1] for line in lines[1:]] == ["1", *"......"]
    for _ in range(6):
        env.step(0)
    assert "accuracy:" in env.render()
    pytest.importorskip("PIL")
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    build(env, MEASURE, CHOICES[0])
    assert env.render().shape == (432, 1152, 3)


# --- many copies ---------------------------------------------------------------------------------------------------


def assert_same(ours: Any, theirs: Any) -> None:
    assert data_equivalence(ours, theirs, exact=True), f"{ours}\n{theirs}"


def both(mode: str, **arguments: Any) -> tuple[Any, SyncVectorEnv]:
    """Copies, and Gymnasium's vector environment of single ones."""
    ours = gymnasium.make_vec(ID, num_envs=N, autoreset_mode=mode, **arguments)
    single: Callable[[], gymnasium.Env] = lambda: gymnasium.make(ID, disable_env_checker=True, **arguments)  # noqa: E731
    return ours, SyncVectorEnv([single] * N, autoreset_mode=mode)


@EVERY_GRANULARITY
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("masks", [False, True])
def test_copies_equal_single_ones(mode: str, granularity: str, masks: bool) -> None:
    """Random actions: copies submit at different steps, with devices whose optimum is certified and others."""
    arguments = {"devices": [TEST_SEEDS[0], 4], "budget": 2, "probe_noise": 0.1, "render_mode": "ansi"}
    ours, theirs = both(mode, granularity=granularity, **arguments)
    assert ours.action_space == theirs.action_space
    assert ours.observation_space == theirs.observation_space
    assert ours.metadata == theirs.metadata
    assert_same(ours.reset(seed=5), theirs.reset(seed=5))
    ours.action_space.seed(1)
    rng, over, ends = np.random.default_rng(0), np.zeros(N, dtype=np.bool_), 0
    for step in range({"network": 40, "block": 120, "choice": 250}[granularity]):
        fresh = over.copy() if mode == "Disabled" else np.zeros(N, dtype=np.bool_)
        if masks and step % 5 == 4:
            fresh |= rng.random(N) < 0.3
        if fresh.any():
            assert_same(*[envs.reset(options={"reset_mask": fresh.copy()}) for envs in (ours, theirs)])
            over &= ~fresh
        assert_same(ours.action_masks(), np.stack(theirs.call("action_masks")))
        if step % 7 == 0:
            assert ours.render() == theirs.render()
        actions = ours.action_space.sample()
        mine = ours.step(actions)
        assert_same(mine, theirs.step(actions))
        ends += int(mine[2].sum())
        over = mine[2] if mode != "SameStep" else over
    assert ends > 5


def test_attributes_of_copies() -> None:
    ours, theirs = both("NextStep", devices="test")
    for envs in (ours, theirs):
        envs.reset(seed=2)
        envs.step(np.concatenate([np.zeros((N, 1), dtype=np.int64), CHOICES[:N].astype(np.int64)], axis=1))
    for name in ("task", "n_steps", "action_masks"):
        assert_same(ours.get_attr(name), theirs.get_attr(name))
    assert ours.unwrapped.problem == anb_gym.make_problem(ID, devices="test")
    with pytest.raises(ValueError, match="max_episode_steps must be None or at least 11, got 10"):
        gymnasium.make_vec(ID, max_episode_steps=10)
    with pytest.raises(ValueError, match=r"actions\[1, 0\] must be in 0\.\.1, got 2"):
        ours.step(np.eye(N, 29, -1, dtype=np.int64) * 2)


def test_stable_baselines3_trains_on_it() -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    contrib = pytest.importorskip("sb3_contrib")
    from anb_gym.envs.sb3 import make_vec_env

    for algorithm, granularity in ((sb3.PPO, "network"), (contrib.MaskablePPO, "block")):
        envs = make_vec_env(ID, 4, seed=0, devices="test", granularity=granularity)
        model = algorithm("MlpPolicy", envs, n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")
        model.learn(256)
        assert {episode["l"] % (1 if granularity == "network" else 8) for episode in model.ep_info_buffer} == {0}
        assert len(model.ep_info_buffer) > 5


def test_the_observer_is_told_of_designs() -> None:
    told: list[Any] = []
    envs = gymnasium.make_vec(ID, num_envs=N, devices="test")
    envs.unwrapped.observer = lambda *of: told.append(of)
    envs.reset(seed=0)
    purposes = np.array([[MEASURE], [SUBMIT], [SUBMIT]])
    _, rewards, *_ = envs.step(np.concatenate([purposes, CHOICES[:N].astype(np.int64)], axis=1))
    ((index, reward, regret, cells),) = told
    assert index.tolist() == SPACE.to_index(CHOICES[1:N]).tolist()
    assert reward.tolist() == rewards[1:].tolist()
    assert regret.shape == (2,)
    assert cells.shape == (2, 0)


# --- golden episodes -----------------------------------------------------------------------------------------------


def play_golden(kind: str, granularity: str) -> dict[str, Any]:
    """An episode that measures twice; actions depend on nothing else."""
    env = gymnasium.make(ID, kind=kind, granularity=granularity, probe_noise=0.05)
    env.reset(seed=0)
    choices = SPACE.sample(3, np.random.default_rng(1))
    for purpose, network in zip((MEASURE, MEASURE, SUBMIT), choices, strict=True):
        observation, reward, _, _, info = build(env, purpose, network)
    _, times = env.unwrapped.rules.read(observation)
    info = {key: value for key, value in info.items() if key not in ("action_mask", "regret")}
    return {"times": times.round(5).tolist(), "reward": reward, **info}


CASES = [(kind, granularity) for kind in ("throughput", "latency") for granularity in GRANULARITIES]


@pytest.mark.parametrize(("kind", "granularity"), CASES)
def test_golden_episode(kind: str, granularity: str) -> None:
    expected = json.loads(GOLDEN.read_text())[f"{kind} {granularity}"]
    played = play_golden(kind, granularity)
    for key in ("times", "metrics", "raw_reward", "reward", "cost", "preference"):
        tolerance = {"abs": 2e-5} if key == "times" else {"rel": 1e-6}
        assert played.pop(key) == pytest.approx(expected.pop(key), **tolerance)
    assert played == expected


if __name__ == "__main__":
    golden = {f"{kind} {granularity}": play_golden(kind, granularity) for kind, granularity in CASES}
    GOLDEN.write_text(json.dumps(golden, indent=2) + "\n")
    print(f"wrote {GOLDEN} with anb_gym {anb_gym.__version__}")
