"""What is believed of a device's times: from training devices, or from its own measurements alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.complexity import count
from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.generalisation.protocol import Meter
from anb_gym.hardware import N_PROBES, probe_states
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.estimation import Estimate, estimate, log_seconds
from anb_gym.space import N_BLOCKS, SPACE, States

#: Standard deviation of a measurement, relative: what sums over blocks miss of a device.
NOISE: Final = 0.01
#: Devices that stand for what is unknown.
_DRAWS: Final = 400
#: The least that all cells together, relative to the probes' mean, are taken to need.
_LEAST: Final = 1e-3


class Belief(Protocol):
    """What is believed of a device.

    Attributes:
        cells: Expected seconds of all block states, up to a factor, ``float64`` (264,).
    """

    @property
    def cells(self) -> FloatArray: ...

    def times(self, states: States) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the logarithms of networks' seconds, ``float64`` (n,) both."""

    def covariance(self, states: States) -> FloatArray:
        """Covariance of the same, ``float64`` (n, n)."""


@dataclass(frozen=True)
class Fitted:
    """The device estimated with what generated devices have in common, see :mod:`anb_gym.hardware.estimation`."""

    estimate: Estimate

    @property
    def cells(self) -> FloatArray:
        return self.estimate.tables.values

    def times(self, states: States) -> tuple[FloatArray, FloatArray]:
        return self.estimate.predict(states)

    def covariance(self, states: States) -> FloatArray:
        each = log_seconds(*self.estimate.samples(_DRAWS), states)
        found: FloatArray = np.cov(each, rowvar=False)
        return found

    def draws(self, n: int) -> FloatArray:
        """Cells of devices that the measurements allow, ``float64`` (n, 264)."""
        return self.estimate.samples(n)[0]


def of_training(known: Knowledge, meter: Meter) -> Fitted:
    """The device as the measurements and the generated devices tell it."""
    return _fitted(tuple(meter.indices.tolist()), tuple(meter.log_seconds.tolist()), known.kind, known.leave_out)


@lru_cache(maxsize=16)  # several methods begin with the same probes
def _fitted(indices: tuple[int, ...], logs: tuple[float, ...], kind: str, leave_out: str | None) -> Fitted:
    states = SPACE.index_to_states(np.array(indices, dtype=np.int64))
    return Fitted(estimate(states, np.exp(np.array(logs, dtype=np.float64)), kind, leave_out, NOISE))


@dataclass(frozen=True, eq=False)
class Process:
    """A normal distribution of the seconds of all block states.

    Attributes:
        cells: Expected, relative to ``unit``, ``float64`` (264,).
        cells_covariance: ``float64`` (264, 264).
        unit: Seconds.
        unit_std: Standard deviation of its logarithm.
    """

    cells: FloatArray
    cells_covariance: FloatArray
    unit: float
    unit_std: float

    def times(self, states: States) -> tuple[FloatArray, FloatArray]:
        std = np.sqrt(np.maximum(np.diag(self.covariance(states)), 0.0))
        return np.log(self.relative(states) * self.unit), std

    def covariance(self, states: States) -> FloatArray:
        times = self.relative(states)
        covariance: FloatArray = self.cross(states)[states + STARTS].sum(axis=1) / times / times[:, None]
        return covariance + self.unit_std**2

    def relative(self, states: States) -> FloatArray:
        """Expected relative times, ``float64`` (n,)."""
        total: FloatArray = self.cells[states + STARTS].sum(axis=1)
        return np.maximum(total, _LEAST)

    def cross(self, states: States) -> FloatArray:
        """Covariances of all cells with networks' times, ``float64`` (264, n)."""
        total: FloatArray = self.cells_covariance[:, states + STARTS].sum(axis=2)
        return total


def own_process(known: Knowledge, meter: Meter) -> Process:
    """A Gaussian process over block states that has seen no device, given what was measured.

    Of a time relative to the probes' mean, half is expected to go with multiply-accumulates, a quarter with layers and
    a quarter is constant; each may be as much again, and a cell's deviation half of what is expected of it.
    Deviations of two states of a block correlate at 0.7 for each choice in which they differ.
    """
    m = len(meter.indices)
    n_probes = min(m, N_PROBES)
    features, alike = _features(), _alike()
    features = features / features[probe_states()[: n_probes or N_PROBES] + STARTS].sum(axis=1).mean(axis=0)
    weights = np.array([0.5, 0.25, 0.25])
    cells = features @ weights
    covariance = (features * weights**2) @ features.T + 0.25 * alike * cells * cells[:, None]
    if not m:
        unit = np.log(known.seconds(probe_states()).mean(axis=1))
        return Process(cells, covariance, float(np.exp(unit.mean())), float(unit.std()))
    seconds = np.exp(meter.log_seconds)
    unit = float(seconds[:n_probes].mean())
    prior = Process(cells, covariance, unit, 0.0)
    relative, cross = seconds / unit, prior.cross(meter.states)
    own = cross[meter.states + STARTS].sum(axis=1) + np.diag((NOISE * relative) ** 2)
    gain = np.linalg.solve(own, cross.T)
    return Process(cells + (relative - prior.relative(meter.states)) @ gain, covariance - cross @ gain, unit, 0.0)


@lru_cache(maxsize=1)
def _lone_states() -> tuple[States, States]:
    """A network for each of the 264 block states, whose other blocks are in state 0, and the block."""
    blocks = np.repeat(np.arange(N_BLOCKS), SPACE.block_sizes)
    rows = np.zeros((len(blocks), N_BLOCKS), dtype=np.int64)
    rows[np.arange(len(rows)), blocks] = np.arange(len(rows)) - STARTS[blocks]
    return rows, blocks


@lru_cache(maxsize=1)
def _features() -> FloatArray:
    """Multiply-accumulates, layers and a share of a constant, of all block states, ``float64`` (264, 3)."""
    rows, blocks = _lone_states()
    least = count(np.zeros((1, N_BLOCKS), dtype=np.int64), "macs")[0]
    layers = SPACE.from_states(rows)[np.arange(len(rows)), 4 * blocks + 2]
    # A block of state 0 needs something too: the share of the smallest network.
    return np.stack([count(rows, "macs") - least + least / N_BLOCKS, layers, np.ones(len(rows))], axis=1)


@lru_cache(maxsize=1)
def _alike() -> FloatArray:
    """Correlations of the deviations of block states, ``float64`` (264, 264)."""
    rows, blocks = _lone_states()
    choices = SPACE.from_states(rows).reshape(len(rows), N_BLOCKS, 4)[np.arange(len(rows)), blocks]
    differ = (choices[:, None, :] != choices[None, :, :]).sum(axis=2)
    return np.where(blocks[:, None] == blocks, 0.7**differ, 0.0)
