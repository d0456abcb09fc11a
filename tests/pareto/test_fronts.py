"""Fronts agree with the definition of dominance."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.pareto import front

SIGNS = {"max": 1.0, "min": -1.0}


@given(
    st.integers(2, 3).flatmap(
        lambda m: st.tuples(
            st.lists(st.tuples(*[st.integers(0, 6)] * m), min_size=1, max_size=30),
            st.lists(st.sampled_from(["max", "min"]), min_size=m, max_size=m),
        )
    )
)
def test_front_by_definition(case: tuple[list[tuple[int, ...]], list[str]]) -> None:
    points, directions = np.array(case[0], dtype=float), case[1]
    gains = points * [SIGNS[direction] for direction in directions]
    expected = {
        tuple(point)
        for point, gain in zip(points.tolist(), gains, strict=True)
        if not any((other >= gain).all() and (other > gain).any() for other in gains)
    }
    rows = front(points, directions)
    assert {tuple(point) for point in points[rows].tolist()} == expected
    assert len(rows) == len(expected)
    assert (np.diff(points[rows, 0]) >= 0).all()


def test_empty_and_single() -> None:
    assert front(np.empty((0, 2)), ["max", "max"]).tolist() == []
    assert front([[1.0, 2.0]], ["max", "min"]).tolist() == [0]


def test_first_of_equal_points() -> None:
    assert front([[1.0, 1.0], [2.0, 2.0], [2.0, 2.0]], ["max", "max"]).tolist() == [1]


@pytest.mark.parametrize(
    ("points", "directions", "message"),
    [
        ([[1.0, np.nan]], ["max", "max"], r"points must be finite, got nan at \[0, 1\]"),
        ([1.0, 2.0], ["max", "max"], r"points must have shape \(n, 2\), got \(2,\)"),
        ([[1.0, 2.0]], ["max"] * 3, r"points must have shape \(n, 3\), got \(1, 2\)"),
        ([[1.0]], ["max"], "directions must name at least 2 objectives, got 1"),
        ([[1.0, 2.0]], ["max", "maximise"], "directions must be one of 'max', 'min', got 'maximise'"),
        ([["a", "b"]], ["max", "max"], "points must be numbers"),
    ],
)
def test_bad_arguments(points: Any, directions: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        front(points, directions)
