"""Sets of mutually non-dominated points of two objectives, both maximised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.exact._compile import compiled
from anb_gym.exact.functions import IntArray
from anb_gym.space import N_BLOCKS


class Archive(NamedTuple):
    """An archive for compiled code: points with the first objective falling and the second rising.

    Attributes:
        length: ``int64`` (1,), how many are in use.
        objectives: ``float64`` (capacity, 2).
        states: ``int64`` (capacity, 7).
        explored: ``int64`` (capacity,), 1 where the changes of the member were tried.
    """

    length: IntArray
    objectives: FloatArray
    states: IntArray
    explored: IntArray


def empty_archive(capacity: int = 100_000) -> Archive:
    """An archive without points."""
    return Archive(
        np.zeros(1, dtype=np.int64),
        np.zeros((capacity, 2)),
        np.zeros((capacity, N_BLOCKS), dtype=np.int64),
        np.zeros(capacity, dtype=np.int64),
    )


@compiled
def first_not_above(objectives: FloatArray, n: int, a: float) -> int:
    """The first of ``n`` rows, sorted by falling first objective, whose first objective is below ``a``."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if objectives[middle, 0] >= a:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _move(archive: Archive, source: int, target: int) -> None:
    archive.objectives[target, 0] = archive.objectives[source, 0]
    archive.objectives[target, 1] = archive.objectives[source, 1]
    archive.explored[target] = archive.explored[source]
    for block in range(7):
        archive.states[target, block] = archive.states[source, block]


@compiled
def insert(archive: Archive, a: float, b: float, states: IntArray, tolerance: FloatArray) -> bool:
    """Inserts a point unless the archive has one as good up to a tolerance; drops what the point dominates."""
    length, objectives, members, explored = archive
    n = length[0]
    at = first_not_above(objectives, n, a - tolerance[0])
    if at > 0 and objectives[at - 1, 1] >= b - tolerance[1]:
        return False
    at = first_not_above(objectives, n, a)
    # Rows before `at` have a first objective at least as large; an equal one may be dominated.
    while at > 0 and objectives[at - 1, 0] <= a and objectives[at - 1, 1] <= b:
        at -= 1
    end = at
    while end < n and objectives[end, 1] <= b:
        end += 1
    if n + 1 - (end - at) > len(objectives):
        return False
    if end == at:
        for i in range(n, at, -1):
            _move(archive, i - 1, i)
        length[0] = n + 1
    elif end > at + 1:
        gap = end - at - 1
        for i in range(end, n):
            _move(archive, i, i - gap)
        length[0] = n - gap
    objectives[at, 0], objectives[at, 1] = a, b
    for block in range(7):
        members[at, block] = states[block]
    explored[at] = 0
    return True
