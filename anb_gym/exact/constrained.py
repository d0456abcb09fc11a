"""The exact maximum of a function under limits of several others, over the whole space.

An architecture that keeps all limits and is at least as good as the best one known has three properties: the function
reaches the best value, every other function reaches its limit, and so does every sum of the first with non-negative
multiples of the others' distances from their limits. Bounds and the search of :mod:`anb_gym.exact.solver` enumerate
what has them all; each better architecture that is found raises the first threshold. Multiples that bound well are
those of the Lagrangian dual, here of a sample; any give the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.exact.bounds import tighten
from anb_gym.exact.changes import one_block_changes
from anb_gym.exact.functions import Functions, from_tables, halves
from anb_gym.exact.objectives import checksum
from anb_gym.exact.search import Enumeration
from anb_gym.space import SPACE, Indices, States
from anb_gym.surrogates.tables import BlockTables, evaluate

#: Values closer than this, relative to their spread over random architectures, are compared as equal.
_RESOLUTION: Final = 1e-9
#: Random architectures behind scales, multiples and the first architectures; how many of these are improved.
_SAMPLE: Final = 50_000
_STARTS: Final = 30
#: Steps towards the dual's multiples, and by what factors these are varied.
_STEPS: Final = 400
_VARIED: Final = (1.0, 0.6, 1.6)
#: Nodes after which a part of the space is cut in two.
_NODES: Final = 200_000


class NothingMeetsError(ValueError):
    """No architecture of the space keeps all limits."""


@dataclass(frozen=True)
class Limit:
    """A limit of a function.

    Attributes:
        tables: The function.
        bound: What its sum must reach.
        at_least: Whether it must be at least that, or at most.
        kept: Which sums keep the limit, from ``float64`` (n,) to ``bool`` (n,), where rounding matters: such as by a
            metric that is a function of the sum. None to compare sums.
    """

    tables: BlockTables
    bound: float
    at_least: bool
    kept: Callable[[FloatArray], NDArray[np.bool_]] | None = None

    def slack(self, sums: FloatArray) -> FloatArray:
        """By how much sums keep the limit, negative where they do not."""
        slack = sums - self.bound if self.at_least else self.bound - sums
        if self.kept is None:
            return slack
        return np.where(self.kept(sums), np.maximum(slack, 0.0), np.minimum(slack, -np.finfo(np.float64).tiny))


@dataclass(frozen=True, eq=False)
class ConstrainedMaximum:
    """The exact maximum of a function under limits.

    Attributes:
        indices: All architectures that have it and keep the limits, ``int64`` (n,), ascending.
        value: The maximum.
        tables: SHA-256 of the function's tables and those of the limits.
        covered: Architectures visited or discarded by a bound: all of the space.
        nodes: Nodes of the search.
    """

    indices: Indices
    value: float
    tables: tuple[str, ...]
    covered: int
    nodes: int


def maximize_under(tables: BlockTables, limits: Sequence[Limit]) -> ConstrainedMaximum:
    """The exact maximum of a function over all architectures that keep some limits.

    Args:
        tables: The function.
        limits: One or more limits.

    Raises:
        NothingMeetsError: No architecture keeps them all.
        ValueError: There is no limit.
    """
    if not limits:
        raise ValueError("limits must be one or more, got none")
    search = _Search(tables, limits)
    covered = nodes = 0
    parts = [[np.ones(n, dtype=np.bool_) for n in SPACE.block_sizes]]
    while parts:
        closed, visited, rest = search.close(parts.pop())
        covered, nodes, parts = covered + closed, nodes + visited, parts + rest
    if covered != SPACE.size:
        raise RuntimeError(f"the search closed {covered} architectures of {SPACE.size}")
    if not len(search.indices):
        raise NothingMeetsError("limits must be kept by some architecture, none keeps them all")
    checksums = tuple(checksum(t) for t in (tables, *(limit.tables for limit in limits)))
    return ConstrainedMaximum(np.sort(search.indices), search.value, checksums, covered, nodes)


class _Search:
    """The best so far, and what closes a part of the space."""

    def __init__(self, tables: BlockTables, limits: Sequence[Limit]) -> None:
        self._tables, self._limits = tables, limits
        self.value, self.indices = -np.inf, np.empty(0, dtype=np.int64)
        rng = np.random.default_rng(0)
        sample = SPACE.to_states(SPACE.sample(_SAMPLE, rng))
        values, slacks = self._evaluate(sample)
        self._scale = np.maximum(slacks.std(axis=0), 1e-280)
        self._spread = float(values.std())
        self._resolution = _RESOLUTION * max(self._spread, 1e-280)
        multiples = self._first(sample, values, slacks)
        signs = np.array([1.0, *(1.0 if limit.at_least else -1.0 for limit in limits)])
        bounds = np.array([0.0, *(limit.bound for limit in limits)])
        whole = from_tables([tables, *(limit.tables for limit in limits)])
        # The function, and how much every limit is kept by.
        self._functions = whole.combined(np.diag(signs), bounds)
        sums = [[1.0, *(factor * multiples)] for factor in _VARIED]
        self._weights = np.concatenate([np.array(sums), np.eye(1 + len(limits))])

    def close(self, keep: list[NDArray[np.bool_]]) -> tuple[int, int, list[list[NDArray[np.bool_]]]]:
        """Closes a part of the space, or cuts it. Returns architectures closed, nodes visited, and parts left."""
        size = int(np.prod([int(mask.sum()) for mask in keep], dtype=object))
        functions = tighten(self._functions.restricted(keep).combined(self._weights), self._thresholds())
        if functions.size == 0:
            return size, 0, []
        functions = functions.smallest_first()
        enumeration = Enumeration(functions)
        while not enumeration.is_done:
            if enumeration.nodes >= _NODES:
                return size - functions.size, enumeration.nodes, halves(_rest(keep, functions))
            found = enumeration.more(self._thresholds(), _NODES)
            if len(found):
                self._add(found)
        return size - functions.size + enumeration.covered, enumeration.nodes, []

    def _thresholds(self) -> FloatArray:
        """What weighted sums reach wherever all limits are kept and the function is as large as the best."""
        least = np.array([self.value, *[0.0] * len(self._limits)])
        unknown = (self._weights[:, 0] > 0.0) & ~np.isfinite(self.value)
        with np.errstate(invalid="ignore"):
            thresholds = np.where(unknown, -1e29, self._weights @ np.nan_to_num(least, neginf=0.0))
        tolerance = self._resolution + self._weights[:, 1:] @ (_RESOLUTION * self._scale)
        lowered: FloatArray = thresholds - 10.0 * tolerance
        return lowered

    def _evaluate(self, states: States) -> tuple[FloatArray, FloatArray]:
        """The function and how much limits are kept by, ``float64`` (n,) and (n, limits)."""
        values, *sums = evaluate([self._tables, *(limit.tables for limit in self._limits)], states)
        slacks = [limit.slack(of_limit) for limit, of_limit in zip(self._limits, sums, strict=True)]
        return values, np.stack(slacks, axis=1)

    def _add(self, states: States) -> None:
        """Keeps what meets all limits and is best."""
        values, slacks = self._evaluate(states)
        meets = (slacks >= 0.0).all(axis=1)
        if not meets.any():
            return
        indices, values = SPACE.states_to_index(states[meets]), values[meets]
        if values.max() > self.value + self._resolution:
            self.indices = np.empty(0, dtype=np.int64)
        self.value = max(self.value, float(values.max()))
        self.indices = np.union1d(self.indices, indices[values >= self.value - self._resolution])

    def _first(self, sample: States, values: FloatArray, slacks: FloatArray) -> FloatArray:
        """Multiples of limits that bound well, from a sample that grows; adds good architectures on the way."""
        multiples = np.full(slacks.shape[1], 0.3 * self._spread)
        scaled = slacks / self._scale
        for step in range(_STEPS):
            best = int((values + scaled @ multiples).argmax())
            if step % (_STEPS // _STARTS) == 0:
                climbed = self._climb(sample[best], multiples)
                more, of_more = self._evaluate(climbed[None])
                sample = np.concatenate([sample, climbed[None]])
                values, scaled = np.append(values, more), np.concatenate([scaled, of_more / self._scale])
                best = int((values + scaled @ multiples).argmax())
            size = 0.3 * self._spread / np.sqrt(1.0 + step)
            gradient = scaled[best] / max(1.0, float(np.abs(scaled[best]).max()))
            multiples = np.maximum(0.0, multiples - size * gradient)
        violation = np.minimum(scaled, 0.0).sum(axis=1)
        for row in np.argsort(-(values + 10.0 * self._spread * violation), kind="stable")[:_STARTS]:
            self._climb(sample[row], None)
        found: FloatArray = multiples / self._scale
        return found

    def _climb(self, place: States, multiples: FloatArray | None) -> States:
        """The end of a climb over changes of one block: of the sum with multiples, or of what keeps limits first."""
        best = -np.inf
        while True:
            states = np.concatenate([place[None], one_block_changes(place)])
            values, slacks = self._evaluate(states)
            self._add(states)
            scaled = slacks / self._scale
            if multiples is None:
                worth = values + 1e3 * self._spread * np.minimum(scaled, 0.0).sum(axis=1)
            else:
                worth = values + scaled @ multiples
            row = int(worth.argmax())
            if not worth[row] > best + self._resolution:
                return place
            place, best = states[row], float(worth[row])


def _rest(keep: list[NDArray[np.bool_]], functions: Functions) -> list[NDArray[np.bool_]]:
    """What functions leave of a part of the space."""
    left = list(keep)
    for block, states in zip(functions.blocks, functions.states, strict=True):
        left[block] = np.isin(np.arange(len(keep[block])), states)
    return left
