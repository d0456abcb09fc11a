"""Figures of an agent's training: its learning curve, and its designs under the exact front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.agents.curves import Curves
from anb_gym.fronts import CertifiedFront
from anb_gym.pareto.fronts import staircase
from anb_gym.problems import AnyProblem, GeneratedProblem, Problem, ProblemSet
from anb_gym.reports.drawing import BACKGROUND, BACKGROUND_FRONT, FRONT, finish_axes, new_figure
from anb_gym.reports.plots import FLOOR, logarithmic
from anb_gym.reports.styles import PALETTE, metric_label, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Points of a curve.
N_POINTS: Final = 200
#: Dots of what was evaluated, at most.
_DOTS: Final = 5000
#: Share of all dots, those worst in accuracy, that the view leaves out.
_CROPPED: Final = 0.02


def learning_figure(found: Curves, problem: AnyProblem, title: str) -> Figure:
    """Draws a learning curve: rewards on the left, regret on the right.

    Args:
        found: The curves of the training.
        problem: What was learned.
        title: Title of the figure.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    figure = new_figure(9.0, 3.6)
    regret = np.maximum(found.regret, FLOOR)
    known = np.isfinite(regret)
    axes = figure.subplots(1, 2 if known.any() else 1, squeeze=False)[0]
    _draw_rewards(axes[0], found, problem)
    if known.any():
        axes[1].plot(found.evaluations[known], regret[known], color=PALETTE[1], linewidth=1.7)
        logarithmic(axes[1], "y")
        low, high = regret[known].min(), regret[known].max()
        axes[1].set_ylim(low / 1.5, max(high, 3 * low) * 1.5)
        which = f"median of the last {found.window:,}" if problem.ask.n_cells else "best so far"
        finish_axes(axes[1], (regret_label(problem), "evaluations"), f"Regret, {which}")
    for each in axes:
        each.set_xlim(0, found.evaluations[-1])
        each.locator_params(axis="x", nbins=5)
        each.xaxis.set_major_formatter("{x:,.0f}")
    figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
    return figure


def designs_figure(front: CertifiedFront, evaluated: FloatArray, designs: FloatArray, label: str) -> Figure:
    """Draws designs and what was evaluated before under an exact front.

    Args:
        front: Of accuracy and a device metric.
        evaluated: Metrics of the evaluated architectures, ``float64`` (n, 2), in order.
        designs: Those of the designs, (k, 2).
        label: What the designs are.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    figure = new_figure(9.0, 4.6)
    axes = figure.add_subplot()
    rows = np.linspace(0, len(evaluated) - 1, min(_DOTS, len(evaluated))).astype(np.int64)
    axes.scatter(evaluated[rows, 1], evaluated[rows, 0], s=5, c=BACKGROUND, linewidths=0, label="evaluated in training")
    line = staircase(front.objectives, front.directions)
    axes.plot(line[:, 1], line[:, 0], color=FRONT, linewidth=1.2, label="exact front")
    axes.scatter(
        designs[:, 1], designs[:, 0], s=16, c=PALETTE[1], edgecolors="white", linewidths=0.4, label=label, zorder=3
    )
    everything = np.vstack([evaluated[rows], line, designs])
    low = min(np.quantile(everything[:, 0], _CROPPED), designs[:, 0].min(), line[:, 0].min())
    axes.set_ylim(low - 1.0, everything[:, 0].max() + 1.0)
    axes.xaxis.set_major_formatter("{x:,.0f}" if everything[:, 1].max() >= 100 else "{x:g}")
    finish_axes(axes, (metric_label(front.metrics[0]), metric_label(front.metrics[1])), "")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    return figure


def regret_label(problem: AnyProblem) -> str:
    """What regret is called, with its unit: under a bound it is in points of accuracy."""
    if problem.is_vector:
        return "hypervolume regret"
    return "regret" if problem.limit is None else "regret (points)"


def _draw_rewards(axes: Axes, found: Curves, problem: AnyProblem) -> None:
    columns = found.reward.reshape(len(found.evaluations), -1).T
    names = problem.metrics if not isinstance(problem, ProblemSet) and problem.is_vector else ("reward",)
    for (name, style), column in zip(styles(names).items(), columns[np.argsort(names)], strict=True):
        axes.plot(found.evaluations, column, color=style.colour, linestyle=style.line, linewidth=1.7, label=name)
    if isinstance(problem, GeneratedProblem):
        return  # of devices in training no optimum is certified, and some agents record raw rewards
    scale = problem.scale if isinstance(problem, Problem) else problem.problems[0].scale
    if scale == "unit" and not problem.is_vector:
        axes.axhline(1.0, color=FRONT, linewidth=1.0, linestyle="--")
        axes.axhline(0.0, color=BACKGROUND_FRONT, linewidth=1.0, linestyle=":")
        end = found.evaluations[-1]
        certified = all(part.gauge.certified for part in ([problem] if isinstance(problem, Problem) else problem))
        best = "certified optimum" if certified else "best known, not certified"
        axes.annotate(best, (end, 1.0), (-4, 3), textcoords="offset points", ha="right", fontsize=8)
        axes.annotate("random architectures", (end, 0.0), (-4, 3), textcoords="offset points", ha="right", fontsize=8)
        axes.set_ylim(min(-0.1, columns.min() - 0.05), 1.12)
    if len(columns) > 1:
        axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    finish_axes(axes, ("reward", "evaluations"), f"Mean reward of the last {found.window:,}")
