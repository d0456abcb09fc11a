"""An archive is the front of all that it was offered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.pareto import Archive, archive_trace, front, hypervolume

pytest.importorskip("moocore")
POINTS = st.integers(2, 3).flatmap(
    lambda m: st.lists(st.tuples(*[st.integers(0, 6)] * m), min_size=1, max_size=25).map(np.array)
)


@given(POINTS, st.integers(0, 25))
def test_archive_is_the_front_of_everything_so_far(points: np.ndarray, cut: int) -> None:
    directions = ["max", "min", "max"][: points.shape[1]]
    archive = Archive(directions)
    entered = np.concatenate([archive.add(points[:cut]), archive.add(points[cut:])])
    assert sorted(archive.rows) == sorted(front(points, directions))
    np.testing.assert_array_equal(archive.points, points[archive.rows])
    assert len(archive) == len(archive.rows)
    # A point enters exactly if it is on the front of what was offered until then.
    assert entered.tolist() == [row in front(points[: row + 1], directions) for row in range(len(points))]


@given(POINTS)
def test_trace_is_the_indicator_of_every_prefix(points: np.ndarray) -> None:
    directions, reference = ["max"] * points.shape[1], [-1.0] * points.shape[1]
    calls = []

    def volume(rows: np.ndarray) -> float:
        calls.append(rows)
        return hypervolume(points[rows], reference, directions)

    trace = archive_trace(points, directions, volume)
    prefixes = [hypervolume(points[: n + 1], reference, directions) for n in range(len(points))]
    np.testing.assert_allclose(trace, prefixes)
    assert len(calls) == len(np.unique(trace))  # only when the archive changed, and every change adds volume


def test_trace_at_chosen_times_keeps_the_last_answer() -> None:
    points = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
    trace = archive_trace(points, ["max", "max"], lambda rows: float(points[rows[0], 0]), at=[2, 4])
    np.testing.assert_array_equal(trace, [np.nan, 2.0, 2.0, 4.0])


def test_bad_points() -> None:
    with pytest.raises(ValueError, match=r"points must have shape \(n, 2\), got \(1, 3\)"):
        Archive(["max", "max"]).add([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="directions must be one of 'max', 'min', got 'up'"):
        Archive(["max", "up"])
