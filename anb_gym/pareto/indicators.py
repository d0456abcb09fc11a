"""Indicators of the quality of a set of points: what it dominates, and its distance from an exact front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.pareto.fronts import maximised, validate_points

#: Up to so many objectives hypervolumes are computed exactly; beyond, the time explodes.
EXACT_OBJECTIVES: Final = 4
#: Directions of the approximation beyond; with nine objectives its error is about 1 %.
N_DIRECTIONS: Final = 1 << 14


def hypervolume(points: Any, reference_point: Sequence[float] | FloatArray, directions: Sequence[str]) -> float:
    """The volume between a set of points and a reference point, in the product of the objectives' units.

    The indicator of Zitzler and Thiele 1998 (https://doi.org/10.1007/BFb0056872). Points that are not better
    than the reference point in every objective add nothing.

    Up to :data:`EXACT_OBJECTIVES` objectives it is exact. Beyond, it is moocore's deterministic approximation
    ``Rphi-FWE+``: the polar form of the volume (Deng and Zhang 2019, https://doi.org/10.1109/TEVC.2019.2895108)
    along :data:`N_DIRECTIONS` fixed directions. As every set is measured along the same directions, it never falls
    when a set grows, and a comparison of sets is far more exact than either number.

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
    signs = np.where(maximised(directions), -1.0, 1.0)
    array, reference = array * signs, reference * signs
    array = array[(array < reference).all(axis=1)]
    if not len(array):
        return 0.0
    moocore = require("moocore", "pareto")
    if len(directions) <= EXACT_OBJECTIVES:
        return float(moocore.hypervolume(array, ref=reference))
    return float(moocore.hv_approx(array, ref=reference, nsamples=N_DIRECTIONS, method="Rphi-FWE+"))


def normalised_hypervolume(
    points: Any, front: Any, reference_point: Sequence[float] | FloatArray, directions: Sequence[str]
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


def igd_plus(points: Any, front: Any, directions: Sequence[str]) -> float:
    """The mean distance by which members of a front are better than the nearest of a set of points: 0 if none is.

    IGD+ of Ishibuchi et al. 2015 (https://doi.org/10.1007/978-3-319-15892-1_8): per member, only objectives in
    which it is better count. It adds objectives up, so give both sets in comparable units, such as scaled by ideal
    and nadir. It weighs the front's parts by how many members they have.

    Args:
        points: Objective values, shape (n, m) with n at least 1.
        front: The exact front, shape (k, m) with k at least 1.
        directions: ``"max"`` or ``"min"`` for each objective.

    Raises:
        ValueError: An argument has the wrong shape or values.
        ModuleNotFoundError: The extra ``pareto`` is not installed.

    Example:
        >>> igd_plus([[1.0, 0.5]], [[1.0, 0.0], [0.0, 1.0]], ["max", "max"])
        0.25
    """
    array, members, maximise = _against_front(points, front, directions)
    return float(require("moocore", "pareto").igd_plus(array, ref=members, maximise=maximise))


def additive_epsilon(points: Any, front: Any, directions: Sequence[str]) -> float:
    """The least amount by which all points must improve in every objective to dominate a whole front.

    The indicator of Zitzler et al. 2003 (https://doi.org/10.1109/TEVC.2003.810758): 0 if they just do, negative if
    they could all be worse. It says how large the largest gap is, so give both sets in comparable units, such as
    scaled by ideal and nadir.

    Args:
        points: Objective values, shape (n, m) with n at least 1.
        front: The exact front, shape (k, m) with k at least 1.
        directions: ``"max"`` or ``"min"`` for each objective.

    Raises:
        ValueError: An argument has the wrong shape or values.
        ModuleNotFoundError: The extra ``pareto`` is not installed.

    Example:
        >>> additive_epsilon([[1.0, 0.25]], [[1.0, 0.0], [0.0, 1.0]], ["max", "max"])
        0.75
    """
    array, members, maximise = _against_front(points, front, directions)
    return float(require("moocore", "pareto").epsilon_additive(array, ref=members, maximise=maximise))


def _against_front(points: Any, front: Any, directions: Sequence[str]) -> tuple[FloatArray, FloatArray, list[bool]]:
    array = validate_points(points, "points", len(directions))
    members = validate_points(front, "front", len(directions))
    if not len(array) or not len(members):
        raise ValueError(f"points and front must not be empty, got {len(array)} and {len(members)}")
    return array, members, maximised(directions)
