"""What Gymnasium, Stable-Baselines3 and other users of environments expect of every id."""

import copy
import json
import os
import pickle
import subprocess
import sys
import warnings
from importlib import reload
from itertools import product
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.utils.env_match import check_environments_match
from ids import all_ids, few_ids, id_of, one_of_each

import anb_gym
from anb_gym.envs.core.actions import GRANULARITIES
from anb_gym.envs.core.observations import OBSERVATIONS
from anb_gym.tasks import get_task

IDS = few_ids("vector_reward", "edit", "probe", "two_fidelity")
EVERY_ID = pytest.mark.parametrize("env_id", IDS)
#: One id of every form with a scalar reward.
FORMS = one_of_each("TPUv3", "vector_reward", "edit", "probe", "two_fidelity")
EVERY_FORM = pytest.mark.parametrize("env_id", FORMS)
EVERY_SHAPE = pytest.mark.parametrize(("granularity", "observation"), list(product(GRANULARITIES, OBSERVATIONS)))
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
    return [np.stack(observations), rewards, info]


def _same(first: object, second: object) -> bool:
    return data_equivalence(first, second, exact=True)


def test_all_ids_are_registered() -> None:
    assert {env_id for env_id in gymnasium.registry if env_id.startswith("AccelNAS-")} >= set(all_ids())


@EVERY_ID
def test_gymnasium_checker(env_id: str) -> None:
    check_env(gymnasium.make(env_id, noise=True, render_mode="ansi").unwrapped)


@EVERY_SHAPE
@EVERY_FORM
def test_gymnasium_checker_of_every_shape(env_id: str, granularity: str, observation: str) -> None:
    check_env(gymnasium.make(env_id, granularity=granularity, observation=observation).unwrapped)


@EVERY_ID
def test_stable_baselines3_checker(env_id: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(gymnasium.make(env_id).unwrapped, warn=True, skip_render_check=False)


@EVERY_SHAPE
@EVERY_FORM
def test_stable_baselines3_checker_of_every_shape(env_id: str, granularity: str, observation: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(gymnasium.make(env_id, granularity=granularity, observation=observation).unwrapped, warn=True)


@EVERY_ID
def test_make_applies_no_time_limit(env_id: str) -> None:
    spec = gymnasium.make(env_id).spec
    assert spec is not None
    assert spec.max_episode_steps is None


@EVERY_ID
def test_spec_round_trip(env_id: str) -> None:
    env = gymnasium.make(env_id, reward_scale="raw", noise=True, surrogate="gp")
    assert env.spec is not None
    restored = EnvSpec.from_json(env.spec.to_json())
    assert _same(_play(restored.make(), seed=3), _play(env, seed=3))


def test_spec_round_trip_of_weights() -> None:
    env = gymnasium.make(IDS[0], reward="weighted", weights=(0.25, 0.75))
    assert env.spec is not None
    assert _same(_play(EnvSpec.from_json(env.spec.to_json()).make(), seed=3), _play(env, seed=3))


@EVERY_FORM
@pytest.mark.parametrize("at_step", [0, 13, 27])
def test_pickle_in_the_middle_of_an_episode(env_id: str, at_step: int) -> None:
    env = gymnasium.make(env_id, noise=True).unwrapped
    env.reset(seed=5)
    for action in ACTIONS[:at_step]:
        env.step(action)
    twins = [pickle.loads(dumps(env)) for dumps in (pickle.dumps, cloudpickle.dumps)] + [copy.deepcopy(env)]
    for action in ACTIONS[at_step:]:
        expected = env.step(action)
        for twin in twins:
            result = twin.step(action)
            assert _same(result, expected)
    assert all(_same(_play(twin), _play(copy.deepcopy(env))) for twin in twins)


@EVERY_ID
def test_determinism_by_seed(env_id: str) -> None:
    first, second = gymnasium.make(env_id, noise=True), gymnasium.make(env_id, noise=True)
    assert _same(_play(first, seed=11), _play(second, seed=11))
    assert _same(_play(first), _play(second))


def test_determinism_across_processes() -> None:
    code = """
import json, sys
import gymnasium
import anb_gym
for env_id in sys.argv[1:]:
    env = gymnasium.make(env_id, noise=True, granularity="block")
    print(env.reset(seed=4)[0].tolist(), [env.step(action) for action in range(30, 37)][-1])
"""
    printed = [
        subprocess.run(
            [sys.executable, "-c", code, *FORMS],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert printed[0].count("'architecture'") == len(FORMS)


@pytest.mark.parametrize("name", ["VCK190", "ZCU102-Latency"])
def test_a_linearised_vector_reward_is_the_weighted_reward(name: str) -> None:
    linear = pytest.importorskip("mo_gymnasium.wrappers").LinearReward
    weights = np.array([0.25, 0.75])
    vector = linear(gymnasium.make(id_of("vector_reward", get_task(name))), weights)
    scalar = gymnasium.make(f"AccelNAS-{name}-v0", reward="weighted", weights=weights.tolist(), reward_scale="raw")
    # Vector rewards are of float32: the match has a tolerance for arrays only. The infos tell different rewards.
    arrays = [gymnasium.wrappers.TransformReward(env, np.atleast_1d) for env in (vector, scalar)]
    check_environments_match(*arrays, num_steps=100, info_comparison="skip")
    infos = []
    for env in arrays:
        env.reset(seed=0)
        infos.append([env.step(action)[-1] for action in ACTIONS][-1])
    assert all(infos[0][key] == infos[1][key] for key in ("architecture", "index", "metrics"))


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
    # Under spawn environments are made anew in each worker, from what cloudpickle sent.
    arguments = {"context": "spawn"} if name == "AsyncVectorEnv" else {}
    envs = getattr(gymnasium.vector, name)([lambda: gymnasium.make(f"anb_gym:{IDS[0]}")] * 2, **arguments)
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


@pytest.mark.parametrize("granularity", ["block", "network"])
def test_maskable_ppo_in_every_granularity(granularity: str) -> None:
    contrib = pytest.importorskip("sb3_contrib")
    env = gymnasium.make("AccelNAS-VCK190-v0", granularity=granularity, observation="tokens")
    model = contrib.MaskablePPO("MlpPolicy", env, n_steps=14, batch_size=14, n_epochs=1, seed=0, device="cpu")
    model.learn(28)
    assert len(model.ep_info_buffer) == {"block": 4, "network": 28}[granularity]


@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec], ids=["make", "make_vec"])
@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        ("AccelNAS-VCK190-v0", {"task": "A100"}),
        ("AccelNAS-VCK190-MO-v0", {"task": "All"}),
        ("AccelNAS-VCK190-Preference-v0", {"task": "A100"}),
        ("AccelNAS-VCK190-Preference-v0", {"preference": None}),
        ("AccelNAS-VCK190-Constrained-v0", {"task": "A100"}),
        ("AccelNAS-Edit-VCK190-v0", {"task": "A100"}),
    ],
)
def test_arguments_that_contradict_the_id(make: Any, env_id: str, arguments: dict[str, Any]) -> None:
    ((name, value),) = arguments.items()
    own = gymnasium.spec(env_id).kwargs[name]
    with pytest.raises(ValueError, match=f"{name} must be '{own}', which the id says, or left out, got {value!r}"):
        make(f"anb_gym:{env_id}", **arguments)
    env = make(env_id, **{name: own})
    if make is gymnasium.make:
        with pytest.raises(ValueError, match=f"{name} must be '{own}'"):
            gymnasium.make(env.spec, **arguments)
        assert EnvSpec.from_json(env.spec.to_json()).make().spec.kwargs == env.spec.kwargs
        assert pickle.loads(pickle.dumps(env.spec)) == copy.deepcopy(env.spec) == env.spec


