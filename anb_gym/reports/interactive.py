"""Interactive figures of a study for the HTML report, drawn by plotly."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import numpy as np

from anb_gym._errors import one_line
from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.pareto.fronts import front, staircase
from anb_gym.reports.drawing import FRONT
from anb_gym.reports.plots import CLOCKS, FLOOR
from anb_gym.reports.styles import MEASURE_LABELS, Style, metric_label, transparent
from anb_gym.space import Architecture, Indices
from anb_gym.study.analysis.analyse import TaskAnalysis
from anb_gym.study.analysis.anytime import Curves, quartiles
from anb_gym.study.analysis.attained import attained

#: A curve has at most so many points, evenly spread over the logarithm of the evaluations.
CURVE_POINTS: Final = 150
_GRID: Final = "#ececec"


def trajectory_figure(task: TaskAnalysis, look: Mapping[str, Style]) -> Any:
    """The main measure of a task at any time: median and quartiles of the runs, over evaluations or hours.

    Args:
        task: The analysed task.
        look: The controllers' styles.

    Returns:
        A ``plotly.graph_objects.Figure``, with buttons that change the horizontal axis.
    """
    go = require("plotly.graph_objects", "study")
    figure = go.Figure()
    axes: dict[str, dict[str, list[Any]]] = {clock: {"x": [], "y": []} for clock in CLOCKS}
    for name, curves in task.curves[task.main].items():
        style = look[name]
        for clock, coordinates in axes.items():
            x, (low, median, high) = _curve(curves, clock)
            # The band goes out along the steps of the upper quartile and back along those of the lower.
            steps, upper, lower = np.repeat(x, 2)[1:], np.repeat(high, 2)[:-1], np.repeat(low, 2)[:-1]
            coordinates["x"] += [[*steps.tolist(), *steps[::-1].tolist()], x.tolist()]
            coordinates["y"] += [[*upper.tolist(), *lower[::-1].tolist()], median.tolist()]
        band, line = ({key: axes["evaluations"][key][place] for key in "xy"} for place in (-2, -1))
        shade = transparent(style.colour, 0.15)
        figure.add_scatter(
            **band, name=_literal(name), legendgroup=name, showlegend=False, hoverinfo="skip", fill="toself",
            fillcolor=shade, line={"width": 0}, mode="lines",
        )  # fmt: skip
        figure.add_scatter(
            **line, name=_literal(name), legendgroup=name, mode="lines",
            line={"color": style.colour, "dash": style.dash, "width": 2, "shape": "hv"},
            hovertemplate="%{x:,.0f}: %{y:.4g}",
        )  # fmt: skip
    buttons = [
        {"label": text, "method": "update", "args": [axes[clock], {"xaxis.title.text": text}]}
        for clock, text in CLOCKS.items()
    ]
    _layout(figure, CLOCKS["evaluations"], MEASURE_LABELS[task.main])
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(type="log", dtick="D2", tickformat=",~r")  # labels at 1, 2 and 5
    figure.update_layout(
        updatemenus=[{
            "type": "buttons", "direction": "right", "buttons": buttons, "x": 0, "xanchor": "left", "y": 1.02,
            "yanchor": "bottom", "bgcolor": "white", "bordercolor": "#c9cdd2",
        }],
    )  # fmt: skip
    return figure


def front_figure(task: TaskAnalysis, look: Mapping[str, Style]) -> Any:
    """The exact front of a task with two metrics, and what every controller attained; hovering shows architectures.

    Args:
        task: The analysed task.
        look: The controllers' styles.

    Returns:
        A ``plotly.graph_objects.Figure``: per controller the front of all its runs as dots, and what the median run
        attains as a line.
    """
    figure = require("plotly.graph_objects", "study").Figure()
    judge = task.judge
    directions = judge.problem.task.directions
    exact = judge.problem.front
    members = front(exact.objectives, directions)
    first, second = map(metric_label, judge.metrics)
    hover = f"%{{customdata}}<br>{first}: %{{y:.2f}}<br>{second}: %{{x:,.4~g}}"
    line = staircase(exact.objectives[members], directions)
    _line(figure, line, "exact front", {"color": FRONT, "width": 1.5})
    _dots(figure, exact.objectives[members], exact.indices[members], "exact front", FRONT, 4, hover)
    for name, found in attained(task.table, judge).items():
        style = look[name]
        median = staircase(found.surfaces[1], directions)
        _line(figure, median, name, {"color": style.colour, "dash": style.dash, "width": 2})
        _dots(figure, found.points, found.members, name, style.colour, 6, hover)
    _layout(figure, second, first)
    return figure


def _curve(curves: Curves, clock: str) -> tuple[FloatArray, FloatArray]:
    """Horizontal values (k,) and quartiles (3, k) of a curve, thinned."""
    if clock == "hours":
        x = curves.hours_grid(CURVE_POINTS)
        values = curves.at_hours(x)
    else:
        known = np.flatnonzero(np.isfinite(curves.values).all(axis=0)) + 1
        spread = np.geomspace(known[0], known[-1], CURVE_POINTS).round().astype(np.int64)
        x = np.unique(spread).astype(np.float64)
        values = curves.at_evaluations(np.unique(spread))
    return _rounded(x), _rounded(np.maximum(quartiles(values), FLOOR))


def _rounded(values: FloatArray) -> FloatArray:
    """Five significant digits: what a screen can show, in half the bytes."""
    return np.array([float(f"{value:.5g}") for value in values.ravel()]).reshape(values.shape)


def _line(figure: Any, points: FloatArray, name: str, line: dict[str, Any]) -> None:
    figure.add_scatter(
        x=points[:, 1].tolist(), y=points[:, 0].tolist(), name=_literal(name), legendgroup=name, mode="lines",
        line=line, hoverinfo="skip",
    )  # fmt: skip


def _dots(
    figure: Any, points: FloatArray, members: Indices, name: str, colour: str, size: int, hovertemplate: str
) -> None:
    figure.add_scatter(
        x=points[:, 1].tolist(), y=points[:, 0].tolist(), name=_literal(name), legendgroup=name, showlegend=False,
        mode="markers", marker={"color": colour, "size": size, "line": {"color": "white", "width": 0.5}},
        customdata=[str(Architecture.from_index(int(index))) for index in members], hovertemplate=hovertemplate,
    )  # fmt: skip


def _literal(name: str) -> str:
    """A name of which plotly takes nothing for markup."""
    return escape(one_line(name), quote=False)


def _layout(figure: Any, x_label: str, y_label: str) -> None:
    axis = {"gridcolor": _GRID, "zeroline": False, "linecolor": "#6b7178", "ticks": "outside", "automargin": True}
    figure.update_layout(
        template="none",
        height=460,
        margin={"l": 70, "r": 20, "t": 50, "b": 60},
        hovermode="closest",
        xaxis={"title": {"text": x_label}, **axis},
        yaxis={"title": {"text": y_label}, **axis},
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "itemsizing": "constant"},
    )
