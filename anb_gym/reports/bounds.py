"""Bounds in worlds: whether what searches found under a bound meets it where the surrogate could be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from anb_gym.benchmark import Benchmark
from anb_gym.problems import Problem
from anb_gym.reports.markdown import code, plain, table
from anb_gym.rewards import Bounded, Constrained, relative_violation
from anb_gym.robustness import violation_in_worlds
from anb_gym.space import Indices
from anb_gym.study.analysis.analyse import TaskAnalysis
from anb_gym.study.analysis.anytime import chosen_rows
from anb_gym.study.analysis.judging import Judge
from anb_gym.surrogates.worlds import has_worlds

#: The worlds that are looked at.
WORLDS: Final = range(20)
#: The margin keeps the bound in so large a part of the worlds.
KEPT: Final = 0.95


def bounds_lines(tasks: Sequence[TaskAnalysis], worlds: Sequence[int] | None = None) -> list[str]:
    """Lines of Markdown: by task and controller how often the bound is missed in worlds, and which margin keeps it.

    Tasks whose runs are in worlds themselves are left out, because each run is judged by its own, and those of families
    without worlds.

    Args:
        tasks: The tasks.
        worlds: Numbers of worlds; by default :data:`WORLDS`.
    """
    worlds = WORLDS if worlds is None else worlds
    shown = [
        task for task in tasks if task.bounded and not task.judge.worlds and has_worlds(task.judge.problem.surrogate)
    ]
    if not shown:
        return []
    names = list(dict.fromkeys(name for task in shown for name in task.curves[task.main]))
    rows = []
    for task in shown:
        ends = {str(name): run for name, run in task.table.groupby("controller", observed=True, sort=False)}
        cells = {}
        for name, runs in ends.items():
            found = final_architectures(runs, task.judge)
            missed = violation_in_worlds(task.judge.problem, found, worlds)
            share, margin = float((missed > 0.0).mean()), float(np.quantile(missed, KEPT))
            other = "–" if task.second is None else f"{100 * _missed_by(task.judge.problem, found, task.second):.0f} %"
            cells[name] = f"{100 * share:.0f} %, {other}, {100 * margin:.1f} %"
        rows.append([plain(task.name), *(cells.get(name, "–") for name in names)])
    about = (
        f"What the runs found at their end, in {len(worlds)} worlds ([worlds.md](worlds.md)): in which part of runs "
        "and worlds it misses the bound; which part of it does as the second judge sees it; and by how much it misses "
        "at most in 95 % of runs and worlds: a search under a bound tighter by this margin keeps it. Where a task has "
        "a margin, the bound without it counts here."
    )
    return ["", "### Bounds in worlds", "", about, "", *table(["task", *map(code, names)], rows)]


def final_architectures(rows: Any, judge: Judge) -> Indices:
    """What each run of a task with one objective has chosen at its end, ``int64`` (runs,)."""
    runs = [run for _, run in rows.groupby("seed", sort=True)]
    return np.array([run["index"].to_numpy(np.int64)[chosen_rows(run, judge)[-1]] for run in runs], dtype=np.int64)


def _missed_by(problem: Problem, index: Indices, family: str) -> float:
    """The part of architectures that misses the bound as another family sees it."""
    bound = problem.limit or problem.reward
    assert isinstance(bound, Bounded | Constrained)
    values = Benchmark(family).query(index, bound.performance)[bound.performance]
    asked = bound.asked if isinstance(bound, Bounded) else bound.bound
    return float((relative_violation(bound.performance, values, asked) > 0.0).mean())
