"""How much of the objective space a set of points dominates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym.pareto.fronts import validate_points


def hypervolume(points: Any, reference_point: Sequence[float], directions: Sequence[str]) -> float:
    """The volume between a set of points and a reference point, in the product of the objectives' units.

    The indicator of Zitzler and Thiele 1998 (https://doi.org/10.1007/BFb0056872). Points that are not better
    than the reference point in every objective add nothing.

    Args:
        points: Finite objective values, shape (n, m) with m at least 2.
        reference_point: The worst value that counts, of each of the m objectives.
        directions: ``"max"`` or ``"min"`` for each objective.

    Raises:
        ValueError: An argument has the wrong shape or values.
        ModuleNotFoundError: The extra ``pareto`` is not installed.

    Example:
        >>> hypervolume([[60.0, 900.0], [61.0, 800.0]], [59.0, 700.0], ["max", "max"])
        300.0
    """
    array = validate_points(points, "points", len(directions))
    reference = validate_points([reference_point], "reference_point", len(directions))[0]
    maximise = np.array([choose(direction, ("max", "min"), "directions") == "max" for direction in directions])
    signs = np.where(maximise, -1.0, 1.0)
    array, reference = array * signs, reference * signs
    array = array[(array < reference).all(axis=1)]
    if not len(array):
        return 0.0
    return float(require("moocore", "pareto").hypervolume(array, ref=reference))


def normalised_hypervolume(
    points: Any, front: Any, reference_point: Sequence[float], directions: Sequence[str]
) -> float:
    """The hypervolume of a set of points as a share of an exact front's: 1 for the front itself, 0 for nothing.

    Args:
        points: Objective values, shape (n, m).
        front: The exact front, shape (k, m), such as ``Benchmark().front("vck190/throughput").objectives``.
        reference_point: Such as ``anb_gym.calibration.front_scale(task).reference_point``.
        directions: ``"max"`` or ``"min"`` for each objective.

    Raises:
        ValueError: An argument has the wrong shape or values, or no member of the front is better than the
            reference point.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    whole = hypervolume(front, reference_point, directions)
    if whole <= 0.0:
        raise ValueError(f"reference_point must be worse than some member of front, got {list(reference_point)}")
    return hypervolume(points, reference_point, directions) / whole
