"""Optima under limits, read off an exact front: of single architectures, and of mixtures of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.metrics import DIRECTIONS, UNITS, relative_violation
from anb_gym.space import Indices

if TYPE_CHECKING:
    from anb_gym.fronts.results import CertifiedFront


@dataclass(frozen=True, eq=False)
class ConstrainedOptima:
    """The most accurate architecture of the whole space under each of n bounds.

    Attributes:
        bounds: Of the device metric, in its unit, ``float64`` (n,).
        indices: The architectures, ``int64`` (n,): the first if several are best.
        accuracy: Their accuracy in percent, ``float64`` (n,): the largest of all that meet the bound.
        metric: Their device metric, in its unit, ``float64`` (n,).
    """

    bounds: FloatArray
    indices: Indices
    accuracy: FloatArray
    metric: FloatArray


@dataclass(frozen=True, eq=False)
class OptimalMixtures:
    """The best random choice of an architecture under each of n limits to an expected value.

    Attributes:
        limits: Of the expected metric, in its unit, or of the expected cost, ``float64`` (n,).
        indices: The two architectures of each mixture, ``int64`` (n, 2): the same twice where one is enough.
        weights: Their probabilities, ``float64`` (n, 2), with the sum 1.
        accuracy: Expected accuracy in percent, ``float64`` (n,): the largest of all mixtures that keep the limit.
        expected: Expected metric or cost, ``float64`` (n,).
    """

    limits: FloatArray
    indices: Indices
    weights: FloatArray
    accuracy: FloatArray
    expected: FloatArray


def best_under(front: CertifiedFront, bounds: Any) -> ConstrainedOptima:
    """See :meth:`anb_gym.fronts.CertifiedFront.best_under`."""
    given = _numbers(bounds, "bounds")
    check_met(front, given, "bounds")
    sign, loads, best = _staircase(front)
    rows = best[np.searchsorted(loads, -sign * given, side="right") - 1]
    accuracy, metric = front.objectives[rows].T
    return ConstrainedOptima(given, front.indices[rows], accuracy, metric)


@lru_cache(maxsize=64)
def _staircase(front: CertifiedFront) -> tuple[float, FloatArray, Indices]:
    """The metric's sign, its values as loads, ascending, and the row of the most accurate member up to each."""
    _, sign = _bounded(front)
    loads, accuracy = -sign * front.objectives[:, 1], front.objectives[:, 0]
    order = np.argsort(loads, kind="stable")
    so_far = np.maximum.accumulate(accuracy[order])
    better = np.concatenate([[True], accuracy[order][1:] > so_far[:-1]])
    best = order[np.maximum.accumulate(np.where(better, np.arange(len(order)), 0))]
    return sign, loads[order], best


def best_mixtures(front: CertifiedFront, limits: Any, bound: float | None = None) -> OptimalMixtures:
    """See :meth:`anb_gym.fronts.CertifiedFront.best_mixtures`."""
    metric, sign = _bounded(front)
    given = _numbers(limits, "limits")
    accuracy, values = front.objectives.T
    if bound is None:
        check_met(front, given, "limits")
        load, most = -sign * values, -sign * given
    else:
        (of_bound,) = _numbers(bound, "bound")
        if of_bound <= 0.0:
            raise ValueError(f"bound must be positive, got {bound!r}")
        load, most = relative_violation(metric, values, of_bound), given
        if (given < load.min()).any():
            raise ValueError(
                f"limits must be at least {float(load.min())!r}, the smallest cost of all architectures under the "
                f"bound {of_bound:,g} of {metric}, got {float(given.min())!r}"
            )
    rows = concave_hull(load, accuracy)
    corner = load[rows]
    left = np.searchsorted(corner, most, side="right") - 1
    right = np.minimum(left + 1, len(rows) - 1)
    span = corner[right] - corner[left]
    part = np.where(span > 0.0, np.divide(most - corner[left], span, where=span > 0.0, out=np.zeros_like(span)), 0.0)
    weights = np.stack([1.0 - part, part], axis=1)
    pairs = np.stack([rows[left], rows[np.where(part > 0.0, right, left)]], axis=1)
    expected = (weights * (values if bound is None else load)[pairs]).sum(axis=1)
    return OptimalMixtures(given, front.indices[pairs], weights, (weights * accuracy[pairs]).sum(axis=1), expected)


def concave_hull(load: FloatArray, value: FloatArray) -> Indices:
    """Corners of the least concave function above points that never falls.

    Args:
        load: What is limited, ``float64`` (n,).
        value: What is to be large, ``float64`` (n,).

    Returns:
        Rows of the corners, ``int64`` (k,), both load and value ascending: the largest mean value of a mixture whose
        mean load is at most x is the function at x.
    """
    corners: list[int] = []
    for row in np.lexsort((-value, load)).tolist():
        if corners and value[row] <= value[corners[-1]]:
            continue
        while len(corners) > 1 and _is_below(load, value, corners[-2], corners[-1], row):
            corners.pop()
        corners.append(row)
    return np.array(corners, dtype=np.int64)


def _is_below(load: FloatArray, value: FloatArray, first: int, middle: int, last: int) -> bool:
    """Whether the middle one of three points lies on the line through the others, or below."""
    rise, run = value[middle] - value[first], load[middle] - load[first]
    return bool(rise * (load[last] - load[first]) <= (value[last] - value[first]) * run)


def check_met(front: CertifiedFront, bounds: FloatArray, argument: str) -> None:
    """Raises a ``ValueError`` for bounds that no architecture of the space meets; it names the nearest that one can.

    Args:
        front: The exact front.
        bounds: Of its device metric, ``float64`` (n,).
        argument: What the message calls them.
    """
    metric, sign = _bounded(front)
    unmet = sign * bounds > sign * front.ideal[1]
    if unmet.any():
        least = "at least" if sign > 0 else "at most"
        raise ValueError(
            f"{argument} must be met by some architecture, none has a {metric} of {least} "
            f"{float(bounds[unmet][0])!r} {UNITS[metric]}; the nearest that can be met is {front.ideal[1]!r}"
        )


def _bounded(front: CertifiedFront) -> tuple[str, float]:
    """The device metric of a front, and 1 if more of it is better, else -1."""
    if len(front.metrics) != 2:
        raise ValueError(f"the front must be of accuracy and a device metric, got {', '.join(front.metrics)}")
    return front.metrics[1], 1.0 if DIRECTIONS[front.metrics[1]] == "max" else -1.0


def _numbers(values: Any, argument: str) -> FloatArray:
    """Finite numbers as ``float64`` (n,); a single one is a batch of one."""
    try:
        given = np.asarray(values)
        numbers = np.atleast_1d(given.astype(np.float64)) if given.dtype.kind in "iuf" else np.empty((0, 0))
    except (TypeError, ValueError, OverflowError):
        numbers = np.empty((0, 0))
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ValueError(f"{argument} must be finite numbers, one or a list of them, got {values!r}")
    return numbers
