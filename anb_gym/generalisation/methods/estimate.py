"""Times of all block states, estimated from those of a few networks; then the front of the estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.complexity import count
from anb_gym.generalisation.knowledge import STARTS, Knowledge, front_from
from anb_gym.generalisation.methods.scaled import thinned
from anb_gym.generalisation.protocol import Answer, Meter
from anb_gym.hardware import N_PROBES, probe_states
from anb_gym.space import N_BLOCKS, SPACE, Indices, States

#: Standard deviation of a measurement, relative: what sums over blocks miss of a device.
NOISE: Final = 0.01
#: Networks that are chosen at a time, before the front is looked for again: as a share of those measured.
_AT_ONCE: Final = 0.5
#: The least that all cells together, relative to the probes' mean, are taken to need.
_LEAST: Final = 1e-3


@dataclass(frozen=True, eq=False)
class Cells:
    """A normal distribution of the seconds of all block states, relative to the mean of the probes.

    Attributes:
        mean: ``float64`` (264,).
        covariance: ``float64`` (264, 264).
    """

    mean: FloatArray
    covariance: FloatArray

    def given(self, states: States, relative: FloatArray) -> Cells:
        """The distribution given relative times, ``float64`` (m,), of networks, ``int64`` (m, 7)."""
        if not len(states):
            return self
        cross = self.cross(states)
        noise = (NOISE * relative) ** 2
        known = cross[states + STARTS].sum(axis=1) + np.diag(noise)
        weights = np.linalg.solve(known, cross.T)
        mean = self.mean + (relative - self.times(states)) @ weights
        return Cells(mean, self.covariance - cross @ weights)

    def times(self, states: States) -> FloatArray:
        """Expected relative times, ``float64`` (n,)."""
        total: FloatArray = self.mean[states + STARTS].sum(axis=1)
        return np.maximum(total, _LEAST)

    def cross(self, states: States) -> FloatArray:
        """Covariances of all cells with networks' times, ``float64`` (264, n)."""
        total: FloatArray = self.covariance[:, states + STARTS].sum(axis=2)
        return total

    def together(self, states: States) -> FloatArray:
        """Covariance of the relative errors of networks' times, ``float64`` (n, n)."""
        times = self.times(states)
        total: FloatArray = self.cross(states)[states + STARTS].sum(axis=1)
        return total / times / times[:, None]


Prior = Callable[[Knowledge, int], Cells]


@lru_cache(maxsize=64)
def of_training(known: Knowledge, n_probes: int) -> Cells:
    """Moments of the training devices, relative to the mean of the first n probes (all, if n is 0)."""
    states = probe_states()[: n_probes or N_PROBES]
    relative = known.cells / known.cells[:, states + STARTS].sum(axis=2).mean(axis=1, keepdims=True)
    return Cells(relative.mean(axis=0), np.cov(relative, rowvar=False))


@lru_cache(maxsize=64)
def own_process(known: Knowledge, n_probes: int) -> Cells:
    """A Gaussian process that has seen no device: work counted in multiply-accumulates, layers and a constant, and
    deviations that are alike where a block's choices are.

    Half of the time is expected to go with multiply-accumulates, a quarter with layers, a quarter is constant; each may
    be as much again, and a cell's deviation half of what is expected of it. Of two states of a block, the deviations
    correlate at 0.7 for each choice in which they differ.
    """
    states = probe_states()[: n_probes or N_PROBES]
    features = _features()
    features = features / features[states + STARTS].sum(axis=1).mean(axis=0)
    weights = np.array([0.5, 0.25, 0.25])
    mean = features @ weights
    covariance = (features * weights**2) @ features.T + 0.25 * _alike() * mean * mean[:, None]
    return Cells(mean, covariance)


@lru_cache(maxsize=1)
def _features() -> FloatArray:
    """Multiply-accumulates, layers and a share of a constant, of all block states, ``float64`` (264, 3)."""
    rows = np.zeros((int(SPACE.block_sizes.sum()), N_BLOCKS), dtype=np.int64)
    blocks = np.repeat(np.arange(N_BLOCKS), SPACE.block_sizes)
    rows[np.arange(len(rows)), blocks] = np.arange(len(rows)) - STARTS[blocks]
    base = np.zeros((1, N_BLOCKS), dtype=np.int64)
    own = (count(rows, "macs") - count(base, "macs")).astype(np.float64)
    layers = SPACE.from_states(rows)[np.arange(len(rows)), 4 * blocks + 2].astype(np.float64)
    return np.stack([own, layers, np.ones(len(rows))], axis=1)


