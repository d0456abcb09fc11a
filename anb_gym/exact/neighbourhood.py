"""Changes of one block, and the heuristic that finds a first front with them.

The heuristic certifies nothing: it makes the first archive so good that the
search, which does certify, can prune from the start.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.exact._compile import compiled
from anb_gym.exact.archive import Archive, empty_archive, insert
from anb_gym.exact.functions import Functions, IntArray, offsets
from anb_gym.space import N_BLOCKS

_SCALARISATIONS: Final = 200
_RESTARTS: Final = 4
_RESTARTS_OF_ONE: Final = 32


@compiled
def one_block_changes(
    sizes: IntArray, unary: FloatArray, pair: FloatArray, triple: FloatArray, states: IntArray, gain: FloatArray
) -> None:
    """Change of every function when one block takes another state.

    Args:
        states: ``int64`` (7,).
        gain: ``float64`` (k, 7, n), overwritten.
    """
    u0, p0, t0, _ = offsets(sizes)
    for f in range(unary.shape[0]):
        for c in range(7):
            for s in range(sizes[c]):
                value = unary[f, u0[c] + s]
                for d in range(7):
                    if d == c or f >= pair.shape[0]:
                        continue
                    i, j = (s, states[d]) if c < d else (states[d], s)
                    value += pair[f, p0[min(c, d), max(c, d)] + i * sizes[max(c, d)] + j]
                if f < pair.shape[0] and triple.shape[1] > 0:
                    for d in range(7):
                        for e in range(d + 1, 7):
                            if d == c or e == c:
                                continue
                            x = (s, states[d], states[e])
                            x0, x1, x2 = x if c < d else ((x[1], x[0], x[2]) if c < e else (x[1], x[2], x[0]))
                            lo, hi = min(c, d), max(c, e)
                            mid = c + d + e - lo - hi
                            value += triple[f, t0[lo, mid, hi] + (x0 * sizes[mid] + x1) * sizes[hi] + x2]
                gain[f, c, s] = value
            base = gain[f, c, states[c]]
            for s in range(sizes[c]):
                gain[f, c, s] -= base


@compiled
def _try_changes(
    sizes: IntArray,
    unary: FloatArray,
    pair: FloatArray,
    triple: FloatArray,
    archive: Archive,
    tolerance: FloatArray,
) -> None:
    gain = np.empty((2, 7, sizes.max()))
    states, x = np.empty(7, np.int64), np.empty(7, np.int64)
    at = 0
    while at < archive.length[0]:
        if archive.explored[at]:
            at += 1
            continue
        archive.explored[at] = 1
        for c in range(7):
            states[c] = x[c] = archive.states[at, c]
        a, b = archive.objectives[at, 0], archive.objectives[at, 1]
        inserted = False
        one_block_changes(sizes, unary, pair, triple, states, gain)
        for c in range(7):
            for s in range(sizes[c]):
                x[c] = s
                if s != states[c] and insert(archive, a + gain[0, c, s], b + gain[1, c, s], x, tolerance):
                    inserted = True
            x[c] = states[c]
        if inserted:
            at = 0


@compiled
def _climb(
    sizes: IntArray,
    unary: FloatArray,
    pair: FloatArray,
    triple: FloatArray,
    constant: FloatArray,
    starts: IntArray,
    weights: FloatArray,
    archive: Archive,
    tolerance: FloatArray,
) -> None:
    gain = np.empty((2, 7, sizes.max()))
    value, states = np.empty(2), np.empty(7, np.int64)
    for start in range(len(starts)):
        for c in range(7):
            states[c] = starts[start, c]
        weight = weights[start]
        improving = True
        while improving:
            improving = False
            one_block_changes(sizes, unary, pair, triple, states, gain)
            best, block, state = 1e-12, 0, 0
            for c in range(7):
                for s in range(sizes[c]):
                    g = weight * gain[0, c, s] + (1.0 - weight) * gain[1, c, s]
                    if g > best:
                        best, block, state, improving = g, c, s, True
            if improving:
                states[block] = state
        evaluate_states(sizes, unary, pair, triple, constant, states, value)
        insert(archive, value[0], value[1], states, tolerance)


@compiled
def evaluate_states(
    sizes: IntArray,
    unary: FloatArray,
    pair: FloatArray,
    triple: FloatArray,
    constant: FloatArray,
    states: IntArray,
    value: FloatArray,
) -> None:
    """Values of all functions at one architecture, written to ``value`` (k,)."""
    u0, p0, t0, _ = offsets(sizes)
    for f in range(unary.shape[0]):
        total = constant[f]
        for a in range(7):
            total += unary[f, u0[a] + states[a]]
            if f >= pair.shape[0]:
                continue
            for b in range(a + 1, 7):
                total += pair[f, p0[a, b] + states[a] * sizes[b] + states[b]]
                if triple.shape[1] > 0:
                    for c in range(b + 1, 7):
                        total += triple[f, t0[a, b, c] + (states[a] * sizes[b] + states[b]) * sizes[c] + states[c]]
        value[f] = total


def warm_start(
    functions: Functions,
    tolerance: FloatArray,
    rng: np.random.Generator,
    near: IntArray | None = None,
    *,
    single: bool = False,
) -> IntArray:
    """Architectures close to the front of two functions, by coordinate ascent on weighted sums.

    From every local optimum of a weighted sum the changes of one block are tried
    for as long as they improve the front.

    Args:
        functions: Two functions of comparable range.
        tolerance: ``float64`` (2,), points closer than this count as equal.
        rng: Source of the starting points.
        near: Architectures near the front, ``int64`` (n, 7), positions in the functions' lists of states: changes are
            tried from them, without ascents.
        single: Whether the functions are one and the same, so that all weighted sums are.

    Returns:
        ``int64`` (n, 7), positions in the functions' lists of states.
    """
    f, sizes = functions, functions.sizes
    archive = empty_archive()
    if near is not None and len(near):
        value = np.empty(2)
        for states in near:
            evaluate_states(sizes, f.unary, f.pair, f.triple, f.constant, states, value)
            insert(archive, value[0], value[1], states, tolerance)
    else:
        if single:
            weights = np.ones(_RESTARTS_OF_ONE)
        else:
            weights = np.repeat(1.0 / (1.0 + np.exp(-np.linspace(-6.0, 6.0, _SCALARISATIONS))), _RESTARTS)
        starts = rng.integers(sizes, size=(len(weights), N_BLOCKS), dtype=np.int64)
        _climb(sizes, f.unary, f.pair, f.triple, f.constant, starts, weights, archive, tolerance)
    _try_changes(sizes, f.unary, f.pair, f.triple, archive, tolerance)
    return archive.states[: archive.length[0]].copy()
