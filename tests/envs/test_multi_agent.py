"""The multi-agent form, with PettingZoo's own test suites."""

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import given
from hypothesis import strategies as st

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark, make_problem
from anb_gym.envs import accelnas_v0
from anb_gym.envs.build import BuildEnv
from anb_gym.rewards import make_reward
from anb_gym.tasks import TASKS, Task, get_task

with warnings.catch_warnings():
    # The package of test suites imports one of PettingZoo's games in a way that PettingZoo has deprecated.
    warnings.filterwarnings("ignore", "The old environment creation API", DeprecationWarning)
    from pettingzoo import test as suites
    from pettingzoo.test.state_test import state_test
from pettingzoo.utils import aec_to_parallel, parallel_to_aec

AGENTS = [f"block_{block}" for block in range(7)]
EVERY_TASK = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
ACTIONS = st.lists(st.integers(0, 47), min_size=7, max_size=7)


def test_the_problem_is_that_of_the_id() -> None:
    problem = make_problem("AccelNAS-A100-v0", target=9000.0)
    for make in (accelnas_v0.env, accelnas_v0.parallel_env):
        assert make(task="A100", target=9000.0).unwrapped.problem == problem


def _in_turn(env: Any, actions: Any, seed: int | None = None) -> tuple[dict[str, float], dict[str, Any], list[Any]]:
    """Rewards and last infos by agent, and the observations with which agents acted."""
    env.reset(seed=seed)
    rewards, infos, observations = {}, {}, []
    remaining = iter(actions)
    for agent in env.agent_iter():
        observation, reward, termination, truncation, info = env.last()
        assert truncation is False
        if termination:
            rewards[agent], infos[agent] = reward, info
            env.step(None)
        else:
            assert reward == 0.0
            observations.append(observation)
            env.step(next(remaining))
    return rewards, infos, observations


def _together(env: Any, actions: Any, seed: int | None = None) -> tuple[dict[str, float], dict[str, Any]]:
    env.reset(seed=seed)
    _, rewards, terminations, truncations, infos = env.step(dict(zip(AGENTS, actions, strict=True)))
    assert terminations == dict.fromkeys(AGENTS, True)
    assert truncations == dict.fromkeys(AGENTS, False)
    assert env.agents == []
    return rewards, infos


@pytest.mark.parametrize("make", [accelnas_v0.env, accelnas_v0.raw_env])
@EVERY_TASK
def test_api_suite(make: Any, task: Task) -> None:
    suites.api_test(make(task=task.name, noise=True), num_cycles=20)


@pytest.mark.parametrize("noise", [False, True])
def test_parallel_api_suite(noise: bool) -> None:
    suites.parallel_api_test(accelnas_v0.parallel_env(noise=noise), num_cycles=20)
    suites.parallel_api_test(aec_to_parallel(accelnas_v0.env(noise=noise)), num_cycles=20)
    suites.api_test(parallel_to_aec(accelnas_v0.parallel_env(noise=noise)), num_cycles=20)


def test_seed_suites() -> None:
    suites.seed_test(lambda: accelnas_v0.env(noise=True), num_cycles=5)
    suites.parallel_seed_test(lambda: accelnas_v0.parallel_env(noise=True), num_cycles=5)


def test_state_suite() -> None:
    state_test(accelnas_v0.env(), accelnas_v0.parallel_env())


def test_render_suite(capsys: pytest.CaptureFixture[str]) -> None:
    suites.render_test(accelnas_v0.env)
    printed = capsys.readouterr().out
    assert printed.count("expansion") == 5  # in the mode "human"
    assert "reward:" in printed


def test_agents_and_spaces() -> None:
    for env in (accelnas_v0.env(), accelnas_v0.parallel_env()):
        assert env.possible_agents == AGENTS
        assert str(env.unwrapped) == env.metadata["name"] == "accelnas_v0"
        for agent in AGENTS:
            assert env.action_space(agent) == gymnasium.spaces.Discrete(48)
            assert env.observation_space(agent) == gymnasium.spaces.Box(0.0, 1.0, (107,), np.float32)
        assert env.action_space("block_0") is not env.action_space("block_1")  # each is seeded by itself


@given(ACTIONS)
def test_agents_in_turn_are_one_agent_that_builds_block_by_block(actions: list[int]) -> None:
    env, single = accelnas_v0.env(task="ZCU102"), BuildEnv("ZCU102", granularity="block")
    rewards, infos, observations = _in_turn(env, actions)
    seen, _ = single.reset()
    for block, action in enumerate(actions):
        assert np.array_equal(observations[block][:100], seen)
        assert np.array_equal(observations[block][100:], np.eye(7)[block])
        seen, reward, terminated, _, info = single.step(action)
    assert terminated
    assert not info.pop("action_mask").any()
    assert rewards == dict.fromkeys(AGENTS, reward)
    assert infos == dict.fromkeys(AGENTS, info)
    states = np.array(actions) % SPACE.block_sizes
    assert info["index"] == SPACE.states_to_index(states[None])[0]


