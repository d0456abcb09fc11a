"""PPO in one compiled function, in the manner of PureJaxRL (Lu et al. 2022): many seeds at once by ``vmap``.

Whole episodes of 64 copies, advantages without discounting, four epochs of four minibatches, a network of 64-64 for the
policy and another for the value, Adam. Actions outside the mask have probability zero. Written out in full: neither a
library of networks nor one of optimisers is needed.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import anb_gym.jax


class Settings(NamedTuple):
    """Settings of a training."""

    updates: int = 60
    copies: int = 64
    epochs: int = 4
    minibatches: int = 4
    width: int = 64
    learning_rate: float = 3e-3
    clip: float = 0.2
    entropy_weight: float = 0.02
    value_weight: float = 0.5


def network(key: jax.Array, n_in: int, n_out: int, width: int, scale: float) -> list[dict[str, jax.Array]]:
    """Weights of two hidden layers with orthogonal starts."""
    sizes = [(n_in, width, 2.0**0.5), (width, width, 2.0**0.5), (width, n_out, scale)]
    return [
        {"weight": jax.nn.initializers.orthogonal(gain)(of_layer, (a, b), jnp.float32), "bias": jnp.zeros(b)}
        for of_layer, (a, b, gain) in zip(jax.random.split(key, 3), sizes, strict=True)
    ]


def output(layers: list[dict[str, jax.Array]], inputs: jax.Array) -> jax.Array:
    """The output of a network."""
    for layer in layers[:-1]:
        inputs = jnp.tanh(inputs @ layer["weight"] + layer["bias"])
    return inputs @ layers[-1]["weight"] + layers[-1]["bias"]


def log_probabilities(policy: Any, observations: jax.Array, masks: jax.Array) -> jax.Array:
    """Of all actions."""
    return jax.nn.log_softmax(jnp.where(masks > 0, output(policy, observations), -1e9))


def train(env: Any, settings: Settings, key: jax.Array, params: Any) -> dict[str, Any]:
    """One training: mean reward of the episodes of every update, the best until then, and the networks."""
    n_steps, copies = params.max_steps_in_episode, settings.copies
    key, of_policy, of_value, of_reset = jax.random.split(key, 4)
    n_cells = env.observation_space(params).shape[0]
    networks = {
        "policy": network(of_policy, n_cells, env.num_actions, settings.width, 0.01),
        "value": network(of_value, n_cells, 1, settings.width, 1.0),
    }
    _, state = jax.vmap(env.reset_env, (0, None))(jax.random.split(of_reset, copies), params)
    n_adam = settings.updates * settings.epochs * settings.minibatches

    def step(carry: Any, key: jax.Array) -> Any:
        networks, state = carry
        choose, ahead = jax.random.split(key)
        masks = jax.vmap(env.action_mask)(state)
        log_p = log_probabilities(networks["policy"], state.observation, masks)
        actions = jax.random.categorical(choose, log_p)
        chosen = jnp.take_along_axis(log_p, actions[:, None], axis=-1)[:, 0]
        _, following, rewards, *_ = jax.vmap(env.step, (0, 0, 0, None))(
            jax.random.split(ahead, copies), state, actions, params
        )
        return (networks, following), (state.observation, masks, actions, chosen, rewards)

    def loss(networks: Any, batch: Any) -> jax.Array:
        observations, masks, actions, before, returns, advantages = batch
        log_p = log_probabilities(networks["policy"], observations, masks)
        chosen = (log_p * jax.nn.one_hot(actions, log_p.shape[-1])).sum(-1)
        ratio = jnp.exp(chosen - before)
        clipped = jnp.clip(ratio, 1.0 - settings.clip, 1.0 + settings.clip)
        gain = jnp.minimum(ratio * advantages, clipped * advantages).mean()
        entropy = -(jnp.exp(log_p) * log_p).sum(-1).mean()
        error = ((output(networks["value"], observations)[..., 0] - returns) ** 2).mean()
        return settings.value_weight * error - gain - settings.entropy_weight * entropy

    def learn(carry: Any, batch: Any) -> Any:
        networks, first, second, number = carry
        gradient = jax.grad(loss)(networks, batch)
        number = number + 1.0
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
        rate = settings.learning_rate * (1.0 - number / n_adam)
        networks = jax.tree.map(
            lambda w, m, v: w - rate * (m / (1.0 - 0.9**number)) / (jnp.sqrt(v / (1.0 - 0.999**number)) + 1e-5),
            networks,
            first,
            second,
        )
        return (networks, first, second, number), None

    def update(carry: Any, key: jax.Array) -> Any:
        networks, first, second, number, state, best = carry
        of_steps, of_epochs = jax.random.split(key)
        (_, state), (observations, masks, actions, before, rewards) = jax.lax.scan(
            step, (networks, state), jax.random.split(of_steps, n_steps)
        )
        # The only reward is the last one, so it is the return of every step.
        returns = jnp.broadcast_to(rewards[-1], rewards.shape)
        advantages = returns - output(networks["value"], observations)[..., 0]
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        flat = jax.tree.map(
            lambda array: array.reshape(n_steps * copies, *array.shape[2:]),
            (observations, masks, actions, before, returns, advantages),
        )

        def epoch(carry: Any, key: jax.Array) -> Any:
            order = jax.random.permutation(key, n_steps * copies).reshape(settings.minibatches, -1)
            return jax.lax.scan(lambda carry, rows: learn(carry, jax.tree.map(lambda a: a[rows], flat)), carry, order)

        (networks, first, second, number), _ = jax.lax.scan(
            epoch, (networks, first, second, number), jax.random.split(of_epochs, settings.epochs)
        )
        best = jnp.maximum(best, rewards[-1].max())
        return (networks, first, second, number, state, best), (rewards[-1].mean(), best)

    zeros = jax.tree.map(jnp.zeros_like, networks)
    carry = (networks, zeros, zeros, jnp.float32(0.0), state, jnp.float32(-jnp.inf))
    (networks, *_), (mean, best) = jax.lax.scan(update, carry, jax.random.split(key, settings.updates))
    return {"mean": mean, "best": best, "networks": networks}


def main() -> None:
    """Reads the command line, trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", default="AccelNAS-VCK190-v0", help="environment with a scalar reward")
    parser.add_argument("--seeds", type=int, default=1, help="trainings at once")
    parser.add_argument("--updates", type=int, default=Settings().updates)
    arguments = parser.parse_args()
    env, params = anb_gym.jax.make(arguments.id)
    settings = Settings(updates=arguments.updates)
    keys = jax.random.split(jax.random.key(0), arguments.seeds)
    begun = time.perf_counter()
    run = jax.jit(jax.vmap(partial(train, env, settings), (0, None))).lower(keys, params).compile()
    compiled = time.perf_counter()
    found = jax.block_until_ready(run(keys, params))
    ended = time.perf_counter()
    print(f"compiled in {compiled - begun:.2f} s, trained in {ended - compiled:.2f} s")
    print(f"mean reward of the last episodes {found['mean'][:, -1].min():.3f} to {found['mean'][:, -1].max():.3f}")
    print(f"best reward {found['best'][:, -1].min():.4f} to {found['best'][:, -1].max():.4f}")


if __name__ == "__main__":
    main()
