"""A policy that reads ten probes' times, in one compiled function: it designs for devices that nobody has seen.

Policy gradient over generated devices, whose tables are stacked into arrays: REINFORCE, where several designs for one
device are each other's baseline, as in `anb_gym.agents.policy_gradient` on `AccelNAS-Generated-v0`. The reward is the
logarithm of that id's product, accuracy times a weak power of throughput. It needs no scale, and so no device's front:
what it is worth on the devices for tests is told in regret, after training.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import anb_gym
from anb_gym import SPACE
from anb_gym.hardware import TEST_SEEDS
from anb_gym.hardware.catalogue import catalogue
from anb_gym.surrogates.links import host_factor
from anb_gym.tasks import EXPONENT

SIZES = SPACE.block_sizes
VALID = np.arange(int(SIZES.max())) < SIZES[:, None]  # (7, states)


class Settings(NamedTuple):
    """Settings of a training."""

    updates: int = 2000
    devices: int = 64  # of an update
    designs: int = 16  # for each of them
    hidden: int = 128
    learning_rate: float = 2e-3  # at the start; it falls to zero
    entropy_weight: float = 0.3  # at the start; it falls to zero


class Devices(NamedTuple):
    """Generated devices: seconds of block states (n, 264), their hosts' seconds (n,), log seconds of probes (n, 10)."""

    cells: jax.Array
    hosts: jax.Array
    probes: jax.Array

    @classmethod
    def of(cls, seeds: Any) -> Devices:
        """The devices that `anb_gym.devices.generate` makes of seeds, for throughput."""
        known, seeds = catalogue("throughput"), np.array(seeds, dtype=np.int64)
        arrays = (*known.cells(seeds), known.log_times(seeds))
        return cls(*(jnp.asarray(array, jnp.float32) for array in arrays))

    def seconds(self, states: jax.Array) -> jax.Array:
        """Seconds per image of block states (n, designs, 7), each row's on its device (n, designs)."""
        starts = np.cumsum(SIZES) - SIZES
        rows = jnp.arange(len(self.hosts))[:, None, None]
        alone = self.cells[rows, states + starts].sum(axis=-1)
        seconds: jax.Array = alone * host_factor(alone, self.hosts[:, None])
        return seconds


def train(settings: Settings, key: jax.Array, tables: Any, devices: Devices) -> dict[str, Any]:
    """One training: the network's weights, and the mean log reward of every update.

    Args:
        settings: See there.
        key: Of all that is drawn.
        tables: Those of accuracy, as `Benchmark.to_jax` makes them.
        devices: For training.
    """

    def update(carry: Any, inputs: Any) -> Any:
        weights, averages, squares = carry
        number, key = inputs
        pick, draw = jax.random.split(key)
        rows = jax.random.randint(pick, (settings.devices,), 0, len(devices.hosts))
        here: Devices = jax.tree.map(lambda array: array[rows], devices)
        states = sampled(draw, logits_of(weights, here.probes), settings.designs)
        reward = jnp.log(tables.query(states)["accuracy"]) - EXPONENT * jnp.log(here.seconds(states))
        advantage = reward - reward.mean(axis=1, keepdims=True)
        advantage = advantage / (jnp.sqrt((advantage**2).mean()) + 1e-8)
        left = 1.0 - number / settings.updates

        def loss(weights: Any) -> jax.Array:
            log_p = jax.nn.log_softmax(logits_of(weights, here.probes))  # (devices, 7, states)
            chosen = jnp.take_along_axis(log_p, jnp.moveaxis(states, 1, 2), axis=-1).sum(axis=1)
            entropy = -jnp.where(VALID, jnp.exp(log_p) * log_p, 0.0).sum(axis=(1, 2))
            return -(advantage * chosen).mean() - settings.entropy_weight * left * entropy.mean()

        gradients = jax.grad(loss)(weights)
        averages = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, averages, gradients)
        squares = jax.tree.map(lambda old, new: 0.999 * old + 0.001 * new**2, squares, gradients)
        rate = settings.learning_rate * left * jnp.sqrt(1.0 - 0.999 ** (number + 1)) / (1.0 - 0.9 ** (number + 1))
        step = partial(jax.tree.map, lambda weight, mean, square: weight - rate * mean / (jnp.sqrt(square) + 1e-8))
        return (step(weights, averages, squares), averages, squares), reward.mean()

    begin, key = jax.random.split(key)
    weights = untrained(begin, (devices.probes.shape[1], settings.hidden, settings.hidden, VALID.size))
    zeros = jax.tree.map(jnp.zeros_like, weights)
    steps = (jnp.arange(settings.updates), jax.random.split(key, settings.updates))
    (weights, _, _), mean = jax.lax.scan(update, (weights, zeros, zeros), steps)
    return {"weights": weights, "mean": mean}