@given(ACTIONS)
def test_together_is_in_turn_without_seeing_the_others(actions: list[int]) -> None:
    expected = _in_turn(accelnas_v0.env(noise=True), actions, seed=3)[:2]
    assert _together(accelnas_v0.parallel_env(noise=True), actions, seed=3) == expected
    assert _together(aec_to_parallel(accelnas_v0.env(noise=True)), actions, seed=3) == expected


def test_agents_together_see_nothing_but_themselves() -> None:
    observations, infos = accelnas_v0.parallel_env().reset()
    for block, agent in enumerate(AGENTS):
        assert observations[agent][:100].tolist() == BuildEnv("VCK190").reset()[0].tolist()
        assert observations[agent][100:].tolist() == np.eye(7)[block].tolist()
        assert infos[agent]["action_mask"].dtype == np.int8
        assert infos[agent]["action_mask"].tolist() == [a < SPACE.block_sizes[block] for a in range(48)]


@EVERY_TASK
def test_team_reward(task: Task) -> None:
    best = Benchmark().optimum(make_reward("product", task)).architecture
    rewards, infos = _together(accelnas_v0.parallel_env(task=task.name), best.states)
    assert rewards == dict.fromkeys(AGENTS, 1.0)
    assert all(info["regret"] == 0.0 and info["architecture"] == str(best) for info in infos.values())
    rewards, infos = _together(accelnas_v0.parallel_env(task=task.name, reward_scale="raw"), EFFICIENTNET_B0.states)
    value = make_reward("product", task)(Benchmark().query(EFFICIENTNET_B0, task.metrics))[0]
    assert rewards == dict.fromkeys(AGENTS, value)
    assert len({id(info) for info in infos.values()}) == 7


def test_arguments_reach_the_reward() -> None:
    weighted = [
        _together(accelnas_v0.parallel_env(reward="weighted", weights=weights), EFFICIENTNET_B0.states)[1]["block_0"]
        for weights in ((1.0, 0.0), (0.0, 1.0))
    ]
    assert weighted[0]["raw_reward"] != weighted[1]["raw_reward"]
    near, far = (
        _together(accelnas_v0.parallel_env(target=target, reward_scale="raw"), EFFICIENTNET_B0.states)[0]["block_0"]
        for target in (1000, 4000)
    )
    assert near == pytest.approx(far * 4**0.07)
    family = _together(accelnas_v0.parallel_env(surrogate="xgb"), EFFICIENTNET_B0.states)[1]["block_0"]
    names = get_task("VCK190").metrics
    expected = Benchmark("xgb").query(EFFICIENTNET_B0, names)
    assert family["metrics"] == {name: expected[name][0] for name in names}


def test_returned_arrays_are_the_callers() -> None:
    env = accelnas_v0.env()
    env.reset()
    for agent in env.agent_iter(7):
        observation, *_, info = env.last()
        assert observation[:100].sum() == AGENTS.index(agent) * 4 + 1
        assert env.state().sum() == AGENTS.index(agent) * 4 + 1
        assert info["action_mask"].any()
        observation[:], info["action_mask"][:] = 7.0, 0
        env.state()[:] = 7.0
        env.step(0)
    env.reset()
    assert env.last()[-1]["action_mask"].sum() == 36


@pytest.mark.parametrize("acted", [0, 3, 7])
def test_pickle_in_the_middle_of_an_episode(acted: int) -> None:
    env = accelnas_v0.env(noise=True)
    env.reset(seed=2)
    for _ in range(acted):
        env.step(5)
    for twin in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        assert data_equivalence(twin.last(), env.last())
        for _ in range(acted, 7):
            twin.step(6)
        assert twin.last()[1] != 0.0
    assert all(reward == 0.0 for reward in env.rewards.values()) is (acted < 7)
    together = accelnas_v0.parallel_env(noise=True)
    together.reset(seed=2)
    twin = pickle.loads(pickle.dumps(together))
    assert data_equivalence(*(e.step(dict.fromkeys(AGENTS, 5)) for e in (together, twin)))


