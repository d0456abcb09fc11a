"""What is believed of a device's times: from training devices, or from its own measurements alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.complexity import count
from anb_gym.generalisation.knowledge import STARTS, Knowledge, host_bound
from anb_gym.generalisation.protocol import Meter
from anb_gym.hardware import N_PROBES, probe_states
from anb_gym.space import N_BLOCKS, SPACE, States

#: Standard deviation of a measurement, relative: what sums over blocks miss of a device.
NOISE: Final = 0.01
#: Steps in which training devices are moved to what was measured.
_STEPS: Final = 4
#: The least that all cells together, relative to the probes' mean, are taken to need.
_LEAST: Final = 1e-3


class Times(NamedTuple):
    """Beliefs about logarithms of networks' seconds: mean, ``float64`` (n,), and covariance, ``float64`` (n, n)."""

    mean: FloatArray
    covariance: FloatArray


class Belief(Protocol):
    """What is believed of a device.

    Attributes:
        cells: Expected seconds of all block states, up to a factor, ``float64`` (264,).
    """

    @property
    def cells(self) -> FloatArray: ...

    def times(self, states: States) -> Times:
        """What is believed of networks' times."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Devices, each as likely as any other.

    Attributes:
        log_cells: Logarithms of seconds of their block states, ``float64`` (devices, 264).
        hosts: Their hosts' seconds, ``float64`` (devices,).
    """

    log_cells: FloatArray
    hosts: FloatArray

    @property
    def cells(self) -> FloatArray:
        # Slow devices must not count more than fast ones.
        seconds = np.exp(self.log_cells)
        mean: FloatArray = (seconds / seconds.sum(axis=1, keepdims=True)).mean(axis=0)
        return mean

    def each(self, states: States) -> FloatArray:
        """Logarithms of networks' seconds on each device, ``float64`` (devices, n)."""
        seconds = np.exp(self.log_cells)
        alone = np.stack([seconds[:, column] for column in (states + STARTS).T]).sum(axis=0)
        return np.log(host_bound(alone, self.hosts[:, None]))

    def times(self, states: States) -> Times:
        each = self.each(states)
        return Times(each.mean(axis=0), np.atleast_2d(np.cov(each, rowvar=False)))


def of_training(known: Knowledge, meter: Meter) -> Ensemble:
    """The training devices, moved to what was measured.

    An ensemble smoother with multiple data assimilation (Emerick and Reynolds 2013,
    https://doi.org/10.1016/j.cageo.2012.03.011): each step moves the logarithms of all cells of every device by what
    linear regression over the ensemble says of the difference between its own and the measured logarithms of times, with
    the measurements' variance times the number of steps. Exact for a normal distribution; a few steps instead of one
    follow what is curved.
    """
    log_cells = np.log(known.cells)
    ensemble = Ensemble(log_cells, known.hosts)
    if not len(meter.indices):
        return ensemble
    rng = np.random.default_rng(0)
    variance = _STEPS * NOISE**2
    for _ in range(_STEPS):
        each = ensemble.each(meter.states)
        apart, here = ensemble.log_cells - ensemble.log_cells.mean(axis=0), each - each.mean(axis=0)
        own = here.T @ here / (len(each) - 1) + variance * np.eye(each.shape[1])
        weights = np.linalg.solve(own, here.T @ apart / (len(each) - 1))
        measured = meter.log_seconds + np.sqrt(variance) * rng.standard_normal(each.shape)
        ensemble = Ensemble(ensemble.log_cells + (measured - each) @ weights, known.hosts)
    return ensemble


@dataclass(frozen=True, eq=False)
class Process:
    """A normal distribution of the seconds of all block states.

    Attributes:
        cells: Expected, relative to ``unit``, ``float64`` (264,).
        covariance: ``float64`` (264, 264).
        unit: Seconds.
        unit_std: Standard deviation of its logarithm.
    """

    cells: FloatArray
    covariance: FloatArray
    unit: float
    unit_std: float

    def times(self, states: States) -> Times:
        times = self.relative(states)
        covariance = self.cross(states)[states + STARTS].sum(axis=1) / times / times[:, None]
        return Times(np.log(times * self.unit), covariance + self.unit_std**2)

    def relative(self, states: States) -> FloatArray:
        """Expected relative times, ``float64`` (n,)."""
        total: FloatArray = self.cells[states + STARTS].sum(axis=1)
        return np.maximum(total, _LEAST)

    def cross(self, states: States) -> FloatArray:
        """Covariances of all cells with networks' times, ``float64`` (264, n)."""
        total: FloatArray = self.covariance[:, states + STARTS].sum(axis=2)
        return total


def own_process(known: Knowledge, meter: Meter) -> Process:
    """A Gaussian process over block states that has seen no device, given what was measured.

    Of a time relative to the probes' mean, half is expected to go with multiply-accumulates, a quarter with layers and a
    quarter is constant; each may be as much again, and a cell's deviation half of what is expected of it. Deviations of
    two states of a block correlate at 0.7 for each choice in which they differ.
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
