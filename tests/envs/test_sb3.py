"""The environment for Stable-Baselines3 equals its own vector environment of single ones; its agents train on it."""

import inspect
import json
import pickle
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import NameNotFound, ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.wrappers import OrderEnforcing
from ids import few_ids, id_of, one_of_each
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO
from stable_baselines3.common import env_util
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor, load_results
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecNormalize

from anb_gym.envs.core.actions import GRANULARITIES
from anb_gym.envs.core.observations import OBSERVATIONS
from anb_gym.envs.sb3 import NativeVecEnv, make_vec_env
from anb_gym.tasks import get_task

IDS = few_ids("vector_reward", "probe", "two_fidelity")
VCK190 = get_task("VCK190")
#: One id of every form.
FORMS = one_of_each("VCK190", "vector_reward", "edit", "probe", "two_fidelity")
TRANSFER = id_of("transfer")
N = 3


def single_ones(env_id: str, n: int = N, **arguments: Any) -> VecEnv:
    """What SB3's own function makes."""
    return env_util.make_vec_env(env_id, n, env_kwargs={"disable_env_checker": True, **arguments})


def both(env_id: str, n: int = N, **arguments: Any) -> tuple[VecEnv, VecEnv]:
    return make_vec_env(env_id, n, **arguments), single_ones(env_id, n, **arguments)


def assert_same(ours: Any, theirs: Any) -> None:
    for infos in (data[-1] for data in (ours, theirs) if isinstance(data, tuple) and len(data) == 4):
        for info in infos:
            if "episode" in info:
                assert 0.0 <= info["episode"].pop("t") < 60.0  # seconds
    assert data_equivalence(ours, theirs, exact=True), f"{ours}\n{theirs}"


def assert_same_episodes(ours: VecEnv, theirs: VecEnv, episodes: int = 2) -> int:
    """Random actions until so many episodes have ended; returns the number of steps."""
    assert_same(ours.reset(), theirs.reset())
    assert_same(ours.reset_infos, theirs.reset_infos)
    rng, steps = np.random.default_rng(0), 0
    while episodes:
        space = ours.action_space
        shape, limit = (N, *space.shape), getattr(space, "n", getattr(space, "nvec", None))
        actions = rng.integers(limit, size=shape)
        transition = ours.step(actions)
        assert_same(transition, theirs.step(actions))
        assert_same(ours.reset_infos, theirs.reset_infos)
        assert_same(ours.env_method("action_masks"), theirs.env_method("action_masks"))
        steps, episodes = steps + 1, episodes - transition[2].any()
    return steps


def test_campaigns() -> None:
    """Episodes of different lengths, whose hours are spent at different steps."""
    ours, theirs = both(id_of("two_fidelity"), hours=40, granularity="network")
    for envs in (ours, theirs):
        envs.seed(4)
    assert assert_same_episodes(ours, theirs, 4) > 8


@pytest.mark.parametrize("env_id", IDS)
def test_every_id(env_id: str) -> None:
    ours, theirs = both(env_id, noise=True)
    assert isinstance(ours, NativeVecEnv)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.metadata == theirs.metadata
    for envs in (ours, theirs):
        envs.seed(4)
    assert assert_same_episodes(ours, theirs) == 56


@pytest.mark.parametrize(("granularity", "observation"), list(product(GRANULARITIES, OBSERVATIONS)))
@pytest.mark.parametrize("env_id", FORMS)
def test_every_form(env_id: str, granularity: str, observation: str) -> None:
    ours, theirs = both(env_id, granularity=granularity, observation=observation)
    for envs in (ours, theirs):
        envs.seed(5)
    assert_same_episodes(ours, theirs, episodes=3)


def test_seeds_count_once_and_generators_go_on() -> None:
    ours, theirs = both(TRANSFER, granularity="network")
    assert ours.seed(2) == theirs.seed(2) == [2, 3, 4]
    for _ in range(3):
        assert_same_episodes(ours, theirs)
    ours.seed(2)
    assert ours.seed() != [2, 3, 4]


def test_the_seed_of_make_vec_env_is_that_of_the_first_reset() -> None:
    first, second = make_vec_env(TRANSFER, N, seed=7), single_ones(TRANSFER)
    second.seed(7)
    assert_same(first.reset(), second.reset())
    again = make_vec_env(TRANSFER, N, seed=7)
    again.reset()
    assert [again.action_space.sample() for _ in range(9)] == [first.action_space.sample() for _ in range(9)]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"preference": [0.25, 0.75]},
        [{"preference": [0.25, 0.75]}, {}, {"preference": np.array([1.0, 0.0])}],
        [{}, {}, {"preference": (0.5, 0.5)}],
    ],
    ids=["all", "each", "one"],
)
def test_options(options: Any, begun: bool) -> None:
    ours, theirs = both(id_of("preference"), granularity="block", noise=True)
    for envs in (ours, theirs):
        envs.seed(1)
        if begun:
            envs.reset()
        envs.set_options(options)
        if not begun:
            envs.seed(1)
    assert_same_episodes(ours, theirs)
    assert_same_episodes(ours, theirs)  # options count once


