"""The environment that buys evaluations at two fidelities.

``python tests/envs/test_two_fidelity.py`` writes ``golden_two_fidelity.json`` anew.
"""

import copy
import json
import pickle
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
from anb_gym.envs.core.campaign import PROXY, REFERENCE, SHOWN
from anb_gym.envs.families import FAMILIES
from anb_gym.noise import Noise
from anb_gym.problems import TwoFidelityProblem
from anb_gym.problems.cost import gpu_hours, longest_hours, shortest_hours
from anb_gym.space import SPACE

ID = FAMILIES["two_fidelity"].id
GOLDEN = Path(__file__).with_name("golden_two_fidelity.json")
MODES = [mode.value for mode in AutoresetMode]
CHOICES = SPACE.sample(20, np.random.default_rng(0))
STATES = SPACE.to_states(CHOICES)
EVERY_GRANULARITY = pytest.mark.parametrize("granularity", GRANULARITIES)
N = 3


def make(**arguments: Any) -> gymnasium.Env:
    return gymnasium.make(ID, **arguments)


def build(env: gymnasium.Env, choices: np.ndarray, fidelity: int) -> Any:
    """The last transition of a build; those before it have no reward."""
    granularity = env.unwrapped.rules.granularity
    if granularity == "network":
        return env.step([*choices.tolist(), fidelity])
    options = choices if granularity == "choice" else SPACE.to_states(choices[None])[0]
    transitions = [env.step(action) for action in [*options.tolist(), fidelity]]
    assert all((reward, terminated) == (0.0, False) for _, reward, terminated, _, _ in transitions[:-1])
    return transitions[-1]


@EVERY_GRANULARITY
def test_checkers(granularity: str) -> None:
    check_env(make(granularity=granularity, render_mode="ansi").unwrapped)
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(make(granularity=granularity, hours=40).unwrapped, warn=True)


@EVERY_GRANULARITY
@pytest.mark.parametrize("arguments", [{}, {"task": "VCK190", "reward": "bounded", "target": 2500.0}])
def test_an_episode(granularity: str, arguments: dict[str, Any]) -> None:
    """What is shown, rewarded and submitted follows from the networks, the fidelities and the noise."""
    env = make(granularity=granularity, hours=100, **arguments)
    first, info = env.reset(seed=3)
    assert first.tolist() == [float(cell in (71, 100)) for cell in range(319)]
    assert info.get("cost") == (0.0 if arguments else None)
    problem = env.unwrapped.problem
    seed = env.unwrapped._builds.noise[0]
    worth = problem.told(STATES, "reference")
    told = {name: problem.told(STATES, name, np.uint64(seed)) for name in ("proxy", "reference")}
    left, best, total, done = 100.0, {}, 0.0, False
    order = (PROXY, PROXY, REFERENCE, PROXY, REFERENCE, REFERENCE) + (PROXY,) * 12
    for row, fidelity in enumerate(order):
        name = ("proxy", "reference")[fidelity]
        cost = float(gpu_hours(STATES[row : row + 1], name)[0])
        observation, reward, done, truncated, info = build(env, CHOICES[row], fidelity)
        assert not truncated
        if cost > left:
            assert (done, reward) == (True, 0.0)
            break
        left -= cost
        if name not in best or told[name][row] > told[name][best[name]]:
            best[name] = row
        incumbent = best.get("reference", best.get("proxy"))
        assert reward == pytest.approx(worth[incumbent] - total)
        total = worth[incumbent]
        assert observation[100] == np.float32(left / 100.0)
        assert observation[101:103].tolist() == [fidelity == PROXY, fidelity == REFERENCE]
        for start, shown in zip((103, 175, 247), (best.get("proxy"), best.get("reference"), row), strict=True):
            value = np.float32(observation[start + 71])
            if shown is None:
                assert not observation[start : start + 72].any()
            else:
                level = name if start == 247 else ("proxy", "reference")[start == 175]
                expected = (told[level][shown] - SHOWN[0]) / (SHOWN[1] - SHOWN[0])
                assert value == pytest.approx(np.clip(expected, 0.0, 1.0), abs=1e-6)
                assert observation[start : start + 71].sum() == 28
        if done:
            assert left < shortest_hours()
            break
    assert done
    assert info["index"] == SPACE.to_index(CHOICES[[best["reference"]]])[0]
    assert info["hours"] == pytest.approx(100.0 - left)
    assert sum(info["evaluations"].values()) == row + (left < shortest_hours())
    evaluation = problem.evaluate(info["index"], noise=Noise(int(seed)))
    assert info["metrics"] == {name: column[0] for name, column in evaluation.metrics.items()}
    assert info["regret"] == evaluation.regret[0]
    assert ("cost" in info) == bool(arguments)
    with pytest.raises(ResetNeeded, match="the episode is over"):
        env.step(env.action_space.sample())


