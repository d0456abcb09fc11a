"""Several functions on the same restricted space, in the form that the bounds rewrite.

A function is held as a constant plus unary, pair and triple tables over the
states that are still possible. The same function has many such forms: adding a
vector to a unary table and subtracting it from a pair table changes nothing.
:mod:`anb_gym.exact.bounds` looks for the form whose tables' maxima add up to
the least; the search then works in that form.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.exact._compile import compiled
from anb_gym.exact.objectives import TableObjectives
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.tables import BlockTables, layout

IntArray = NDArray[np.int64]

#: An entry no better than this belongs to states that cannot both occur.
IMPOSSIBLE = -1e30


@compiled
def offsets(sizes: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Offsets of each unary, pair and triple table, and the lengths of all three arrays."""
    unary = np.zeros(7, np.int64)
    pair = np.zeros((7, 7), np.int64)
    triple = np.zeros((7, 7, 7), np.int64)
    total = np.zeros(3, np.int64)
    for a in range(7):
        unary[a] = total[0]
        total[0] += sizes[a]
        for b in range(a + 1, 7):
            pair[a, b] = total[1]
            total[1] += sizes[a] * sizes[b]
            for c in range(b + 1, 7):
                triple[a, b, c] = total[2]
                total[2] += sizes[a] * sizes[b] * sizes[c]
    return unary, pair, triple, total


@dataclass
class Functions:
    """``k`` functions on a product of state sets.

    Attributes:
        blocks: ``int64`` (7,), the block at each position; the search fixes position 0 first.
        states: The possible states at each position, ascending.
        constant: ``float64`` (k,).
        unary: ``float64`` (k, entries), tables one after the other in C order.
        pair: ``float64`` (j, entries) of the first j functions, j at most k. The others are sums over single blocks.
        triple: ``float64`` (j, entries), or (j, 0) if there are no triples.
    """

    blocks: IntArray
    states: list[IntArray]
    constant: FloatArray
    unary: FloatArray
    pair: FloatArray
    triple: FloatArray

    @property
    def sizes(self) -> IntArray:
        """The number of possible states at each position, ``int64`` (7,)."""
        return np.array([len(s) for s in self.states], dtype=np.int64)

    @property
    def whole(self) -> list[NDArray[np.bool_]]:
        """For every position a mask of its possible states that has all of them."""
        return [np.ones(n, dtype=np.bool_) for n in self.sizes]

    @property
    def size(self) -> int:
        """The number of architectures."""
        return int(np.prod([len(s) for s in self.states], dtype=object))

    def to_states(self, positions: IntArray) -> States:
        """Block states ``int64`` (n, 7) of positions in the lists of states (n, 7)."""
        states = np.empty_like(positions)
        for block, possible, column in zip(self.blocks, self.states, positions.T, strict=True):
            states[:, block] = possible[column]
        return states

    def from_states(self, states: States) -> IntArray:
        """Positions ``int64`` (m, 7) of those of the block states (n, 7) that are possible."""
        by_position = states[:, self.blocks]
        columns = list(zip(self.states, by_position.T, strict=True))
        is_possible = np.all([np.isin(column, possible) for possible, column in columns], axis=0)
        positions = [np.searchsorted(possible, column[is_possible]) for possible, column in columns]
        return np.stack(positions, axis=1)

    def restricted(self, keep: list[NDArray[np.bool_]], order: IntArray | None = None) -> Functions:
        """These functions on fewer states, with positions in a new order.

        Args:
            keep: For every position, which of its states stay.
            order: The old position at each new position; by default unchanged.
        """
        order = np.arange(N_BLOCKS) if order is None else order
        sizes = self.sizes
        kept = np.zeros((N_BLOCKS, int(sizes.max())), dtype=np.int64)
        lengths = np.zeros(N_BLOCKS, dtype=np.int64)
        for position, mask in enumerate(keep):
            where = np.flatnonzero(mask)
            kept[position, : len(where)] = where
            lengths[position] = len(where)
        unary, pair, triple = _restrict(sizes, self.unary, self.pair, self.triple, kept, lengths, order)
        states = [self.states[p][keep[p]] for p in order]
        return Functions(self.blocks[order], states, self.constant.copy(), unary, pair, triple)

    def smallest_first(self) -> Functions:
        """These functions with positions in the order of their numbers of states: a search cuts more, the earlier."""
        return self.restricted(self.whole, np.argsort(self.sizes, kind="stable"))

    def combined(self, weights: FloatArray, shift: FloatArray | float = 0.0) -> Functions:
        """Weighted sums of the functions less ``shift`` (k,), ``weights`` of shape (new k, k)."""
        return Functions(
            self.blocks,
            self.states,
            weights @ (self.constant - shift),
            weights @ self.unary,
            weights[:, : len(self.pair)] @ self.pair,
            weights[:, : len(self.pair)] @ self.triple,
        )


