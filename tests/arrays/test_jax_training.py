"""The examples that train in one compiled function."""

from functools import partial
from typing import Any

import jax
import numpy as np
import pytest
from loading import load_script

import anb_gym
import anb_gym.jax
from anb_gym.agents.scores import coverage

_example = partial(load_script, folder="examples/jax")


def test_a_policy_gradient_finds_the_optimum() -> None:
    """Two seeds at once, each of several policies: the environment within three times ``vmap``."""
    example = _example("policy_gradient")
    env, params = anb_gym.jax.make("AccelNAS-VCK190-v0", granularity="network")
    run = jax.vmap(partial(example.train, env, example.Settings()), (0, None))
    options = {"xla_backend_optimization_level": 0}  # compiling takes all the time
    found = jax.jit(run, compiler_options=options)(jax.random.split(jax.random.key(0), 2), params)
    assert found["mean"].max() >= 0.99
    states = np.asarray(found["states"])
    rewards = env.problem.evaluate(anb_gym.SPACE.states_to_index(states)).reward
    np.testing.assert_allclose(rewards, found["best"][:, -1], atol=1e-5)
    assert rewards.max() == 1.0


@pytest.mark.parametrize("arguments", [{}, {"observation": "tokens", "granularity": "block"}])
def test_ppo_traces(arguments: dict[str, Any]) -> None:
    example = _example("ppo")
    env, params = anb_gym.jax.make("AccelNAS-VCK190-v0", **arguments)
    settings = example.Settings(updates=3)
    found = jax.eval_shape(partial(example.train, env, settings), jax.random.key(0), params)
    assert found["mean"].shape == found["best"].shape == (3,)


def test_a_preference_conditioned_policy_covers_the_front() -> None:
    example = _example("preference_conditioned")
    env, params = anb_gym.jax.make("AccelNAS-VCK190-Preference-v0", granularity="network")
    settings = example.Settings(bins=8, updates=150, explorers=8)
    train = jax.jit(partial(example.train, env, settings), compiler_options={"xla_backend_optimization_level": 0})
    found = train(jax.random.key(0), params)
    designs = anb_gym.SPACE.to_index(example.greedy(found["logits"], np.linspace(0.0, 1.0, 101)))
    covered = coverage(env.problem, env.problem.benchmark.query(designs, metrics=env.problem.metrics))
    assert covered is not None
    assert covered >= 0.95


def test_stacked_devices_are_those_of_their_seeds() -> None:
    seeds, states = (7, 4), np.array([[1, 2, 3, 4, 5, 6, 7], [0, 9, 8, 7, 6, 5, 4]])
    seconds = _example("generated_devices").Devices.of(seeds).seconds(np.stack([states, states]))
    expected = [1.0 / anb_gym.devices.generate(seed).metrics["throughput"].predict(states) for seed in seeds]
    np.testing.assert_allclose(seconds, expected, rtol=1e-6)