def test_attributes_and_methods_are_those_of_the_copies() -> None:
    ours, theirs = both(TRANSFER, render_mode="ansi")
    for envs in (ours, theirs):
        envs.seed(3)
        envs.reset()
        envs.step(np.array([0, 1, 2]))
        envs.set_attr("label", "some", indices=[0, 2])
        envs.set_attr("label", "other", indices=1)
    assert len({task.name for task in ours.get_attr("task")}) > 1
    for name in ("task", "render_mode", "observation_space", "label"):
        assert ours.get_attr(name) == theirs.get_attr(name)
        assert ours.get_attr(name, 1) == theirs.get_attr(name, 1)
        assert ours.get_attr(name, [2, -3]) == theirs.get_attr(name, [2, -3])
    assert ours.env_method("render") == theirs.env_method("render")
    assert ours.env_method("render", indices=2) == theirs.env_method("render", indices=2)
    assert ours.env_method("has_wrapper_attr", "rules", indices=[0]) == [True]
    for name in ("action_masks", "label", "task", "unknown"):
        assert ours.has_attr(name) is theirs.has_attr(name) is (name != "unknown")
    assert ours.env_is_wrapped(OrderEnforcing) == [False] * N
    assert ours.env_is_wrapped(OrderEnforcing, indices=[1]) == [False]
    assert_same(ours.action_masks(), np.stack(theirs.env_method("action_masks")))


def test_pictures() -> None:
    ours, theirs = both(VCK190.id, granularity="block", render_mode="rgb_array")
    for envs in (ours, theirs):
        envs.reset()
        envs.step(np.array([1, 20, 35]))
    picture = ours.render("rgb_array")
    assert_same(picture, theirs.render("rgb_array"))
    assert len(ours.get_images()) == N


def test_nothing_returned_is_used_again() -> None:
    ours, theirs = both(VCK190.id, granularity="block", noise=True)
    for envs in (ours, theirs):
        envs.seed(0)
        envs.reset()
    for step in range(15):
        actions = np.full(N, step)
        observations, rewards, dones, infos = ours.step(actions)
        expected = theirs.step(actions)
        assert_same((observations, rewards, dones, infos), expected)
        actions[:], observations[:], rewards[:], dones[:] = 0, 7, 7, True
        for info in (*infos, *ours.reset_infos):
            info["action_mask"] = info.pop("terminal_observation", info.get("action_mask"))
            info["action_mask"][:] = 9
            info["new"] = 1
        ours.action_masks()[:] = False


def test_pickling_goes_on_from_the_same_step() -> None:
    ours = make_vec_env(TRANSFER, N, seed=3, noise=True)
    ours.reset()
    ours.step(np.zeros(N, dtype=np.int64))
    twin = pickle.loads(pickle.dumps(ours))
    for _ in range(40):
        actions = np.array([ours.action_space.sample() for _ in range(N)])
        assert_same(ours.step(actions), twin.step(actions))


def test_wrappers_of_stable_baselines3() -> None:
    ours, theirs = both(VCK190.id, granularity="block", noise=True)
    wrapped = [VecNormalize(envs, gamma=1.0) for envs in (ours, theirs)]
    for envs in wrapped:
        envs.seed(6)
        envs.reset()
    actions = np.array([3, 11, 30])
    for _ in range(15):
        (*mine, infos), (*reference, expected) = (envs.step(actions) for envs in wrapped)
        assert_same(mine, reference)
        assert_same((*mine, infos), (*reference, expected))
    assert_same(wrapped[0].obs_rms.mean, wrapped[1].obs_rms.mean)


@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
def test_training_is_the_same(algorithm: Any) -> None:
    settings = {"n_steps": 28, "batch_size": 28, "n_epochs": 2, "gamma": 1.0, "seed": 5, "device": "cpu"}
    ours, theirs = both(VCK190.id)
    first, second = (algorithm("MlpPolicy", envs, **settings).learn(2 * 28 * N) for envs in (ours, theirs))
    for mine, reference in zip(first.policy.parameters(), second.policy.parameters(), strict=True):
        assert mine.equal(reference)
    assert [e["r"] for e in first.ep_info_buffer] == [e["r"] for e in second.ep_info_buffer]


