"""Attainment surfaces bound what a share of the runs attained."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.pareto import attainment_surfaces

pytest.importorskip("moocore")
SETS = st.lists(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=5), min_size=1, max_size=5
)


@given(SETS, st.sampled_from([0.2, 0.5, 0.75, 1.0]), st.sampled_from([("max", "max"), ("max", "min")]))
def test_surface_separates_what_enough_runs_attained(sets: Any, share: float, directions: tuple[str, str]) -> None:
    signs = np.where(np.array(directions) == "max", 1, -1)
    (surface,) = attainment_surfaces(sets, directions, [share])
    needed = math.ceil(share * len(sets) - 1e-9)
    for goal in np.ndindex(6, 6):
        target = np.array(goal) * signs
        runs = sum(bool((np.array(points) * signs >= target).all(axis=1).any()) for points in sets)
        assert (runs >= needed) == bool((surface * signs >= target).all(axis=1).any())
    assert (np.diff(surface[:, 0]) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], ["max", "max"], [0.5]), "sets must be non-empty and have points, got sizes \\[\\]"),
        (([[[1, 2]], np.empty((0, 2))], ["max", "max"], [0.5]), r"got sizes \[1, 0\]"),
        (([[[1, 2]]], ["max", "max"], [0.0]), "shares must be above 0 and at most 1, got 0.0"),
        (([[[1, 2]]], ["max", "max"], [1.5]), "shares must be above 0 and at most 1, got 1.5"),
        (([[[1, 2, 3, 4]]], ["max"] * 4, [0.5]), "directions must be of 2 or 3 objectives, got 4"),
        (([[[1, np.nan]]], ["max", "max"], [0.5]), r"sets\[0\] must be finite"),
    ],
)
def test_bad_arguments(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attainment_surfaces(*arguments)
