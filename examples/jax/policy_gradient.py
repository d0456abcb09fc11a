"""Policy gradient of a factored policy, in one compiled function, for many seeds.

28 independent distributions and no network, like `anb_gym.agents.policy_gradient`: REINFORCE with the batch's mean as
baseline and an entropy bonus that falls to nothing. Architectures are scored whole, by `granularity="network"`.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import anb_gym.jax
from anb_gym import SPACE


class Settings(NamedTuple):
    """Settings of a training; the defaults reach a mean reward of 0.99 on the VCK190 task."""

    policies: int = 8  # that learn side by side, of which the best counts: each may settle on a local optimum
    updates: int = 400
    batch_size: int = 32
    learning_rate: float = 0.1
    entropy_weight: float = 0.05
    explored: float = 0.8  # the part of the updates after which the entropy weighs nothing
    decay: float = 0.9  # of the second moment of gradients


def train_all(env: Any, settings: Settings, keys: jax.Array, params: Any) -> dict[str, jax.Array]:
    """Trainings with keys (n,), see :func:`train`, one after the other: what one needs stays in the cache of a core."""
    return jax.lax.map(lambda key: train(env, settings, key, params), keys)


def train(env: Any, settings: Settings, key: jax.Array, params: Any) -> dict[str, jax.Array]:
    """One training: of the best policy, see :func:`train_one`, with the best architecture that any has found."""
    keys = jax.random.split(key, settings.policies)
    found = jax.vmap(partial(train_one, env, settings), (0, None))(keys, params)
    best = jax.tree.map(lambda values: values[found["mean"][:, -1].argmax()], found)
    any_best = found["best"][:, -1].argmax()
    return best | {"best": found["best"].max(axis=0), "states": found["states"][any_best]}


def train_one(env: Any, settings: Settings, key: jax.Array, params: Any) -> dict[str, jax.Array]:
    """One policy: mean reward of every batch, the best until then, its block states, and the policy's logits."""
    sizes = jnp.asarray(SPACE.cardinalities)
    options = jnp.arange(int(SPACE.cardinalities.max())) < sizes[:, None]  # (28, 4)

    def log_probabilities(logits: jax.Array) -> jax.Array:
        return jax.nn.log_softmax(jnp.where(options, logits, -1e9), axis=-1)

    def update(carry: Any, inputs: Any) -> Any:
        logits, moments, best = carry
        number, key = inputs
        choose, ahead = jax.random.split(key)
        known = log_probabilities(logits)
        # Uniform numbers against cumulated probabilities: `categorical` would draw four times as many.
        below = jnp.cumsum(jnp.exp(known), axis=-1)[:, :-1]
        uniform = jax.random.uniform(choose, (settings.batch_size, len(sizes), 1))
        choices = jnp.minimum((uniform > below).sum(-1), sizes - 1)
        keys = jax.random.split(ahead, settings.batch_size)
        _, state = jax.vmap(env.reset_env, (0, None))(keys, params)
        _, _, reward, _, info = jax.vmap(env.step_env, (0, 0, 0, None))(keys, state, choices, params)
        advantage = (reward - reward.mean()) / (reward.std() + 1e-8)
        weight = settings.entropy_weight * jnp.maximum(0.0, 1.0 - number / (settings.explored * settings.updates))

        chosen = (choices[..., None] == jnp.arange(options.shape[1])).astype(jnp.float32)
        credit = jnp.einsum("n,nco->co", advantage, chosen) / settings.batch_size

        def loss(logits: jax.Array) -> jax.Array:
            log_p = log_probabilities(logits)
            entropy = -(jnp.exp(log_p) * log_p).sum()
            return -(credit * log_p).sum() - weight * entropy

        gradient = jax.grad(loss)(logits)
        moments = settings.decay * moments + (1.0 - settings.decay) * gradient**2
        bias = 1.0 - settings.decay ** (number + 1.0)
        logits = logits - settings.learning_rate * gradient / (jnp.sqrt(moments / bias) + 1e-3)
        here = reward.argmax()
        better = reward[here] > best[0]
        best = jax.tree.map(partial(jnp.where, better), (reward[here], info["states"][here]), best)
        return (logits, moments, best), (reward.mean(), best[0])

    start = jnp.zeros(options.shape)
    first = (jnp.float32(-jnp.inf), jnp.zeros(7, jnp.int32))
    steps = (jnp.arange(settings.updates), jax.random.split(key, settings.updates))
    (logits, _, best), (mean, so_far) = jax.lax.scan(update, (start, start, first), steps)
    return {"mean": mean, "best": so_far, "states": best[1], "logits": logits}


def main() -> None:
    """Reads the command line, trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", default="AccelNAS-VCK190-v0", help="environment with a scalar reward")
    parser.add_argument("--seeds", type=int, default=1, help="trainings in one call")
    parser.add_argument("--updates", type=int, default=Settings().updates)
    arguments = parser.parse_args()
    env, params = anb_gym.jax.make(arguments.id, granularity="network")
    settings = Settings(updates=arguments.updates)
    keys = jax.random.split(jax.random.key(0), arguments.seeds)
    begun = time.perf_counter()
    run = jax.jit(partial(train_all, env, settings)).lower(keys, params).compile()
    compiled = time.perf_counter()
    found = jax.block_until_ready(run(keys, params))
    ended = time.perf_counter()
    print(f"compiled in {compiled - begun:.2f} s, trained in {ended - compiled:.2f} s")
    print(f"mean reward of the last batch {found['mean'][:, -1].min():.3f} to {found['mean'][:, -1].max():.3f}")
    best = found["best"][:, -1]
    print(f"best reward {best.min():.4f} to {best.max():.4f}, 1 to five digits for {(best > 1.0 - 1e-5).sum()}")


if __name__ == "__main__":
    main()
