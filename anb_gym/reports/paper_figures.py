"""Figures 4 and 5b of Accel-NASBench, from studies like the paper's: plots, and what they show as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.metrics import Direction
from anb_gym.pareto.fronts import front, staircase
from anb_gym.reports.drawing import FRONT, MARK, ORDER_MAP, finish_axes, new_figure
from anb_gym.reports.markdown import code, plain, table
from anb_gym.reports.paper import PAPER_VCK190
from anb_gym.reports.styles import metric_label, styles
from anb_gym.space import EFFICIENTNET_B0
from anb_gym.study.analysis.anytime import anytime
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.difficulty import beats_efficientnet
from anb_gym.study.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Evaluations after which Figure 5b is tabulated.
MILESTONES: Final = (50, 100, 200, 500, 1000, 1500)


def figure4(results: Results, seed: int = 0) -> Figure:
    """Draws the search of one seed on every task: all evaluations, their front, the exact front, EfficientNet-B0.

    Args:
        results: Of a study of one controller on tasks with two metrics.
        seed: Seed of the run that is drawn.

    Raises:
        ValueError: There is no run with this seed.
    """
    tasks = [(name, _seed(rows, seed), judge) for name, rows, judge in _tasks(results)]
    longest = max(len(run) for _, run, _ in tasks)
    scale = require("matplotlib.colors", "pareto").LogNorm(max(1.0, longest / 50), max(2, longest), clip=True)
    columns = min(3, len(tasks))
    figure = new_figure(4.1 * columns, 3.6 * -(-len(tasks) // columns) + 0.6)
    panels = figure.subplots(-(-len(tasks) // columns), columns, squeeze=False).ravel()
    for axes, (name, run, judge) in zip(panels, tasks, strict=False):
        dots = _draw_search(axes, run, judge, scale)
        finish_axes(axes, (metric_label(judge.metrics[0]), metric_label(judge.metrics[1])), name)
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    bar = figure.colorbar(dots, ax=panels.tolist(), pad=0.01, aspect=40)
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, *MILESTONES) if scale.vmin <= tick <= scale.vmax]
    bar.set_ticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    bar.minorticks_off()
    bar.set_label("evaluation")
    bar.outline.set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    return figure


def figure4_table(results: Results) -> list[str]:
    """Lines of a table: what the search gains over EfficientNet-B0, beside the exact front and the paper.

    A gain in accuracy is the largest in points at no loss of performance, one in performance the largest at no loss of
    accuracy: throughput as a ratio, latency as its inverse. The search's are those of the median run.
    """
    rows = []
    for name, run_rows, judge in _tasks(results):
        runs = [run for _, run in run_rows.groupby("seed", sort=True)]
        first = [beats_efficientnet(run, judge) for run in runs]
        b0, best = judge.values(np.array([EFFICIENTNET_B0.index]))[0], judge.problem.task.directions[1]
        found = np.median([gains(judge.values(run["index"].to_numpy(np.int64)), b0, best) for run in runs], axis=0)
        exact = gains(judge.problem.front.objectives, b0, best)
        paper = f"{PAPER_VCK190[0]:+.1f}, × {PAPER_VCK190[1]:.2f}" if "vck190/throughput" in judge.metrics else ""
        beaten = f"{np.isfinite(first).sum()} of {len(runs)}"
        cells = [f"{point:+.2f}, × {ratio:.2f}" for point, ratio in (found, exact)]
        rows.append(
            [plain(name), f"{run_rows['evaluation'].max():,}", beaten, f"{np.median(first):,.0f}", *cells, paper]
        )
    head = ["task", "evaluations", "runs that beat B0 in both", "evaluations until then, median"]
    return table([*head, "gains of the search", "of the exact front", "the paper's, in one network"], rows)


def gains(points: FloatArray, base: FloatArray, direction: Direction) -> tuple[float, float]:
    """The largest gains of points over a network in one metric at no loss in the other.

    Args:
        points: Accuracy and a device metric, ``float64`` (n, 2).
        base: Those of the network, ``float64`` (2,).
        direction: That of the device metric.

    Returns:
        Accuracy in points, and the device metric as a ratio, for latency its inverse; minus infinity where none gains.
    """
    accuracy, ratio = relative_to(points, base, direction).T
    return float(accuracy[ratio >= 1.0].max(initial=-np.inf)), float(ratio[accuracy >= 0.0].max(initial=-np.inf))


def relative_to(points: FloatArray, base: FloatArray, direction: Direction) -> FloatArray:
    """Points relative to a network, ``float64`` (n, 2), of the arguments of :func:`gains`; a larger ratio is better."""
    ratio = points[:, 1] / base[1] if direction == "max" else base[1] / points[:, 1]
    return np.stack([points[:, 0] - base[0], ratio], axis=1)


def figure5(results: Results) -> Figure:
    """Draws the accuracy of the best architecture so far, mean and range of the runs, per controller.

    Args:
        results: Of a study on accuracy.
    """
    figure = new_figure(6.4, 4.2)
    axes = figure.add_subplot()
    best, optimum = _trajectories(results)
    look = styles(best)
    for name, values in best.items():
        clock = np.arange(1, values.shape[1] + 1)
        colour, dashes = look[name].colour, look[name].line
        axes.fill_between(clock, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.16, linewidth=0)
        axes.plot(clock, values.mean(axis=0), color=colour, linestyle=dashes, linewidth=1.7, label=name)
    axes.axhline(optimum, color=FRONT, linewidth=1.0, linestyle=(0, (1, 1.5)), label="certified optimum")
    # The first few random architectures would take half of the height.
    axes.set_ylim(bottom=min(float(values.mean(axis=0)[min(9, values.shape[1] - 1)]) for values in best.values()))
    finish_axes(axes, ("best accuracy so far (%)", "evaluations"), "Mean of the seeds, and their range")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    return figure


def figure5_table(results: Results) -> list[str]:
    """Lines of a table: mean and standard deviation over seeds of the best accuracy so far, in %."""
    best, optimum = _trajectories(results)
    longest = max(values.shape[1] for values in best.values())
    milestones = [*(m for m in MILESTONES if m < longest), longest]
    rows = []
    for name, values in best.items():
        at = values[:, np.array(milestones) - 1]
        spread = at.std(axis=0, ddof=1) if len(at) > 1 else np.full(len(milestones), np.nan)
        rows.append([code(name), *(f"{m:.2f} ± {s:.2f}" for m, s in zip(at.mean(axis=0), spread, strict=True))])
    rows.append(["certified optimum", *[f"{optimum:.2f}"] * len(milestones)])
    return table(["controller", *map("{:,}".format, milestones)], rows)


def _tasks(results: Results) -> list[tuple[str, Any, Judge]]:
    """The tasks of a study in its order, each with its rows and its judge."""
    return [
        (name, results.table[results.table["task"] == name], Judge.of(description))
        for name, description in results.tasks.items()
    ]


def _seed(rows: Any, seed: int) -> Any:
    run = rows[rows["seed"] == seed]
    if not len(run):
        raise ValueError(f"seed must be one of {sorted(rows['seed'].unique())}, got {seed}")
    return run


def _draw_search(axes: Axes, run: Any, judge: Judge, scale: Any) -> Any:
    directions = judge.problem.task.directions
    points = judge.values(run["index"].to_numpy(np.int64))
    exact = judge.problem.front.objectives
    b0 = judge.values(np.array([EFFICIENTNET_B0.index]))[0]
    dots = axes.scatter(
        points[:, 1], points[:, 0], c=np.arange(1, len(points) + 1), cmap=ORDER_MAP, norm=scale, s=7, linewidths=0,
        label="evaluated by REINFORCE", rasterized=True,
    )  # fmt: skip
    for found, label, style in ((points, "its front", "-"), (exact, "exact front", ":")):
        line = staircase(found[front(found, directions)], directions)
        axes.plot(line[:, 1], line[:, 0], color=FRONT, linewidth=1.3, linestyle=style, label=label)
    axes.scatter([b0[1]], [b0[0]], marker="*", s=170, c=MARK, edgecolors="white", label="EfficientNet-B0", zorder=6)
    axes.set_ylim(bottom=min(float(np.quantile(points[:, 0], 0.02)), b0[0] - 0.5))
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter("{x:,.0f}" if points[:, 1].max() >= 100 else "{x:g}")
    return dots


def _trajectories(results: Results) -> tuple[dict[str, FloatArray], float]:
    """Best accuracy so far of every run (runs, n) by controller, and the certified optimum, in %."""
    ((_, rows, judge),) = _tasks(results)
    known = judge.calibration
    if known is None or judge.metrics != ("accuracy",):
        raise ValueError(f"results must be of the accuracy task, got {judge.id}")
    curves = anytime(rows, judge, "regret")
    return {name: known.best - c.values * (known.best - known.random_mean) for name, c in curves.items()}, known.best