def untrained(key: jax.Array, sizes: tuple[int, ...]) -> list[tuple[jax.Array, jax.Array]]:
    """Layers of a network, each a matrix and a bias; the last one near zero."""
    layers, keys = [], jax.random.split(key, len(sizes) - 1)
    for number, (key, into, out) in enumerate(zip(keys, sizes[:-1], sizes[1:], strict=True)):
        scale = 0.01 if number == len(sizes) - 2 else 1.0
        layers.append((scale * jax.random.normal(key, (into, out)) / jnp.sqrt(into), jnp.zeros(out)))
    return layers


def logits_of(weights: Any, probes: jax.Array) -> jax.Array:
    """Logits of all blocks' states (n, 7, states), of the log seconds of probes (n, 10): what counts is their shape."""
    hidden = probes - probes.mean(axis=-1, keepdims=True)
    for matrix, bias in weights[:-1]:
        hidden = jnp.tanh(hidden @ matrix + bias)
    matrix, bias = weights[-1]
    return jnp.where(VALID, (hidden @ matrix + bias).reshape(-1, *VALID.shape), -1e9)


def sampled(key: jax.Array, logits: jax.Array, n: int) -> jax.Array:
    """Block states (devices, n, 7) of policies (devices, 7, states)."""
    ends = jnp.cumsum(jax.nn.softmax(logits), axis=-1)[:, None]
    uniform = jax.random.uniform(key, (len(logits), n, len(SIZES), 1))
    return jnp.minimum((uniform > ends).sum(-1), SIZES - 1)


def main() -> None:
    """Reads the command line, trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2048, help="devices for training")
    parser.add_argument("--tests", type=int, default=20, help="devices for tests, 200 at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=Settings().updates)
    arguments = parser.parse_args()
    settings = Settings(updates=arguments.updates)
    begun = time.process_time()
    devices = Devices.of(range(arguments.devices))
    made = time.process_time()
    tables, key = anb_gym.Benchmark().to_jax(metrics="accuracy"), jax.random.key(arguments.seed)
    run = jax.jit(partial(train, settings)).lower(key, tables, devices).compile()
    compiled = time.process_time()
    found = jax.block_until_ready(run(key, tables, devices))
    ended = time.process_time()
    print(f"made {arguments.devices:,} devices in {made - begun:.1f} s of processor time, ", end="")
    print(f"compiled in {compiled - made:.1f} s, trained in {ended - compiled:.1f} s")
    problem = anb_gym.make_problem("AccelNAS-Generated-v0", devices="test")
    tests = TEST_SEEDS[: arguments.tests]
    states = np.asarray(logits_of(found["weights"], Devices.of(tests).probes).argmax(axis=-1))
    index = SPACE.states_to_index(states)
    regrets = [problem.evaluate(index[n : n + 1], device=seed).regret[0] for n, seed in enumerate(tests)]
    evaluations = settings.updates * settings.devices * settings.designs
    print(f"{evaluations:,} evaluations; regret of the greedy designs for {len(tests)} devices for tests: ", end="")
    print(f"mean {np.mean(regrets):.4f}, median {np.median(regrets):.4f}, worst {max(regrets):.4f}")


if __name__ == "__main__":
    main()
