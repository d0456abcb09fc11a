"""The environment that edits an architecture."""

import copy
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import TimeAwareObservation
from hypothesis import given
from hypothesis import strategies as st

import anb_gym
from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark, make_problem
from anb_gym.envs.build import BuildEnv
from anb_gym.envs.edit import N_ACTIONS, EditEnv
from anb_gym.envs.families import FAMILIES
from anb_gym.rewards import make_reward
from anb_gym.tasks import TASKS, Task, get_task

IDS = list(FAMILIES["edit"].ids())
EVERY_ID = pytest.mark.parametrize("env_id", IDS)
EVERY_TASK = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
#: The choice and the option of every action, written from the class's documentation.
PAIRS = [(choice, option) for choice, n in enumerate(SPACE.cardinalities) for option in range(n)]
GOLDEN = Path(__file__).with_name("golden_edit.json")
START = EFFICIENTNET_B0


def _play(env: gymnasium.Env, actions: Any, **reset: Any) -> list[Any]:
    """Observations, rewards and the last info of an episode."""
    observations, rewards = [env.reset(**reset)[0]], []
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        assert terminated is False
        observations.append(observation)
        rewards.append(reward)
    assert truncated is True
    return [np.stack(observations).tolist(), rewards, info | {"action_mask": info["action_mask"].tolist()}]


def _actions(seed: int, n: int = 28) -> list[int]:
    return np.random.default_rng(seed).integers(0, N_ACTIONS, size=n).tolist()


def _index(text: str) -> int:
    return Architecture.parse(text).index


def test_spaces() -> None:
    env = EditEnv("VCK190")
    assert env.action_space == gymnasium.spaces.Discrete(71)
    assert env.observation_space == gymnasium.spaces.Box(0.0, 1.0, (71,), np.float32)
    assert N_ACTIONS == len(PAIRS) == 71


@given(st.integers(0, SPACE.size - 1), st.lists(st.integers(0, 70), min_size=1, max_size=10))
def test_an_episode(index: int, actions: list[int]) -> None:
    """Every step sets one choice; observation, mask, reward and last info follow from the architecture."""
    env = EditEnv("VCK190", horizon=len(actions))
    scorer = env.problem.assess
    choices = Architecture.from_index(index).choices
    observation, info = env.reset(options={"architecture": index})
    before = scorer(SPACE.to_states(choices[None]))
    for step, action in enumerate(actions, start=1):
        has = [choices[choice] == option for choice, option in PAIRS]
        assert observation.dtype == np.float32
        assert observation.tolist() == has
        assert info.keys() == {"action_mask"}
        assert info["action_mask"].dtype == np.int8
        assert info["action_mask"].tolist() == [not h for h in has] == env.action_masks().tolist()
        choice, option = PAIRS[action]
        choices[choice] = option
        observation, reward, terminated, truncated, info = env.step(action)
        after = scorer(SPACE.to_states(choices[None]))
        assert type(reward) is float
        assert reward == after.reward[0] - before.reward[0]
        assert reward == 0.0 or not has[action]
        assert (terminated, truncated) == (False, step == len(actions))
        before = after
    assert info.pop("action_mask").tolist() == (observation == 0.0).tolist()
    assert info.pop("start") == str(Architecture.from_index(index))
    assert info == {
        "architecture": str(Architecture.from_choices(choices)),
        "index": SPACE.to_index(choices[None])[0],
        "metrics": {name: column[0] for name, column in before.metrics.items()},
        "raw_reward": before.raw[0],
        "regret": before.regret[0],
    }
    assert not env.action_masks().any()


@EVERY_TASK
@pytest.mark.parametrize("noise", [False, True])
def test_rewards_add_up(task: Task, noise: bool) -> None:
    """Through the same architectures as building them, with the same noise for the same architecture."""
    env = EditEnv(task.name, noise=noise)
    actions = [*_actions(1, 27), 5]
    _, rewards, info = _play(env, actions, seed=3)
    metrics = Benchmark().query([_index(info["start"]), info["index"]], task.metrics, noise=info.get("noise_seed"))
    assert {name: column[1] for name, column in metrics.items()} == info["metrics"]
    raw = make_reward("product", task)(metrics)
    assert raw[1] == info["raw_reward"]
    unit = make_problem(task.id).assess
    first, last = (unit(SPACE.index_to_states([i])) for i in (_index(info["start"]), info["index"]))
    if not noise:
        assert sum(rewards) == pytest.approx(last.reward[0] - first.reward[0])
        assert info["regret"] == pytest.approx(1.0 - last.reward[0])
    else:
        scale = (last.reward - first.reward) / (last.raw - first.raw)
        assert sum(rewards) == pytest.approx(scale[0] * (raw[1] - raw[0]))
        assert info["exact_metrics"] == {name: column[0] for name, column in last.metrics.items()}
        assert info["regret"] == pytest.approx(last.regret[0])


