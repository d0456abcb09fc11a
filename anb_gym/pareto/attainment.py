"""Attainment of a randomised search in a given share of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.pareto.fronts import maximised, validate_points


def attainment_surfaces(sets: Sequence[Any], directions: Sequence[str], shares: Sequence[float]) -> list[FloatArray]:
    """Empirical attainment surfaces: the best points that a share of the runs attained, each by its own means.

    A run attains a point if one of its points is at least as good in every objective. The surface of share one half
    is the median result of a search, as a front (Grunert da Fonseca, Fonseca and Hall 2001,
    https://doi.org/10.1007/3-540-44719-9_15).

    Args:
        sets: The points of each run, one array (n, 2) or (n, 3) per run, none of them empty.
        directions: ``"max"`` or ``"min"`` for each of 2 or 3 objectives.
        shares: Shares of the runs, each above 0 and at most 1, such as ``(0.25, 0.5, 0.75)``.

    Returns:
        For each share a surface by rising first objective, ``float64`` (k, m).

    Raises:
        ValueError: An argument has the wrong shape or values.
        ModuleNotFoundError: The extra ``pareto`` is not installed.

    Example:
        >>> runs = [[[1.0, 3.0], [3.0, 1.0]], [[2.0, 2.0]]]
        >>> attainment_surfaces(runs, ["max", "max"], [1.0])[0]
        array([[1., 2.],
               [2., 1.]])
    """
    if len(directions) not in (2, 3):
        raise ValueError(f"directions must be of 2 or 3 objectives, got {len(directions)}")
    arrays = [validate_points(points, f"sets[{run}]", len(directions)) for run, points in enumerate(sets)]
    if not arrays or not all(map(len, arrays)):
        raise ValueError(f"sets must be non-empty and have points, got sizes {[len(array) for array in arrays]}")
    for share in shares:
        if not 0.0 < share <= 1.0:
            raise ValueError(f"shares must be above 0 and at most 1, got {share!r}")
    signs = np.where(maximised(directions), -1.0, 1.0)
    runs = np.repeat(np.arange(len(arrays)), [len(array) for array in arrays])
    surfaces = []
    for share in shares:
        # One share at a time: moocore answers in percentages, which would have to be recognised among several.
        result = require("moocore", "pareto").eaf(np.vstack(arrays) * signs, runs, percentiles=[100.0 * share])
        surface = result[:, :-1] * signs
        surfaces.append(surface[np.argsort(surface[:, 0], kind="stable")])
    return surfaces