@pytest.mark.parametrize("env_id", [VCK190.id, id_of("edit")])
def test_what_is_logged_is_the_same(env_id: str) -> None:
    logged = []
    for envs in both(env_id):
        model = PPO("MlpPolicy", envs, n_steps=28, batch_size=42, n_epochs=1, seed=3, device="cpu")
        log = configure(None, [])
        model.set_logger(log)
        rows: list[dict[str, float]] = []
        log.dump = lambda step=0, rows=rows, log=log: rows.append(dict(log.name_to_value))  # type: ignore[method-assign]
        model.learn(3 * 28 * N)
        logged.append([[row[f"rollout/ep_{name}_mean"] for name in ("rew", "len")] for row in rows])
    assert logged[0] == logged[1]
    assert [row[1] for row in logged[0]] == [28.0] * 3
    assert len({row[0] for row in logged[0]}) == 3


def test_files_are_those_of_the_monitor(tmp_path: Path) -> None:
    arguments = {"n_envs": N, "start_index": 4, "env_kwargs": {"granularity": "block"}}
    keywords = {"monitor_kwargs": {"info_keywords": ("regret",)}}
    frames = []
    for name, make in (("ours", make_vec_env), ("theirs", env_util.make_vec_env)):
        folder = tmp_path / name
        envs = make(VCK190.id, seed=2, monitor_dir=folder if name == "ours" else str(folder), **arguments, **keywords)
        assert envs.env_is_wrapped(Monitor) == [True] * N
        envs.reset()
        for step in range(15):
            envs.step(np.array([step, step + 1, step + 2]))
        envs.close()
        assert sorted(path.name for path in folder.iterdir()) == [f"{number}.monitor.csv" for number in (4, 5, 6)]
        heads = [json.loads((folder / f"{n}.monitor.csv").read_text().splitlines()[0][1:]) for n in (4, 5, 6)]
        assert [head["env_id"] for head in heads] == [VCK190.id] * N
        frames.append(load_results(str(folder)).sort_values("r")[["r", "l", "regret"]].to_numpy())
    assert np.array_equal(*frames)
    assert frames[0].shape == (6, 3)
    more = {"monitor_kwargs": {"info_keywords": ["regret"], "override_existing": False}}
    make_vec_env(VCK190.id, monitor_dir=tmp_path / "ours", **arguments, **more).close()
    assert len(load_results(str(tmp_path / "ours"))) == 2 * N


def test_arguments_are_those_of_sb3() -> None:
    parameters = inspect.signature(env_util.make_vec_env).parameters
    assert list(inspect.signature(make_vec_env).parameters) == [*parameters, "arguments"]
    ours = make_vec_env(VCK190.id, N, 3, 2, env_kwargs={"granularity": "network"}, observation="tokens")
    theirs = env_util.make_vec_env(
        VCK190.id, N, 3, 2, env_kwargs={"granularity": "network", "observation": "tokens"}, vec_env_cls=DummyVecEnv
    )
    assert ours.render_mode == theirs.render_mode == "rgb_array"
    assert [ours.action_space.sample().tolist() for _ in range(5)] == [
        theirs.action_space.sample().tolist() for _ in range(5)
    ]
    assert_same(ours.reset(), theirs.reset())
    early = make_vec_env(VCK190.id, N, monitor_kwargs={"allow_early_resets": False})
    early.reset()
    with pytest.raises(RuntimeError, match="allow_early_resets=False"):
        early.reset()


def test_masked_agents_take_valid_actions_only() -> None:
    class Record(NativeVecEnv):
        def step_async(self, actions: Any) -> None:
            assert self.action_masks()[np.arange(N), actions].all()
            super().step_async(actions)

    ours = make_vec_env(VCK190.id, N)
    assert isinstance(ours, NativeVecEnv)
    MaskablePPO("MlpPolicy", Record(ours.env), n_steps=28, batch_size=28, n_epochs=1, seed=0).learn(28 * N)


def test_agents_with_replay_and_evaluation() -> None:
    envs = make_vec_env(VCK190.id, 4, granularity="block")
    model = DQN("MlpPolicy", envs, learning_starts=14, train_freq=1, buffer_size=100, seed=0).learn(140)
    returns, lengths = evaluate_policy(model, envs, n_eval_episodes=8, return_episode_rewards=True)
    assert lengths == [7] * 8
    assert np.isfinite(returns).all()