@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec], ids=["make", "make_vec"])
def test_numbers_of_numpy_are_plain_in_a_spec(make: Any) -> None:
    env = make("anb_gym:AccelNAS-ZCU102-v0", world=np.int64(7), target=np.float32(500.0), reward_scale="raw")
    assert env.spec.kwargs | {"world": 7, "target": 500.0} == env.spec.kwargs
    assert json.loads(env.spec.to_json())["kwargs"]["world"] == 7


@pytest.mark.parametrize("env_id", [*FORMS, id_of("vector_reward", "TPUv3")])
def test_time_limits_that_cut_every_reward(env_id: str) -> None:
    def play(env: gymnasium.Env, episodes: int) -> None:
        for _ in range(episodes):
            env.reset(seed=0)
            over = False
            while not over:
                *_, terminated, truncated, _ = env.step(0)
                over = terminated or truncated
        env.reset(seed=0)

    limited = gymnasium.make(env_id, max_episode_steps=10)
    message = "all episodes so far, 3, ended after 10 of 28 steps.* max_episode_steps must be None or at least 28"
    with pytest.warns(UserWarning, match=message):
        play(limited, 3)
    play(limited, 9)  # once
    play(gymnasium.make(env_id, max_episode_steps=28), 4)
    some = gymnasium.make(env_id)
    play(some, 1)
    for _ in range(4):  # who has seen a reward may give up
        some.step(0)
        some.reset()


def test_time_limits_of_vector_environments() -> None:
    with pytest.raises(ValueError, match="max_episode_steps must be None or at least 28, got 10"):
        gymnasium.make_vec(id_of("build"), num_envs=2, max_episode_steps=10)
    envs = gymnasium.make_vec(id_of("build"), num_envs=2, vectorization_mode="sync", max_episode_steps=10)
    envs.reset(seed=0)
    for _ in range(32):
        envs.step(np.zeros(2, dtype=np.int64))
    with pytest.warns(UserWarning, match="ended after 10 of 28 steps"):
        envs.step(np.zeros(2, dtype=np.int64))
