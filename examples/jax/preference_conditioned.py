"""One policy for a whole front, in one compiled function: many seeds at once by ``vmap``.

As `anb_gym.agents.preference_conditioned`: the weight of accuracy, 0..1, is cut into bins, and the logits of a bin are
sums over a binary tree, so that neighbours share what they have in common. Metrics tell the reward for every weight, so
each architecture is scored for all bins (hindsight), and every bin imitates the best that was found for it. Explorers
that know one weight each come first, here side by side. Unlike there nothing is kept of what was evaluated before, so
that an architecture may be evaluated twice.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import anb_gym.jax
from anb_gym import SPACE

#: Decay of Adam's averages, and what it adds to the root of the second.
DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-6
SIZES = SPACE.cardinalities
OPTIONS = np.arange(int(SIZES.max())) < SIZES[:, None]  # (28, 4)


class Settings(NamedTuple):
    """Settings of a training, by default those of our agent with 200,000 evaluations."""

    bins: int = 512  # a power of two
    updates: int = 860
    batch_size: int = 128
    learning_rate: float = 0.05
    explorers: int = 45
    explorer_updates: int = 125
    explorer_batch_size: int = 16
    explorer_learning_rate: float = 0.5
    exploration: float = 1 / 28  # the part of the choices that are made at random
    settling: int = 200  # updates at the end that evaluate nothing

    @property
    def evaluations(self) -> int:
        """Evaluations of one training."""
        explored = self.explorers * self.explorer_updates * self.explorer_batch_size
        return explored + self.updates * self.batch_size


class Best(NamedTuple):
    """The best architecture for each of n weights: choices (n, 28) and rewards (n,)."""

    choices: jax.Array
    rewards: jax.Array


class Learner(NamedTuple):
    """A policy for n weights: a tree (2 n - 1, 28, 4), root, halves, quarters and so on, and Adam's averages of it."""

    tree: jax.Array
    averages: jax.Array
    squares: jax.Array
    turn: jax.Array


def train(env: Any, settings: Settings, key: jax.Array, params: Any) -> dict[str, jax.Array]:
    """One training: the policy's logits (bins, 28, 4), and the reward of the best that was found for each bin."""
    explore, learn = jax.random.split(key)
    places = (jnp.arange(settings.bins) + 0.5) / settings.bins
    keys = jax.random.split(explore, settings.explorers)
    found = jax.vmap(partial(explorer, env, settings, places), (0, None))(keys, params)
    winner = found.rewards.argmax(axis=0)
    best = jax.tree.map(lambda values: values[winner, jnp.arange(settings.bins)], found)

    def update(carry: tuple[Learner, Best], key: jax.Array) -> Any:
        learner, best = carry
        draw, sample = jax.random.split(key)
        bins = (evenly(draw, settings.batch_size) * settings.bins).astype(jnp.int32)
        logits = logits_of(learner.tree)
        choices = sampled(sample, logits[bins], settings.exploration)
        best = keep(best, choices, rewards_of(env, params, choices, places))
        return (imitate(learner, best, settings.learning_rate), best), best.rewards.mean()

    def settle(learner: Learner, scale: jax.Array) -> Any:
        return imitate(learner, best, scale * settings.learning_rate), None

    keys = jax.random.split(learn, settings.updates)
    (learner, best), mean = jax.lax.scan(update, (learner_of(settings.bins), best), keys)
    scales = 1.0 - jnp.arange(settings.settling) / settings.settling
    learner, _ = jax.lax.scan(settle, learner, scales)
    return {"logits": logits_of(learner.tree), "best": best.rewards, "mean": mean}


def explorer(env: Any, settings: Settings, places: jax.Array, key: jax.Array, params: Any) -> Best:
    """What one explorer finds for all bins while it looks for the best of a weight of its own."""
    draw, key = jax.random.split(key)
    # One time in three an end of the front.
    place = jnp.clip(jax.random.uniform(draw, (1,), minval=-0.25, maxval=1.25), 0.0, 1.0)
    own, best = nothing(1), nothing(settings.bins)

    def update(carry: tuple[Learner, Best, Best], key: jax.Array) -> Any:
        learner, own, best = carry
        logits = jnp.repeat(logits_of(learner.tree), settings.explorer_batch_size, axis=0)
        choices = sampled(key, logits, settings.exploration)
        rewards = rewards_of(env, params, choices, jnp.concatenate([place, places]))
        own, best = keep(own, choices, rewards[:1]), keep(best, choices, rewards[1:])
        return (imitate(learner, own, settings.explorer_learning_rate), own, best), None

    keys = jax.random.split(key, settings.explorer_updates)
    (_, _, best), _ = jax.lax.scan(update, (learner_of(1), own, best), keys)
    return best


def rewards_of(env: Any, params: Any, choices: jax.Array, places: jax.Array) -> jax.Array:
    """The reward of choices (k, 28) for every weight of accuracy (n,), before it is brought to unit scale (n, k)."""
    keys = jax.random.split(jax.random.key(0), len(choices))  # no episode is drawn
    _, state = jax.vmap(env.reset_env, (0, None))(keys, params)
    *_, info = jax.vmap(env.step_env, (0, 0, 0, None))(keys, state, choices, params)
    metrics = dict(zip(env.problem.metrics, info["metrics"].T, strict=True))
    weight = places[:, None]
    rewards: jax.Array = env.problem.reward(metrics, weights=(weight, 1.0 - weight))
    return rewards


