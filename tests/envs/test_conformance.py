"""What Gymnasium, Stable-Baselines3 and other users of environments expect of every id."""

import copy
import pickle
import subprocess
import sys
import warnings
from importlib import reload

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import anb_gym
from anb_gym.envs.build import BuildEnv
from anb_gym.tasks import TASKS

IDS = [task.id for task in TASKS.values()]
EVERY_ID = pytest.mark.parametrize("env_id", IDS)
ACTIONS = np.random.default_rng(7).integers(0, 4, size=28)


def _play(env: gymnasium.Env, seed: int | None = None) -> list[object]:
    """Observations, rewards and the last info of an episode of fixed actions."""
    observations = [env.reset(seed=seed)[0]]
    rewards = []
    for action in ACTIONS:
        observation, reward, terminated, _, info = env.step(action)
        observations.append(observation)
        rewards.append(reward)
    assert terminated
    return [np.stack(observations).tolist(), rewards, info]


def test_all_ids_are_registered() -> None:
    assert {env_id for env_id in gymnasium.registry if env_id.startswith("AccelNAS-")} >= set(IDS)


@EVERY_ID
@pytest.mark.parametrize("noise", [False, True])
def test_gymnasium_checker(env_id: str, noise: bool) -> None:
    check_env(gymnasium.make(env_id, noise=noise, render_mode="ansi").unwrapped)


@EVERY_ID
def test_stable_baselines3_checker(env_id: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(gymnasium.make(env_id).unwrapped, warn=True, skip_render_check=False)


@EVERY_ID
def test_make_applies_no_time_limit(env_id: str) -> None:
    spec = gymnasium.make(env_id).spec
    assert spec is not None
    assert spec.max_episode_steps is None


@EVERY_ID
def test_spec_round_trip(env_id: str) -> None:
    env = gymnasium.make(env_id, reward="accuracy", reward_scale="raw", noise=True, surrogate="gp")
    assert env.spec is not None
    restored = EnvSpec.from_json(env.spec.to_json())
    assert _play(restored.make(), seed=3) == _play(env, seed=3)


@EVERY_ID
@pytest.mark.parametrize("at_step", [0, 13, 27])
def test_pickle_in_the_middle_of_an_episode(env_id: str, at_step: int) -> None:
    env = gymnasium.make(env_id, noise=True).unwrapped
    env.reset(seed=5)
    for action in ACTIONS[:at_step]:
        env.step(action)
    twins = [pickle.loads(pickle.dumps(env)), copy.deepcopy(env)]
    for action in ACTIONS[at_step:]:
        expected = env.step(action)
        for twin in twins:
            result = twin.step(action)
            assert np.array_equal(result[0], expected[0])
            assert result[1:4] == expected[1:4]
    assert all(_play(twin) == _play(copy.deepcopy(env)) for twin in twins)


@EVERY_ID
def test_determinism_by_seed(env_id: str) -> None:
    first, second = gymnasium.make(env_id, noise=True), gymnasium.make(env_id, noise=True)
    assert _play(first, seed=11) == _play(second, seed=11)
    assert _play(first) == _play(second)


def test_make_by_module_in_a_fresh_process() -> None:
    code = (
        "import gymnasium, sys; env = gymnasium.make('anb_gym:AccelNAS-VCK190-v0'); env.reset(seed=0); "
        "[env.step(0) for _ in range(28)]; "
        "heavy = {'torch', 'scipy', 'pandas', 'stable_baselines3', 'numba', 'matplotlib', 'yaml'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_import_loads_no_environment() -> None:
    code = "import anb_gym, sys; assert 'anb_gym.envs.build' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_registering_again_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reload(anb_gym.envs)
        reload(anb_gym)


@pytest.mark.parametrize("name", ["SyncVectorEnv", "AsyncVectorEnv"])
def test_vector_environments_of_gymnasium(name: str) -> None:
    envs = getattr(gymnasium.vector, name)([lambda: gymnasium.make(IDS[0])] * 2)
    observations, infos = envs.reset(seed=0)
    assert observations.shape == (2, 100)
    assert infos["action_mask"].shape == (2, 4)
    for action in ACTIONS:
        _, rewards, terminated, _, infos = envs.step(np.array([action, 0]))
    assert terminated.all()
    assert len(set(infos["architecture"])) == len(set(rewards)) == 2
    assert infos["metrics"]["accuracy"].shape == (2,)
    envs.close()


def test_ppo_learns_on_it() -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    env_util = pytest.importorskip("stable_baselines3.common.env_util")
    envs = env_util.make_vec_env("anb_gym:AccelNAS-VCK190-v0", n_envs=2, seed=0)
    model = sb3.PPO("MlpPolicy", envs, n_steps=28, batch_size=28, n_epochs=1, gamma=1.0, seed=0, device="cpu")
    model.learn(112)
    assert len(model.ep_info_buffer) == 4
    assert all(episode["l"] == 28 for episode in model.ep_info_buffer)
    action, _ = model.predict(envs.reset()[0])
    env = gymnasium.make("AccelNAS-VCK190-v0")
    env.reset()
    env.step(action)


def test_maskable_ppo_takes_valid_actions_only() -> None:
    contrib = pytest.importorskip("sb3_contrib")
    env_util = pytest.importorskip("stable_baselines3.common.env_util")
    taken: list[tuple[int, int]] = []

    class Recorder(gymnasium.Wrapper):
        def step(self, action: int) -> object:
            taken.append((len(taken) % 28, int(action)))
            return super().step(action)

    envs = env_util.make_vec_env("AccelNAS-Accuracy-v0", n_envs=1, seed=0, wrapper_class=Recorder)
    model = contrib.MaskablePPO("MlpPolicy", envs, n_steps=56, batch_size=56, n_epochs=1, seed=0, device="cpu")
    model.learn(112)
    assert len(taken) == 112
    assert all(action < anb_gym.SPACE.cardinalities[step] for step, action in taken)


def test_class_is_documented_in_gymnasiums_order() -> None:
    doc = BuildEnv.__doc__ or ""
    headings = [line.strip("# ").strip() for line in doc.splitlines() if line.strip().startswith("## ")]
    assert headings == [
        "Description",
        "Action Space",
        "Observation Space",
        "Rewards",
        "Starting State",
        "Episode End",
        "Arguments",
        "Version History",
    ]