def test_a_detour_costs_nothing() -> None:
    env = EditEnv("TPUv2", noise=True, start=START.index, horizon=2)
    (choice, option) = PAIRS[40]
    assert START.choices[choice] != option
    back = PAIRS.index((choice, START.choices[choice]))
    _, rewards, info = _play(env, [40, back])
    assert rewards[0] == -rewards[1] != 0.0
    assert info["architecture"] == info["start"] == str(START)


def test_every_architecture_can_be_reached() -> None:
    env = EditEnv("VCK190")
    best = Benchmark().optimum(make_reward("product", get_task("VCK190"))).architecture
    actions = [PAIRS.index(pair) for pair in enumerate(best.choices)]
    _, _, info = _play(env, actions, seed=0)
    assert info["index"] == best.index
    assert info["regret"] == 0.0


@pytest.mark.parametrize("given", [START, str(START), START.index, np.int64(START.index)])
def test_start_is_given(given: Any) -> None:
    env = EditEnv("VCK190", horizon=1)
    assert _play(env, [0], options={"architecture": given})[2]["start"] == str(START)
    assert _play(env, [0])[2]["start"] != str(START)  # for one episode only
    if not isinstance(given, Architecture):
        fixed = EditEnv("VCK190", start=given, horizon=1)
        assert [_play(fixed, [0])[2]["start"] for _ in range(2)] == [str(START)] * 2
        other = _play(fixed, [0], options={"architecture": 5})[2]
        assert other["start"] == str(Architecture.from_index(5))


def test_random_starts_are_uniform_and_seeded() -> None:
    env = EditEnv("Accuracy", horizon=1)
    cells = np.mean([env.reset(seed=0 if i == 0 else None)[0] for i in range(2000)], axis=0)
    expected = np.repeat(1.0 / SPACE.cardinalities, SPACE.cardinalities)
    assert np.abs(cells - expected).max() < 0.06
    assert np.array_equal(env.reset(seed=4)[0], EditEnv("VCK190").reset(seed=4)[0])
    given = env.reset(seed=4, options={"architecture": START})[0]
    assert not np.array_equal(given, env.reset(seed=4)[0])


def test_a_given_start_does_not_change_the_noise() -> None:
    seeds = []
    for options in (None, {"architecture": START}):
        env = EditEnv("TPUv3", noise=True, horizon=1)
        seeds.append(_play(env, [0], seed=9, options=options)[2]["noise_seed"])
        seeds.append(_play(env, [0])[2]["noise_seed"])
    assert seeds[:2] == seeds[2:]
    assert seeds[0] != seeds[1]


def test_raw_scale_and_other_rewards() -> None:
    unit, raw = EditEnv("VCK190"), EditEnv("VCK190", reward_scale="raw")
    actions = _actions(2)
    results = [_play(env, actions, seed=1) for env in (unit, raw)]
    ratios = np.array([r / u for u, r in zip(results[0][1], results[1][1], strict=True) if u])
    assert ratios == pytest.approx(ratios[0])
    env = EditEnv("VCK190", reward=lambda values: values["accuracy"] ** 2, reward_scale="raw", horizon=1)
    _, (reward,), info = _play(env, [0], seed=1)
    assert "regret" not in info
    before, after = Benchmark().query([_index(info["start"]), info["index"]], "accuracy")["accuracy"] ** 2
    assert reward == pytest.approx(after - before)
    heavy = [EditEnv("VCK190", reward="weighted", weights=w, horizon=1) for w in ((1.0, 0.0), (0.0, 1.0))]
    accurate, fast = (_play(env, [2], options={"architecture": START})[1][0] for env in heavy)
    assert fast < 0.0 < accurate  # more expansion
    near, far = (EditEnv("VCK190", reward_scale="raw", target=t, horizon=1) for t in (1000, 4000))
    assert _play(near, [2], seed=1)[1][0] == pytest.approx(_play(far, [2], seed=1)[1][0] * 4**0.07)


def test_returned_arrays_are_the_callers() -> None:
    env = EditEnv("VCK190")
    observation, info = env.reset(seed=0)
    for action in _actions(3):
        assert observation.sum() == 28
        observation[:] = 7.0
        env.action_masks()[:] = False
        assert info["action_mask"].sum() == 43
        info["action_mask"][:] = 0
        observation, *_, info = env.step(action)


