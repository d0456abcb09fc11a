"""The exact front of three functions or more, and a front with a stated gap, over the whole space.

Known architectures leave zones, each open above a lower corner ``z``: whatever none of them is as good as lies in some
zone (Klamroth, Lacour and Vanderpooten 2015, https://doi.org/10.1016/j.ejor.2015.03.031), and so has
``w . f >= w . z`` for any weights ``w``. As in :mod:`anb_gym.exact.solver`, where zones are the boxes of a staircase, a
group of neighbouring zones is closed by enumerating the architectures on which several weighted sums reach their least
values over the group's corners. A group too wide for that is cut in two, and the space of a single zone likewise. What
is found on the way and lies in a zone cuts it into smaller ones.

What equals a member lies in no zone, but in a box that begins at the member: boxes are closed along with zones.

There are some two zones a member with three functions, and many more with four. Where that is too many a gap is stated:
zones begin so far above the members, of which those are dropped that another comes within half of it of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.exact.bounds import tighten
from anb_gym.exact.changes import one_block_changes
from anb_gym.exact.dominance import non_dominated
from anb_gym.exact.functions import Functions, from_objectives, halves
from anb_gym.exact.incumbents import FrontTooLargeError
from anb_gym.exact.objectives import TableObjectives
from anb_gym.exact.search import Enumeration
from anb_gym.space import N_BLOCKS, SPACE, Indices, States

#: Zones and boxes per group at the start.
_GROUP: Final = 36
#: Nodes, and architectures found, after which a group is cut; nodes after which the space of a single zone is.
_NODES: Final = 20_000
_FOUND: Final = 200_000
_NODES_OF_ONE: Final = 1_000_000
#: Steps of the grid of weights, and powers of ten beside it.
_STEPS: Final = 12
_POWERS: Final = (-3.0, -2.0, -1.0, 0.0)
#: Besides the best weights, those with one of them so many times as large.
_TILT: Final = 3.0
#: Random architectures, and weighted sums of which a climb from the best of these begins the search.
_SAMPLE: Final = 2_000
_CLIMBS: Final = 150
#: Members whose changes are tried at a time, and points that are compared with zones.
_CHUNK: Final = 500


@dataclass(frozen=True, eq=False)
class Zones:
    """Zones, and boxes of members.

    Attributes:
        corners: Where they begin, ``float64`` (n, k), half a resolution beside the multiples of it that values are
            compared as, so that nothing lies on an edge. -inf where a zone has no limit.
        is_open: Whether it is a zone, ``bool`` (n,): what is found there is better than known.
    """

    corners: FloatArray
    is_open: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.corners)


class SeveralSolver:
    """The search.

    Args:
        objectives: What is maximised: three functions or more.
        gap: Share of the extent of the first members' values: what exceeds some member by no more is not sought.
        limit: How many members the front may have.

    Attributes:
        gap: The same in the functions' units, ``float64`` (k,).
        nodes: Nodes visited so far.
    """

    def __init__(self, objectives: TableObjectives, gap: float, limit: int) -> None:
        self._objectives, self._limit = objectives, limit
        self._functions = from_objectives(objectives)
        self._indices: Indices = np.empty(0, dtype=np.int64)
        self._values: FloatArray = np.empty((0, len(objectives.tables)))
        self.gap = np.zeros(len(objectives.tables))
        self._climb()
        self.gap = objectives.rounded(gap * np.ptp(self._values, axis=0))
        self._improve()
        self._shift = self._values.min(axis=0)
        self._scale = 1.0 / np.maximum(np.ptp(self._values, axis=0), 1e3 * objectives.resolution)
        self.nodes = 0
        self._least = _least(self._functions) - 1e3 * objectives.resolution
        self._weights = _weights(len(objectives.tables))
        self._support = (self._scaled(self._values) @ self._weights.T).max(axis=0)

    def groups(self) -> list[Zones]:
        """Zones and boxes that hold all that is sought, in groups of neighbours."""
        zones = np.full((1, len(self.gap)), -np.inf)
        for point in self._values:
            zones = _cut(zones, self._above(point))
        return list(self._halved(self._with_boxes(zones, self._values)))

    def close(self, zones: Zones) -> None:
        """Finds all that lies in some zones."""
        todo = [(zones, self._functions)]
        while todo:
            todo += self._close(*todo.pop())

    def members(self) -> tuple[Indices, FloatArray]:
        """Indices (n,) and signed objectives (n, k), the first falling; equals by index."""
        order = np.lexsort((self._indices, -self._values[:, 0]))
        indices = self._indices[order]
        return indices, self._objectives(SPACE.index_to_states(indices))

    def _close(self, zones: Zones, functions: Functions) -> list[tuple[Zones, Functions]]:
        """Finds what lies in zones, of a part of the space, or cuts one of them."""
        weights = self._telling(zones)
        thresholds = self._thresholds(weights, zones)
        left = tighten(functions.combined(weights * self._scale, self._shift), thresholds)
        if left.size == 0:
            return []
        keep = [np.isin(all_, some) for all_, some in zip(functions.states, left.states, strict=True)]
        left = left.smallest_first()
        enumeration = Enumeration(left)
        limit = _NODES if len(zones) > 1 else _NODES_OF_ONE
        while not enumeration.is_done:
            if enumeration.nodes >= limit or (enumeration.found >= _FOUND and len(zones) > 1):
                self.nodes += enumeration.nodes
                part = functions.restricted(keep)
                if len(zones) > 1:
                    return [(half, part) for half in self._halves(zones)]
                return [(zones, part.restricted(half)) for half in halves(part.whole)]
            found = enumeration.more(thresholds, limit)
            if len(found):
                zones = self._take(found, zones)
                if not len(zones):
                    break
                thresholds = self._thresholds(weights, zones)
        self.nodes += enumeration.nodes
        return []

    def _take(self, states: States, zones: Zones) -> Zones:
        """Keeps what lies in zones or boxes; returns what is left of them."""
        values = self._objectives.rounded(self._objectives(states))
        inside, better = np.zeros((2, len(states)), dtype=np.bool_)
        for begin in range(0, len(states), _CHUNK):
            rows = slice(begin, begin + _CHUNK)
            held = np.all(values[rows, None] > zones.corners, axis=2)
            inside[rows] = np.any(held, axis=1)
            better[rows] = np.any(held & zones.is_open, axis=1)
        self._add(states[inside])
        if not better.any():
            return zones
        points = np.unique(values[better], axis=0)
        points = points[non_dominated(points)]
        left = zones.corners[zones.is_open]
        for point in points:
            left = _cut(left, self._above(point))
        new, boxes = self._with_boxes(left, points), ~zones.is_open
        return Zones(
            np.concatenate([new.corners, zones.corners[boxes]]), np.concatenate([new.is_open, zones.is_open[boxes]])
        )

    def _above(self, point: FloatArray) -> FloatArray:
        """Where zones of what a point is not as good as begin."""
        begin: FloatArray = point + self.gap + 0.5 * self._objectives.resolution
        return begin

    def _with_boxes(self, zones: FloatArray, points: FloatArray) -> Zones:
        """Zones, and boxes of what equals points; with a gap equals are not sought."""
        boxes = (np.unique(points, axis=0) - 0.5 * self._objectives.resolution)[: 0 if self.gap.any() else None]
        return Zones(np.concatenate([zones, boxes]), np.repeat([True, False], [len(zones), len(boxes)]))

    def _add(self, states: States) -> None:
        """Adds architectures to the members, and drops what is dominated."""
        new = np.setdiff1d(SPACE.states_to_index(states), self._indices)
        if not len(new):
            return
        values = self._objectives.rounded(self._objectives(SPACE.index_to_states(new)))
        alone = non_dominated(values)
        indices = np.concatenate([self._indices, new[alone]])
        values = np.concatenate([self._values, values[alone]])
        keep = non_dominated(values)
        self._indices, self._values = indices[keep], values[keep]
        if len(self._indices) > self._limit:
            raise FrontTooLargeError(f"more than limit={self._limit} architectures are non-dominated")

    def _climb(self) -> None:
        """Adds the ends of climbs over changes of one block, of random weighted sums."""
        rng, sizes = np.random.default_rng(0), self._functions.sizes
        sample = self._functions.to_states(rng.integers(sizes, size=(_SAMPLE, N_BLOCKS)))
        values = self._objectives(sample)
        scale = 1.0 / np.maximum(values.std(axis=0), self._objectives.resolution)
        for weights in rng.dirichlet(np.full(values.shape[1], 0.7), _CLIMBS) * scale:
            place = sample[int((values @ weights).argmax())]
            while True:
                states = np.concatenate([place[None], self._changes(place)])
                best = int((self._objectives(states) @ weights).argmax())
                if best == 0:
                    break
                place = states[best]
            self._add(place[None])

    def _improve(self) -> None:
        """Adds what changes of single blocks of members reach, while that improves the front."""
        explored = np.empty(0, dtype=np.int64)
        while len(new := np.setdiff1d(self._indices, explored)[:_CHUNK]):
            explored = np.union1d(explored, new)
            self._add(self._changes(SPACE.index_to_states(new)))
            # Only before there are zones: what made them must not be dropped for something worse.
            if self.gap.any():
                kept = _cover(self._values, 0.5 * self.gap)
                self._indices, self._values = self._indices[kept], self._values[kept]

    def _changes(self, states: States) -> States:
        changes = one_block_changes(states)
        kept = [mask[column] for mask, column in zip(self._objectives.keep, changes.T, strict=True)]
        return changes[np.all(kept, axis=0)]

    def _scaled(self, values: FloatArray) -> FloatArray:
        scaled: FloatArray = (np.maximum(values, self._least) - self._shift) * self._scale
        return scaled

    def _thresholds(self, weights: FloatArray, zones: Zones) -> FloatArray:
        """Least values of weighted sums of what lies in zones or boxes."""
        tolerance = weights @ (self._objectives.tolerance * self._scale)
        thresholds: FloatArray = (self._scaled(zones.corners) @ weights.T).min(axis=0) - tolerance
        return thresholds

    def _telling(self, zones: Zones) -> FloatArray:
        """Weights of the sums that bound zones, ``float64`` (m, k), those first whose support passes closest."""
        lowest = (self._scaled(zones.corners) @ self._weights.T).min(axis=0)
        best = self._weights[int(((self._support - lowest) / self._weights.max(axis=1)).argmin())]
        tilted = best * np.where(np.eye(len(best), dtype=np.bool_), _TILT, 1.0)
        weights = np.concatenate([best[None], tilted / tilted.sum(axis=1, keepdims=True), np.eye(len(best))])
        return np.asarray(list(dict.fromkeys(map(tuple, weights.tolist()))))

    def _halved(self, zones: Zones) -> Iterator[Zones]:
        if len(zones) <= _GROUP:
            yield zones
            return
        for half in self._halves(zones):
            yield from self._halved(half)

    def _halves(self, zones: Zones) -> tuple[Zones, Zones]:
        """Zones and boxes cut in two along the longest axis of their corners."""
        axis = int(np.ptp(self._scaled(zones.corners), axis=0).argmax())
        parts = np.array_split(np.argsort(zones.corners[:, axis], kind="stable"), 2)
        first, second = (Zones(zones.corners[rows], zones.is_open[rows]) for rows in parts)
        return first, second


def _cut(zones: FloatArray, point: FloatArray) -> FloatArray:
    """Zones, cut at a point: of what lies in them that which exceeds it in some coordinate."""
    holds = (zones < point).all(axis=1)
    if not holds.any():
        return zones
    old, rest = zones[holds], zones[~holds]
    parts = [rest]
    for axis in range(len(point)):
        new = old.copy()
        new[:, axis] = point[axis]
        new = np.unique(new, axis=0)
        # A zone within another is not needed; it can only be within one that begins at the same value of this axis.
        others = np.concatenate([new, rest[rest[:, axis] == point[axis]]])
        holders = np.sum(np.all(others[None] <= new[:, None], axis=2), axis=1)  # itself is one
        parts.append(new[holders == 1])
    return np.concatenate(parts)


def _cover(points: FloatArray, within: FloatArray) -> Indices:
    """Rows of some points, such that each point is at most so far above one of them in all coordinates."""
    left = np.argsort(-(points / np.maximum(within, 1e-300)).sum(axis=1), kind="stable")
    kept = []
    while len(left):
        kept.append(int(left[0]))
        left = left[(points[left] > points[left[0]] + within).any(axis=1)]
    return np.array(kept, dtype=np.int64)


def _weights(k: int) -> FloatArray:
    """Weights that add up to 1, ``float64`` (n, k): a grid, and powers of ten of each other."""
    grid = np.array([w for w in product(range(_STEPS + 1), repeat=k) if sum(w) == _STEPS], dtype=np.float64)
    powers = 10.0 ** np.array(list(product(_POWERS, repeat=k)))
    weights = np.concatenate([grid, powers])
    return np.unique(weights / weights.sum(axis=1, keepdims=True), axis=0)


def _least(functions: Functions) -> FloatArray:
    """What no value of any function is below, ``float64`` (k,)."""
    sizes, total = functions.sizes, functions.constant.copy()
    for values, order in ((functions.unary, 1), (functions.pair, 2), (functions.triple, 3)):
        if not values.shape[1]:
            continue
        lengths = [int(np.prod(part)) for part in combinations(sizes.tolist(), order)]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        total[: len(values)] += np.minimum.reduceat(values, starts, axis=1).sum(axis=1)
    return total