def test_maskable_ppo_edits() -> None:
    envs = make_vec_env(id_of("edit"), N, seed=2, horizon=5)
    MaskablePPO("MlpPolicy", envs, n_steps=10, batch_size=30, n_epochs=1, seed=0).learn(30)


def test_the_module_can_be_named() -> None:
    assert make_vec_env(f"anb_gym:{VCK190.id}").num_envs == make_vec_env("anb_gym:" + id_of("edit")).num_envs == 1


@pytest.mark.parametrize(
    ("env_id", "arguments", "message"),
    [
        (VCK190.id, {"n_envs": 0}, "n_envs must be an integer of at least 1, got 0"),
        (VCK190.id, {"n_envs": 2.0}, "n_envs must be an integer of at least 1, got 2.0"),
        (id_of("edit"), {"n_envs": -1}, "n_envs must be an integer of at least 1, got -1"),
        ("CartPole-v1", {}, "env_id must be of anb_gym, got 'CartPole-v1'"),
        (VCK190.id, {"seed": -1}, "seed must be an integer of at least 0, got -1"),
        (VCK190.id, {"start_index": -1}, "start_index must be an integer of at least 0, got -1"),
        (
            VCK190.id,
            {"vec_env_cls": SubprocVecEnv},
            "vec_env_cls must be None, got <class.*: all copies are",
        ),
        (VCK190.id, {"vec_env_kwargs": {"start_method": "fork"}}, "vec_env_kwargs must be None, got {'start_method'"),
        (VCK190.id, {"wrapper_class": OrderEnforcing}, "wrapper_class must be None, .* no single environment to wrap"),
        (VCK190.id, {"wrapper_kwargs": {"a": 1}}, "wrapper_kwargs must be None, got"),
        (VCK190.id, {"env_kwargs": ["task"]}, r"env_kwargs must be a dict or None, got \['task'\]"),
        (VCK190.id, {"env_kwargs": {"noise": True}, "noise": True}, "noise must be given once"),
        (VCK190.id, {"env_kwargs": {"task": "A100"}}, "task must be 'VCK190', which the id says"),
        (VCK190.id, {"monitor_kwargs": {"filename": "x"}}, "monitor_kwargs must be one of 'allow_early_resets', .*"),
        (VCK190.id, {"monitor_kwargs": {"reset_keywords": ("options",)}}, "reset_keywords must be empty"),
        (VCK190.id, {"monitor_kwargs": {"info_keywords": "regret"}}, "info_keywords must be a tuple of names, got"),
        (gymnasium.Env, {}, "env_id must be a string, got <class .*; use SB3's own make_vec_env for classes"),
        (VCK190.id, {"seed": "0"}, "seed must be an integer of at least 0, got '0'"),
        (VCK190.id, {"granularity": "blocks"}, "granularity must be one of .* did you mean 'block'"),
        (id_of("vector_reward"), {}, "env must have a scalar reward.* got 2 objectives; use an id without -MO"),
    ],
)
def test_bad_arguments(env_id: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_vec_env(env_id, **arguments)


def test_unknown_ids_and_arguments() -> None:
    with pytest.raises(NameNotFound, match="AccelNAS-VCK190"):
        make_vec_env("AccelNAS-VCK19-v0")
    with pytest.raises(TypeError, match="tarjet"):
        make_vec_env(VCK190.id, tarjet=1.0)


def test_other_autoreset_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="env must have the autoreset mode 'SameStep', got 'NextStep'"):
        NativeVecEnv(gymnasium.make_vec(VCK190.id, 2))


def test_bad_calls() -> None:
    envs = make_vec_env(id_of("preference"), N, render_mode=None)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\)"):
        envs.step(np.zeros(N, dtype=np.int64))
    envs.set_options([{}, {}])
    with pytest.raises(ValueError, match="options must be a dict or 3 of them, got 2"):
        envs.reset()
    envs.set_options({"preference": [0.7, 0.7]})
    with pytest.raises(ValueError, match="preference"):
        envs.reset()
    envs.set_options()
    envs.reset()
    for actions in (np.zeros(N - 1, dtype=np.int64), np.zeros(N), [0, 1, 4]):
        with pytest.raises(ValueError, match="actions"):
            envs.step(actions)
    for name in ("reset", "step", "take_over"):
        with pytest.raises(ValueError, match=f"method_name must not be '{name}': all copies step together"):
            envs.env_method(name)
    with pytest.raises(AttributeError, match="unknown"):
        envs.get_attr("unknown")
    with pytest.raises(IndexError):
        envs.get_attr("task", indices=[3])
    with pytest.raises(ValueError, match="render_mode must be 'rgb_array' for pictures, got None"):
        envs.get_images()
