"""Weighted objectives: their sum, and the distance from the ideal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import ClassVar, Self

from anb_gym._namespace import namespace
from anb_gym._types import FloatArray
from anb_gym.metrics import DIRECTIONS
from anb_gym.rewards.base import (
    Metrics,
    check_metrics,
    check_two_metrics,
    check_values,
    check_weights,
    front_extent,
    keep,
)
from anb_gym.tasks import Task


@dataclass(frozen=True)
class _Scalarisation:
    """Base of weighted rewards: objectives that are 1 at the front's ideal and 0 at its nadir.

    Attributes:
        metrics: The metrics.
        weights: One per metric, non-negative, their sum is 1.
        ideal: The value of each metric, in its unit, that is 1 as an objective.
        nadir: The value that is 0, worse than the ideal.

    Raises:
        ValueError: A metric is unknown, there is not one finite value per metric, weights are negative or their sum is
            not 1, or an ideal is not better than its nadir.
    """

    monotone: ClassVar[bool] = True

    metrics: tuple[str, ...]
    weights: tuple[float, ...]
    ideal: tuple[float, ...]
    nadir: tuple[float, ...]

    @classmethod
    def for_task(cls, task: Task, weights: Sequence[float] | None = None) -> Self:
        """The reward of a task with two metrics; without weights they are equal.

        Objectives are scaled by the exact front of the default surrogate, whatever the surrogate.

        Raises:
            ValueError: The task has another number of metrics, or the weights are impossible.
            NoFrontError: There is no exact front of the task's metrics.
        """
        n = len(check_two_metrics(cls, task))
        simplex = tuple([1.0 / n] * n) if weights is None else check_weights(weights, n, "weights")
        return cls(task.metrics, simplex, *front_extent(task))

    def __post_init__(self) -> None:
        names = check_metrics(self.metrics)
        ideal, nadir = (check_values(getattr(self, name), len(names), name) for name in ("ideal", "nadir"))
        for name, best, worst in zip(names, ideal, nadir, strict=True):
            if not (best > worst if DIRECTIONS[name] == "max" else best < worst):
                raise ValueError(f"ideal must be better than nadir in {name!r}, got {best} and {worst}")
        keep(self, metrics=names, weights=check_weights(self.weights, len(names), "weights"), ideal=ideal, nadir=nadir)

    def objectives(self, values: Metrics) -> list[FloatArray]:
        """The objectives of metrics, one ``float64`` (n,) per metric."""
        return normalise([values[name] for name in self.metrics], self.ideal, self.nadir)


@dataclass(frozen=True)
class WeightedSum(_Scalarisation):
    """The weighted sum of the objectives; its optima are the convex part of the front. See :class:`_Scalarisation`."""

    name: str = field(default="weighted", init=False, repr=False)

    def __call__(self, values: Metrics, weights: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with weights ``float64`` (objectives, n) a row may have its own."""
        return weighted_sum(self.objectives(values), self.weights if weights is None else weights)


@dataclass(frozen=True)
class Chebyshev(_Scalarisation):
    """Minus the largest weighted distance of an objective from its ideal; see :class:`_Scalarisation`.

    Every member of the front is the optimum for some weights, unlike with the sum (Bowman 1976, "On the relationship
    of the Tchebycheff norm and the efficient frontier of multiple-criteria objectives").
    """

    name: str = field(default="chebyshev", init=False, repr=False)

    def __call__(self, values: Metrics, weights: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with weights ``float64`` (objectives, n) a row may have its own."""
        return chebyshev(self.objectives(values), self.weights if weights is None else weights)


def normalise(
    columns: Sequence[FloatArray], ideal: Sequence[float | FloatArray], nadir: Sequence[float | FloatArray]
) -> list[FloatArray]:
    """Objectives of metrics, one array each: 1 at the ideal, 0 at the nadir, whether more or less is better.

    A row may have an ideal and a nadir of its own.
    """
    return [(column - low) / (high - low) for column, high, low in zip(columns, ideal, nadir, strict=True)]


def weighted_sum(objectives: Sequence[FloatArray], weights: Sequence[FloatArray | float] | FloatArray) -> FloatArray:
    """The sum of weight times objective; arrays of one shape, or that broadcast."""
    first, *others = (weight * objective for weight, objective in zip(weights, objectives, strict=True))
    total: FloatArray = sum(others, start=first)
    return total


def chebyshev(objectives: Sequence[FloatArray], weights: Sequence[FloatArray | float] | FloatArray) -> FloatArray:
    """Minus the largest of weight times (1 - objective); arrays of one shape, or that broadcast."""
    first, *others = (weight * (objective - 1.0) for weight, objective in zip(weights, objectives, strict=True))
    smallest: FloatArray = reduce(namespace(first).minimum, others, first)
    return smallest
