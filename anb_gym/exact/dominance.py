"""Dominance between points of two objectives or more, all maximised. Needs numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray


def non_dominated(objectives: FloatArray) -> NDArray[np.bool_]:
    """Non-dominated rows of a batch; equal rows do not dominate one another.

    Args:
        objectives: ``float64`` (n, k), all maximised.

    Returns:
        ``bool`` (n,).
    """
    points, inverse = np.unique(objectives, axis=0, return_inverse=True)
    if points.shape[1] > 2 and len(points):
        kept: NDArray[np.bool_] = _distinct_non_dominated(points)[inverse.reshape(-1)]
        return kept
    # Ascending by the first objective, then the second: a row survives if its second exceeds all later ones.
    later = np.maximum.accumulate(points[::-1, 1])[::-1]
    keep = np.ones(len(points), dtype=np.bool_)
    keep[:-1] = points[:-1, 1] > later[1:]
    survivors: NDArray[np.bool_] = keep[inverse.reshape(-1)]
    return survivors


def _distinct_non_dominated(points: FloatArray) -> NDArray[np.bool_]:
    """As :func:`non_dominated`, of distinct rows in ascending order."""
    # What is large in all objectives dominates most: one pivot after the other drops what it dominates.
    order = np.argsort(-(points - points.mean(axis=0)) @ (1.0 / np.maximum(points.std(axis=0), 1e-300)), kind="stable")
    at = 0
    while at < len(order):
        left = (points[order] > points[order[at]]).any(axis=1)
        left[at] = True
        order, at = order[left], int(left[:at].sum()) + 1
    keep = np.zeros(len(points), dtype=np.bool_)
    keep[order] = True
    return keep


def staircase(first: FloatArray, second: FloatArray) -> NDArray[np.int64]:
    """Rows of the points that no other is as good as, of equal ones the earliest.

    Args:
        first: One objective, maximised, ``float64`` (n,).
        second: The other, maximised, ``float64`` (n,).

    Returns:
        ``int64`` (k,), the first objective falling and the second rising.
    """
    order = np.lexsort((-second, -first))
    values = second[order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(values)[:-1]])
    rows: NDArray[np.int64] = order[values > before]
    return rows


def escaping(points: FloatArray, front: FloatArray, tolerance: FloatArray) -> NDArray[np.bool_]:
    """Points that no member of a front is as good as, up to a tolerance.

    Args:
        points: ``float64`` (..., k).
        front: ``float64`` (n, k), n at least 1.
        tolerance: ``float64`` (k,), by how much a point must exceed the front in each objective.

    Returns:
        ``bool`` of the shape of ``points`` without its last axis.
    """
    if front.shape[1] > 2:
        least, left = (points - tolerance).reshape(-1, front.shape[1]), np.arange(points[..., 0].size)
        for member in front:
            left = left[(least[left] > member).any(axis=1)]
        escaped = np.zeros(len(least), dtype=np.bool_)
        escaped[left] = True
        return escaped.reshape(points.shape[:-1])
    rising = front[np.argsort(front[:, 0])]
    # What the second objective can be where the first is at least that of each row.
    best = np.append(np.maximum.accumulate(rising[::-1, 1])[::-1], -np.inf)
    at = np.searchsorted(rising[:, 0], points[..., 0] - tolerance[0])
    escapes: NDArray[np.bool_] = points[..., 1] - tolerance[1] > best[at]
    return escapes
