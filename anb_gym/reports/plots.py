"""Plots of a study, fit for a paper. Controllers look alike in all of them, see :mod:`~.styles`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.pareto.fronts import front as front_rows
from anb_gym.pareto.fronts import maximised, staircase
from anb_gym.reports.drawing import FRONT, finish_axes, new_figure
from anb_gym.reports.styles import Style, literal, styles
from anb_gym.study.analysis.anytime import Curves, quartiles
from anb_gym.study.analysis.attained import Attained
from anb_gym.study.analysis.statistics import Interval, performance_profile, performance_profile_band

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Smaller regrets are drawn there: on a logarithmic axis nothing can be zero.
FLOOR: Final = 1e-4
#: Over what anytime curves go.
CLOCKS: Final = {"evaluations": "evaluations", "hours": "simulated GPU-hours"}


def anytime_figure(
    curves: Mapping[str, Curves],
    label: str,
    *,
    over: str = "evaluations",
    title: str = "",
    look: Mapping[str, Style] | None = None,
) -> Figure:
    """Draws how good controllers were at any time: the median of the runs and a band between their quartiles.

    Args:
        curves: By controller.
        label: Name of the measure.
        over: ``"evaluations"``, or ``"hours"`` of simulated training.
        title: Title of the plot.
        look: The controllers' styles, by default :func:`~.styles.styles`.

    Raises:
        ValueError: ``over`` is unknown or there is nothing to draw.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    choose(over, CLOCKS, "over")
    figure, axes, look = _start(curves, 6.4, 4.2, look)
    for name, c in curves.items():
        if over == "evaluations":
            shown = np.flatnonzero(np.isfinite(c.values).all(axis=0))
            clock, values = shown + 1.0, c.values[:, shown]
        else:
            clock = c.hours_grid()
            values = c.at_hours(clock)
        low, median, high = np.maximum(quartiles(values), FLOOR)
        style = look[name]
        axes.fill_between(clock, low, high, color=style.colour, alpha=0.16, linewidth=0, step="post")
        axes.step(
            clock, median, where="post", color=style.colour, linestyle=style.line, linewidth=1.7, label=literal(name)
        )
    logarithmic(axes, "x")
    logarithmic(axes, "y")
    finish_axes(axes, (label, CLOCKS[over]), literal(title))
    _legend(figure, curves)
    return figure


def profile_figure(
    matrices: Mapping[str, FloatArray],
    label: str,
    rng: np.random.Generator,
    *,
    title: str = "",
    look: Mapping[str, Style] | None = None,
) -> Figure:
    """Draws performance profiles: which share of all runs is at least so good, with 95 % bands.

    Args:
        matrices: Scores by controller, ``float64`` (runs, tasks).
        label: Name of the measure.
        rng: Source of the bands' resamples.
        title: Title of the plot.
        look: The controllers' styles.

    Raises:
        ValueError: There is nothing to draw.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    figure, axes, look = _start(matrices, 6.4, 4.2, look)
    seen = np.maximum(np.concatenate([matrix.ravel() for matrix in matrices.values()]), FLOOR)
    thresholds = np.geomspace(seen.min(), seen.max() * 1.02, 200)
    for name, matrix in matrices.items():
        style = look[name]
        low, high = performance_profile_band(matrix, thresholds, rng)
        axes.fill_between(thresholds, low, high, color=style.colour, alpha=0.16, linewidth=0)
        shares = performance_profile(matrix, thresholds)
        axes.plot(thresholds, shares, color=style.colour, linestyle=style.line, linewidth=1.7, label=literal(name))
    logarithmic(axes, "x")
    axes.set_ylim(-0.01, 1.01)
    axes.yaxis.set_major_formatter(_percent)
    finish_axes(axes, ("share of runs", f"{label}, at most"), title)
    _legend(figure, matrices)
    return figure


def interval_figure(
    intervals: Mapping[int, Mapping[str, Interval]],
    label: str,
    *,
    title: str = "",
    look: Mapping[str, Style] | None = None,
) -> Figure:
    """Draws estimates with their intervals, one row per controller and one panel per budget.

    Args:
        intervals: By number of evaluations and controller. The rows are in the order of the last budget.
        label: Name of the estimate.
        title: Title of the plot.
        look: The controllers' styles.

    Raises:
        ValueError: There is nothing to draw.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    if not intervals or not all(intervals.values()):
        raise ValueError("intervals must have a budget, and each budget a controller")
    last = list(intervals.values())[-1]
    order = sorted(last, key=lambda name: -last[name].estimate)
    look = look or styles(order)
    figure = new_figure(1.6 + 2.0 * len(intervals), 1.2 + 0.3 * len(order))
    panels = figure.subplots(1, len(intervals), sharey=True, squeeze=False)[0]
    for axes, (budget, by_controller) in zip(panels, intervals.items(), strict=True):
        for row, name in enumerate(order):
            interval, colour = by_controller[name], look[name].colour
            axes.plot([interval.low, interval.high], [row, row], color=colour, linewidth=6, alpha=0.35)
            axes.plot([interval.estimate], [row], color=colour, marker=look[name].marker, markersize=5)
        axes.set_yticks(range(len(order)), [*map(literal, order)])
        axes.tick_params(axis="y", length=0)
        finish_axes(axes, ("", ""), f"{budget:,} evaluations")
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.12)
    figure.supxlabel(label, fontsize="medium")
    figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
    return figure


