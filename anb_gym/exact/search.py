"""Depth-first enumeration of the architectures on which several functions all reach their thresholds.

One function is fixed block after block. When a block is fixed, its pair tables
become rows added to the unary tables of the open blocks, and its triple tables
become slices added to the pair tables of the open blocks. A state of an open
block stays only if, for every function, the constant, the state's own unary
entry and the largest unary entries of the other open blocks together reach the
threshold. The last block's surviving states are exactly the architectures sought.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.exact._compile import compiled
from anb_gym.exact.functions import Functions, IntArray, offsets
from anb_gym.space import N_BLOCKS, States


class Stack(NamedTuple):
    """The state of an enumeration, by depth: everything needed to continue it.

    Attributes:
        depth: ``int64`` (1,), -1 when finished.
        pointer: ``int64`` (7,), position in the list of states of the block fixed at each depth.
        lists: ``int64`` (7, 7, n), states still possible by depth and position.
        lengths: ``int64`` (7, 7).
        constant: ``float64`` (7, k).
        unary: ``float64`` (7, k, 7, n), by list position.
        pair: ``float64`` (7, k, entries), conditioned pair tables, empty without triples.
        best: ``float64`` (7, k, 7), the largest unary entry.
        counters: ``int64`` (3,): nodes visited, architectures covered, architectures found.
    """

    depth: IntArray
    pointer: IntArray
    lists: IntArray
    lengths: IntArray
    constant: FloatArray
    unary: FloatArray
    pair: FloatArray
    best: FloatArray
    counters: IntArray


class Enumeration:
    """An enumeration in parts, between which thresholds may rise.

    Args:
        functions: The functions on what is to be enumerated.
        capacity: Architectures of one part.
    """

    def __init__(self, functions: Functions, capacity: int = 16_384) -> None:
        self._functions = functions
        self._stack = _root(functions)
        self._found = np.empty((capacity, N_BLOCKS), dtype=np.int16)

    @property
    def is_done(self) -> bool:
        """Whether it came to its end."""
        return bool(self._stack.depth[0] < 0)

    @property
    def nodes(self) -> int:
        """Nodes visited so far."""
        return int(self._stack.counters[0])

    @property
    def covered(self) -> int:
        """Architectures visited, or discarded with a node, so far."""
        return int(self._stack.counters[1])

    @property
    def found(self) -> int:
        """Architectures found so far."""
        return int(self._stack.counters[2])

    def more(self, thresholds: FloatArray, nodes: int) -> States:
        """Goes on, until the end, a full part or a number of nodes.

        Args:
            thresholds: ``float64`` (k,), what an architecture must reach in every function.
            nodes: After how many more to stop at the latest.

        Returns:
            Block states of what was found, ``int64`` (n, 7).
        """
        f = self._functions
        n = _enumerate(f.sizes, f.pair, f.triple, thresholds, self._stack, self._found, nodes)
        return f.to_states(self._found[:n].astype(np.int64))


def _root(functions: Functions) -> Stack:
    """The stack at the root."""
    sizes, k = functions.sizes, len(functions.constant)
    n = int(sizes.max())
    lists = np.zeros((N_BLOCKS, N_BLOCKS, n), dtype=np.int64)
    lists[:] = np.arange(n)
    unary = np.zeros((N_BLOCKS, k, N_BLOCKS, n))
    best = np.zeros((N_BLOCKS, k, N_BLOCKS))
    begin = offsets(sizes)[0]
    for p in range(N_BLOCKS):
        table = functions.unary[:, begin[p] : begin[p] + sizes[p]]
        unary[0, :, p, : sizes[p]] = table
        best[0, :, p] = table.max(axis=1)
    pair = np.zeros((N_BLOCKS if functions.triple.shape[1] else 0, k, functions.pair.shape[1]))
    if len(pair):
        pair[0] = functions.pair
    return Stack(
        np.zeros(1, dtype=np.int64),
        np.zeros(N_BLOCKS, dtype=np.int64),
        lists,
        np.tile(sizes, (N_BLOCKS, 1)),
        np.tile(functions.constant, (N_BLOCKS, 1)),
        unary,
        pair,
        best,
        np.zeros(3, dtype=np.int64),
    )


@compiled
def _filter(
    depth: int,
    lists: IntArray,
    lengths: IntArray,
    constant: FloatArray,
    unary: FloatArray,
    best: FloatArray,
    thresholds: FloatArray,
) -> bool:
    """Drops states that cannot reach a threshold, until none does. False if the node is dead."""
    k = constant.shape[1]
    slack = np.empty(k)
    changed = True
    while changed:
        changed = False
        for f in range(k):
            bound = constant[depth, f]
            for c in range(depth, 7):
                bound += best[depth, f, c]
            slack[f] = bound - thresholds[f]
            if not slack[f] >= 0.0:
                return False
        for c in range(depth, 7):
            n = 0
            for i in range(lengths[depth, c]):
                alive = True
                for f in range(k):
                    if best[depth, f, c] - unary[depth, f, c, i] > slack[f]:
                        alive = False
                        break
                if alive:
                    if n < i:
                        lists[depth, c, n] = lists[depth, c, i]
                        for f in range(k):
                            unary[depth, f, c, n] = unary[depth, f, c, i]
                    n += 1
            if n == 0:
                return False
            if n < lengths[depth, c]:
                lengths[depth, c] = n
                for f in range(k):
                    top = unary[depth, f, c, 0]
                    for i in range(1, n):
                        top = max(top, unary[depth, f, c, i])
                    if top < best[depth, f, c]:
                        best[depth, f, c] = top
                        changed = True
    return True


@compiled
def _condition(
    depth: int,
    fixed: int,
    sizes: IntArray,
    pair_start: IntArray,
    triple_start: IntArray,
    triple: FloatArray,
    lists: IntArray,
    lengths: IntArray,
    unary: FloatArray,
    pair: FloatArray,
    best: FloatArray,
) -> None:
    """Adds slices of the triples to the pairs of open blocks, and moves row maxima into the unary tables.

    Args:
        depth: Positions before this one are fixed, the last of them to ``fixed``.
    """
    k = unary.shape[1]
    last = depth - 1
    for f in range(k):
        for c in range(depth, 7):
            for d in range(c + 1, 7):
                where, slab = pair_start[c, d], triple_start[last, c, d] + fixed * sizes[c] * sizes[d]
                for i in range(lengths[depth, c]):
                    row = lists[depth, c, i] * sizes[d]
                    top = -np.inf
                    for j in range(lengths[depth, d]):
                        at = row + lists[depth, d, j]
                        value = pair[last, f, where + at] + triple[f, slab + at]
                        pair[depth, f, where + at] = value
                        top = max(top, value)
                    unary[depth, f, c, i] += top
                    for j in range(lengths[depth, d]):
                        pair[depth, f, where + row + lists[depth, d, j]] -= top
            top = -np.inf
            for i in range(lengths[depth, c]):
                top = max(top, unary[depth, f, c, i])
            best[depth, f, c] = top


@compiled
def _enumerate(
    sizes: IntArray,
    pair_table: FloatArray,
    triple: FloatArray,
    thresholds: FloatArray,
    stack: Stack,
    found: NDArray[np.int16],
    node_limit: int,
) -> int:
    """Continues an enumeration until it ends, ``found`` is nearly full or ``node_limit`` nodes were visited.

    Args:
        sizes: States at each position.
        pair_table: Pair tables of every function.
        triple: Triple tables of every function.
        thresholds: ``float64`` (k,), what an architecture must reach.
        stack: Updated in place.
        found: ``int16`` (capacity, 7), receives architectures as states by position.
        node_limit: When to return at the latest.

    Returns:
        The number of architectures in ``found``. ``stack.depth[0]`` is -1 at the end.
    """
    _, pair_start, triple_start, _ = offsets(sizes)
    has_triples = triple.shape[1] > 0
    k = len(thresholds)
    depth_, pointer, lists, lengths, constant, unary, pair, best, counters = stack
    below = np.ones(8, np.int64)
    for p in range(6, -1, -1):
        below[p] = below[p + 1] * sizes[p]
    n_found, nodes = 0, 0
    depth = depth_[0]
    while depth >= 0:
        if pointer[depth] >= lengths[depth, depth]:
            depth -= 1
            continue
        if nodes >= node_limit or n_found + sizes[6] > len(found):
            break
        nodes += 1
        i = pointer[depth]
        pointer[depth] += 1
        state = lists[depth, depth, i]
        child = depth + 1
        alive = True
        for c in range(child, 7):
            lengths[child, c] = lengths[depth, c]
            for j in range(lengths[depth, c]):
                lists[child, c, j] = lists[depth, c, j]
        for f in range(k):
            constant[child, f] = constant[depth, f] + unary[depth, f, depth, i]
            bound = constant[child, f]
            for c in range(child, 7):
                row = pair_start[depth, c] + state * sizes[c]
                top = -np.inf
                for j in range(lengths[child, c]):
                    at = row + lists[child, c, j]
                    value = unary[depth, f, c, j] + (pair[depth, f, at] if has_triples else pair_table[f, at])
                    unary[child, f, c, j] = value
                    top = max(top, value)
                best[child, f, c] = top
                bound += top
            if not bound >= thresholds[f]:
                alive = False
                break
        if alive:
            alive = _filter(child, lists, lengths, constant, unary, best, thresholds)
        if alive and has_triples and child < 6:
            _condition(child, state, sizes, pair_start, triple_start, triple, lists, lengths, unary, pair, best)
            alive = _filter(child, lists, lengths, constant, unary, best, thresholds)
        if not alive:
            counters[1] += below[child]
            continue
        if child == 6:
            counters[1] += sizes[6]
            for j in range(lengths[6, 6]):
                for p in range(6):
                    found[n_found, p] = lists[p, p, pointer[p] - 1]
                found[n_found, 6] = lists[6, 6, j]
                n_found += 1
            counters[2] += lengths[6, 6]
            continue
        counters[1] += below[child + 1] * (sizes[child] - lengths[child, child])
        pointer[child] = 0
        depth = child
    depth_[0] = depth
    counters[0] += nodes
    return n_found
