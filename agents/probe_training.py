"""Trains the policy that reads probes, on generated devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, positive
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.hardware import TRAIN_SEEDS
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.generated import draw, tables
from anb_gym.hardware.prior import load_prior
from anb_gym.hardware.probes import probe_states
from anb_gym.space import N_BLOCKS, SPACE, States

from .probe_policy import BLOCKS, N_CELLS, ProbePolicy, price_of, sample, softmax, untrained

#: How many times its price a unit of log time beyond the bound costs.
_PENALTY: Final = 6.0
#: Weight of the entropy at the start; share of the steps after which it is zero, and after which steps get smaller.
_ENTROPY, _EXPLORING, _SETTLING = 0.3, 0.85, 0.6
#: Standard deviations of the logarithm: of the probes in training, and what the regression takes for noise.
_PROBE_NOISE, _REGRESSION_NOISE = 0.02, 0.05
_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-6


def train_probe_policy(
    *,
    seed: int = 0,
    leave_out: str | None = None,
    steps: int = 2500,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    devices: Sequence[int] = TRAIN_SEEDS,
    watch: Callable[[int, float], None] = lambda step, gain: None,
) -> ProbePolicy:
    """A policy that has learned from generated devices, throughputs and latencies alike.

    An episode draws a device and a place along its front: the logarithm of the seconds that a design may take, between
    those of the estimated fastest network and of the most accurate one of all. The reward is accuracy, less six times
    the place's price for each unit of log time beyond. The gradient is that of all actions (Sutton et al. 2000,
    "Policy gradient methods for reinforcement learning with function approximation"; of each of several agents with
    the others' actions as sampled, Foerster et al. 2018, https://arxiv.org/abs/1705.08926): a design is drawn, and each
    block's states are all tried in it, which costs 264 evaluations a design, with an entropy bonus that falls to zero.

    Args:
        seed: Of all randomness.
        leave_out: A family of real devices that the generator must not have seen.
        steps: Steps of Adam; 2,500 take 40 to 50 s of one core.
        batch_size: Devices and places per step.
        learning_rate: Learning rate of Adam.
        devices: Seeds of the devices that it learns from.
        watch: Told the step and what the best change of a block would add to the mean reward, now and then.

    Raises:
        ValueError: An argument is out of range, or there is no such family.
    """
    rng = np.random.default_rng(integer(seed, 0, "seed"))
    integer(steps, 1, "steps")
    integer(batch_size, 1, "batch_size")
    positive(learning_rate, "learning_rate")
    cells, hosts, log_probes = _devices(devices, leave_out)
    log_probes = log_probes + _PROBE_NOISE * rng.standard_normal(log_probes.shape)
    policy = untrained(log_probes, cells, rng, _REGRESSION_NOISE)
    unit = np.exp(log_probes.mean(axis=1))
    cells, hosts = cells / unit[:, None], hosts / unit
    estimated = policy.estimate(log_probes)
    ends = _ends(estimated)
    accuracy_of = _AccuracyOfChanges()
    adam = _Adam(policy)
    for step in range(steps):
        rows = rng.integers(len(cells), size=batch_size)
        places = (rng.permutation(batch_size) + rng.random(batch_size)) / batch_size
        limits = ends[rows, 0] + places * (ends[rows, 1] - ends[rows, 0])
        logits, kept = policy.forward(estimated[rows], places)
        policies = softmax(logits)
        states = sample(policies, rng)
        times = np.log(np.maximum(_seconds_of_changes(cells[rows], states), hosts[rows, None]))
        prices = price_of(places)[:, None]
        over = np.maximum(0.0, times - limits[:, None])
        values = (accuracy_of(states) - _PENALTY * prices * over) / (1.0 + 0.05 * prices)
        progress = step / steps
        entropy = _ENTROPY * max(0.0, 1.0 - progress / _EXPLORING)
        values = values - entropy * np.log(np.maximum(policies, 1e-8))
        gradient, gain = np.empty_like(logits), 0.0
        for block in BLOCKS:
            mean = (policies[:, block] * values[:, block]).sum(axis=1, keepdims=True)
            gradient[:, block] = policies[:, block] * (values[:, block] - mean) / batch_size
            gain += float((values[:, block].max(axis=1) - mean[:, 0]).mean()) / N_BLOCKS
        rate = learning_rate * min(1.0, max(0.02, (1.0 - progress) / (1.0 - _SETTLING)))
        adam.ascend(policy.backward(gradient, kept), rate)
        if step % 500 == 0:
            watch(step, gain)
    for name, array in vars(policy).items():  # as files keep it
        setattr(policy, name, array.astype(np.float16).astype(np.float32))
    return policy


def _devices(seeds: Sequence[int], leave_out: str | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Seconds of block states and of the host, and log seconds of the probes: throughputs first, then latencies."""
    seconds, hosts, latency = tables(draw(seeds, load_prior(leave_out)))
    cells, hosts = np.concatenate([seconds, latency]), np.concatenate([hosts, np.zeros_like(hosts)])
    times = cells[:, probe_states() + STARTS].sum(axis=2)
    return cells, hosts, np.log(np.maximum(times, hosts[:, None]))


