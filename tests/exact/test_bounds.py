"""Rewriting functions changes none of their values, and bounds never rule out what reaches the thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from anb_gym.exact.bounds import handshake, push_triples, rule_out_pairs, tighten
from anb_gym.exact.functions import from_tables
from anb_gym.exact.neighbourhood import evaluate_states, one_block_changes
from anb_gym.space import N_BLOCKS, SPACE


def values(functions, positions):
    """Values of all functions, ``float64`` (n, k), at positions in their lists of states."""
    result = np.empty((len(positions), len(functions.constant)))
    f = functions
    for row, states in zip(result, positions, strict=True):
        evaluate_states(f.sizes, f.unary, f.pair, f.triple, f.constant, states, row)
    return result


@pytest.fixture(params=[(1, 2), (2, 3), (3, 3)], ids=str)
def case(request, make_tables):
    tables = [
        make_tables(kind, order, i)
        for i, (kind, order) in enumerate(zip(("tree", "smooth"), request.param, strict=True))
    ]
    return tables, from_tables(tables), SPACE.to_states(SPACE.sample(50, np.random.default_rng(0)))


def test_functions_are_the_tables(case):
    tables, functions, states = case
    np.testing.assert_allclose(values(functions, states), np.stack([t(states) for t in tables], axis=1), atol=1e-10)


def test_restriction_and_reordering(case):
    _, functions, _ = case
    rng = np.random.default_rng(1)
    keep = [rng.random(n) < 0.3 for n in functions.sizes]
    order = rng.permutation(N_BLOCKS)
    part = functions.restricted(keep, order)
    positions = rng.integers(part.sizes, size=(20, N_BLOCKS))
    states = np.empty_like(positions)
    for position, block in enumerate(part.blocks):
        states[:, block] = part.states[position][positions[:, position]]
    np.testing.assert_allclose(values(part, positions), values(functions, states), atol=1e-10)


def test_updates_keep_all_values_and_lower_the_bound(case):
    _, functions, states = case
    expected = values(functions, states)
    sizes, bounds = functions.sizes, []
    for share in (0.0, 0.2, 0.2):
        if functions.triple.shape[1]:
            push_triples(sizes, functions.pair, functions.triple, share)
            assert functions.triple.max() < 1e-9
        handshake(sizes, functions.unary, functions.pair)
        assert functions.pair.max() < 1e-9
        np.testing.assert_allclose(values(functions, states), expected, atol=1e-9)
        parts = np.split(functions.unary, np.cumsum(sizes)[:-1], axis=1)
        bounds.append(functions.constant + sum(part.max(axis=1) for part in parts))
    assert (bounds[0] >= expected.max(axis=0)).all()
    assert (np.diff(bounds, axis=0) <= 1e-9).all()


def test_changes_are_differences_of_values(case):
    _, functions, states = case
    f = functions
    gain = np.empty((2, N_BLOCKS, f.sizes.max()))
    for x in states[:5]:
        one_block_changes(f.sizes, f.unary, f.pair, f.triple, x, gain)
        for block in range(N_BLOCKS):
            changed = x.copy()
            changed[block] = 11
            difference = values(f, changed[None]) - values(f, x[None])
            np.testing.assert_allclose(gain[:, block, 11], difference[0], atol=1e-9)


def test_what_reaches_the_thresholds_survives(case):
    _, functions, _ = case
    rng = np.random.default_rng(2)
    part = functions.restricted([np.isin(np.arange(n), rng.choice(n, 4, replace=False)) for n in functions.sizes])
    positions = np.stack(np.meshgrid(*[np.arange(4)] * N_BLOCKS, indexing="ij"), axis=-1).reshape(-1, N_BLOCKS)
    all_values = values(part, positions)
    for quantile in (0.5, 0.9, 0.999):
        thresholds = np.quantile(all_values, quantile, axis=0) - 1e-9
        good = positions[(all_values >= thresholds).all(axis=1)]
        tight = tighten(part.restricted([np.ones(4, dtype=bool)] * N_BLOCKS), thresholds)
        for position, states in enumerate(tight.states):
            assert set(part.states[position][good[:, position]]) <= set(states)
        if len(good):
            ours = np.stack(
                [np.searchsorted(tight.states[p], part.states[p][good[:, p]]) for p in range(N_BLOCKS)], axis=1
            )
            expected = all_values[(all_values >= thresholds).all(axis=1)]
            rule_out_pairs(tight.sizes, tight.constant, tight.unary, tight.pair, thresholds)
            np.testing.assert_allclose(values(tight, ours), expected, atol=1e-8)
