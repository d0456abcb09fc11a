"""Fronts and optima are values: they survive JSON, and verification finds what is wrong with them."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from anb_gym.exact import Front, Optimum, VerificationError, maximize, pareto_front
from anb_gym.space import SPACE
from anb_gym.surrogates.tables import BlockTables

FIXED = {0: 5, 2: 1, 6: 30}


@pytest.fixture(scope="module")
def tables(make_tables):
    return make_tables("smooth", 2, 3), make_tables("tree", 3, 4)


@pytest.fixture(scope="module")
def front(tables):
    return pareto_front(*tables, (True, False), fixed=FIXED)


def test_front_survives_json(front, tables):
    again = Front.from_dict(json.loads(json.dumps(front.to_dict())))
    assert again == front
    again.verify(*tables)


def test_optimum_survives_json(tables):
    optimum = maximize(tables[1], fixed=FIXED)
    again = Optimum.from_dict(json.loads(json.dumps(optimum.to_dict())))
    assert again == optimum
    again.verify(tables[1])
    with pytest.raises(VerificationError, match="differs"):
        replace(optimum, value=np.nextafter(optimum.value, np.inf)).verify(tables[1])


def test_another_schema_is_refused(front):
    with pytest.raises(ValueError, match="schema 0"):
        Front.from_dict({**front.to_dict(), "schema": 0})


def test_members_are_sorted_distinct_and_inside_the_fixed_part(front):
    assert (np.diff(front.objectives[:, 0]) <= 0).all()
    assert len(np.unique(front.indices)) == len(front)
    states = SPACE.index_to_states(front.indices)
    assert all((states[:, block] == state).all() for block, state in FIXED.items())


def _without(front, i):
    return replace(front, indices=np.delete(front.indices, i), objectives=np.delete(front.objectives, i, axis=0))


def _with_dominated_member(front, tables):
    states = SPACE.index_to_states(front.indices[:1])
    states[0, 1] = (states[0, 1] + 1) % 36
    values = np.array([[t(states)[0] for t in tables]])
    return replace(
        front,
        indices=np.append(front.indices, SPACE.states_to_index(states)),
        objectives=np.concatenate([front.objectives, values]),
    )


def test_verify_finds_tampering(front, tables):
    certificate = front.certificate
    cases = {
        "escape dominance": _without(front, len(front) // 2),
        "dominates another": _with_dominated_member(front, tables),
        "differ": replace(front, objectives=np.nextafter(front.objectives, np.inf)),
        "distinct": replace(front, indices=np.repeat(front.indices[:1], len(front))),
        "covered": replace(front, certificate=replace(certificate, covered=certificate.covered - 1)),
        "resolution": replace(front, certificate=replace(certificate, resolution=(1.0, 1.0))),
        "outside": replace(front, certificate=replace(certificate, fixed=((0, 6), (2, 1), (6, 30)))),
    }
    for message, case in cases.items():
        with pytest.raises(VerificationError, match=message):
            case.verify(*tables)


def test_verify_names_other_tables(front, tables):
    other = BlockTables(tables[0].order, tables[0].values + 1e-9)
    with pytest.raises(VerificationError, match="of tables"):
        front.verify(other, tables[1])


def test_tables_that_differ_by_rounding_verify_if_told_so(front, tables):
    """As between machines on which the same file was decoded."""
    rng = np.random.default_rng(0)
    for size, message in ((1e-15, None), (1e-5, "differ")):
        noisy = [BlockTables(t.order, t.values * (1 + size * rng.standard_normal(t.values.size))) for t in tables]
        with pytest.raises(VerificationError, match="of tables"):
            front.verify(*noisy)
        with nullcontext() if message is None else pytest.raises(VerificationError, match=message):
            front.verify(*noisy, identical=False)
    optimum = maximize(tables[1], fixed=FIXED)
    noisy = BlockTables(3, tables[1].values * (1 + 1e-15 * rng.standard_normal(tables[1].values.size)))
    optimum.verify(noisy, identical=False)
    with pytest.raises(VerificationError, match="differ"):
        replace(optimum, value=optimum.value + 1e-3).verify(noisy, identical=False)


def test_missing_numba_is_one_clear_error():
    code = "import sys; sys.modules['numba'] = None; import anb_gym.exact; anb_gym.exact.maximize"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("ModuleNotFoundError:")
    assert "pip install 'anb_gym[exact]'" in result.stderr.splitlines()[-1]
