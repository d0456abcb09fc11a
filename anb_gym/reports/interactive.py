"""Interactive figures of a study for the HTML report: compact data, of which ``figures.js`` makes figures of plotly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

import numpy as np

from anb_gym._errors import one_line
from anb_gym._types import FloatArray
from anb_gym.pareto.fronts import front
from anb_gym.reports.drawing import FRONT
from anb_gym.reports.plots import CLOCKS, FLOOR
from anb_gym.reports.styles import MEASURE_LABELS, Style, metric_label
from anb_gym.space import EXPANSIONS, KERNELS, LAYERS, SQUEEZE_EXCITATION, Indices
from anb_gym.study.analysis.analyse import TaskAnalysis
from anb_gym.study.analysis.anytime import Curves, quartiles
from anb_gym.study.analysis.attained import attained

#: A curve has at most so many points, evenly spread over the logarithm of the evaluations or hours.
CURVE_POINTS: Final = 100
#: A line of a front leaves out points that lie so close to the last one, in extents of the figure: a pixel.
PIXEL: Final = 1e-3
#: Numbers have so many significant digits, as ``figures.js`` expects.
DIGITS: Final = 4


def trajectory_figure(task: TaskAnalysis, look: Mapping[str, Style]) -> dict[str, Any]:
    """The main measure of a task at any time: median and quartiles of the runs, over evaluations or hours.

    Args:
        task: The analysed task.
        look: The controllers' styles.

    Returns:
        JSON data of the figure, which has buttons that change the horizontal axis.
    """
    curves = [
        {
            "name": _literal(name),
            "colour": look[name].colour,
            "dash": look[name].dash,
            "values": [_curve(found, clock) for clock in CLOCKS],
        }
        for name, found in task.curves[task.main].items()
    ]
    return {"clocks": list(CLOCKS.values()), "label": MEASURE_LABELS[task.main], "curves": curves}


def front_figure(task: TaskAnalysis, look: Mapping[str, Style]) -> dict[str, Any]:
    """The exact front of a task with two metrics, and what every controller attained; hovering shows architectures.

    Args:
        task: The analysed task.
        look: The controllers' styles.

    Returns:
        JSON data of the figure: per controller the front of all its runs as dots, and what the median run attains as a
        line.
    """
    judge = task.judge
    directions = judge.problem.task.directions
    exact = judge.problem.front
    members = front(exact.objectives, directions)
    points = exact.objectives[members]
    found = attained(task.table, judge)
    drawn = np.vstack([points, *(each.surfaces[1] for each in found.values())])
    pixel = PIXEL * np.ptp(drawn, axis=0)
    style = {"name": "exact front", "colour": FRONT, "dash": "solid", "width": 1.5, "size": 4}
    fronts = [{**style, "line": _line(points, pixel), "dots": _dots(points, exact.indices[members])}]
    for name, each in found.items():
        style = {"name": _literal(name), "colour": look[name].colour, "dash": look[name].dash, "width": 2, "size": 6}
        line, dots = _line(each.surfaces[1], pixel), _dots(each.points, each.members)
        fronts.append({**style, "line": line, "dots": dots})
    first, second = map(metric_label, judge.metrics)
    # By rising first metric, between neighbours their worst values are attained.
    return {"labels": [second, first], "shape": "hv" if directions[0] == "max" else "vh", "fronts": fronts}


def figures_data(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """JSON of all figures of a page, each by the id of its element, and of what tells architectures by their index."""
    blocks = [
        [["e", EXPANSIONS], ["k", KERNELS], ["l", layers], ["s", list(map(int, SQUEEZE_EXCITATION))]]
        for layers in LAYERS
    ]
    return json.dumps({"blocks": blocks, "figures": figures}, separators=(",", ":"), allow_nan=False)


def _curve(curves: Curves, clock: str) -> dict[str, list[Any]]:
    """Horizontal values, and quartiles as :func:`_differences`, of a curve, thinned."""
    if clock == "hours":
        hours = curves.hours_grid(CURVE_POINTS)
        x, values = _rounded(hours), curves.at_hours(hours)
    else:
        known = np.flatnonzero(np.isfinite(curves.values).all(axis=0)) + 1
        evaluations = np.unique(np.geomspace(known[0], known[-1], CURVE_POINTS).round().astype(np.int64))
        x, values = evaluations.tolist(), curves.at_evaluations(evaluations)
    low, median, high = map(_differences, np.maximum(quartiles(values), FLOOR))
    return {"x": x, "low": low, "median": median, "high": high}


def _line(points: FloatArray, pixel: FloatArray) -> dict[str, list[float]]:
    """A line through points, without those that lie within a pixel of the one before."""
    kept = [0]
    for row in range(1, len(points)):
        if row == len(points) - 1 or (np.abs(points[row] - points[kept[-1]]) > pixel).any():
            kept.append(row)
    return {"x": _rounded(points[kept, 1]), "y": _rounded(points[kept, 0])}


def _dots(points: FloatArray, members: Indices) -> dict[str, list[Any]]:
    return {"x": _rounded(points[:, 1]), "y": _rounded(points[:, 0]), "index": members.tolist()}


def _rounded(values: FloatArray) -> list[float]:
    """Numbers as short as JSON can write them."""
    short = (float(f"{value:.{DIGITS - 1}e}") for value in values.tolist())
    return [int(value) if value.is_integer() else value for value in short]


def _differences(values: FloatArray) -> list[int]:
    """Differences of places of positive numbers among all numbers of so many digits: small, so that they pack well."""
    first = 10 ** (DIGITS - 1)  # and 9 * first numbers in a decade
    parts = (f"{value:.{DIGITS - 1}e}".split("e") for value in values.tolist())
    places = [9 * first * int(exponent) + round(first * float(digits)) - first for digits, exponent in parts]
    result: list[int] = np.diff(places, prepend=0).tolist()
    return result


def _literal(name: str) -> str:
    """A name of which plotly takes nothing for markup."""
    return escape(one_line(name), quote=False)