def nothing(n: int) -> Best:
    """What is kept for n weights before anything is evaluated."""
    return Best(jnp.zeros((n, len(SIZES)), jnp.int32), jnp.full(n, -jnp.inf))


def keep(best: Best, choices: jax.Array, rewards: jax.Array) -> Best:
    """The best of what is kept and of choices (k, 28) with rewards (n, k)."""
    here = rewards.argmax(axis=1)
    values = rewards.max(axis=1)
    better = values > best.rewards
    return Best(jnp.where(better[:, None], choices[here], best.choices), jnp.where(better, values, best.rewards))


def learner_of(n: int) -> Learner:
    """A policy for n weights that has learned nothing, n a power of two."""
    zeros = jnp.zeros((2 * n - 1, *OPTIONS.shape))
    return Learner(zeros, zeros, zeros, jnp.zeros(()))


def logits_of(tree: jax.Array) -> jax.Array:
    """The logits of all weights (n, 28, 4)."""
    logits = tree[:1]
    while len(logits) < len(tree) // 2 + 1:
        n = 2 * len(logits)
        logits = jnp.repeat(logits, 2, axis=0) + tree[n - 1 : 2 * n - 1]
    return jnp.where(OPTIONS, logits, -jnp.inf)


def imitate(learner: Learner, best: Best, learning_rate: Any) -> Learner:
    """One step of Adam on the likelihood of the best of every weight."""
    chosen = best.choices[..., None] == jnp.arange(OPTIONS.shape[1])
    gradient = chosen - jax.nn.softmax(logits_of(learner.tree), axis=-1)
    levels = [gradient]
    while len(levels[0]) > 1:
        levels.insert(0, levels[0].reshape(-1, 2, *OPTIONS.shape).mean(axis=1))
    gradient = jnp.concatenate(levels)
    turn = learner.turn + 1.0
    averages = DECAY * learner.averages + (1.0 - DECAY) * gradient
    squares = SQUARE_DECAY * learner.squares + (1.0 - SQUARE_DECAY) * gradient**2
    deviations = jnp.sqrt(squares / (1.0 - SQUARE_DECAY**turn)) + EPSILON
    rate = learning_rate / (1.0 - DECAY**turn)
    return Learner(learner.tree + rate * averages / deviations, averages, squares, turn)


def sampled(key: jax.Array, logits: jax.Array, exploration: float) -> jax.Array:
    """Choices (k, 28) of policies (k, 28, 4), some of them uniformly random."""
    uniform = OPTIONS / SIZES[:, None]
    probabilities = (1.0 - exploration) * jax.nn.softmax(logits, axis=-1) + exploration * uniform
    ends = jnp.cumsum(probabilities, axis=-1)[..., :-1]
    drawn = (jax.random.uniform(key, (*logits.shape[:-1], 1)) > ends).sum(-1)
    return jnp.minimum(drawn, SIZES - 1)


def evenly(key: jax.Array, n: int) -> jax.Array:
    """One number of every nth part of 0..1 (n,)."""
    return (jnp.arange(n) + jax.random.uniform(key, (n,), maxval=1.0 - 1e-6)) / n


def greedy(logits: Any, weights: Any) -> Any:
    """The most probable choices (n, 28) of a trained policy for weights of accuracy (n,)."""
    bins = np.clip(np.ceil(np.asarray(weights) * len(logits)).astype(int) - 1, 0, len(logits) - 1)
    return np.asarray(logits).argmax(axis=-1)[bins].astype(np.int8)


def main() -> None:
    """Reads the command line, trains and prints."""
    from anb_gym.agents.scores import coverage

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", default="AccelNAS-VCK190-Preference-v0", help="environment that draws weights")
    parser.add_argument("--seeds", type=int, default=1, help="trainings at once")
    parser.add_argument("--first", type=int, default=0, help="seed of the key")
    arguments = parser.parse_args()
    env, params = anb_gym.jax.make(arguments.id, granularity="network")
    settings = Settings()
    keys = jax.random.split(jax.random.key(arguments.first), arguments.seeds)
    begun = time.process_time()
    run = jax.jit(jax.vmap(partial(train, env, settings), (0, None))).lower(keys, params).compile()
    compiled = time.process_time()
    found = jax.block_until_ready(run(keys, params))
    ended = time.process_time()
    print(f"compiled in {compiled - begun:.2f} s of processor time, trained in {ended - compiled:.2f} s")
    shares = []
    for logits in found["logits"]:
        designs = SPACE.to_index(greedy(logits, np.linspace(0.0, 1.0, 1001)))
        shares.append(coverage(env.problem, env.problem.evaluate(designs, preference=[0.5, 0.5]).exact))
    print(f"{settings.evaluations:,} evaluations; of the exact hypervolume the greedy designs for 1,001 weights cover")
    print(f"median {np.median(shares):.4f}, {min(shares):.4f} to {max(shares):.4f}")


if __name__ == "__main__":
    main()