def halves(keep: list[NDArray[np.bool_]]) -> list[list[NDArray[np.bool_]]]:
    """A part of a space, which states stay at every position, cut in two at the position that has most states."""
    largest = int(np.argmax([mask.sum() for mask in keep]))
    parts = []
    for half in np.array_split(np.flatnonzero(keep[largest]), 2):
        mask = np.zeros_like(keep[largest])
        mask[half] = True
        parts.append([*keep[:largest], mask, *keep[largest + 1 :]])
    return parts


@compiled
def _restrict(
    sizes: IntArray,
    unary: FloatArray,
    pair: FloatArray,
    triple: FloatArray,
    kept: IntArray,
    lengths: IntArray,
    order: IntArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    k, with_pairs = unary.shape[0], pair.shape[0]
    u0, p0, t0, _ = offsets(sizes)
    new_sizes = lengths[order]
    u1, p1, t1, total = offsets(new_sizes)
    has_triples = triple.shape[1] > 0
    new_unary = np.empty((k, total[0]))
    new_pair = np.empty((with_pairs, total[1]))
    new_triple = np.empty((with_pairs, total[2] if has_triples else 0))
    stride = np.zeros(7, np.int64)
    for f in range(k):
        for a in range(7):
            oa = order[a]
            for i in range(new_sizes[a]):
                new_unary[f, u1[a] + i] = unary[f, u0[oa] + kept[oa, i]]
            if f >= with_pairs:
                continue
            for b in range(a + 1, 7):
                ob = order[b]
                low, high = min(oa, ob), max(oa, ob)
                step_a, step_b = (sizes[ob], 1) if oa < ob else (1, sizes[oa])
                to = p1[a, b]
                for i in range(new_sizes[a]):
                    start = p0[low, high] + kept[oa, i] * step_a
                    for j in range(new_sizes[b]):
                        new_pair[f, to] = pair[f, start + kept[ob, j] * step_b]
                        to += 1
                if not has_triples:
                    continue
                for c in range(b + 1, 7):
                    oc = order[c]
                    first, last = min(oa, ob, oc), max(oa, ob, oc)
                    middle = oa + ob + oc - first - last
                    stride[last], stride[middle], stride[first] = 1, sizes[last], sizes[last] * sizes[middle]
                    to = t1[a, b, c]
                    base = t0[first, middle, last]
                    for i in range(new_sizes[a]):
                        for j in range(new_sizes[b]):
                            start = base + kept[oa, i] * stride[oa] + kept[ob, j] * stride[ob]
                            for m in range(new_sizes[c]):
                                new_triple[f, to] = triple[f, start + kept[oc, m] * stride[oc]]
                                to += 1
    return new_unary, new_pair, new_triple


def from_tables(tables: list[BlockTables]) -> Functions:
    """The functions of some tables on the whole space, each centred term by term.

    Every table is split into its mean, its rows' mean deviations and so on (a
    functional analysis of variance), so that pairs hold only interactions and
    triples only what no pair explains.
    """
    has_triples = any(t.order == 3 for t in tables)
    k = len(tables)
    constant = np.zeros(k)
    unary, pair = np.zeros((k, layout(1).size)), np.zeros((k, layout(2).size))
    triple = np.zeros((k, layout(3).size if has_triples else 0))
    by_order = {1: unary, 2: pair, 3: triple}
    for f, table in enumerate(tables):
        for group in table.layout.blocks:
            rest = table.table(*group)
            for order in range(table.order + 1):
                for axes in combinations(range(table.order), order):
                    others = tuple(i for i in range(table.order) if i not in axes)
                    part = rest.mean(axis=others, keepdims=True)
                    rest = rest - part
                    if not axes:
                        constant[f] += float(part.item())
                        continue
                    where = layout(order)
                    column = where.blocks.index(tuple(group[i] for i in axes))
                    start = where.offsets[column]
                    by_order[order][f, start : start + part.size] += part.ravel()
    states = [np.arange(n) for n in SPACE.block_sizes]
    return Functions(np.arange(N_BLOCKS), states, constant, unary, pair, triple)


def from_objectives(objectives: TableObjectives) -> Functions:
    """Both functions of a search, signed, on the states that it leaves open."""
    return from_tables(objectives.tables).restricted(objectives.keep).combined(np.diag(objectives.signs))
