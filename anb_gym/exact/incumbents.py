"""The non-dominated architectures found so far, and the boxes in which others can lie."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.exact.dominance import non_dominated
from anb_gym.exact.objectives import TableObjectives
from anb_gym.space import SPACE, Indices, States


class FrontTooLargeError(ValueError):
    """More architectures are non-dominated than the caller allows."""


#: Stands for "no requirement" where a box is open to one side, in units of the front's extent above its least point.
#: Only weight 0 meets it, or a subproblem's own lower limit lies above it.
OPEN: Final = -1e6


class Incumbents:
    """A set of mutually non-dominated architectures, equals included. Safe to share between threads.

    Args:
        objectives: What is maximised.
        limit: How many members are allowed.
    """

    def __init__(self, objectives: TableObjectives, limit: int) -> None:
        self._objectives = objectives
        self._limit = limit
        self._lock = threading.Lock()
        self._indices: Indices = np.empty(0, dtype=np.int64)
        self._values: FloatArray = np.empty((0, 2))

    def add(self, states: States) -> bool:
        """Evaluates architectures exactly, block states (n, 7), and keeps those that no other dominates.

        Returns:
            Whether the set of non-dominated points changed.

        Raises:
            FrontTooLargeError: More than ``limit`` members are left.
        """
        indices = np.unique(SPACE.states_to_index(states))
        values = self._objectives.rounded(self._objectives(SPACE.index_to_states(indices)))
        keep = non_dominated(values)
        indices, values = indices[keep], values[keep]
        with self._lock:
            new = ~np.isin(indices, self._indices)
            indices = np.concatenate([self._indices, indices[new]])
            values = np.concatenate([self._values, values[new]])
            keep = non_dominated(values)
            changed = not np.array_equal(np.unique(values[keep], axis=0), np.unique(self._values, axis=0))
            self._indices, self._values = indices[keep], values[keep]
            if len(self._indices) > self._limit:
                raise FrontTooLargeError(
                    f"more than limit={self._limit} architectures are non-dominated: many have equal objectives"
                )
        return changed

    def members(self) -> tuple[Indices, FloatArray]:
        """Indices (n,) and objectives (n, 2), the first objective falling; equals by index."""
        with self._lock:
            indices, values = self._indices, self._values
        indices = indices[np.lexsort((indices, -values[:, 0]))]
        return indices, self._objectives(SPACE.index_to_states(indices))

    def points(self) -> FloatArray:
        """The distinct rounded objectives, ``float64`` (n, 2), the first falling and the second rising."""
        with self._lock:
            values = self._values
        return np.unique(values, axis=0)[::-1]


def boxes(points: FloatArray, resolution: FloatArray) -> FloatArray:
    """Lower corners of boxes that together hold all that a staircase of points does not dominate.

    Let ``p_j = (a_j, b_j)`` be the points, ``a`` falling. A rounded point ``(a, b)`` that none of them
    dominates equals one of them, or, with ``j`` the first for which ``a > a_j``, has ``b > b_(j-1)``
    since ``a <= a_(j-1)``. Before rounding, "equals" and "greater" mean at least half the resolution
    less and at least half the resolution more.

    Args:
        points: ``float64`` (n, 2), rounded, the first objective falling, the second rising, n at least 1.
        resolution: ``float64`` (2,).

    Returns:
        ``float64`` (2n + 1, 2): in even rows the corners between neighbouring points, -inf where one is
        open, in odd rows the points.
    """
    rows = np.empty((2 * len(points) + 1, 2))
    rows[1::2] = points - 0.5 * resolution
    rows[::2, 0] = np.append(points[:, 0] + 0.5 * resolution[0], -np.inf)
    rows[::2, 1] = np.insert(points[:, 1] + 0.5 * resolution[1], 0, -np.inf)
    return rows