def attainment_figure(
    exact: FloatArray,
    found: Mapping[str, Attained],
    directions: Sequence[str],
    axis_labels: tuple[str, str],
    *,
    title: str = "",
    look: Mapping[str, Style] | None = None,
) -> Figure:
    """Draws what the median run attains, and a band between the quartiles of the runs, under the exact front.

    Args:
        exact: The exact front, ``float64`` (k, 2), in the metrics' units.
        found: By controller.
        directions: ``"max"`` or ``"min"`` for each metric. The first is drawn upwards, the second to the right.
        axis_labels: Names of the two metrics with their units.
        title: Title of the plot.
        look: The controllers' styles.

    Raises:
        ValueError: There is nothing to draw.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    figure, axes, look = _start(found, 6.4, 4.6, look)
    line = staircase(exact[front_rows(exact, directions)], directions)
    everything = np.vstack([line, *(surface for each in found.values() for surface in each.surfaces)])
    worst = np.where(maximised(directions), everything.min(axis=0), everything.max(axis=0))
    axes.plot(line[:, 1], line[:, 0], color=FRONT, linewidth=1.4, label="exact front")
    for name, each in found.items():
        style = look[name]
        median = staircase(each.surfaces[1], directions)
        many, few = (_closed(surface, worst, directions) for surface in (each.surfaces[0], each.surfaces[2]))
        ring = np.vstack([many, few[::-1]])
        axes.fill(ring[:, 1], ring[:, 0], color=style.colour, alpha=0.16, linewidth=0)
        axes.plot(
            median[:, 1], median[:, 0], color=style.colour, linestyle=style.line, linewidth=1.6, label=literal(name)
        )
    axes.xaxis.set_major_formatter("{x:,.0f}" if line[:, 1].max() >= 100 else "{x:g}")
    finish_axes(axes, axis_labels, literal(title))
    _legend(figure, ["exact front", *found])
    return figure


def improvement_figure(probabilities: FloatArray, names: Sequence[str], *, title: str = "") -> Figure:
    """Draws how probably a run of the row's controller beats one of the column's.

    Args:
        probabilities: ``float64`` (n, n); the diagonal is not read.
        names: The controllers', n of them.
        title: Title of the plot.

    Raises:
        ValueError: The shapes do not agree.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    n = len(names)
    if probabilities.shape != (n, n) or n < 2:
        raise ValueError(f"probabilities must have shape (n, n) for 2 names or more, got {probabilities.shape}, {n}")
    shown = np.where(np.eye(n, dtype=bool), np.nan, probabilities)
    size = 2.4 + 0.55 * n
    figure = new_figure(size + 0.8, size)
    axes = figure.add_subplot()
    image = axes.imshow(shown, vmin=0.0, vmax=1.0, cmap="PuOr")
    for row, column in np.argwhere(np.isfinite(shown)):
        value = shown[row, column]
        ink = "white" if abs(value - 0.5) > 0.35 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink, fontsize="small")
    axes.set_xticks(range(n), [*map(literal, names)], rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n), [*map(literal, names)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title or "probability that the row beats the column", loc="left", fontsize="medium")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
    bar.outline.set_visible(False)
    return figure


def _start(
    drawn: Mapping[str, Any], width: float, height: float, look: Mapping[str, Style] | None
) -> tuple[Figure, Axes, Mapping[str, Style]]:
    if not drawn:
        raise ValueError("there must be a controller to draw, got none")
    figure = new_figure(width, height)
    return figure, figure.add_subplot(), look or styles(drawn)


def _closed(surface: FloatArray, worst: FloatArray, directions: Sequence[str]) -> FloatArray:
    """The staircase of a surface, continued to the worst value of either metric: worse than attained is attained."""
    ends = [[worst[0], surface[:, 1].max() if directions[1] == "max" else surface[:, 1].min()]]
    ends += [[surface[:, 0].max() if directions[0] == "max" else surface[:, 0].min(), worst[1]]]
    corners = staircase(surface, directions)
    first, last = ends if directions[0] == "max" else ends[::-1]
    return np.vstack([[first], corners, [last]])


def logarithmic(axes: Axes, which: str) -> None:
    """Makes the axis ``"x"`` or ``"y"`` logarithmic, with plain numbers."""
    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    low, high = axis.get_data_interval()
    steps = (1.0,) if high > 300 * low else (1.0, 2.0, 5.0)
    axis.set_major_locator(require("matplotlib.ticker", "pareto").LogLocator(subs=steps))
    axis.set_major_formatter(_plain)
    axis.set_minor_formatter("")


def _legend(figure: Figure, names: Iterable[str]) -> None:
    widest = max(map(len, names))
    columns = max(1, min(4, 72 // (widest + 7)))  # what fits below a figure of this width
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize="small")


def _plain(value: float, _: Any) -> str:
    text = f"{value:,.0f}" if value >= 10 else f"{value:g}"
    return f"≤ {text}" if np.isclose(value, FLOOR) else text


def _percent(share: float, _: Any) -> str:
    return f"{100 * share:.0f} %"
