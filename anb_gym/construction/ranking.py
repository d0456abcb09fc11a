"""Kendall's rank correlation, and what it can still become when some accuracies are missing."""

from __future__ import annotations

import numpy as np

from anb_gym._types import FloatArray


def tau(first: FloatArray, second: FloatArray) -> FloatArray:
    """Kendall's tau-b, the one of :func:`scipy.stats.kendalltau`, of many pairs of vectors at once.

    Args:
        first: ``float64`` (..., n).
        second: ``float64`` (..., n).

    Returns:
        ``float64`` (...): 0 where a vector is constant, which ranks nothing.
    """
    i, j = np.triu_indices(first.shape[-1], 1)
    orders = [np.sign(values[..., i] - values[..., j]) for values in (first, second)]
    untied = np.prod([np.count_nonzero(order, axis=-1) for order in orders], axis=0)
    score = np.sum(orders[0] * orders[1], axis=-1)
    return np.asarray(score / np.sqrt(np.maximum(untied, 1)), dtype=np.float64)


def tau_bound(proxy: FloatArray, reference: FloatArray) -> float:
    """The largest tau that a scheme can still reach.

    Tau-b is ``S / sqrt(D E)``: ``S`` is the number of concordant less that of discordant pairs, ``D`` and ``E`` are
    the numbers of pairs that are not tied in the proxy and in the reference. The bound has the largest ``S`` that any
    values of the missing accuracies give, exactly: a missing architecture goes between the known ones where it agrees
    with most of them, and of two missing ones the better one can go at least as high as the other, since going up
    gains it at least as much (the score is supermodular). So all pairs of missing architectures can agree as well.

    A tie takes a pair from ``D``, and one from ``S`` unless the pair is discordant or tied in the reference. So the
    bound has a tie for each open pair of these two kinds; if there are none, the bound is attained.

    Args:
        proxy: Accuracies of the scheme, ``float64`` (n,), NaN where they are missing.
        reference: Accuracies under the reference scheme, ``float64`` (n,).

    Returns:
        The bound; if nothing is missing, tau itself.
    """
    known = ~np.isnan(proxy)
    truth = np.sign(reference[:, None] - reference)
    levels, level = np.unique(proxy[known], return_inverse=True)
    settled = truth[np.ix_(known, known)]
    order = np.sign(level[:, None] - level)

    # Position p lies above the first p levels of the known accuracies.
    side = np.where(level < np.arange(len(levels) + 1)[:, None], 1, -1)
    agreement = np.sum(order * settled) / 2
    placed = (side @ truth[np.ix_(~known, known)].T).max(axis=0).sum()
    score = agreement + placed + np.abs(truth[np.ix_(~known, ~known)]).sum() / 2

    pairs, settled_pairs = _pairs(len(reference)), _pairs(int(known.sum()))
    untied = np.abs(truth).sum() / 2
    open_untied = untied - np.abs(settled).sum() / 2
    tied_in_reference = pairs - settled_pairs - open_untied
    discordant = agreement + open_untied - score
    ranked = pairs - (settled_pairs - np.abs(order).sum() / 2)
    if score > 0:
        ranked -= tied_in_reference + discordant
    return float(min(1.0, score / np.sqrt(ranked * untied))) if ranked * untied > 0 else 0.0


def _pairs(n: int) -> float:
    return n * (n - 1) / 2
