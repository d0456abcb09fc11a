"""Block tables: their sum, their gathering from terms, and independence of the batch."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.space import N_BLOCKS, SPACE
from anb_gym.surrogates.tables import BlockTables, evaluate, layout

GROUPS = [blocks for size in range(4) for blocks in combinations(range(N_BLOCKS), size)]


def random_tables(order: int, seed: int = 0) -> BlockTables:
    return BlockTables(order, np.random.default_rng(seed).standard_normal(layout(order).size))


def random_states(n: int, seed: int = 0) -> np.ndarray:
    return SPACE.to_states(SPACE.sample(n, np.random.default_rng(seed)))


def random_terms(groups: set[tuple[int, ...]], seed: int) -> dict[tuple[int, ...], Any]:
    rng = np.random.default_rng(seed)
    return {blocks: rng.standard_normal([SPACE.block_sizes[b] for b in blocks]) for blocks in sorted(groups)}


def direct_sum(terms: dict[tuple[int, ...], Any], states: np.ndarray) -> np.ndarray:
    total = np.zeros(len(states))
    for blocks, term in terms.items():
        total += term[tuple(states[:, b] for b in blocks)] if blocks else term
    return total


# Few examples: an order-3 function has 1.9 million entries.
TABLES = [random_tables(order, seed) for order, seed in ((3, 0), (2, 1), (1, 2), (3, 3))]
STATES = random_states(5000)
VALUES = evaluate(TABLES, STATES)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_value_is_the_sum_of_one_entry_per_table(order: int) -> None:
    tables, states = random_tables(order), random_states(200)
    terms = {blocks: tables.table(*blocks) for blocks in combinations(range(N_BLOCKS), order)}
    np.testing.assert_allclose(tables(states), direct_sum(terms, states), rtol=1e-12, atol=1e-12)


@given(st.sets(st.sampled_from(GROUPS), max_size=8), st.integers(0, 2**32))
def test_terms_keep_their_sum(groups: set[tuple[int, ...]], seed: int) -> None:
    terms, states = random_terms(groups, seed), random_states(50, seed)
    tables = BlockTables.from_terms(terms)
    assert tables.order == max([1, *map(len, groups)])
    np.testing.assert_allclose(tables(states), direct_sum(terms, states), rtol=1e-11, atol=1e-11)


@given(st.sets(st.sampled_from([g for g in GROUPS if len(g) < 3]), max_size=8), st.integers(0, 2**32))
def test_terms_fit_into_larger_tables(groups: set[tuple[int, ...]], seed: int) -> None:
    terms, states = random_terms(groups, seed), random_states(50, seed)
    for order in (2, 3):
        tables = BlockTables.from_terms(terms, order)
        assert tables.order == order
        np.testing.assert_allclose(tables(states), direct_sum(terms, states), rtol=1e-11, atol=1e-11)


def test_no_terms_are_the_zero_function() -> None:
    tables = BlockTables.from_terms({})
    assert tables.order == 1
    assert tables(STATES).tolist() == [0.0] * len(STATES)


@given(st.integers(1, len(STATES)), st.integers(0, len(STATES) - 1), st.integers(0, 2**32))
def test_values_do_not_depend_on_the_batch(n: int, start: int, seed: int) -> None:
    """Bit for bit: any size, any order, any memory layout, any other tables beside."""
    rows = np.random.default_rng(seed).permutation(np.arange(start, start + n) % len(STATES))
    for tables, values, together in zip(TABLES, VALUES, evaluate(TABLES, STATES[rows]), strict=True):
        np.testing.assert_array_equal(together, values[rows])
        np.testing.assert_array_equal(tables(np.asfortranarray(STATES[rows])), values[rows])
        np.testing.assert_array_equal(tables(STATES[start : start + 1]), values[start : start + 1])


def test_values_of_many_rows_are_those_of_few() -> None:
    rows = np.random.default_rng(0).integers(len(STATES), size=140_000)
    for values, many in zip(VALUES, evaluate(TABLES, STATES[rows]), strict=True):
        np.testing.assert_array_equal(many, values[rows])
    assert [len(values) for values in evaluate([], STATES[rows])] == []


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1023, 1024, 1025, 2048, 4097])
def test_sizes_around_the_chunk(n: int) -> None:
    for tables, values in zip(TABLES, VALUES, strict=True):
        assert tables(STATES[:n]).dtype == np.float64
        np.testing.assert_array_equal(tables(STATES[:n]), values[:n])


def test_table_is_a_view() -> None:
    tables = random_tables(2)
    assert tables.table(0, 5).shape == (36, 48)
    assert np.shares_memory(tables.table(0, 5), tables.values)


@pytest.mark.parametrize("blocks", [(0,), (1, 0), (0, 7), (0, 1, 2)])
def test_table_needs_a_combination_of_the_order(blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="blocks must be 2 ascending blocks in 0..6, got"):
        random_tables(2).table(*blocks)


@pytest.mark.parametrize("order", [0, 4, -1])
def test_order_is_one_to_three(order: int) -> None:
    with pytest.raises(ValueError, match=f"order must be 1, 2 or 3, got {order}"):
        BlockTables(order, np.zeros(1))


def test_values_must_fill_the_tables() -> None:
    with pytest.raises(ValueError, match=r"values must have shape \(264,\) for order 1, got \(3,\)"):
        BlockTables(1, [1.0, 2.0, 3.0])  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_must_be_finite(value: float) -> None:
    with pytest.raises(ValueError, match="values must be finite"):
        BlockTables(1, np.full(264, value))


@pytest.mark.parametrize("blocks", [(1, 0), (0, 0), (-1, 0), (5, 7), (0, 1, 2)])
def test_terms_need_ascending_blocks(blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="terms must be keyed by at most 2 ascending blocks in 0..6, got"):
        BlockTables.from_terms({blocks: np.zeros([36] * len(blocks))}, order=2)


@pytest.mark.parametrize(("blocks", "shape"), [((0, 5), (36, 36)), ((0,), ()), ((), (1,))])
def test_terms_need_the_shape_of_their_blocks(blocks: tuple[int, ...], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"terms\[.*\] must have shape .*, got"):
        BlockTables.from_terms({blocks: np.zeros(shape)})
