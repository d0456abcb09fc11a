"""Bayesian optimisation with two fidelities: a Gaussian process of both, and evaluations where they tell most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import CHOICE_NAMES, SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import number, require_fidelities, told

with needing("study"):
    from scipy.linalg import cho_factor, cho_solve, solve_triangular
    from scipy.optimize import minimize

#: Choices of a kind: one a block.
_N_KINDS: Final = len(CHOICE_NAMES)
_PER_KIND: Final = SPACE.n_choices // _N_KINDS
#: Logarithms of the parameters to begin with: scale, weights of the kinds, rate, share that is additive (a logit),
#: scale between the fidelities, scale of their discrepancy, noise of both.
_START: Final = np.log([0.4, *[1.0] * _N_KINDS, 0.05, 1.0, 1.0, 0.1, 0.05, 0.03])
#: How far they may be from these, and the deviation of their prior.
_SPAN: Final = np.array([2.0, *[3.0] * _N_KINDS, 3.0, 4.0, 0.5, 3.0, 2.0, 2.0])
#: Parameters are learned anew when there are so many times as many evaluations.
_GROWTH: Final = 1.2
_CLIMBS: Final = 5
_STEPS: Final = 30


class TwoFidelityGP:
    """A Gaussian process of both fidelities, an optimistic acquisition, and the fidelity that tells most an hour.

    The reference is a scale times the proxy plus a discrepancy, both Gaussian processes (Kennedy and O'Hagan 2000,
    https://doi.org/10.1093/biomet/87.1.1), whose kernel counts equal choices by kind. As in BOCA (Kandasamy et al.
    2017, https://proceedings.mlr.press/v70/kandasamy17a.html) the architecture is the one with the largest upper
    confidence bound at the reference, here found by local search, and the fidelity is the cheap one as long as that is
    worth its price: the one whose evaluation takes more variance from the architecture's value at the reference an
    hour. What was bought at a fidelity is not bought there again. The last of the hours goes into the architectures
    whose mean at the reference is largest.

    Args:
        brief: What the problem is; of one objective and two fidelities.
        rng: Source of randomness.
        n_initial: Random architectures at the proxy to begin with, at least 2.
        beta: How many deviations the bound lies above the mean.
        reserve: The part of the hours that goes to the reference in the end.
    """

    batch_size = 1

    def __init__(
        self, brief: Brief, rng: np.random.Generator, *, n_initial: int = 10, beta: float = 1.0, reserve: float = 0.25
    ) -> None:
        require_fidelities(brief, "two_fidelity_gp")
        if len(brief.fidelities) != 2:
            raise ValueError(f"fidelities of the problem must be two for two_fidelity_gp, got {len(brief.fidelities)}")
        assert brief.hours is not None
        self._brief, self._rng = brief, rng
        self._n_initial, self._beta = integer(n_initial, 2, "n_initial"), number("beta", beta, 0.0)
        self._reserve = number("reserve", reserve, 0.0, 1.0) * brief.hours
        self._left = brief.hours
        self._choices: Choices = np.empty((0, SPACE.n_choices), dtype=np.int8)
        self._values, self._level = np.empty(0), np.empty(0, dtype=np.int64)
        self._parameters, self._learned = _START, 0

    def ask(self, n: int) -> tuple[Choices, str]:
        """Proposes the next architecture, ``int8`` (1, 28), and its fidelity."""
        if len(self._values) < self._n_initial:
            return SPACE.sample(1, self._rng), self._brief.fidelities[0].name
        if len(self._values) >= _GROWTH * self._learned:
            self._parameters = _learn(self._parameters, self._choices, self._level, self._values)
            self._learned = len(self._values)
        process = _Process.of(self._parameters, self._choices, self._level, self._values)
        last = self._left <= self._reserve
        best = self._maximise(process, 0.0 if last else self._beta)
        position = 1 if last or self._known(best[None], 0)[0] else process.more_telling(best, self._costs())
        return best[None], self._brief.fidelities[position].name

    def tell(self, choices: Choices, objectives: FloatArray, fidelity: str, hours: FloatArray) -> None:
        """Adds an evaluation.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (1, 28).
            objectives: What it scored, ``float64`` (1, 1).
            fidelity: The fidelity.
            hours: What it cost, ``float64`` (1,).
        """
        values = told(choices, objectives, self._brief)[:, 0]
        level = [one.name for one in self._brief.fidelities].index(fidelity)
        self._choices = np.concatenate([self._choices, choices])
        self._values = np.concatenate([self._values, values])
        self._level = np.append(self._level, np.full(len(values), level))
        self._left -= float(hours.sum())

    def _costs(self) -> FloatArray:
        return np.array([fidelity.hours for fidelity in self._brief.fidelities])

    def _known(self, choices: Choices, level: int) -> NDArray[np.bool_]:
        """Which architectures were evaluated at a fidelity, ``bool`` (n,)."""
        return np.isin(SPACE.to_index(choices), SPACE.to_index(self._choices[self._level == level]))

    def _maximise(self, process: _Process, beta: float) -> Choices:
        """The architecture with the largest bound of those not known at the reference, by climbs from the best."""

        def bound(choices: Choices) -> FloatArray:
            mean, variance = process.reference(choices)
            bounds: FloatArray = np.where(self._known(choices, 1), -np.inf, mean + beta * np.sqrt(variance))
            return bounds

        mean, _ = process.reference(self._choices)
        places = self._choices[np.argsort(-mean, kind="stable")[:_CLIMBS]]
        places = np.concatenate([places, SPACE.sample(1, self._rng)])
        values = bound(places)
        for _ in range(_STEPS):
            neighbours = np.stack([SPACE.neighbours(place) for place in places])
            found = bound(neighbours.reshape(-1, SPACE.n_choices)).reshape(len(places), -1)
            best = found.argmax(axis=1)
            rows = np.flatnonzero(found.max(axis=1) > values)
            if not len(rows):
                break
            places[rows], values[rows] = neighbours[rows, best[rows]], found[rows, best[rows]]
        found_best: Choices = places[values.argmax()]
        return found_best


def _equal(one: Choices, two: Choices) -> FloatArray:
    """How many choices of each kind are equal, ``float64`` (kinds, n, m)."""
    equal = np.empty((_N_KINDS, len(one), len(two)))
    for kind in range(_N_KINDS):
        sizes = SPACE.cardinalities[kind::_N_KINDS]
        left, right = (
            np.concatenate([np.eye(size)[of[:, kind + _N_KINDS * b]] for b, size in enumerate(sizes)], axis=1)
            for of in (one, two)
        )
        equal[kind] = left @ right.T
    return equal


@dataclass(frozen=True, eq=False)
class _Kernel:
    """Covariances from counts of equal choices."""

    weights: FloatArray
    rate: float
    additive: float

    def __call__(self, equal: FloatArray) -> FloatArray:
        share = np.tensordot(self.weights, equal, axes=1) / _PER_KIND
        covariance: FloatArray = self.additive * share + (1.0 - self.additive) * np.exp(
            -self.rate * SPACE.n_choices * (1.0 - share)
        )
        return covariance


@dataclass(frozen=True, eq=False)
class _Parameters:
    """Parameters of the process, from logarithms."""

    variance: float
    kernel: _Kernel
    slope: float
    discrepancy: float
    noise: FloatArray

    @classmethod
    def of(cls, logs: FloatArray) -> _Parameters:
        values = np.exp(np.clip(logs, _START - 2 * _SPAN, _START + 2 * _SPAN))
        weights = values[1 : 1 + _N_KINDS]
        rate, odds, slope, discrepancy, *noise = values[1 + _N_KINDS :]
        kernel = _Kernel(weights / weights.sum(), rate, odds / (1.0 + odds))
        return cls(values[0] ** 2, kernel, slope, discrepancy**2, np.array(noise) ** 2)

    def scales(self, level: NDArray[np.int64]) -> FloatArray:
        """The scale of the proxy's process at fidelities."""
        return np.where(level == 1, self.slope, 1.0)

    def covariance(self, equal: FloatArray, one: NDArray[np.int64], two: NDArray[np.int64]) -> FloatArray:
        """Covariances of values at fidelities, ``float64`` (n, m)."""
        both = np.outer(one == 1, two == 1)
        scale = self.variance * np.outer(self.scales(one), self.scales(two)) + self.discrepancy * both
        covariance: FloatArray = scale * self.kernel(equal)
        return covariance


@dataclass(frozen=True, eq=False)
class _Process:
    """The process given evaluations."""

    parameters: _Parameters
    choices: Choices
    level: NDArray[np.int64]
    factor: FloatArray
    solved: FloatArray

    @classmethod
    def of(cls, logs: FloatArray, choices: Choices, level: NDArray[np.int64], values: FloatArray) -> _Process:
        parameters = _Parameters.of(logs)
        covariance = parameters.covariance(_equal(choices, choices), level, level)
        factor = cho_factor(covariance + np.diag(parameters.noise[level] + 1e-8), lower=True)
        return cls(parameters, choices, level, factor[0], cho_solve(factor, values))

    def reference(self, choices: Choices) -> tuple[FloatArray, FloatArray]:
        """Mean and variance at the reference, ``float64`` (n,) each."""
        mean, covariance = self._given(choices, np.ones(len(choices), dtype=np.int64))
        return mean, np.maximum(covariance, 1e-12)

    def more_telling(self, choices: Choices, costs: FloatArray) -> int:
        """The fidelity whose evaluation takes more variance from an architecture's value at the reference an hour."""
        pair, levels = np.stack([choices, choices]), np.array([0, 1])
        prior = self.parameters.covariance(_equal(pair, pair), levels, levels)
        half = self._half(pair, levels)
        posterior = prior - half.T @ half
        gains = posterior[:, 1] ** 2 / (np.diag(posterior) + self.parameters.noise) / costs
        return int(gains.argmax())

    def _half(self, choices: Choices, level: NDArray[np.int64]) -> FloatArray:
        cross = self.parameters.covariance(_equal(self.choices, choices), self.level, level)
        half: FloatArray = solve_triangular(self.factor, cross, lower=True, check_finite=False)
        return half

    def _given(self, choices: Choices, level: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        cross = self.parameters.covariance(_equal(self.choices, choices), self.level, level)
        half = solve_triangular(self.factor, cross, lower=True, check_finite=False)
        of = self.parameters
        prior = of.variance * of.slope**2 + of.discrepancy  # the kernel of an architecture with itself is 1
        return cross.T @ self.solved, prior - (half**2).sum(axis=0)


def _learn(start: FloatArray, choices: Choices, level: NDArray[np.int64], values: FloatArray) -> FloatArray:
    """Parameters with the largest posterior density."""
    equal = _equal(choices, choices)

    def loss(logs: FloatArray) -> float:
        of = _Parameters.of(logs)
        covariance = of.covariance(equal, level, level) + np.diag(of.noise[level] + 1e-8)
        factor = np.linalg.cholesky(covariance)
        white = solve_triangular(factor, values, lower=True, check_finite=False)
        prior = ((logs - _START) / _SPAN) ** 2
        return float(0.5 * white @ white + np.log(np.diag(factor)).sum() + 0.5 * prior.sum())

    found = minimize(loss, start, method="L-BFGS-B", options={"maxiter": 30})
    parameters: FloatArray = found.x
    return parameters if found.fun <= loss(_START) else _START
