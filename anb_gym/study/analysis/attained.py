"""Ends of runs: the architectures in their archives, and what is attained in a share of the runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.pareto import attainment_surfaces, front
from anb_gym.space import Indices
from anb_gym.study.analysis.judging import Judge

#: Shares of the runs whose attainment surfaces are drawn: most, the median, few.
SHARES: Final = (0.75, 0.5, 0.25)


@dataclass(frozen=True, eq=False)
class Attained:
    """End of the runs of one controller on one task with two metrics.

    Attributes:
        surfaces: Attainment surfaces of :data:`SHARES`, each ``float64`` (k, 2) by rising first metric, in the
            metrics' units and judged without noise.
        members: Architectures on the front of all runs together, ``int64`` (n,), by rising first metric.
        points: Their metrics, ``float64`` (n, 2).
    """

    surfaces: list[FloatArray]
    members: Indices
    points: FloatArray


def archives(table: Any, judge: Judge, budget: int | None = None) -> dict[str, list[Indices]]:
    """The final archive of every run, by controller: chosen by what the search was told.

    Args:
        table: The task's rows of a study's results, see :func:`anb_gym.study.analysis.anytime.anytime`.
        judge: The task's judge, of a task with two objectives or more.
        budget: How many evaluations of each run count; by default all.

    Returns:
        Per run the indices of the members, ``int64`` (k,).
    """
    found: dict[str, list[Indices]] = {}
    for (controller, seed), rows in table.groupby(["controller", "seed"], observed=True, sort=False):
        index = rows["index"].to_numpy(np.int64)[:budget]
        members = index[front(judge.at(int(seed)).told(index, int(seed)), judge.directions)]
        found.setdefault(str(controller), []).append(members)
    return found


def attained(table: Any, judge: Judge, budget: int | None = None) -> dict[str, Attained]:
    """Attainment of every controller on a task with two metrics; arguments as those of :func:`archives`.

    Where runs are in worlds, their members are those there, and the metrics the surrogate's mean.
    """
    directions = judge.problem.task.directions
    result = {}
    for controller, runs in archives(table, judge, budget).items():
        together = np.unique(np.concatenate(runs))
        values = judge.values(together)
        rows = front(values, directions)
        surfaces = attainment_surfaces([judge.values(run) for run in runs], directions, SHARES)
        result[controller] = Attained(surfaces, together[rows], values[rows])
    return result