def test_render() -> None:
    env = accelnas_v0.parallel_env(render_mode="ansi")
    with pytest.raises(ResetNeeded, match="before render"):
        env.render()
    rewards, _ = _together(env, EFFICIENTNET_B0.states)
    lines = str(env.render()).splitlines()
    assert lines[1].split() == ["0", "1", "3", "1", "yes"]
    assert lines[-1] == f"reward: {rewards['block_0']:.4f}"
    env.close()


@pytest.mark.parametrize("action", [-1, 48, 1.0, "0", None, [0]])
def test_action_outside_the_space(action: Any) -> None:
    message = r"action must be an integer in 0\.\.47, got"
    env = accelnas_v0.env()
    env.reset()
    with pytest.raises(ValueError, match=message):
        env.step(action)
    assert env.agent_selection == "block_0"
    together = accelnas_v0.parallel_env()
    together.reset()
    with pytest.raises(ValueError, match=r"actions\['block_4'\]: " + message):
        together.step(dict.fromkeys(AGENTS, 0) | {"block_4": action})
    _, _, _, _, infos = together.step(dict.fromkeys(AGENTS, 0))  # nobody had acted
    assert infos["block_0"]["architecture"] == str(Architecture.from_index(0))


@pytest.mark.parametrize("actions", [dict.fromkeys(AGENTS[:6], 0), dict.fromkeys([*AGENTS, "block_7"], 0)])
def test_actions_of_other_agents(actions: dict[str, int]) -> None:
    env = accelnas_v0.parallel_env()
    env.reset()
    with pytest.raises(ValueError, match="actions must have the keys block_0, .*, block_6, got"):
        env.step(actions)


@pytest.mark.parametrize("actions", [None, [0] * 7, 0, "block_0", AGENTS])
def test_actions_that_are_no_dict(actions: Any) -> None:
    env = accelnas_v0.parallel_env()
    env.reset()
    with pytest.raises(ValueError, match="actions must be a dict with an action for each agent, got"):
        env.step(actions)
    with pytest.raises(ValueError, match="actions must have the keys block_0, .*, block_6, got none"):
        env.step({})


def test_unknown_agent() -> None:
    env = accelnas_v0.parallel_env()
    for method in (env.observation_space, env.action_space, env.observe):
        with pytest.raises(ValueError, match="agent must be one of 'block_0', .* got 'block_7'"):
            method("block_7")


def test_step_before_reset_and_after_the_end() -> None:
    with pytest.raises(AssertionError, match="reset.* needs to be called before step"):
        accelnas_v0.env().step(0)  # PettingZoo's own check
    for env in (accelnas_v0.raw_env(), accelnas_v0.parallel_env()):
        with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\): no episode has begun"):
            env.step(dict.fromkeys(AGENTS, 0))
    for env in (accelnas_v0.env(), accelnas_v0.raw_env()):
        env.reset()
        for _ in range(7):
            env.step(0)
        with pytest.raises(ValueError, match="the only valid action is None"):
            env.step(0)
        for _ in range(7):
            env.step(None)
        with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\): the episode is over"):
            env.step(0)
    env = accelnas_v0.parallel_env()
    _together(env, [0] * 7)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\): the episode is over"):
        env.step(dict.fromkeys(AGENTS, 0))
    _together(env, [0] * 7)


@pytest.mark.parametrize("make", [accelnas_v0.env, accelnas_v0.parallel_env])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "VCK-190"}, "task must be one of .* did you mean 'VCK190'"),
        ({"surrogate": "gpp"}, "surrogate must be one of .* did you mean 'gp'"),
        ({"reward": "prodct"}, "reward must be one of .* did you mean 'product'"),
        ({"reward_scale": "units"}, "reward_scale must be one of .* did you mean 'unit'"),
        ({"target": -1.0}, "target must be positive"),
        ({"noise": 1}, "noise must be True or False, got 1"),
        ({"render_mode": "ascii"}, "render_mode must be one of 'human', 'ansi', 'rgb_array', got 'ascii'"),
    ],
)
def test_bad_arguments(make: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**arguments)
    with pytest.raises(TypeError, match="unexpected keyword argument 'granularity'"):
        make(granularity="choice")


def test_missing_extra() -> None:
    code = (
        "import sys; sys.modules['pettingzoo'] = None\n"
        "try: import anb_gym.envs.accelnas_v0\n"
        "except ModuleNotFoundError as error: assert \"pip install 'anb_gym[multiagent]'\" in str(error), error\n"
        "else: raise AssertionError"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_module_is_documented_in_the_same_order() -> None:
    def headings(documented: Any) -> list[str]:
        return [line.strip() for line in (documented.__doc__ or "").splitlines() if line.strip().startswith("## ")]

    assert headings(accelnas_v0) == [h for h in headings(BuildEnv) if h != "## Vectorized environment"]