def _ends(cells: FloatArray) -> FloatArray:
    """Log seconds of the fastest network and of the most accurate one, ``float64`` (n, 2)."""
    fastest = sum((cells[:, block].min(axis=1) for block in BLOCKS), start=np.zeros(len(cells)))
    best = SPACE.index_to_states(Benchmark().front("accuracy").indices[:1])[0]
    ends: FloatArray = np.log(np.stack([fastest, cells[:, best + STARTS].sum(axis=1)], axis=1))
    return ends


def _seconds_of_changes(cells: FloatArray, states: States) -> FloatArray:
    """Seconds of designs when one block takes another state, ``float64`` (n, 264), of designs (n, 7)."""
    own = np.take_along_axis(cells, states + STARTS, axis=1)
    others = own.sum(axis=1, keepdims=True) - own
    seconds: FloatArray = cells + np.repeat(others, SPACE.block_sizes, axis=1)
    return seconds


class _AccuracyOfChanges:
    """Accuracy of designs when one block takes another state, up to a constant of the design and the block."""

    def __init__(self) -> None:
        mean = Benchmark().load("accuracy").mean
        self._tables: list[list[tuple[list[int], int, NDArray[np.float32]]]] = []
        for block in range(N_BLOCKS):
            of_block = []
            for group in combinations(range(N_BLOCKS), mean.order):
                if block in group:
                    others = [other for other in group if other != block]
                    table = np.moveaxis(mean.table(*group), group.index(block), -1)
                    table = (table - table.mean()).astype(np.float32)
                    of_block.append((others, table.shape[-2], np.ascontiguousarray(table).reshape(-1, table.shape[-1])))
            self._tables.append(of_block)

    def __call__(self, states: States) -> NDArray[np.float32]:
        """``float32`` (n, 264), of designs (n, 7)."""
        values = np.zeros((len(states), N_CELLS), dtype=np.float32)
        for block, of_block in zip(BLOCKS, self._tables, strict=True):
            for others, width, table in of_block:
                rows = states[:, others[0]] * width + states[:, others[1]]
                values[:, block] += table[rows]
        return values


class _Adam:
    """Adam on the network's arrays, with gradients of at most unit norm."""

    def __init__(self, policy: ProbePolicy) -> None:
        self._policy, self._turn = policy, 0
        self._averages: dict[str, NDArray[np.float32]] = {}
        self._squares: dict[str, NDArray[np.float32]] = {}

    def ascend(self, gradients: dict[str, NDArray[np.float32]], rate: float) -> None:
        """Makes one step."""
        self._turn += 1
        norm = float(np.sqrt(sum(float((g**2).sum()) for g in gradients.values())))
        for name, gradient in gradients.items():
            gradient = gradient / max(1.0, norm)
            average = self._averages.setdefault(name, np.zeros_like(gradient))
            square = self._squares.setdefault(name, np.zeros_like(gradient))
            average += (1.0 - _DECAY) * (gradient - average)
            square += (1.0 - _SQUARE_DECAY) * (gradient**2 - square)
            deviation = np.sqrt(square / (1.0 - _SQUARE_DECAY**self._turn)) + _EPSILON
            weights = getattr(self._policy, name)
            weights += rate / (1.0 - _DECAY**self._turn) * average / deviation