def test_the_sum_of_rewards_is_the_worth_of_what_is_submitted() -> None:
    env = make(granularity="network", hours=60, noise=False)
    env.reset(seed=0)
    optimum = env.unwrapped.problem.optimum.architecture.choices
    rewards = [build(env, network, REFERENCE)[1] for network in (CHOICES[0], optimum)]
    assert sum(rewards) == 1.0
    _, reward, _, _, info = build(env, CHOICES[1], REFERENCE)
    assert (reward, info.get("regret", 0.0)) == (0.0, 0.0)


def test_what_cannot_be_paid_for_is_masked_and_ends_the_episode() -> None:
    env = make(granularity="block", hours=40)
    env.reset(seed=0)
    dearest = CHOICES[gpu_hours(STATES, "reference").argmax()]
    build(env, dearest, REFERENCE)
    for state in SPACE.to_states(dearest[None])[0].tolist():
        info = env.step(state)[-1]
    assert info["action_mask"][:3].tolist() == [1, 0, 0]
    _, reward, terminated, _, info = env.step(REFERENCE)
    assert (reward, terminated, info["evaluations"]) == (0.0, True, {"proxy": 0, "reference": 1})
    assert not info["action_mask"].any()
    whole = make(granularity="network", hours=40)
    _, info = whole.reset(seed=0)
    assert info["action_mask"].tolist() == [1] * 73
    left = 40.0 - gpu_hours(STATES, "reference").max()
    payable = [int(left >= shortest_hours(name)) for name in ("proxy", "reference")]
    assert build(whole, dearest, REFERENCE)[-1]["action_mask"][-2:].tolist() == payable


def test_masks_name_every_option_once_and_actions_stand_for_their_remainder() -> None:
    first, second = (make(granularity="block", noise=False) for _ in range(2))
    sizes = [int(env.reset(seed=1)[1]["action_mask"].sum()) for env in (first, second)][:1]
    for mine, other in zip([36, 37, 47, 3, 40, 0, 41, 5], [0, 1, 11, 3, 4, 0, 5, 1], strict=True):
        result = first.step(mine)
        assert data_equivalence(result, second.step(other), exact=True)
        sizes.append(int(result[-1]["action_mask"].sum()))
    assert sizes == [36, 36, 36, 36, 36, 48, 36, 2, 36]


