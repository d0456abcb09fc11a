"""The best of what is not seen is that of the general search, and of brute force."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from anb_gym import SPACE
from anb_gym.space import N_BLOCKS
from anb_gym.surrogates.tables import BlockTables, layout

pytest.importorskip("numba")

from anb_gym.exact.api import maximize
from anb_gym.exact.unseen import best_unseen

START = SPACE.to_states(SPACE.sample(3, np.random.default_rng(0)))
NOTHING = np.empty(0, dtype=np.int64)


@pytest.mark.parametrize("kind", ["smooth", "tree", "integer"])
def test_it_finds_the_maximum_of_the_general_search(kind: str, make_tables: Callable[..., BlockTables]) -> None:
    tables = make_tables(kind, 2, 0)
    optimum = maximize(tables, workers=1)
    found = best_unseen(tables, NOTHING, START)
    assert found.certified
    assert found.value == pytest.approx(optimum.value, abs=1e-9)
    assert SPACE.states_to_index(found.states[None])[0] in optimum.indices


def test_it_goes_through_the_space_from_the_best_down() -> None:
    rng = np.random.default_rng(1)
    tables = BlockTables(2, rng.normal(size=layout(2).size))
    for block in range(3, N_BLOCKS):  # all that is worth something has state 0 here: so few can be enumerated
        lower = BlockTables.from_terms({(block,): -1e3 * (np.arange(SPACE.block_sizes[block]) > 0)}, 2)
        tables = BlockTables(2, tables.values + lower.values)
    states = np.array([(*head, 0, 0, 0, 0) for head in product(range(36), repeat=3)])
    best = SPACE.states_to_index(states[np.argsort(-tables(states))[:20]])
    seen = NOTHING
    for _ in range(20):
        found = best_unseen(tables, seen, START)
        assert found.certified
        assert found.value == tables(found.states[None])[0]
        seen = np.append(seen, SPACE.states_to_index(found.states[None]))
    np.testing.assert_array_equal(seen, best)


def test_a_search_that_gives_up_says_so() -> None:
    tables = BlockTables(2, np.random.default_rng(2).normal(size=layout(2).size))
    found, again = (best_unseen(tables, NOTHING, START, nodes=1000) for _ in range(2))
    assert not found.certified
    assert 1000 <= found.nodes < 2000
    assert found.value == tables(found.states[None])[0] > tables(START).max()
    np.testing.assert_array_equal(found.states, again.states)


def test_bad_starts() -> None:
    tables = BlockTables(1, np.zeros(layout(1).size))
    with pytest.raises(ValueError, match="near must have at least one architecture, got none"):
        best_unseen(tables, NOTHING, START[:0])
