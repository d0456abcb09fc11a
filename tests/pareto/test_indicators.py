"""Indicators agree with their definitions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.pareto import additive_epsilon, hypervolume, igd_plus, normalised_hypervolume

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


def test_hypervolume_of_many_objectives_is_near_the_exact_one_and_grows_with_the_set() -> None:
    points = np.random.default_rng(0).uniform(0.3, 1.0, size=(40, 6))
    reference, directions = np.zeros(6), ["max"] * 6
    signed = points * -1.0
    exact = pytest.importorskip("moocore").hypervolume(signed, ref=reference)
    volumes = [hypervolume(points[:n], reference, directions) for n in range(1, 41)]
    assert volumes[-1] == pytest.approx(exact, rel=0.02)
    assert volumes[-1] != exact
    assert (np.diff(volumes) >= 0).all()
    assert hypervolume(points, reference, directions) == volumes[-1]


@given(POINTS, POINTS, DIRECTIONS)
def test_distances_to_a_front_by_definition(points: Any, front: Any, directions: Any) -> None:
    signs = np.where(np.array(directions) == "max", 1, -1)
    shortfall = (np.array(front)[:, None] - np.array(points)[None]) * signs
    expected = np.linalg.norm(np.maximum(shortfall, 0), axis=2).min(axis=1).mean()
    assert igd_plus(points, front, directions) == pytest.approx(expected)
    assert additive_epsilon(points, front, directions) == shortfall.max(axis=2).min(axis=1).max()
    assert igd_plus(front, front, directions) == additive_epsilon(front, front, directions) == 0.0


@pytest.mark.parametrize("indicator", [igd_plus, additive_epsilon])
def test_distances_need_points(indicator: Any) -> None:
    with pytest.raises(ValueError, match="points and front must not be empty, got 0 and 1"):
        indicator(np.empty((0, 2)), [[1.0, 1.0]], ["max", "max"])
    with pytest.raises(ValueError, match=r"front must have shape \(n, 2\), got \(1, 3\)"):
        indicator([[1.0, 1.0]], [[1.0, 1.0, 1.0]], ["max", "max"])


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