def test_fidelities_have_their_own_noise_and_an_episode_one_world() -> None:
    def told(seed: int) -> list[float]:
        env = make(granularity="network", task="A100")
        env.reset(seed=seed)
        return [float(build(env, CHOICES[0], fidelity)[0][318]) for fidelity in (PROXY, REFERENCE, PROXY)]

    first, again, other = told(0), told(0), told(1)
    assert first == again
    assert first[0] == first[2] != first[1]
    assert first[0] != other[0]
    assert first[1] != other[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hours": 20}, r"hours must pay for any network at the reference, at least 31\.1, got 20"),
        ({"hours": float("nan")}, "hours must be a finite number, got nan"),
        ({"task": "VCK109"}, "task must be one of .*, got 'VCK109'; did you mean 'VCK190'"),
        ({"task": "Reference-VCK190"}, "task must be one of .*, got 'Reference-VCK190'"),
        ({"reward": "prodct"}, "reward must be one of .*did you mean 'product'"),
        ({"reward": len}, "reward must be a name, which both fidelities understand, got <built-in"),
        ({"reward": "bounded"}, "reward 'bounded' needs a task with two metrics"),
        ({"reward": "bounded", "task": "VCK190", "target": 1e9}, "nearest that can be met is"),
        ({"noise": 1}, "noise must be True or False, got 1"),
        ({"granularity": "blocks"}, "granularity must be one of .*did you mean 'block'"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_problems() -> None:
    problem = anb_gym.make_problem(ID, task="VCK190")
    assert problem == pickle.loads(pickle.dumps(problem)) == make(task="VCK190").unwrapped.problem
    assert problem.proxy == anb_gym.make_problem("AccelNAS-VCK190-v0")
    judged = anb_gym.make_problem("AccelNAS-Reference-VCK190-v0")
    assert problem.optimum.indices.tolist() == judged.optimum.indices.tolist()
    for name, of in (("proxy", problem.proxy), ("reference", judged)):
        assert problem.told(STATES, name).tolist() == of.evaluate(CHOICES).reward.tolist()
        assert problem.at(name).task == of.task
    with pytest.raises(ValueError, match="fidelity must be one of 'proxy', 'reference', got 'proxi'; did you mean 'pr"):
        problem.told(STATES, "proxi")
    with pytest.raises(ValueError, match="proxy must be scalar and under the proxy scheme"):
        TwoFidelityProblem(judged.task, judged.reward, proxy=judged)
    ratio = gpu_hours(STATES, "reference") / gpu_hours(STATES)
    assert ((ratio > 3.5) & (ratio < 7.0)).all()
    assert gpu_hours(STATES, "reference").max() <= longest_hours("reference")


def test_bounds_of_reference_accuracy() -> None:
    """Regret and scale under a bound are those of the certified best that meets it."""
    problem = anb_gym.make_problem(ID, task="VCK190", reward="bounded")
    best = anb_gym.Benchmark().front("vck190", fidelity="reference").best_under(3000.0)
    found = problem.evaluate([int(best.indices[0]), 0])
    assert problem.optimum.indices.tolist() == best.indices.tolist()
    assert (found.reward[0], found.regret[0], found.cost[0]) == (1.0, 0.0, 0.0)
    assert found.metrics["accuracy/reference"][0] == best.accuracy[0]
    assert 60.0 < problem.gauge.at(None).zero < best.accuracy[0] - 1.0


@EVERY_GRANULARITY
def test_pickle_in_the_middle_of_an_episode(granularity: str) -> None:
    env = make(granularity=granularity).unwrapped
    env.reset(seed=5)
    build(env, CHOICES[0], PROXY)
    twins = [pickle.loads(pickle.dumps(env)), copy.deepcopy(env)]
    for choices, fidelity in ((CHOICES[1], REFERENCE), (CHOICES[2], PROXY)):
        expected = build(env, choices, fidelity)
        for twin in twins:
            assert data_equivalence(build(twin, choices, fidelity), expected, exact=True)
    assert all(data_equivalence(twin.reset(), copy.deepcopy(env).reset(), exact=True) for twin in twins)


def test_spec_round_trip() -> None:
    env = make(task="ZCU102-Latency", hours=90, reward="bounded", target=5.0, granularity="block")
    restored = EnvSpec.from_json(env.spec.to_json()).make()
    for each in (env, restored):
        each.reset(seed=2)
    for fidelity in (PROXY, REFERENCE):
        expected = build(env, CHOICES[1], fidelity)
        assert data_equivalence(build(restored, CHOICES[1], fidelity), expected, exact=True)


def test_pictures() -> None:
    env = make(render_mode="ansi", granularity="block", hours=40)
    with pytest.raises(ResetNeeded, match="before render"):
        env.unwrapped.render()
    env.reset(seed=0)
    build(env, CHOICES[0], PROXY)
    env.step(0)
    *lines, last = env.render().splitlines()
    assert last.startswith("hours left: 3")
    assert last.endswith("of 40; bought: 1 at the proxy, 0 at the reference")
    assert [line.split()[1] for line in lines[1:]] == ["1", *"......"]
    done = False
    while not done:
        done = env.step(0)[2]
    assert "accuracy/reference:" in env.render()


# --- many copies ---------------------------------------------------------------------------------------------------


def assert_same(ours: Any, theirs: Any) -> None:
    assert data_equivalence(ours, theirs, exact=True), f"{ours}\n{theirs}"


@pytest.mark.parametrize(
    ("mode", "granularity", "masks"),
    [(mode, "network", masks) for mode in MODES for masks in (False, True)]
    + [("SameStep", "block", True), ("NextStep", "choice", False)],
)
def test_copies_equal_single_ones(mode: str, granularity: str, masks: bool) -> None:
    """Random actions: copies spend their hours at different steps."""
    arguments = {"hours": 40, "task": "VCK190", "reward": "bounded", "render_mode": "ansi", "granularity": granularity}
    ours = gymnasium.make_vec(ID, num_envs=N, autoreset_mode=mode, **arguments)
    single = lambda: gymnasium.make(ID, disable_env_checker=True, **arguments)  # noqa: E731
    theirs = SyncVectorEnv([single] * N, autoreset_mode=mode)
    assert ours.action_space == theirs.action_space
    assert ours.observation_space == theirs.observation_space
    assert ours.metadata == theirs.metadata
    assert_same(ours.reset(seed=5), theirs.reset(seed=5))
    ours.action_space.seed(1)
    rng, over, ends = np.random.default_rng(0), np.zeros(N, dtype=np.bool_), 0
    for step in range({"network": 30, "block": 150, "choice": 300}[granularity]):
        fresh = over.copy() if mode == "Disabled" else np.zeros(N, dtype=np.bool_)
        if masks and step % (60 if granularity == "block" else 10) == 9:
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
    assert ends >= 3


def test_stable_baselines3_trains_on_it() -> None:
    pytest.importorskip("stable_baselines3")
    contrib = pytest.importorskip("sb3_contrib")
    from anb_gym.envs.sb3 import make_vec_env

    envs = make_vec_env(ID, 4, seed=0, hours=40, granularity="block")
    model = contrib.MaskablePPO("MlpPolicy", envs, n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu")
    model.learn(512)
    assert {episode["l"] % 8 for episode in model.ep_info_buffer} == {0}
    assert len(model.ep_info_buffer) > 3


def test_agents_that_design_refuse_it() -> None:
    from anb_gym.agents import make_agent

    with pytest.raises(ValueError, match="id must be of an environment whose episodes do not buy evaluations, got"):
        make_agent("policy_gradient", anb_gym.agents.Assignment(ID, 100, 0), {})


# --- golden episodes -----------------------------------------------------------------------------------------------


def play_golden(task: str, reward: str, granularity: str) -> dict[str, Any]:
    """An episode; actions depend on nothing else."""
    env = make(task=task, reward=reward, granularity=granularity, hours=60)
    env.reset(seed=0)
    rng, told, rewards, done = np.random.default_rng(1), [], [], False
    while not done:
        observation, gained, done, _, info = build(env, SPACE.sample(1, rng)[0], int(rng.integers(4) == 3))
        told.append(round(float(observation[318]), 5))
        rewards.append(round(gained, 6))
    info = {key: value for key, value in info.items() if key not in ("action_mask", "regret")}
    return {"told": told, "rewards": rewards, **info}


CASES = [("Accuracy", "product", "choice"), ("VCK190", "product", "block"), ("ZCU102-Latency", "bounded", "network")]


@pytest.mark.parametrize(("task", "reward", "granularity"), CASES)
def test_golden_episode(task: str, reward: str, granularity: str) -> None:
    expected = json.loads(GOLDEN.read_text())[f"{task} {reward} {granularity}"]
    played = play_golden(task, reward, granularity)
    for key in ("told", "rewards", "metrics", "exact_metrics", "raw_reward", "cost", "hours"):
        if key in expected:
            assert played.pop(key) == pytest.approx(expected.pop(key), rel=1e-6, abs=2e-5)
    assert played == expected


if __name__ == "__main__":
    golden = {" ".join(case): play_golden(*case) for case in CASES}
    GOLDEN.write_text(json.dumps(golden, indent=2) + "\n")
    print(f"wrote {GOLDEN} with anb_gym {anb_gym.__version__}")
