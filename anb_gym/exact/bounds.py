"""Upper bounds of sums of tables, and the states and pairs of states that they rule out.

The bound of a form of a function is the sum of its tables' maxima. Each step
below moves values between tables so that the bound never rises and usually
falls: block-coordinate ascent on the dual of the local-polytope relaxation, with
the handshake updates of MPLP++ for dense graphs (Tourani et al. 2018,
https://arxiv.org/abs/2004.08227). Then a state is ruled out when the bound of all
architectures that contain it misses a threshold of any one function, a pair of
states likewise, and what is ruled out by one function tightens all others.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.exact._compile import compiled
from anb_gym.exact.functions import IMPOSSIBLE, Functions, IntArray, offsets

#: At most this many rounds of updates; fewer when the bounds fall by less than 5 % a round and no state is dropped.
_SWEEPS: Final = 8
_STALLED: Final = 0.95
#: So few architectures are enumerated faster than bounded.
_SMALL: Final = 1000
#: What every triple takes from its pairs before its maxima go back to them; five triples share a pair.
_SHARE: Final = 0.2


@compiled
def push_triples(sizes: IntArray, pair: FloatArray, triple: FloatArray, share: float) -> None:
    """Moves the triples' maxima into the pairs, after taking a share of every pair into its triples.

    A triple's maxima go back to its three pairs as a third, half of the rest, and the
    rest; then the first two take what is left. Both passes work slab by slab, in cache.
    """
    _, p0, t0, _ = offsets(sizes)
    n = sizes.max()
    top_ac, top_bc = np.empty(n), np.empty((n, n))
    for f in range(pair.shape[0]):
        for a in range(7):
            for b in range(a + 1, 7):
                for c in range(b + 1, 7):
                    na, nb, nc = sizes[a], sizes[b], sizes[c]
                    ab = pair[f, p0[a, b] : p0[a, b] + na * nb].reshape(na, nb)
                    ac = pair[f, p0[a, c] : p0[a, c] + na * nc].reshape(na, nc)
                    bc = pair[f, p0[b, c] : p0[b, c] + nb * nc].reshape(nb, nc)
                    t = triple[f, t0[a, b, c] : t0[a, b, c] + na * nb * nc].reshape(na, nb, nc)
                    top_bc[:] = -np.inf
                    for i in range(na):
                        top_ac[:] = -np.inf
                        for j in range(nb):
                            x = ab[i, j]
                            top = -np.inf
                            for m in range(nc):
                                t[i, j, m] += share * (x + ac[i, m] + bc[j, m])
                                top = max(top, t[i, j, m])
                            top /= 3.0
                            ab[i, j] = x + (top - share * x)
                            for m in range(nc):
                                t[i, j, m] -= top
                                top_ac[m] = max(top_ac[m], t[i, j, m])
                        for m in range(nc):
                            top_ac[m] *= 0.5
                            ac[i, m] += top_ac[m] - share * ac[i, m]
                        for j in range(nb):
                            for m in range(nc):
                                t[i, j, m] -= top_ac[m]
                                top_bc[j, m] = max(top_bc[j, m], t[i, j, m])
                    for j in range(nb):
                        for m in range(nc):
                            bc[j, m] += top_bc[j, m] - share * bc[j, m]
                    for i in range(na):
                        top_ac[:] = -np.inf
                        for j in range(nb):
                            top = -np.inf
                            for m in range(nc):
                                t[i, j, m] -= top_bc[j, m]
                                top = max(top, t[i, j, m])
                            ab[i, j] += top
                            for m in range(nc):
                                t[i, j, m] -= top
                                top_ac[m] = max(top_ac[m], t[i, j, m])
                        for m in range(nc):
                            ac[i, m] += top_ac[m]
                        for j in range(nb):
                            for m in range(nc):
                                t[i, j, m] -= top_ac[m]


@compiled
def handshake(sizes: IntArray, unary: FloatArray, pair: FloatArray) -> None:
    """One pass of handshake updates over all pairs; afterwards no pair entry exceeds 0 (up to rounding)."""
    u0, p0, _, _ = offsets(sizes)
    n = sizes.max()
    row = np.empty(n)
    column = np.empty(n)
    for f in range(unary.shape[0]):
        u, p = unary[f], pair[f]
        for a in range(7):
            for b in range(a + 1, 7):
                na, nb, ua, ub, ab = sizes[a], sizes[b], u0[a], u0[b], p0[a, b]
                column[:] = -np.inf
                for i in range(na):
                    x, top = u[ua + i], -np.inf
                    for j in range(nb):
                        value = p[ab + i * nb + j] + x + u[ub + j]
                        p[ab + i * nb + j] = value
                        top = max(top, value)
                    row[i] = 0.5 * top
                    if top < 0.5 * IMPOSSIBLE:
                        row[i] = IMPOSSIBLE
                        continue
                    for j in range(nb):
                        value = p[ab + i * nb + j] - row[i]
                        p[ab + i * nb + j] = value
                        column[j] = max(column[j], value)
                for j in range(nb):
                    if column[j] < 0.5 * IMPOSSIBLE:
                        u[ub + j], column[j] = IMPOSSIBLE, 0.0
                    else:
                        u[ub + j] = column[j]
                for i in range(na):
                    if row[i] == IMPOSSIBLE:
                        u[ua + i] = IMPOSSIBLE
                        continue
                    top = -np.inf
                    for j in range(nb):
                        value = p[ab + i * nb + j] - column[j]
                        p[ab + i * nb + j] = value
                        top = max(top, value)
                    u[ua + i] = row[i] + top
                    for j in range(nb):
                        p[ab + i * nb + j] -= top


@compiled
def rule_out_states(
    sizes: IntArray,
    constant: FloatArray,
    unary: FloatArray,
    pair: FloatArray,
    thresholds: FloatArray,
    alive: NDArray[np.bool_],
) -> FloatArray:
    """Marks states whose star-shaped bound misses a threshold.

    Given state ``s`` of block ``a`` the bound is the constant, ``s``'s unary entry, and for every
    other block ``b`` the largest sum of unary entry and pair entry with ``s``.

    Args:
        alive: ``bool`` (unary entries,), set to False where ruled out.

    Returns:
        The bound of every function, ``float64`` (k,).
    """
    u0, p0, _, _ = offsets(sizes)
    k = unary.shape[0]
    bounds = np.empty(k)
    star = np.empty(unary.shape[1])
    for f in range(k):
        u, p = unary[f], pair[f]
        for a in range(7):
            for i in range(sizes[a]):
                star[u0[a] + i] = constant[f] + u[u0[a] + i]
        for a in range(7):
            for b in range(a + 1, 7):
                nb = sizes[b]
                column = np.full(nb, -np.inf)
                for i in range(sizes[a]):
                    top = -np.inf
                    x = u[u0[a] + i]
                    for j in range(nb):
                        value = p[p0[a, b] + i * nb + j]
                        top = max(top, value + u[u0[b] + j])
                        column[j] = max(column[j], value + x)
                    star[u0[a] + i] += top
                for j in range(nb):
                    star[u0[b] + j] += column[j]
        bounds[f] = np.inf
        for a in range(7):
            top = -np.inf
            for i in range(sizes[a]):
                top = max(top, star[u0[a] + i])
                if star[u0[a] + i] < thresholds[f]:
                    alive[u0[a] + i] = False
            bounds[f] = min(bounds[f], top)
    return bounds


@compiled
def rule_out_pairs(
    sizes: IntArray, constant: FloatArray, unary: FloatArray, pair: FloatArray, thresholds: FloatArray
) -> int:
    """Makes pairs of states impossible whose bound misses a threshold, in every function. Returns how many.

    Given states of two blocks the bound looks, for every third block, for the state that suits both.
    """
    u0, p0, _, _ = offsets(sizes)
    k = unary.shape[0]
    n = sizes.max()
    ruled_out = 0
    rows = np.empty((7, n, n))
    columns = np.empty((7, n, n))
    for f in range(k):
        u, p = unary[f], pair[f]
        for a in range(7):
            for b in range(a + 1, 7):
                na, nb = sizes[a], sizes[b]
                # rows[c, i, m]: pair entry of state i of a with state m of c, plus m's unary entry.
                for c in range(7):
                    if c in (a, b):
                        continue
                    for m in range(sizes[c]):
                        x = u[u0[c] + m]
                        for i in range(na):
                            rows[c, i, m] = x + (p[p0[a, c] + i * sizes[c] + m] if a < c else p[p0[c, a] + m * na + i])
                        for j in range(nb):
                            columns[c, j, m] = p[p0[b, c] + j * sizes[c] + m] if b < c else p[p0[c, b] + m * nb + j]
                for i in range(na):
                    for j in range(nb):
                        at = p0[a, b] + i * nb + j
                        if p[at] < 0.5 * IMPOSSIBLE:
                            continue
                        bound = constant[f] + u[u0[a] + i] + u[u0[b] + j] + p[at]
                        for c in range(7):
                            if c in (a, b):
                                continue
                            top = -np.inf
                            for m in range(sizes[c]):
                                top = max(top, rows[c, i, m] + columns[c, j, m])
                            bound += top
                        if bound < thresholds[f]:
                            ruled_out += 1
                            for g in range(k):
                                pair[g, at] = IMPOSSIBLE
    return ruled_out


def tighten(functions: Functions, thresholds: FloatArray) -> Functions:
    """Rewrites functions towards small bounds and drops the states that cannot reach every threshold.

    Args:
        functions: Their tables are overwritten.
        thresholds: ``float64`` (k,), tolerance already subtracted.

    Returns:
        The functions on the states left; none is left at some position if no
        architecture reaches all thresholds.
    """
    gap = np.inf
    for sweep in range(_SWEEPS):
        sizes, before = functions.sizes, functions.size
        if functions.triple.shape[1]:
            impossible = functions.pair[0] < 0.5 * IMPOSSIBLE
            push_triples(sizes, functions.pair, functions.triple, _SHARE if sweep else 0.0)
            functions.pair[:, impossible] = IMPOSSIBLE
        for _ in range(2):
            handshake(sizes, functions.unary, functions.pair)
        alive = np.ones(functions.unary.shape[1], dtype=np.bool_)
        bounds = rule_out_states(sizes, functions.constant, functions.unary, functions.pair, thresholds, alive)
        if (bounds < thresholds).any():
            alive[:] = False
        if not alive.all():
            functions = functions.restricted(np.split(alive, np.cumsum(sizes)[:-1]))
        if functions.size == 0:
            return functions.restricted([np.zeros(n, dtype=np.bool_) for n in functions.sizes])
        rule_out_pairs(functions.sizes, functions.constant, functions.unary, functions.pair, thresholds)
        previous, gap = gap, float((bounds - thresholds).sum())
        if functions.size <= _SMALL or (functions.size == before and gap > _STALLED * previous):
            break
    return functions