@lru_cache(maxsize=1)
def _alike() -> FloatArray:
    """Correlations of the deviations of block states, ``float64`` (264, 264)."""
    blocks = np.repeat(np.arange(N_BLOCKS), SPACE.block_sizes)
    rows = np.zeros((len(blocks), N_BLOCKS), dtype=np.int64)
    rows[np.arange(len(rows)), blocks] = np.arange(len(rows)) - STARTS[blocks]
    choices = SPACE.from_states(rows).reshape(len(rows), N_BLOCKS, 4)[np.arange(len(rows)), blocks]
    differ = (choices[:, None, :] != choices[None, :, :]).sum(axis=2)
    return np.where(blocks[:, None] == blocks, 0.7**differ, 0.0)


class Estimate:
    """Fit first, then search: a normal distribution of cells, updated with the probes and then random networks."""

    about = "cost model fitted to the probes, then to random networks; exact search"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        meter.measure_probes()
        rng = np.random.default_rng(0)
        while meter.left:
            meter.measure(rng.integers(SPACE.size, size=meter.left))
        return answer(known, meter, fitted(of_training, known, meter), known.pool_states)


class Active:
    """The same, but networks are measured where the front that is thought best is least sure.

    Args:
        about: What it does.
        prior: What is believed before the first measurement.
    """

    def __init__(
        self,
        about: str = "cost model fitted to the probes, then to networks where the front is unsure; exact search",
        prior: Prior = of_training,
    ) -> None:
        self.about, self.prior = about, prior

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        meter.measure_probes()
        start = known.pool_states
        while meter.left:
            cells = fitted(self.prior, known, meter)
            front = front_from(cells.mean, start)
            meter.measure(_most_telling(cells, thinned(front, 200), min(_batch(meter), meter.left)))
        return answer(known, meter, fitted(self.prior, known, meter), start)


def _batch(meter: Meter) -> int:
    return max(N_PROBES, int(_AT_ONCE * len(meter.indices)))


def fitted(prior: Prior, known: Knowledge, meter: Meter) -> Cells:
    """What is believed after what was measured, of which the probes come first."""
    n_probes = min(len(meter.indices), N_PROBES)
    cells = prior(known, n_probes)
    if not n_probes:
        return cells
    seconds = np.exp(meter.log_seconds)
    return cells.given(meter.states, seconds / seconds[:n_probes].mean())


def answer(known: Knowledge, meter: Meter, cells: Cells, start: States) -> Answer:
    """The front of the expected cells, and how sure its times are."""
    indices = thinned(front_from(cells.mean, start))
    states = SPACE.index_to_states(indices)
    std = np.sqrt(np.maximum(np.diag(cells.together(states)), 0.0))
    if not len(meter.indices):
        unit = np.log(known.cells[:, probe_states() + STARTS].sum(axis=2).mean(axis=1)).mean()
        return Answer(indices, np.log(cells.times(states)) + unit, np.hypot(std, known.scale_std))
    n_probes = min(len(meter.indices), N_PROBES)
    unit = np.log(np.exp(meter.log_seconds[:n_probes]).mean())
    return Answer(indices, np.log(cells.times(states)) + unit, std)


def _most_telling(cells: Cells, candidates: Indices, n: int) -> Indices:
    """The candidates after whose measurement least remains unknown of all of them, chosen one after the other."""
    rest = cells.together(SPACE.index_to_states(candidates))
    chosen = []
    for _ in range(min(n, len(candidates))):
        gains = (rest**2).sum(axis=1) / (np.diag(rest) + NOISE**2)
        gains[chosen] = -1.0
        best = int(gains.argmax())
        chosen.append(best)
        rest = rest - np.outer(rest[best], rest[best]) / (rest[best, best] + NOISE**2)
    return candidates[chosen]
