"""Environments on arrays of JAX, against those of numpy."""

import re
from typing import Any

import gymnasium as gym
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anb_gym.jax

N = 6
#: What else there is runs on the same functions, and is compared on PyTorch, which compiles nothing.
CASES: dict[str, dict[str, Any]] = {
    "AccelNAS-VCK190-Bound-v0": {"observation": "tokens"},
    "AccelNAS-Transfer-v0": {"granularity": "block", "tasks": ["ZCU102", "VCK190-Latency"]},
    "AccelNAS-Generated-Preference-v0": {"granularity": "block", "devices": [1_000_000, 1_000_005]},
}


@pytest.fixture(autouse=True)
def _double() -> Any:
    with jax.enable_x64(True):
        yield


def _asked(envs: Any) -> dict[str, Any]:
    """What the episodes of numpy's environment ask for."""
    request = {name: values.copy() for name, values in vars(envs.unwrapped._request).items()}
    if "device" in request:
        first = min(request["device"])
        return {"asked": jnp.stack([request["device"] != first, request["place"]], axis=1)}
    names = {"values": "weights", "value": "bound", "number": "task"}
    return {names.get(name, name): jnp.asarray(values) for name, values in request.items()}


@pytest.mark.parametrize(("id", "arguments"), CASES.items(), ids=CASES)
def test_episodes_are_those_of_numpy(id: str, arguments: dict[str, Any]) -> None:
    envs = gym.make_vec(f"anb_gym:{id}", N, autoreset_mode="SameStep", **arguments)
    env, params = anb_gym.jax.make(id, dtype="float64", **arguments)
    expected, _ = envs.reset(seed=3)
    keys = jax.random.split(jax.random.key(0), N)
    asked = _asked(envs)
    given = next((asked[name] for name in ("weights", "bound", "asked") if name in asked), None)
    if given is not None:
        of_each, axis = params.replace(asked=given), params.replace(tables=None, arrays=None, asked=0)
        observations, state = jax.vmap(env.reset_env, (0, axis))(keys, of_each)
    else:
        observations, state = jax.vmap(env.reset, (0, None))(keys, params)
        if asked:
            state = jax.vmap(env._begin)(asked)
            observations = state.observation
    np.testing.assert_array_equal(observations, expected)
    assert observations.dtype == expected.dtype
    # Compiling takes all the time, and optimisations most of that.
    step = jax.jit(jax.vmap(env.step, (0, 0, 0, None)), compiler_options={"xla_backend_optimization_level": 0})
    terminated, info = np.zeros(N, bool), {}
    while not terminated.all():
        actions = envs.action_space.sample()
        expected, rewards, terminated, _, infos = envs.step(actions)
        observations, state, found, ended, truncated, info = step(keys, state, jnp.asarray(actions), params)
        last = np.stack(infos["final_obs"]) if terminated.all() else expected
        shown = infos["final_info"] if terminated.all() else infos
        np.testing.assert_array_equal(info["final_observation"], last)
        np.testing.assert_array_equal(info["action_mask"], shown["action_mask"])
        np.testing.assert_array_equal(ended, terminated)
        np.testing.assert_allclose(found, rewards, rtol=1e-12 if rewards.dtype == np.float64 else 1e-6, atol=1e-12)
        assert not truncated.any()
    for key in {"raw_reward", "regret", "cost"} & {*shown}:
        np.testing.assert_allclose(info[key], shown[key], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(anb_gym.SPACE.states_to_index(np.asarray(info["states"])), shown["index"])
    assert state.time.tolist() == [0] * N


def test_shapes_without_computing() -> None:
    with jax.enable_x64(False):
        env, params = anb_gym.jax.make("AccelNAS-VCK190-v0")
        key = jax.random.key(0)
        observation, state = jax.eval_shape(env.reset, key, params)
        after = jax.eval_shape(env.step, key, state, jnp.int32(0), params)
    assert (observation.shape, observation.dtype) == (env.observation_space().shape, env.observation_space().dtype)
    assert [(x.shape, x.dtype) for x in jax.tree.leaves(after[1])] == [
        (x.shape, x.dtype) for x in jax.tree.leaves(state)
    ]
    assert (after[2].dtype, after[3].dtype, after[5]["action_mask"].shape) == (np.float32, bool, (env.num_actions,))
    assert env.action_space().contains(env.action_space().sample(key))
    assert env.observation_space().contains(env.observation_space().sample(key))


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        ("AccelNAS-VCK190-v0", {"noise": True}, "noise must not be given"),
        ("AccelNAS-VCK190-v0", {"granularity": "layer"}, "granularity must be one of .*, got 'layer'"),
        ("AccelNAS-Probe-v0", {}, "id must be of building an architecture, got 'AccelNAS-Probe-v0'"),
        ("AccelNAS-VCK190-Edit-v0", {}, "id must be .*, got 'AccelNAS-VCK190-Edit-v0'|id must be one of"),
        ("AccelNAS-Nothing-v0", {}, "id must be one of .*, got 'AccelNAS-Nothing-v0'"),
    ],
)
def test_bad_input_is_named(id: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        anb_gym.jax.make(id, **arguments)


@pytest.mark.parametrize(("granularity", "shape"), [("choice", ()), ("network", (28,))])
def test_actions_of_another_kind_are_named(granularity: str, shape: tuple[int, ...]) -> None:
    env, params = anb_gym.jax.make("AccelNAS-VCK190-v0", device="cpu", granularity=granularity)
    key = jax.random.key(0)
    _, state = env.reset(key, params)
    for wrong in (np.zeros(shape, np.float32), np.zeros(2, np.int32)):
        with pytest.raises(ValueError, match=f"action must be integers of the shape {re.escape(str(shape))}, got"):
            env.step(key, state, wrong, params)
