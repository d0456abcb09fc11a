"""A device nobody has seen, estimated from measured times of a few of its networks.

What generated devices have in common (:func:`anb_gym.hardware.generate`) is the prior: for each width of the array
the logarithms of a device's 264 block times, and of its host's time, are taken as jointly normal, with the means and
covariances of many generated devices, and the scale as unknown. A measured time is the link of a sum of seven block
times, so its logarithm is linearised around the current estimate, conditioned on, and linearised again until nothing
moves: Gauss and Newton's method (Bell and Cathey 1993, "The iterated Kalman filter update as a Gauss-Newton method",
https://doi.org/10.1109/9.250476). Widths are weighted by their evidence. How far the measurements lie from what was
expected widens or narrows all, as in a normal-inverse-gamma posterior, so that a device unlike the generated ones
shows.

The host's time, which only the fastest networks show, is far from normal: it is kept as a few points with weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose, integer, positive
from anb_gym._types import FloatArray
from anb_gym.hardware.costs import STARTS, WIDTHS, mean
from anb_gym.hardware.generated import Draws, draw, tables
from anb_gym.hardware.prior import load_prior
from anb_gym.space import SPACE, States
from anb_gym.surrogates.links import HostBound, Identity, Link
from anb_gym.surrogates.tables import BlockTables

KINDS: Final = ("throughput", "latency")
#: Standard deviation of the logarithm of a measured time that is taken for granted.
NOISE: Final = 0.01
#: Seeds of the devices that the prior is learned from, neither for training nor for tests, each with every width.
PRIOR_SEEDS: Final = range(3_000_000, 3_000_600)
#: What a single block time deviates beyond that, standard deviation of its logarithm.
_OWN: Final = 0.02
#: Variance of the logarithm of the scale: it may be anything.
_SCALE: Final = 9.0
#: How many measurements the expected size of deviations counts as.
_STRENGTH: Final = 4.0
#: Components of the mixture that weigh less are dropped.
_LEAST: Final = 1e-3
_STEPS: Final = 15
_N: Final = int(SPACE.block_sizes.sum())
_POINTS: Final = 15
_SHARPNESS: Final = HostBound.sharpness
#: Draws that :meth:`Estimate.next_probe` looks at.
_DRAWS: Final = 400


@dataclass(frozen=True)
class _Prior:
    """Of one width: its probability, mean and covariance of logarithms of block times and, for throughput, the host."""

    weight: float
    mean: FloatArray
    covariance: FloatArray


@dataclass(frozen=True)
class _Component:
    """Of one width, given the measurements.

    Attributes:
        weight: Its probability, or of a fit alone the logarithm of its evidence.
        cells: Mean of the logarithms of block times at a shift of 0, ``float64`` (264,).
        covariance: Of the same, given the host, ``float64`` (264, 264).
        gain: What a shift of the host's logarithm moves them by, ``float64`` (264,).
        shifts: The points of the host, less the location, ``float64`` (points,).
        hosts: Their logarithms of seconds, minus infinity where there is no host.
        weights: Their probabilities.
    """

    weight: float
    cells: FloatArray
    covariance: FloatArray
    gain: FloatArray
    shifts: FloatArray
    hosts: FloatArray
    weights: FloatArray


@dataclass(frozen=True)
class Estimate:
    """What is known of a device once some networks were measured; made by :func:`estimate`.

    Attributes:
        kind: ``"throughput"``, whose seconds are those of an image, or ``"latency"``.
        noise: Standard deviation of the logarithm of a measurement.
        surprise: How far the measurements lie from what was expected, a mean square in standard deviations: about 1 for
            devices like the generated ones; 0 measurements leave it at 1.
    """

    kind: str
    noise: float
    surprise: float
    _components: tuple[_Component, ...]

    @cached_property
    def tables(self) -> BlockTables:
        """Expected seconds, tables over single blocks, without the host."""
        return BlockTables(1, sum((c.weight * np.exp(c.cells) for c in self._components), start=np.zeros(_N)))

    @cached_property
    def host(self) -> float:
        """Expected seconds that the host needs for an image, which cap the throughput; 0 for latency."""
        return float(sum(c.weight * float(c.weights @ np.exp(c.hosts)) for c in self._components))

    @cached_property
    def link(self) -> Link:
        """From the tables' sums to images/s; of latency the sums are the seconds."""
        return HostBound(self.host) if self.kind == "throughput" else Identity()

    def predict(self, states: States) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the natural logarithm of seconds, without the noise of a measurement.

        Args:
            states: Block states, ``int64`` (n, 7).

        Returns:
            Both ``float64`` (n,).
        """
        first, second = np.zeros(len(states)), np.zeros(len(states))
        cells = states + STARTS
        for c in self._components:
            sums, shares = _log_sums(c.cells, cells)
            within = c.covariance[cells[:, :, None], cells[:, None, :]]
            variance = np.einsum("ni,nij,nj->n", shares, within, shares)
            moved = sums[:, None] + (shares * c.gain[cells]).sum(axis=1)[:, None] * c.shifts
            times, of_host = _bounded(moved, c.hosts)
            squares = times**2 + (1.0 - of_host) ** 2 * variance[:, None]
            first += c.weight * (times @ c.weights)
            second += c.weight * (squares @ c.weights)
        return first, np.sqrt(np.maximum(second - first**2, 0.0))

    def samples(self, n: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
        """Devices that the measurements allow.

        Args:
            n: How many.
            seed: Which.

        Returns:
            Seconds of block states, one block's after the other's, ``float64`` (n, 264), and the host's, ``float64``
            (n,). A network takes the :class:`~anb_gym.surrogates.links.HostBound` of its seven.
        """
        rng = np.random.default_rng(integer(seed, 0, "seed"))
        which = rng.choice(len(self._components), size=integer(n, 0, "n"), p=[c.weight for c in self._components])
        seconds, hosts = np.empty((n, _N)), np.empty(n)
        for number, c in enumerate(self._components):
            rows = np.flatnonzero(which == number)
            point = rng.choice(len(c.weights), size=len(rows), p=c.weights)
            root = np.linalg.cholesky(c.covariance)
            moved = c.cells + c.shifts[point, None] * c.gain
            seconds[rows] = np.exp(moved + rng.standard_normal((len(rows), _N)) @ root.T)
            hosts[rows] = np.exp(c.hosts[point])
        return seconds, hosts

    def next_probe(self, candidates: States, targets: States | None = None, seed: int = 0) -> int:
        """The network whose measurement makes others most certain.

        Args:
            candidates: Block states of networks that can be measured, ``int64`` (n, 7).
            targets: Those whose times matter, such as a front's, ``int64`` (m, 7); by default the candidates.
            seed: Of the draws that stand for what is unknown.

        Returns:
            Position of the candidate after which the mean variance of the targets' logarithms of seconds is least, as
            in active learning after Cohn (1996, https://arxiv.org/abs/cs/9603104).
        """
        devices = self.samples(_DRAWS, seed)
        times = log_seconds(*devices, candidates)
        aims = times if targets is None else log_seconds(*devices, targets)
        times, aims = times - times.mean(axis=0), aims - aims.mean(axis=0)
        covariance = times.T @ aims / len(times)
        gains = (covariance**2).mean(axis=1) / ((times**2).mean(axis=0) + self.noise**2)
        return int(gains.argmax())


def log_seconds(seconds: FloatArray, hosts: FloatArray, states: States) -> FloatArray:
    """Natural logarithms of seconds, ``float64`` (devices, n), on devices such as :meth:`Estimate.samples` draws.

    Args:
        seconds: Of block states, ``float64`` (devices, 264).
        hosts: Of the hosts, ``float64`` (devices,).
        states: Block states, ``int64`` (n, 7).
    """
    sums = np.zeros((len(seconds), len(states)))
    for cells in (states + STARTS).T:
        sums += seconds[:, cells]
    with np.errstate(divide="ignore"):
        logs = np.log(hosts)
    return _bounded(np.log(sums), logs[:, None])[0]


def estimate(
    states: States, seconds: FloatArray, kind: str, leave_out: str | None = None, noise: float = NOISE
) -> Estimate:
    """A device from measured times.

    Args:
        states: Block states of the networks that were measured, ``int64`` (n, 7); a network may come more than once.
        seconds: Their seconds, of throughput per image, ``float64`` (n,), positive.
        kind: ``"throughput"`` or ``"latency"``.
        leave_out: A family of real devices that the prior must not have seen, see
            :func:`~anb_gym.hardware.prior.load_prior`.
        noise: Standard deviation of the logarithm of a measurement.

    Raises:
        ValueError: An argument has the wrong shape or value.
    """
    choose(kind, KINDS, "kind")
    states = (
        SPACE.as_states(SPACE.states_to_index(np.asarray(states)), "states") if len(states) else np.empty((0, 7), int)
    )
    seconds = np.asarray(seconds, dtype=np.float64)
    if seconds.shape != (len(states),):
        raise ValueError(f"seconds must have the shape ({len(states)},), got {seconds.shape}")
    if not (np.isfinite(seconds) & (seconds > 0.0)).all():
        bad = seconds[~(np.isfinite(seconds) & (seconds > 0.0))][0]
        raise ValueError(f"seconds must be positive and finite, got {bad}")
    noise = positive(noise, "noise")
    logs, cells = np.log(seconds), states + STARTS
    fits = [_fit(prior, cells, logs, noise, kind == "throughput") for prior in _priors(kind, leave_out)]
    evidence = np.array([component.weight for component, _ in fits])
    weights = np.exp(evidence - evidence.max())
    weights = np.where(weights < _LEAST * weights.sum(), 0.0, weights)
    weights /= weights.sum()
    squares = float(weights @ [square for _, square in fits])
    factor = (_STRENGTH + squares) / (_STRENGTH + len(logs))
    components = tuple(
        replace(component, weight=float(weight), covariance=factor * component.covariance)
        for (component, _), weight in zip(fits, weights, strict=True)
        if weight
    )
    return Estimate(kind, noise, squares / len(logs) if len(logs) else 1.0, components)


@cache
def _moments(leave_out: str | None) -> dict[str, tuple[_Prior, ...]]:
    """Of both kinds, a prior a width."""
    prior = load_prior(leave_out)
    drawn = draw(PRIOR_SEEDS, prior)
    found: dict[str, list[_Prior]] = {kind: [] for kind in KINDS}
    for width, weight in zip(WIDTHS, prior.widths, strict=True):
        throughput, host, latency = tables(_with_width(drawn, width))
        for kind, seconds in (("throughput", throughput), ("latency", latency)):
            scale = mean(seconds)[:, None]
            logs = np.log(seconds / scale)
            if kind == "throughput":
                logs = np.column_stack([logs, np.log(host / scale[:, 0])])
            size = logs.shape[1]
            covariance = np.cov(logs, rowvar=False) + _OWN**2 * np.eye(size) + _SCALE
            found[kind].append(_Prior(float(weight), logs.mean(axis=0) + np.log(scale).mean(), covariance))
    return {kind: tuple(priors) for kind, priors in found.items()}


def _priors(kind: str, leave_out: str | None) -> tuple[_Prior, ...]:
    return _moments(leave_out)[kind]


def _with_width(drawn: Draws, width: int) -> Draws:
    return replace(drawn, width=np.full(len(drawn.width), width))


def _fit(
    prior: _Prior, cells: NDArray[np.int64], logs: FloatArray, noise: float, has_host: bool
) -> tuple[_Component, float]:
    """One width's posterior, its weight the logarithm of evidence, and its sum of squared deviations."""
    start = prior.mean.copy()
    if len(logs):
        start += (logs - _log_sums(start, cells)[0]).mean()
    starts = [start]
    if has_host and len(logs):  # the fastest may be as fast as the host allows
        capped = start.copy()
        capped[_N] = logs.min() - 0.02
        starts.append(capped)
    found = [_climb(prior, cells, logs, noise, x, has_host) for x in starts]
    return max(found, key=lambda one: one[0].weight)


def _climb(
    prior: _Prior, cells: NDArray[np.int64], logs: FloatArray, noise: float, x: FloatArray, has_host: bool
) -> tuple[_Component, float]:
    for _ in range(_STEPS):
        predicted, slopes = _linearised(x, cells, has_host)
        crossed = prior.covariance @ slopes.T
        spread = slopes @ crossed + noise**2 * np.eye(len(logs))
        residual = logs - predicted - slopes @ (prior.mean - x)
        step = prior.mean + crossed @ np.linalg.solve(spread, residual) - x
        largest = float(np.abs(step).max())
        if largest < 1e-3:
            break
        x = x + min(1.0, 1.0 / largest) * step
    square = float(residual @ np.linalg.solve(spread, residual))
    evidence = float(np.log(prior.weight) - 0.5 * (square + np.linalg.slogdet(spread)[1]))
    covariance = prior.covariance - crossed @ np.linalg.solve(spread, crossed.T)
    return _with_points(evidence, x, covariance, cells, logs, noise, has_host), square


def _with_points(
    evidence: float,
    x: FloatArray,
    covariance: FloatArray,
    cells: NDArray[np.int64],
    logs: FloatArray,
    noise: float,
    has_host: bool,
) -> _Component:
    """The host as points of Gauss and Hermite's rule, weighted anew with how well each explains the measurements."""
    if not has_host:
        none, one = np.zeros(1), np.ones(1)
        return _Component(evidence, x, covariance, np.zeros(_N), none, np.full(1, -np.inf), one)
    variance = covariance[_N, _N]
    gain = covariance[:_N, _N] / variance
    points, weights = np.polynomial.hermite_e.hermegauss(_POINTS)
    shifts = np.sqrt(variance) * points
    moved = x[:_N] + shifts[:, None] * gain
    sums = np.log(np.exp(moved)[:, cells].sum(axis=2))
    times, _ = _bounded(sums, (x[_N] + shifts)[:, None])
    misfit = ((times - logs) ** 2).sum(axis=1) / (noise**2 + _OWN**2)
    weights = weights * np.exp(-0.5 * (misfit - misfit.min()))
    return _Component(
        weight=evidence,
        cells=x[:_N],
        covariance=covariance[:_N, :_N] - variance * np.outer(gain, gain),
        gain=gain,
        shifts=shifts,
        hosts=x[_N] + shifts,
        weights=weights / weights.sum(),
    )


def _log_sums(x: FloatArray, cells: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Logarithms of the sums of seven block times, (n,), and each one's share, (n, 7)."""
    values = np.exp(x[cells])
    sums = values.sum(axis=1)
    return np.log(sums), values / sums[:, None]


def _bounded(sums: Any, host: Any) -> tuple[FloatArray, FloatArray]:
    """:class:`HostBound` of logarithms, and the share of the host in its slope."""
    times = np.logaddexp(_SHARPNESS * sums, _SHARPNESS * host) / _SHARPNESS
    return times, np.exp(_SHARPNESS * (host - times))


def _linearised(x: FloatArray, cells: NDArray[np.int64], has_host: bool) -> tuple[FloatArray, FloatArray]:
    """Logarithms of seconds (n,) and their slopes (n, 264 or 265)."""
    times, shares = _log_sums(x, cells)
    slopes = np.zeros((len(cells), len(x)))
    if has_host:
        times, of_host = _bounded(times, x[_N])
        shares = shares * (1.0 - of_host)[:, None]
        slopes[:, _N] = of_host
    np.put_along_axis(slopes, cells, shares, axis=1)
    return times, slopes
