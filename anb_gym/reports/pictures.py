"""All plots of an analysed study, as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anb_gym.reports import plots
from anb_gym.reports.drawing import save_figure
from anb_gym.reports.styles import MEASURE_LABELS, Style, metric_label, styles
from anb_gym.study.analysis.analyse import Analysis, TaskAnalysis
from anb_gym.study.analysis.attained import attained
from anb_gym.study.analysis.statistics import Interval
from anb_gym.study.config import file_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_pictures(analysis: Analysis, folder: Path, *, seed: int = 0) -> list[Path]:
    """Draws all plots of a study and writes each as ``.svg`` and ``.png``.

    Args:
        analysis: The analysed study.
        folder: Where to.
        seed: Seed of the bands' resamples.

    Returns:
        The files: per task anytime curves over evaluations and over hours and, of two metrics, attainment surfaces;
        per group of tasks performance profiles, intervals and probabilities of improvement.
    """
    look = styles(analysis.summary["controller"])
    files = []
    for task in analysis.tasks.values():
        for name, figure in _task_figures(task, look):
            files += save_figure(figure, folder / f"{file_name(task.name)}-{name}")
    for group in analysis.matrices:
        for name, figure in _group_figures(analysis, group, look, np.random.default_rng(seed)):
            files += save_figure(figure, folder / f"{group.replace(' ', '-')}-{name}")
    return files


def _task_figures(task: TaskAnalysis, look: dict[str, Style]) -> Iterator[tuple[str, Figure]]:
    label = MEASURE_LABELS[task.main]
    for over in plots.CLOCKS:
        figure = plots.anytime_figure(task.curves[task.main], label, over=over, title=task.name, look=look)
        yield f"{task.main}-{over}", figure
    judge = task.judge
    if judge.n_objectives == 2:
        exact = judge.problem.front.objectives
        labels = metric_label(judge.metrics[0]), metric_label(judge.metrics[1])
        found = attained(task.table, judge)
        yield (
            "attainment",
            plots.attainment_figure(exact, found, judge.problem.task.directions, labels, title=task.name, look=look),
        )


def _group_figures(
    analysis: Analysis, group: str, look: dict[str, Style], rng: np.random.Generator
) -> Iterator[tuple[str, Figure]]:
    by_budget = {budget: matrices for budget, matrices in analysis.matrices[group].items() if matrices}
    if not by_budget:
        return
    last, matrices = list(by_budget.items())[-1]
    runs, n_tasks = next(iter(matrices.values())).shape
    title = f"{n_tasks} task{'s' if n_tasks > 1 else ''}, {runs} runs each"
    yield "profile", plots.profile_figure(matrices, f"{group} after {last:,} evaluations", rng, title=title, look=look)
    yield (
        "intervals",
        plots.interval_figure(intervals(analysis, group), f"{group}: interquartile mean", title=title, look=look),
    )
    if len(matrices) > 1:
        names = sorted(matrices, key=lambda name: float(matrices[name].mean()))
        yield "improvement", plots.improvement_figure(improvement_matrix(analysis.improvement, group, names), names)


def intervals(analysis: Analysis, group: str) -> dict[int, dict[str, Interval]]:
    """Interquartile means of a group of tasks with their intervals, by budget and controller."""
    rows = analysis.aggregate[analysis.aggregate["group"] == group]
    result: dict[int, dict[str, Interval]] = {}
    for row in rows.itertuples():
        result.setdefault(int(row.evaluations), {})[row.controller] = Interval(row.iqm, row.iqm_low, row.iqm_high)
    return result


def improvement_matrix(improvement: Any, group: str, names: list[str]) -> Any:
    """Probabilities of improvement of a group as ``float64`` (n, n): row over column."""
    rows = improvement[improvement["group"] == group]
    return rows.pivot(index="first", columns="second", values="probability").reindex(names, columns=names).to_numpy()
