"""Plots in the plane of two objectives: of searches, of exact fronts, and of agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.pareto.fronts import front, staircase, validate_points
from anb_gym.reports.drawing import BACKGROUND, BACKGROUND_FRONT, FRONT, MARK, ORDER_MAP, finish_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure, SubFigure

#: Means (n,) and their standard deviations (n,), if they are known.
Spread = tuple[FloatArray, FloatArray | None]

#: Shapes and sizes of the marks, in turn.
MARKERS: Final = (("*", 210.0), ("D", 52.0), ("s", 60.0), ("P", 90.0))
#: Marks of clouds that are compared in agreement, and their colours.
AGREEMENT_MARKERS: Final = (("o", BACKGROUND_FRONT), ("D", MARK))
#: Share of all points, those worst in the first objective, that the view leaves out.
CROPPED: Final = 0.02


def search_figure(
    background: Any,
    search: Any,
    *,
    directions: Sequence[str],
    axis_labels: tuple[str, str],
    background_label: str,
    search_label: str,
    marks: Mapping[str, tuple[float, float]] | None = None,
    curves: Mapping[str, Any] | None = None,
    title: str = "",
    onto: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draws a search over the cloud it is compared with, each with its Pareto front.

    Args:
        background: Objectives of the architectures to compare with, (n, 2), such as those of random search.
        search: Objectives of the architectures of the search, (m, 2), in order of evaluation, which gives their
            colour.
        directions: ``"max"`` or ``"min"`` for each objective. The first is drawn upwards, the second to the right.
        axis_labels: Names of the two objectives with their units.
        background_label: Name of the background in the legend.
        search_label: Name of the search in the legend and beside the colour bar.
        marks: Points drawn as stars, by name.
        curves: Dashed lines, each (k, 2), by name. They do not widen the view.
        title: Title of the plot.
        onto: Empty figure to draw on, with constrained layout; by default a new one.

    Returns:
        The figure. A new one belongs to no window.

    Raises:
        ValueError: An argument has the wrong shape or values, or there is nothing to draw.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    if len(directions) != 2:
        raise ValueError(f"directions must be two, got {len(directions)}: {directions!r}")
    for direction in directions:
        choose(direction, ("max", "min"), "directions")
    clouds = [validate_points(background, "background", 2), validate_points(search, "search", 2)]
    if not all(map(len, clouds)):
        raise ValueError(f"background and search must have points, got {len(clouds[0])} and {len(clouds[1])}")

    figure = new_figure(7.4, 5.0) if onto is None else onto
    axes = figure.add_subplot()
    _draw_dots(axes, clouds[0], background_label, s=5, c=BACKGROUND)
    order = np.arange(1, len(clouds[1]) + 1)
    # Searches change fastest at their beginning, so the colours spread the first evaluations.
    scale = require("matplotlib.colors", "pareto").LogNorm(max(1.0, len(order) / 50), max(2, len(order)), clip=True)
    dots = _draw_dots(axes, clouds[1], search_label, s=10, c=order, cmap=ORDER_MAP, norm=scale)
    _draw_front(axes, clouds[0], directions, BACKGROUND_FRONT, "--", f"front of {background_label}")
    _draw_front(axes, clouds[1], directions, FRONT, "-", f"front of {search_label}")
    for name, curve in (curves or {}).items():
        line = validate_points(curve, f"curves[{name!r}]", 2)
        axes.plot(line[:, 1], line[:, 0], color=MARK, linewidth=1.1, linestyle=(0, (1, 1.5)), label=name, zorder=5)
    for (name, (first, second)), (marker, size) in zip((marks or {}).items(), cycle(MARKERS), strict=False):
        axes.scatter(
            [second], [first], marker=marker, s=size, c=MARK, edgecolors="white", linewidths=1, label=name, zorder=6
        )
    _set_view(axes, np.vstack(clouds), [*(marks or {}).values()], directions[0])

    bar = figure.colorbar(dots, ax=axes, pad=0.015, aspect=32)
    decades = 10.0 ** np.arange(np.ceil(np.log10(len(order))) + 1)
    ticks = np.outer(decades, [1, 2, 5]).ravel()
    ticks = ticks[(scale.vmin <= ticks) & (ticks <= scale.vmax)]
    bar.set_ticks(ticks.tolist(), labels=[f"{tick:,.0f}" for tick in ticks])
    bar.minorticks_off()
    bar.set_label(f"evaluation of {search_label}")
    bar.outline.set_visible(False)
    finish_axes(axes, axis_labels, title)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    legend = figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    for handle in legend.legend_handles[:2]:
        handle.set_sizes([30])  # type: ignore[union-attr]
    return figure


def front_figure(
    background: Any,
    members: Any,
    *,
    directions: Sequence[str],
    axis_labels: tuple[str, str],
    background_label: str,
    front_label: str,
    spread: Any = None,
    title: str = "",
) -> Figure:
    """Draws an exact front over a cloud of architectures.

    Args:
        background: Objectives of the architectures behind the front, (n, 2).
        members: Objectives of the front's members, (k, 2).
        directions: ``"max"`` or ``"min"`` for each objective. The first is drawn upwards, the second to the right.
        axis_labels: Names of the two objectives with their units. The axis of the second, which must be positive,
            is logarithmic.
        background_label: Name of the background in the legend.
        front_label: Name of the front in the legend.
        spread: Standard deviation of each member's first objective, (k,), drawn as a band.
        title: Title of the plot.

    Returns:
        The figure. It belongs to no window.

    Raises:
        ValueError: An argument has the wrong shape or values, or there is nothing to draw.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    cloud, points = validate_points(background, "background", 2), validate_points(members, "members", 2)
    if len(directions) != 2 or not len(cloud) or not len(points):
        raise ValueError(
            f"directions must be two and background and members must have points, "
            f"got {len(directions)}, {len(cloud)} and {len(points)}"
        )
    figure = new_figure(7.4, 5.0)
    axes = figure.add_subplot()
    _draw_dots(axes, cloud, background_label, s=5, c=BACKGROUND)
    _draw_dots(axes, points, front_label, s=9, c=FRONT)
    if spread is not None:
        rows = front(points, directions)
        line, half = points[rows], np.asarray(spread, dtype=np.float64)[rows]
        edges = line[:, 0] - half, line[:, 0] + half
        label = "± its standard deviation"
        axes.fill_between(line[:, 1], *edges, label=label, color=MARK, alpha=0.35, linewidth=0, zorder=1.5)
    _draw_front(axes, cloud, directions, BACKGROUND_FRONT, "--", f"front of {background_label}")
    _set_view(axes, np.vstack([cloud, points]), [], directions[0])
    axes.set_xscale("log")
    seen = np.append(cloud[:, 1], points[:, 1])
    axes.set_xlim(seen.min() / 1.05, seen.max() * 1.05)
    finish_axes(axes, axis_labels, title)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_locator(require("matplotlib.ticker", "pareto").LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    axes.minorticks_off()
    legend = figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    for handle in legend.legend_handles[:2]:
        handle.set_sizes([30])  # type: ignore[union-attr]
    return figure


def agreement_figure(
    clouds: Mapping[str, tuple[Spread, Spread]], *, axis_labels: tuple[str, str], title: str = ""
) -> Figure:
    """Draws how well two ways of measuring agree, with bars of standard deviations where they are known.

    Args:
        clouds: By name, at most two: what is drawn upwards and what to the right. Each is means, (n,), and standard
            deviations, (n,) or None.
        axis_labels: Names of the two with their units.
        title: Title of the plot.

    Returns:
        The figure. It belongs to no window.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    figure = new_figure(5.6, 5.2)
    axes = figure.add_subplot()
    for (name, (up, right)), (marker, colour) in zip(clouds.items(), AGREEMENT_MARKERS, strict=False):
        axes.errorbar(
            right[0], up[0], xerr=right[1], yerr=up[1], label=name, fmt=marker, markersize=5, color=colour,
            markeredgecolor="white", markeredgewidth=0.6, elinewidth=0.9, capsize=2,
        )  # fmt: skip
    finish_axes(axes, axis_labels, title)
    bars = "Bars: standard deviation over seeds, where there are several"
    figure.legend(loc="outside lower center", frameon=False, fontsize="small", title=bars, title_fontsize="small")
    return figure


def _draw_dots(axes: Axes, points: FloatArray, label: str, **style: Any) -> PathCollection:
    return axes.scatter(points[:, 1], points[:, 0], linewidths=0, label=label, rasterized=True, zorder=2, **style)


def _draw_front(axes: Axes, points: FloatArray, directions: Sequence[str], colour: str, style: str, label: str) -> None:
    corners = staircase(points[front(points, directions)], directions)
    halo = require("matplotlib.patheffects", "pareto").withStroke(linewidth=3, foreground="white")
    axes.plot(
        *corners.T[::-1], color=colour, linewidth=1.4, linestyle=style, label=label, path_effects=[halo], zorder=4
    )


def _set_view(axes: Axes, points: FloatArray, extra: Sequence[tuple[float, float]], direction: str) -> None:
    """Shows all points but the worst in the first objective, and says how many lie outside."""
    ends = np.quantile(points, [CROPPED, 1] if direction == "max" else [0, 1 - CROPPED], axis=0)
    ends[:, 1] = points[:, 1].min(), points[:, 1].max()
    shown = np.vstack([ends, *extra])
    low, high = shown.min(axis=0), shown.max(axis=0)
    margin = 0.02 * np.where(high > low, high - low, 1.0)
    low, high = low - margin, high + margin
    axes.set_ylim(low[0], high[0])
    axes.set_xlim(low[1], high[1])
    if outside := int(((points < low) | (points > high)).any(axis=1).sum()):
        text = f"{outside:,} of {len(points):,} points lie outside the view"
        axes.set_title(text, loc="right", fontsize="x-small", color="#6b7178")
