"""Pareto fronts of sets of points, and the line along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._extras import require


def front(points: Any, directions: Sequence[str]) -> NDArray[np.int64]:
    """The Pareto front of a set of points.

    Args:
        points: Finite objective values, shape (n, m) with m at least 2.
        directions: ``"max"`` or ``"min"`` for each of the m objectives.

    Returns:
        Rows of the points that no other point dominates, ``int64`` (k,), by
        rising first objective. Of equal points only the first is in it.

    Raises:
        ValueError: An argument has the wrong shape or values.
        ModuleNotFoundError: The extra ``pareto`` is not installed.

    Example:
        >>> front([[60.0, 900.0], [61.0, 800.0], [59.0, 850.0]], ["max", "max"])
        array([0, 1])
    """
    array = validate_points(points, "points", len(directions))
    maximise = maximised(directions)
    if not len(array):
        return np.empty(0, dtype=np.int64)
    rows: NDArray[np.int64] = np.flatnonzero(
        require("moocore", "pareto").is_nondominated(array, maximise=maximise, keep_weakly=False)
    )
    return rows[np.argsort(array[rows, 0], kind="stable")]


def maximised(directions: Sequence[str]) -> list[bool]:
    """Whether each objective is to be maximised.

    Raises:
        ValueError: A direction is neither ``"max"`` nor ``"min"``.
    """
    return [choose(direction, ("max", "min"), "directions") == "max" for direction in directions]


def validate_points(points: Any, name: str, n_objectives: int) -> NDArray[np.float64]:
    """Returns points as ``float64`` (n, n_objectives), or raises a ``ValueError`` that names ``name``."""
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers of shape (n, {n_objectives}), got {points!r}") from None
    if n_objectives < 2:
        raise ValueError(f"directions must name at least 2 objectives, got {n_objectives}")
    if array.ndim != 2 or array.shape[1] != n_objectives:
        raise ValueError(f"{name} must have shape (n, {n_objectives}), got {array.shape}")
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name} must be finite, got {array[row, column]} at [{row}, {column}]")
    return array


def staircase(points: NDArray[np.float64], directions: Sequence[str]) -> NDArray[np.float64]:
    """Corners of the line between what a front attains and what it does not.

    Args:
        points: A front of two objectives by rising first objective, ``float64`` (k, 2).
        directions: ``"max"`` or ``"min"`` for each objective.

    Returns:
        ``float64`` (2k - 1, 2): the points, and between neighbours the worst values of both.
    """
    worst = [np.minimum if direction == "max" else np.maximum for direction in directions]
    corners = np.empty((2 * len(points) - 1, 2))
    corners[::2] = points
    for column in range(2):
        corners[1::2, column] = worst[column](points[:-1, column], points[1:, column])
    return corners
