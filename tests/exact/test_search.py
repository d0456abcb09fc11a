"""The search equals full enumeration wherever enumeration is possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anb_gym.exact import FrontTooLargeError, maximize, pareto_front
from anb_gym.space import N_BLOCKS, SPACE
from anb_gym.surrogates.tables import BlockTables, evaluate, layout


def enumerate_states(fixed):
    """Block states of every architecture that ``fixed`` leaves."""
    options = [[fixed[b]] if b in fixed else range(n) for b, n in enumerate(SPACE.block_sizes)]
    return np.stack(np.meshgrid(*options, indexing="ij"), axis=-1).reshape(-1, N_BLOCKS)


def rounded(tables, values):
    """Values as the search promises to compare them: multiples of a power of two near 1e-9 of the tables' size."""
    ends = [*tables.layout.offsets[1:], tables.layout.size]
    size = sum(np.abs(tables.values[i:j]).max() for i, j in zip(tables.layout.offsets, ends, strict=True))
    return np.round(values / 2.0 ** np.floor(np.log2(max(1e-9 * size, 1e-289))))


def enumerated_front(tables, directions, fixed):
    """The front by definition: sort by the first objective, scan the second. All ties are kept."""
    states = enumerate_states(fixed)
    objectives = np.stack(evaluate(tables, states), axis=1)
    signed = np.stack([rounded(t, v) for t, v in zip(tables, objectives.T, strict=True)], axis=1)
    signed *= np.where(directions, 1.0, -1.0)
    order = np.lexsort((-signed[:, 1], -signed[:, 0]))
    front, best, at = [], -np.inf, None
    candidates = order[signed[order, 1] >= np.maximum.accumulate(signed[order, 1])]
    for i in candidates:
        if signed[i, 1] > best or (at is not None and (signed[i] == signed[at]).all()):
            front.append(i)
            best, at = signed[i, 1], i
    indices = SPACE.states_to_index(states[front])
    order = np.lexsort((indices, -signed[front][:, 0]))
    return indices[order], objectives[front][order]


def random_fixed(n_free, seed):
    rng = np.random.default_rng(seed)
    blocks = rng.choice(N_BLOCKS, size=N_BLOCKS - n_free, replace=False)
    return {int(b): int(rng.integers(SPACE.block_sizes[b])) for b in blocks}


def assert_equals_enumeration(a, b, directions, fixed):
    front = pareto_front(a, b, directions, fixed=fixed, workers=1)
    indices, objectives = enumerated_front([a, b], directions, fixed)
    np.testing.assert_array_equal(front.objectives, objectives)
    np.testing.assert_array_equal(front.indices, indices)
    assert front.certificate.covered == len(enumerate_states(fixed))
    front.verify(a, b)


@pytest.mark.parametrize(
    ("kinds", "orders", "directions"),
    [
        (("smooth", "smooth"), (3, 2), (True, False)),
        (("tree", "tree"), (3, 3), (False, True)),
        (("integer", "integer"), (2, 2), (True, True)),
        (("integer", "smooth"), (3, 2), (True, True)),
    ],
)
def test_front_of_a_million_architectures_equals_enumeration(make_tables, kinds, orders, directions):
    seed = sum(orders) + len(kinds[0])
    fixed = random_fixed(4, seed)
    assert len(enumerate_states(fixed)) > 1_000_000
    a, b = (make_tables(kind, order, seed + i) for i, (kind, order) in enumerate(zip(kinds, orders, strict=True)))
    assert_equals_enumeration(a, b, directions, fixed)


@pytest.mark.parametrize(
    ("kind", "order", "minimize"),
    [("smooth", 2, True), ("smooth", 3, False), ("tree", 3, True), ("integer", 2, False), ("integer", 3, True)],
)
def test_optimum_equals_enumeration(make_tables, kind, order, minimize):
    tables, fixed = make_tables(kind, order, 7), random_fixed(4, 3 + minimize)
    optimum = maximize(tables, minimize=minimize, fixed=fixed, workers=1)
    states = enumerate_states(fixed)
    values = tables(states)
    best = values.min() if minimize else values.max()
    assert optimum.value == best
    ties = rounded(tables, values) == rounded(tables, best)
    np.testing.assert_array_equal(optimum.indices, SPACE.states_to_index(states[ties]))
    optimum.verify(tables)


