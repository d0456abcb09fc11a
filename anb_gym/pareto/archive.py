"""The archive of a search: everything that nothing else found so far dominates, without bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.pareto.fronts import maximised, validate_points


class Archive:
    """Keeps the points that no other point offered so far dominates, however many there are.

    Of equal points only the first is kept. Nothing that was dominated is ever needed again, so an unbounded archive
    at any time is the front of all points offered until then.

    Args:
        directions: ``"max"`` or ``"min"`` for each of at least 2 objectives.

    Raises:
        ValueError: A direction is unknown.

    Example:
        >>> archive = Archive(["max", "max"])
        >>> archive.add([[60.0, 900.0], [59.0, 800.0], [61.0, 950.0]])
        array([ True, False,  True])
        >>> archive.rows
        array([2])
    """

    def __init__(self, directions: Sequence[str]) -> None:
        self._signs = np.where(maximised(directions), 1.0, -1.0)
        self._gains = np.empty((0, len(directions)))
        self._rows = np.empty(0, dtype=np.int64)
        self._offered = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> NDArray[np.int64]:
        """When each member was offered, counting from 0, ``int64`` (k,), oldest first."""
        return self._rows.copy()

    @property
    def points(self) -> FloatArray:
        """The members' objectives, ``float64`` (k, m), oldest first."""
        return self._gains * self._signs

    def add(self, points: Any) -> NDArray[np.bool_]:
        """Offers points in order.

        Args:
            points: Finite objective values, shape (n, m).

        Returns:
            Which of them entered when they were offered, ``bool`` (n,); a later one may have expelled them.

        Raises:
            ValueError: ``points`` has the wrong shape or values.
        """
        gains = validate_points(points, "points", len(self._signs)) * self._signs
        return np.array([self._offer(gain) for gain in gains], dtype=np.bool_)

    def _offer(self, gain: FloatArray) -> bool:
        """Offers one point, to be maximised; whether it entered."""
        self._offered += 1
        if (self._gains >= gain).all(axis=1).any():
            return False
        stays = (self._gains > gain).any(axis=1)
        self._gains = np.concatenate([self._gains[stays], gain[None]])
        self._rows = np.concatenate([self._rows[stays], [self._offered - 1]])
        return True


def archive_trace(
    points: Any,
    directions: Sequence[str],
    indicator: Callable[[NDArray[np.int64]], float],
    at: Sequence[int] | None = None,
) -> FloatArray:
    """Values of an indicator of the archive after every point of a sequence.

    The indicator is asked only when the archive has changed, which is rare: some hundred times in a thousand.

    Args:
        points: Finite objective values in order, shape (n, m), that decide what is in the archive.
        directions: ``"max"`` or ``"min"`` for each objective.
        indicator: From the members' rows in ``points``, ``int64`` (k,), to a number. As it is given rows, it can
            judge the members by other values than those that chose them.
        at: After how many points to ask it, for expensive indicators; in between its last answer stands.
            By default after every point.

    Returns:
        ``float64`` (n,); before the first answer NaN.

    Raises:
        ValueError: An argument has the wrong shape or values.

    Example:
        >>> from anb_gym.pareto import hypervolume
        >>> points = np.array([[1.0, 1.0], [0.5, 0.5], [2.0, 1.0]])
        >>> archive_trace(points, ["max", "max"], lambda rows: hypervolume(points[rows], [0, 0], ["max", "max"]))
        array([1., 1., 2.])
    """
    archive = Archive(directions)
    gains = validate_points(points, "points", len(directions)) * archive._signs
    trace = np.full(len(gains), np.nan)
    chosen = set(range(1, len(gains) + 1) if at is None else at)
    changed, last = False, np.nan
    for position, gain in enumerate(gains):
        changed |= archive._offer(gain)
        if changed and position + 1 in chosen:
            changed, last = False, indicator(archive.rows)
        trace[position] = last
    return trace