@EVERY_ID
def test_conformance(env_id: str) -> None:
    check_env(gymnasium.make(env_id, noise=True, render_mode="ansi").unwrapped)
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(gymnasium.make(env_id).unwrapped, warn=True, skip_render_check=False)


@EVERY_ID
def test_spec_round_trip(env_id: str) -> None:
    env = gymnasium.make(f"anb_gym:{env_id}", start=str(START), horizon=9, noise=True, reward_scale="raw")
    assert env.spec is not None
    assert env.spec.max_episode_steps is None
    twin = EnvSpec.from_json(env.spec.to_json()).make()
    assert _play(twin, _actions(4, 9), seed=3) == _play(env, _actions(4, 9), seed=3)


@pytest.mark.parametrize("at_step", [0, 13, 27])
def test_pickle_in_the_middle_of_an_episode(at_step: int) -> None:
    env = gymnasium.make(IDS[0], noise=True).unwrapped
    env.reset(seed=5)
    actions = _actions(5)
    for action in actions[:at_step]:
        env.step(action)
    twins = [pickle.loads(pickle.dumps(env)), copy.deepcopy(env)]
    for action in actions[at_step:]:
        expected = env.step(action)
        for twin in twins:
            result = twin.step(action)
            assert np.array_equal(result[0], expected[0])
            assert result[1:4] == expected[1:4]
    assert all(_play(twin, actions) == _play(copy.deepcopy(env), actions) for twin in twins)


@pytest.mark.parametrize(("mode", "arguments"), [("sync", {}), ("async", {"context": "spawn"})])
def test_vector_environments_of_gymnasium(mode: str, arguments: dict[str, Any]) -> None:
    envs = gymnasium.make_vec(IDS[1], 2, vectorization_mode=mode, vector_kwargs=arguments, horizon=3)
    observations, infos = envs.reset(seed=[1, 2], options={"architecture": START.index})
    assert np.array_equal(observations[0], observations[1])
    for action in (2, 3, 4):
        _, rewards, _, truncated, infos = envs.step(np.array([action, action + 10]))
    assert truncated.all()
    assert rewards.shape == infos["metrics"]["accuracy"].shape == (2,)
    envs.close()


def test_wrapper_that_shows_the_time() -> None:
    env = TimeAwareObservation(gymnasium.make(IDS[0], max_episode_steps=5, horizon=5), normalize_time=True)
    observation, _ = env.reset(seed=0)
    assert observation.shape == (72,)
    for _ in range(5):
        observation, *_, truncated, info = env.step(0)
    assert truncated
    assert observation[-1] == 1.0
    assert "architecture" in info


def test_maskable_ppo_changes_something_at_every_step() -> None:
    contrib = pytest.importorskip("sb3_contrib")
    env_util = pytest.importorskip("stable_baselines3.common.env_util")
    rewards: list[float] = []

    class Recorder(gymnasium.Wrapper):
        def step(self, action: int) -> Any:
            result = super().step(action)
            rewards.append(float(result[1]))
            return result

    envs = env_util.make_vec_env(IDS[1], n_envs=1, seed=0, wrapper_class=Recorder)
    model = contrib.MaskablePPO("MlpPolicy", envs, n_steps=56, batch_size=56, n_epochs=1, seed=0, device="cpu")
    model.learn(112)
    assert len(rewards) == 112
    assert all(rewards)
    assert all(episode["l"] == 28 for episode in model.ep_info_buffer)


def test_render() -> None:
    env = EditEnv("VCK190", render_mode="ansi", start=str(START))
    with pytest.raises(ResetNeeded, match="before render"):
        env.render()
    env.reset()
    lines = str(env.render()).splitlines()
    assert lines[1].split() == ["0", "1", "3", "1", "yes"]
    assert [line.split(":")[0] for line in lines[8:]] == ["accuracy", "vck190/throughput"]
    _, reward, *_ = env.step(4)
    lines = str(env.render()).splitlines()
    assert lines[1].split() == ["0", "1", "[5]", "1", "yes"]
    assert lines[10] == f"reward: {reward:.4f}"
    drawn = EditEnv("VCK190", render_mode="rgb_array", start=str(START))
    drawn.reset()
    before = drawn.render()
    drawn.step(4)
    assert isinstance(before, np.ndarray)
    assert not np.array_equal(before, drawn.render())


def test_render_without_a_mode_warns() -> None:
    env = EditEnv("VCK190")
    env.reset()
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