@st.composite
def problems(draw):
    """Two functions with few distinct values, or many, on the architectures that four fixed blocks leave."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    orders = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    levels = draw(st.sampled_from([1, 2, 5, 100]))
    scale = draw(st.sampled_from([1.0, 0.1, 1e-12, 1e9]))
    tables = [BlockTables(o, scale * rng.integers(0, levels, size=layout(o).size)) for o in orders]
    if draw(st.booleans()):
        tables = [BlockTables(t.order, t.values + scale * rng.normal(size=t.values.shape)) for t in tables]
    n_free = draw(st.integers(0, 2 if levels == 1 else 3))
    directions = draw(st.tuples(st.booleans(), st.booleans()))
    return tables, directions, random_fixed(n_free, draw(st.integers(0, 1000)))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(problems())
def test_front_equals_enumeration_for_any_tables(problem):
    (a, b), directions, fixed = problem
    assert_equals_enumeration(a, b, directions, fixed)


def test_front_of_a_function_with_its_negation_is_every_value(make_tables):
    tables = make_tables("integer", 2, 0)
    fixed = random_fixed(2, 0)
    front = pareto_front(tables, tables, (True, False), fixed=fixed)
    assert len(front) == len(enumerate_states(fixed))


@pytest.mark.parametrize("order", [2, 3])
def test_front_of_the_whole_space(make_tables, order):
    a, b = make_tables("smooth", order, 1), make_tables("smooth", 2, 2)
    front = pareto_front(a, b, (True, False))
    assert front.certificate.covered == SPACE.size
    front.verify(a, b)
    sample = SPACE.to_states(SPACE.sample(100_000, np.random.default_rng(0)))
    for x, y in np.stack([a(sample), b(sample)], axis=1)[::100]:
        assert ((front.objectives[:, 0] >= x) & (front.objectives[:, 1] <= y)).any()
    assert maximize(a).value == front.objectives[0, 0]
    assert maximize(b, minimize=True).value == front.objectives[-1, 1]


@pytest.mark.parametrize("near", ["front of similar functions", "random", "one", "none that is possible"])
def test_where_the_search_starts_does_not_change_the_front(make_tables, near):
    a, b = make_tables("smooth", 3, 1), make_tables("smooth", 2, 2)
    fixed = random_fixed(5, 2)
    rng = np.random.default_rng(0)
    if near == "front of similar functions":
        noisy = BlockTables(a.order, a.values + 0.1 * a.values.std() * rng.normal(size=a.values.shape))
        start = SPACE.index_to_states(pareto_front(noisy, b, fixed=fixed).indices)
    else:
        start = SPACE.to_states(SPACE.sample(1 if near == "one" else 50, rng))
        for block, state in fixed.items():
            start[:, block] = (state + 1) % 36 if near == "none that is possible" else state
    given_start = start.copy()
    front, expected = pareto_front(a, b, fixed=fixed, start=start), pareto_front(a, b, fixed=fixed)
    np.testing.assert_array_equal(front.indices, expected.indices)
    np.testing.assert_array_equal(front.objectives, expected.objectives)
    np.testing.assert_array_equal(start, given_start)


def test_threads_do_not_change_the_front(make_tables):
    a, b = make_tables("tree", 2, 1), make_tables("smooth", 2, 2)
    fixed = {0: 3}
    one, two = (pareto_front(a, b, fixed=fixed, workers=n) for n in (1, 2))
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_array_equal(one.objectives, two.objectives)


def test_objectives_that_ignore_blocks(make_tables):
    """Most architectures share the best value of the second objective, yet few are on the front."""
    a, few = make_tables("smooth", 2, 1), np.zeros(layout(1).size)
    few[:36] = np.arange(36) // 12
    front = pareto_front(a, BlockTables(1, few))
    best = [maximize(a, fixed={0: state}).value for state in range(36)]
    levels = np.array(best).reshape(3, 12).max(axis=1)
    expected = [(levels[i], i) for i in (2, 1, 0) if levels[i] > levels[i + 1 :].max(initial=-np.inf)]
    assert [tuple(row) for row in front.objectives[::-1]] == expected
    front.verify(a, BlockTables(1, few))
    constant = BlockTables(1, np.ones(layout(1).size))
    np.testing.assert_array_equal(pareto_front(a, constant).indices, maximize(a).indices)
    np.testing.assert_array_equal(pareto_front(constant, a).indices, maximize(a).indices)


def test_rounding_makes_no_difference(make_tables):
    """The same function written as other tables has the same front: their sums differ in the last bits."""
    a, b = make_tables("tree", 2, 1), make_tables("tree", 2, 2)
    rng, fixed = np.random.default_rng(0), random_fixed(4, 1)
    terms = {group: b.table(*group) for group in b.layout.blocks}
    for block, size in enumerate(SPACE.block_sizes):
        shift = rng.normal(size=size)
        one, other = [group for group in terms if block in group][:2]
        for group, sign in ((one, 1.0), (other, -1.0)):
            shape = [-1 if member == block else 1 for member in group]
            terms[group] = terms[group] + sign * shift.reshape(shape)
    same = BlockTables.from_terms(terms, 2)
    assert not np.array_equal(same.values, b.values)
    expected, front = pareto_front(a, b, fixed=fixed), pareto_front(a, same, fixed=fixed)
    np.testing.assert_array_equal(front.indices, expected.indices)


def test_too_many_ties_are_an_error():
    constant = BlockTables(1, np.ones(layout(1).size))
    with pytest.raises(FrontTooLargeError, match="limit=1000"):
        pareto_front(constant, constant, limit=1000, fixed=random_fixed(3, 0))


@pytest.mark.parametrize(("fixed", "message"), [({7: 0}, "blocks 0..6"), ({0: 36}, "must be an integer in 0..35")])
def test_fixed_outside_the_space_is_an_error(make_tables, fixed, message):
    with pytest.raises(ValueError, match=message):
        maximize(make_tables("integer", 1, 0), fixed=fixed)
