"""Hypervolumes agree with counting the cells of a grid."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.pareto import hypervolume, normalised_hypervolume

pytest.importorskip("moocore")
POINTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=12)
DIRECTIONS = st.tuples(*[st.sampled_from(["max", "min"])] * 2)


@given(POINTS, DIRECTIONS, st.tuples(st.integers(0, 8), st.integers(0, 8)))
def test_hypervolume_counts_unit_cells(points: list[tuple[int, int]], directions: Any, reference: Any) -> None:
    signs = np.where(np.array(directions) == "max", 1, -1)
    gains = np.array(points) * signs - np.array(reference) * signs
    cells = np.stack(np.meshgrid(np.arange(9), np.arange(9), indexing="ij"), axis=-1).reshape(-1, 1, 2)
    expected = (cells < gains).all(axis=2).any(axis=1).sum()
    assert hypervolume(points, reference, directions) == pytest.approx(expected)


@given(POINTS, st.integers(0, 12))
def test_normalised_hypervolume_is_a_share(points: list[tuple[int, int]], n: int) -> None:
    share = normalised_hypervolume(points[:n] or [(0, 0)], points, (-1, -1), ("max", "max"))
    assert 0.0 <= share <= 1.0
    assert normalised_hypervolume(points, points, (-1, -1), ("max", "max")) == 1.0


def test_a_reference_point_that_nothing_beats() -> None:
    assert hypervolume([[1.0, 1.0]], (1.0, 0.0), ("max", "max")) == 0.0
    with pytest.raises(ValueError, match=r"reference_point must be worse than some member of front, got \[1.0, 0.0\]"):
        normalised_hypervolume([[2.0, 2.0]], [[1.0, 1.0]], (1.0, 0.0), ("max", "max"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 2.0]], (0.0,), ("max", "max")), r"reference_point must have shape \(n, 2\)"),
        (([[1.0, np.inf]], (0.0, 0.0), ("max", "max")), "points must be finite"),
        (([[1.0, 2.0]], (0.0, 0.0), ("max", "up")), "directions must be one of"),
    ],
)
def test_bad_arguments(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hypervolume(*arguments)