@pytest.mark.parametrize("action", [-1, 71, 1.0, float("nan"), "0", None, [0], np.array([0, 1]), np.float32(1)])
def test_action_outside_the_space(action: Any) -> None:
    env = EditEnv("VCK190")
    observation, _ = env.reset(options={"architecture": START})
    with pytest.raises(ValueError, match=r"action must be an integer in 0\.\.70, got"):
        env.step(action)
    assert np.array_equal(env.step(PAIRS.index((0, START.choices[0])))[0], observation)


def test_step_before_reset_and_after_the_end() -> None:
    env = EditEnv("VCK190", horizon=1)
    assert not env.action_masks().any()
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        env.step(0)
    _play(env, [0])
    with pytest.raises(ResetNeeded, match="the episode is over"):
        env.step(0)
    env.reset()
    env.step(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "VCK-190"}, "task must be one of .* did you mean 'VCK190'"),
        ({"surrogate": "gpp"}, "surrogate must be one of .* did you mean 'gp'"),
        ({"reward": "prodct"}, "reward must be one of .* did you mean 'product'"),
        ({"reward_scale": "units"}, "reward_scale must be one of .* did you mean 'unit'"),
        ({"target": -3000}, "target must be positive"),
        ({"task": "Accuracy", "target": 3000.0}, "target must be None"),
        (
            {"start": "e1k3"},
            "start must be an Architecture, .* got 'e1k3': text must be 7 blocks",
        ),
        ({"start": -1}, r"start must be .*, got -1: index must be in 0\.\."),
        ({"start": 0.5}, "start must be .*, got 0.5"),
        ({"horizon": 0}, "horizon must be an integer of at least 1, got 0"),
        ({"horizon": 2.0}, "horizon must be an integer of at least 1, got 2.0"),
        ({"horizon": True}, "horizon must be an integer of at least 1, got True"),
        ({"noise": 1}, "noise must be True or False, got 1"),
        ({"render_mode": "human"}, "render_mode must be one of 'ansi', 'rgb_array', got 'human'"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EditEnv(**({"task": "VCK190"} | arguments))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architectur": 0}, "options must be one of 'architecture', got 'architectur'; did you mean"),
        (
            {"architecture": None},
            r"options\[\"architecture\"\] must be an Architecture, .* got None",
        ),
        ({"architecture": SPACE.size}, r"options\[\"architecture\"\] must be .*: index must be in 0\.\."),
        ({"architecture": "b0"}, "text must be 7 blocks"),
        ({"architecture": [0] * 28}, "must be an Architecture, its string or its index"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    env = EditEnv("VCK190")
    with pytest.raises(ValueError, match=message):
        env.reset(options=options)
    assert "action_mask" in env.reset(options={})[1]


def test_class_is_documented_in_gymnasiums_order() -> None:
    def headings(cls: type) -> list[str]:
        return [line.strip() for line in (cls.__doc__ or "").splitlines() if line.strip().startswith("## ")]

    assert [h for h in headings(EditEnv) if h in headings(BuildEnv)] == headings(BuildEnv)
    assert headings(EditEnv)[-2:] == ["## Vectorized environment", "## Version History"]


def golden_episode(env_id: str, noise: bool) -> dict[str, Any]:
    """An episode whose start and actions depend on the id alone."""
    actions = _actions(sum(env_id.encode()))
    _, rewards, info = _play(gymnasium.make(env_id, noise=noise), actions, seed=0)
    del info["action_mask"]
    return {"actions": actions, "rewards": rewards, "info": info}


def golden_episodes() -> dict[str, Any]:
    """The episodes of every id, without and with noise."""
    return {env_id: {str(noise): golden_episode(env_id, noise) for noise in (False, True)} for env_id in IDS}


def _flat(value: Any) -> Iterator[Any]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _flat(inner)
    if not isinstance(value, dict | list):
        yield value


@EVERY_ID
def test_golden_episodes(env_id: str) -> None:
    """A change of results has to bump the version; ``python tests/envs/test_edit.py`` writes the file anew."""
    golden = json.loads(GOLDEN.read_text())
    assert golden.keys() == set(IDS)
    for noise in (False, True):
        expected, played = list(_flat(golden[env_id][str(noise)])), list(_flat(golden_episode(env_id, noise)))
        assert len(expected) == len(played)
        for a, b in zip(expected, played, strict=True):
            assert a == (pytest.approx(b, rel=1e-9, abs=1e-12) if isinstance(b, float) else b)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden_episodes(), indent=1) + "\n")
    print(f"wrote {GOLDEN} with anb_gym {anb_gym.__version__}")
