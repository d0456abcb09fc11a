"""Figures 3 and 6 of Accel-NASBench: what the proxy scheme says of the reference scheme, and what was trained fully.

Figure 3 is replayed from the trainings of the paper's authors. Figure 6 shows networks that they trained and measured;
training them again is out of reach here, so it is set beside what the exact fronts of reference accuracy allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.fronts import CertifiedFront
from anb_gym.pareto.fronts import front as front_rows
from anb_gym.pareto.fronts import staircase
from anb_gym.reports.drawing import BACKGROUND_FRONT, FRONT, MARK, finish_axes, new_figure
from anb_gym.reports.markdown import table
from anb_gym.reports.paper import FIGURE_3, PAPER_VCK190
from anb_gym.reports.paper_figures import gains, relative_to
from anb_gym.space import EFFICIENTNET_B0, SPACE
from anb_gym.study.analysis.statistics import Interval
from anb_gym.surrogates.store import load_shipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The metrics of Figure 6's panels, in its order.
FIGURE_6: Final = (
    "zcu102/latency",
    "zcu102/throughput",
    "vck190/throughput",
    "tpuv3/throughput",
    "a100/throughput",
    "rtx3090/throughput",
)


def figure3_table(statistics: Mapping[str, Interval]) -> list[str]:
    """Lines of a table: every statistic with its 95 % interval, beside the paper's."""
    rows = [
        [name, f"{s.estimate:.3f}", f"{s.low:.3f} to {s.high:.3f}", f"{FIGURE_3[name]:g}" if name in FIGURE_3 else ""]
        for name, s in statistics.items()
    ]
    return table(["statistic", "estimate", "95 % interval", "paper"], rows)


def figure3(reference: FloatArray, proxy: FloatArray, predictions: FloatArray) -> Figure:
    """Draws three-seed means of the proxy, and held-out predictions, over those of the reference.

    Args:
        reference: Accuracy under the reference scheme in %, ``float64`` (n, seeds).
        proxy: Accuracy under the proxy scheme in %, ``float64`` (n, seeds).
        predictions: Of reference accuracy, ``float64`` (n,).
    """
    result = new_figure(8.4, 4.2)
    left, right = result.subplots(1, 2)
    deviations = reference.std(axis=1, ddof=1)
    _scatter(left, reference.mean(axis=1), proxy.mean(axis=1), deviations, proxy.std(axis=1, ddof=1))
    finish_axes(left, ("accuracy, proxy scheme (%)", "accuracy, reference scheme (%)"), "Trained three times")
    _scatter(right, reference.mean(axis=1), predictions, deviations, None)
    ends = [reference.min(), reference.max()]
    right.plot(ends, ends, color=BACKGROUND_FRONT, linewidth=1.0, zorder=1)
    finish_axes(
        right, ("accuracy/reference, held out (%)", "accuracy, reference scheme (%)"), "Predicted by the surrogate"
    )
    return result


def figure6_table(fronts: Sequence[CertifiedFront]) -> list[str]:
    """Lines of a table: what exact fronts allow over EfficientNet-B0, beside the paper's network.

    Gains are those of :func:`~anb_gym.reports.paper_figures.gains`.

    Args:
        fronts: Of an accuracy and a device metric, some of ``accuracy`` and some of ``accuracy/reference``.
    """
    rows = []
    for front in fronts:
        base, best = _efficientnet(front), front.directions[1]
        points, ratio = gains(front.objectives, base, best)
        accuracy, ratios = relative_to(front.objectives, base, best).T
        at_paper = accuracy[ratios >= PAPER_VCK190[1]].max(initial=-np.inf)
        paper = f"{PAPER_VCK190[0]:+.1f}" if front.metrics[1] == "vck190/throughput" else ""
        reached = f"{at_paper:+.2f}" if np.isfinite(at_paper) else "none is so fast"
        rows.append([front.metrics[1], front.metrics[0], f"{points:+.2f}", f"× {ratio:.2f}", reached, paper])
    head = ["metric", "accuracy", "accuracy at no loss", "performance at no loss"]
    return table([*head, f"accuracy at × {PAPER_VCK190[1]}", "the paper's, trained"], rows)


def figure6(fronts: Sequence[CertifiedFront]) -> Figure:
    """Draws exact fronts relative to EfficientNet-B0, a panel a device metric, and the paper's network for VCK190.

    Args:
        fronts: As of :func:`figure6_table`.
    """
    metrics = list(dict.fromkeys(front.metrics[1] for front in fronts))
    columns = min(3, len(metrics))
    result = new_figure(2.9 * columns, 2.7 * -(-len(metrics) // columns) + 0.5)
    panels = result.subplots(-(-len(metrics) // columns), columns, squeeze=False).ravel()
    for axes, metric in zip(panels, metrics, strict=False):
        for front in (front for front in fronts if front.metrics[1] == metric):
            best = front.directions[1]
            points = relative_to(front.objectives, _efficientnet(front), best)
            line = staircase(points[front_rows(points, ("max", "max"))], ("max", "max"))
            colour, style = (BACKGROUND_FRONT, ":") if front.metrics[0] == "accuracy" else (FRONT, "-")
            axes.plot(line[:, 1], line[:, 0], color=colour, linestyle=style, linewidth=1.4, label=front.metrics[0])
        axes.scatter([1.0], [0.0], marker="*", s=140, c=MARK, edgecolors="white", label="EfficientNet-B0", zorder=6)
        if metric == "vck190/throughput":
            axes.scatter(
                [PAPER_VCK190[1]], [PAPER_VCK190[0]], marker="D", s=36, facecolors="none", edgecolors=MARK,
                label="the paper's, trained", zorder=6,
            )  # fmt: skip
        axes.set_xlim(0.6, 2.6)
        axes.set_ylim(-2.5, 2.5)
        finish_axes(axes, ("points over B0", "performance / B0's"), metric)
    for axes in panels[len(metrics) :]:
        axes.set_axis_off()
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    result.legend(entries.values(), entries, loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    return result


def _scatter(axes: Axes, x: FloatArray, y: FloatArray, xerr: FloatArray, yerr: FloatArray | None) -> None:
    axes.errorbar(
        x, y, xerr=xerr, yerr=yerr, fmt="o", markersize=3.2, color=FRONT, ecolor=BACKGROUND_FRONT, elinewidth=0.8
    )


def _efficientnet(front: CertifiedFront) -> FloatArray:
    """EfficientNet-B0's metrics, ``float64`` (2,), by the surrogates of a front."""
    states = SPACE.as_states(EFFICIENTNET_B0)
    return np.array([load_shipped(front.surrogate, metric).predict(states)[0] for metric in front.metrics])
