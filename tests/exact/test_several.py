"""Fronts of three functions and more equal full enumeration wherever that is possible."""

from __future__ import annotations

import numpy as np
import pytest

from anb_gym.exact import Front, FrontTooLargeError, VerificationError, maximize, pareto_front_of, several
from anb_gym.exact.dominance import non_dominated
from anb_gym.space import N_BLOCKS, SPACE
from anb_gym.surrogates.tables import BlockTables, evaluate, layout

#: Two blocks of 36 states and one of 48 are free.
FIXED = {0: 3, 2: 30, 4: 7, 6: 20}


def enumerated(tables, directions, fixed):
    """Indices and signed, rounded objectives of every architecture that ``fixed`` leaves."""
    options = [[fixed[b]] if b in fixed else range(n) for b, n in enumerate(SPACE.block_sizes)]
    states = np.stack(np.meshgrid(*options, indexing="ij"), axis=-1).reshape(-1, N_BLOCKS)
    values = np.stack(evaluate(tables, states), axis=1) * np.where(directions, 1.0, -1.0)
    return SPACE.states_to_index(states), values


def best_by_definition(values):
    """Rows that no other row dominates, one at a time."""
    kept = []
    for i, row in enumerate(values):
        as_good = (values >= row).all(axis=1)
        if not (as_good & (values > row).any(axis=1)).any():
            kept.append(i)
    return np.array(kept)


@pytest.mark.parametrize(("kinds", "order"), [(("smooth", "tree", "smooth"), 3), (("integer",) * 3, 2)])
def test_front_equals_enumeration(make_tables, monkeypatch, kinds, order):
    monkeypatch.setattr(several, "_NODES", 30)  # so that zones and the space are cut
    monkeypatch.setattr(several, "_NODES_OF_ONE", 60)
    tables = [make_tables(kind, order, seed) for seed, kind in enumerate(kinds)]
    directions = (True, False, True)
    front = pareto_front_of(tables, directions, fixed=FIXED)
    indices, values = enumerated(tables, directions, FIXED)
    rounded = np.round(values / front.certificate.resolution)
    likely = non_dominated(rounded)
    expected = np.flatnonzero(likely)[best_by_definition(rounded[likely])]
    np.testing.assert_array_equal(np.sort(front.indices), np.sort(indices[expected]))
    assert len(front) > 20
    front.verify(*tables)
    assert Front.from_dict(front.to_dict()) == front


def test_nothing_exceeds_a_front_with_a_gap_by_more(make_tables):
    tables = [make_tables("smooth", 2, seed) for seed in range(4)]
    directions = (True,) * 4
    front = pareto_front_of(tables, directions, gap=0.02, fixed=FIXED)
    _, values = enumerated(tables, directions, FIXED)
    gap = np.array(front.certificate.gap)
    assert (gap > 0).all()
    for member in front.objectives:
        values = values[(values > member + gap + front.certificate.resolution).any(axis=1)]
    assert not len(values)
    front.verify(*tables)
    assert Front.from_dict(front.to_dict()).certificate.gap == front.certificate.gap


def test_a_front_that_lacks_a_member_is_noticed(make_tables):
    tables = [make_tables("smooth", 2, seed) for seed in range(3)]
    front = pareto_front_of(tables, (True,) * 3, fixed=FIXED)
    middle = len(front) // 2
    lacking = Front(np.delete(front.indices, middle), np.delete(front.objectives, middle, axis=0), front.certificate)
    with pytest.raises(VerificationError, match="escape dominance"):
        lacking.verify(*tables)


@pytest.mark.parametrize("gap", [0.0, 0.1])
def test_functions_that_are_constant_or_the_same(make_tables, gap):
    random, flat = make_tables("smooth", 1, 0), BlockTables(1, np.zeros(layout(1).size))
    best = maximize(random, workers=1)
    for tables in ([random, random, flat], [random] * 3):
        front = pareto_front_of(tables, np.array([True] * 3), gap=gap)
        np.testing.assert_array_equal(front.indices, best.indices)
    ends = pareto_front_of([random, random, flat], (True, False, True), gap=gap or 0.3, fixed=FIXED)
    assert len(ends) > 1


def test_bad_input(make_tables):
    tables = [make_tables("integer", 1, seed) for seed in range(3)]
    for few in (tables[:2], None, tables[0]):
        with pytest.raises(ValueError, match="tables must be a sequence of three functions or more, got"):
            pareto_front_of(few, (True, True))
    with pytest.raises(ValueError, match="tables must be BlockTables, .*, got None"):
        pareto_front_of([*tables[:2], None], (True,) * 3)
    for directions in ((True, True), ["max", "min", "min"], None, "abc", (True, True, 2), (1.0, 1.0, 0.0)):
        with pytest.raises(ValueError, match="maximize must be True or False for each of 3 functions, got"):
            pareto_front_of(tables, directions)
    for fixed, message in (
        ([0], r"fixed must map blocks 0..6 to states, got \[0\]"),
        ({True: 0}, "fixed must map blocks 0..6 to states, got block True"),
        ({0: True}, r"fixed\[0\] must be an integer in 0..\d+, got True"),
        ({0: -1}, r"fixed\[0\] must be an integer"),
    ):
        with pytest.raises(ValueError, match=message):
            pareto_front_of(tables, (True,) * 3, fixed=fixed)
    for limit in (0, 1.5, True, "many"):
        with pytest.raises(ValueError, match="limit must be an integer of at least 1"):
            pareto_front_of(tables, (True,) * 3, limit=limit)
    for gap in (-0.1, float("nan"), True):
        with pytest.raises(ValueError, match="gap must be"):
            pareto_front_of(tables, (True,) * 3, gap=gap)
    with pytest.raises(FrontTooLargeError, match="limit=2"):
        pareto_front_of(tables, np.array([1, 1, 1]), limit=2, fixed=FIXED)
