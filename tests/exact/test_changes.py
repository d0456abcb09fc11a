"""Changes of two blocks have the values that the tables give them, and dominance is what its definition says."""

from __future__ import annotations

import numpy as np
import pytest

from anb_gym.exact.changes import ALL, pairs_of_blocks, two_block_changes
from anb_gym.exact.dominance import escaping
from anb_gym.space import SPACE


@pytest.mark.parametrize("order", [1, 2, 3])
def test_two_block_changes_are_the_tables(make_tables, order):
    tables = make_tables("integer", order, 1)
    rng = np.random.default_rng(0)
    states = SPACE.to_states(SPACE.sample(5, rng))
    for c, d in pairs_of_blocks({}):
        keep = [rng.random(len(mask)) < 0.4 for mask in ALL]
        values = two_block_changes(tables, states, c, d, keep)
        for row, state in enumerate(states):
            i, j = np.meshgrid(np.flatnonzero(keep[c]), np.flatnonzero(keep[d]), indexing="ij")
            changed = np.tile(state, (i.size, 1))
            changed[:, c], changed[:, d] = i.ravel(), j.ravel()
            np.testing.assert_array_equal(values[row].ravel(), tables(changed))


def test_pairs_reach_every_change_of_two_free_blocks():
    assert len(pairs_of_blocks({})) == 21
    assert set(pairs_of_blocks({0: 1, 1: 1, 2: 1, 3: 1})) == {(4, 5), (4, 6), (5, 6)}
    ((c, d),) = pairs_of_blocks(dict.fromkeys(range(6), 0))
    assert 6 in (c, d)
    assert pairs_of_blocks(dict.fromkeys(range(7), 0)) == []


def test_escaping_by_definition():
    rng = np.random.default_rng(0)
    for _ in range(200):
        front, points = rng.integers(0, 6, size=(4, 2)).astype(float), rng.integers(0, 6, size=(3, 5, 2)).astype(float)
        tolerance = rng.integers(0, 2, size=2) / 1.0
        covered = (front >= points[..., None, :] - tolerance).all(axis=-1).any(axis=-1)
        np.testing.assert_array_equal(escaping(points, front, tolerance), ~covered)
