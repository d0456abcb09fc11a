"""Analysis of a study's table, made once for tables, plots and the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.problems import TwoFidelityProblem
from anb_gym.rewards import Bounded, Constrained, ManyBounds
from anb_gym.study.analysis import tables
from anb_gym.study.analysis.anytime import BUDGETS, Curves, Look, all_curves, measures
from anb_gym.study.analysis.judging import Judge

#: What stands for the surrogate that was searched where a table says who judged.
SEARCHED: Final = "searched"


@dataclass(frozen=True, eq=False)
class TaskAnalysis:
    """One task of a study.

    Attributes:
        name: The study's name of it.
        judge: Its judge.
        table: Its rows of the results.
        budgets: Numbers of evaluations at which controllers are compared, ascending; the last is the longest run's.
        curves: By measure and controller; the first measure is the main one.
        verdicts: The main measure as other families of surrogates see it, by family and controller; of archives
            only at the budgets.
    """

    name: str
    judge: Judge
    table: Any
    budgets: list[int]
    curves: dict[str, dict[str, Curves]]
    verdicts: dict[str, dict[str, Curves]]

    @property
    def main(self) -> str:
        """The main measure."""
        return next(iter(self.curves))

    @property
    def second(self) -> str | None:
        """The first other family that judges it; None if none can."""
        return next(iter(self.verdicts), None)

    def seen(self, measure: str, second: bool = False) -> dict[str, Curves]:
        """Curves of a measure by controller; those of the main one as the second family judges, if that is asked."""
        return self.verdicts[self.second or ""] if second else self.curves[measure]

    @property
    def group(self) -> str:
        """Tasks of one group can be averaged over: they have the same measure of the same meaning."""
        kind, n = self.main.replace("_", " "), self.judge.n_objectives
        kind = kind if n <= 2 else f"{kind} of {n} objectives"
        if self.bounded:
            # Random architectures break the bound, so the unit of a constrained reward's regret is much larger.
            among = " of what meets it" if isinstance(self.judge.problem.reward, Bounded) else ""
            kind = f"{kind} under a bound{among}"
        if isinstance(self.judge.problem.reward, ManyBounds):
            kind = f"{kind} under several bounds"
        kind = f"{kind} at two fidelities" if isinstance(self.judge.problem, TwoFidelityProblem) else kind
        kind = f"{kind} with failures" if self.judge.failures is not None else kind
        kind = f"{kind} with noise" if self.judge.noise else kind
        return f"{kind} in worlds" if self.judge.worlds else kind

    @property
    def bounded(self) -> bool:
        """Whether the reward is the accuracy subject to a bound."""
        return isinstance(self.judge.problem.reward, Constrained | Bounded)

    @property
    def unit(self) -> float:
        """What tables of its group multiply regrets by: under a bound they are in accuracy points.

        In worlds it is the unit of their mean; those of worlds differ from it by one to two per cent.
        """
        known = self.judge.calibration
        return known.best - known.random_mean if known and self.bounded else 1.0


@dataclass(frozen=True, eq=False)
class Analysis:
    """Analysis of a study.

    Attributes:
        tasks: By name.
        summary: :func:`~anb_gym.study.analysis.tables.summary_table` of all, after the columns ``task``,
            ``measure`` and ``judge``: ``"searched"``, or another family. In rows of regrets ``median_raw`` is the
            median in the reward's own numbers: in accuracy points where the reward is the accuracy.
        pairwise: :func:`~anb_gym.study.analysis.tables.pairwise_table` of the main measures, after ``task`` and
            ``measure``.
        aggregate: :func:`~anb_gym.study.analysis.tables.aggregate_table` per group of tasks, after ``group``.
        improvement: :func:`~anb_gym.study.analysis.tables.improvement_table` per group of tasks, after ``group``
            and ``evaluations``.
        matrices: Scores of the main measure by group, budget and controller, ``float64`` (runs, tasks).
    """

    tasks: dict[str, TaskAnalysis]
    summary: Any
    pairwise: Any
    aggregate: Any
    improvement: Any
    matrices: dict[str, dict[int, dict[str, FloatArray]]] = field(default_factory=dict)


def analyse(
    table: Any,
    descriptions: Mapping[str, Mapping[str, Any]],
    *,
    budgets: Sequence[int] = BUDGETS,
    seed: int = 0,
    progress: bool = False,
) -> Analysis:
    """Analyses a study's results.

    Args:
        table: All rows: ``Results.table``.
        descriptions: What the tasks are, by name: ``Results.tasks``.
        budgets: Numbers of evaluations at which controllers are compared; the longest run's is added.
        seed: Seed of the bootstrap's resamples.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: The table is empty or names a task that is not described.
        ModuleNotFoundError: The extra ``study`` or ``pareto`` is not installed.
    """
    if not len(table):
        raise ValueError("table must have rows, got none")
    rng = np.random.default_rng(seed)
    groups: Iterable[Any] = table.groupby("task", observed=True, sort=False)
    if progress:
        groups = require("tqdm", "study").tqdm(groups, desc="analysis", unit="task")
    tasks: dict[str, TaskAnalysis] = {}
    for name, rows in groups:
        if name not in descriptions:
            raise ValueError(f"table must be of the described tasks {', '.join(descriptions)}, got {name!r}")
        tasks[str(name)] = analyse_task(str(name), rows, Judge.of(descriptions[name]), budgets)
    matrices = _matrices(tasks.values())
    pd = require("pandas", "study")
    improvements = {
        (group, budget): tables.improvement_table(by_controller, rng)
        for group, by_budget in matrices.items()
        for budget, by_controller in list(by_budget.items())[-1:]
    }
    return Analysis(
        tasks,
        pd.concat([part for task in tasks.values() for part in _summaries(task, rng)], ignore_index=True),
        pd.concat([_pairwise(task) for task in tasks.values()], ignore_index=True),
        _stack({(group,): tables.aggregate_table(m, rng) for group, m in matrices.items()}, ["group"]),
        _stack(improvements, ["group", "evaluations"]),
        matrices,
    )


def analyse_task(name: str, rows: Any, judge: Judge, budgets: Sequence[int] = BUDGETS) -> TaskAnalysis:
    """Measures all runs of one task, see :func:`anb_gym.study.analysis.anytime.anytime`.

    With two fidelities runs are compared at their end: a number of evaluations says nothing of what they cost.
    """
    longest = int(rows["evaluation"].max())
    budgets = () if isinstance(judge.problem, TwoFidelityProblem) else budgets
    budgets = sorted({budget for budget in budgets if budget < longest} | {longest})
    names, families = measures(judge), judge.families
    looks = [*map(Look, names), *(Look(names[0], family, tuple(budgets)) for family in families)]
    found = all_curves(rows, judge, looks)
    curves = dict(zip(names, found, strict=False))
    return TaskAnalysis(name, judge, rows, list(budgets), curves, dict(zip(families, found[len(names) :], strict=True)))


def _matrices(tasks: Iterable[TaskAnalysis]) -> dict[str, dict[int, dict[str, FloatArray]]]:
    groups: dict[str, list[TaskAnalysis]] = {}
    for task in tasks:
        groups.setdefault(task.group, []).append(task)
    return {group: group_matrices(members, members[0].main) for group, members in groups.items()}


def group_matrices(
    tasks: Sequence[TaskAnalysis], measure: str, second: bool = False
) -> dict[int, dict[str, FloatArray]]:
    """Scores of a measure that all of some tasks have, ``float64`` (runs, tasks), by common budget and controller.

    With ``second`` they are those of the main measure as the second family judges.

    Tasks that have no budget in common, as in a short study that is limited by hours, are compared where the first of
    them ends.
    """
    common = set.intersection(*(set(task.budgets) for task in tasks)) or {min(task.budgets[-1] for task in tasks)}
    return {
        budget: tables.score_matrices([task.seen(measure, second) for task in tasks], budget)
        for budget in sorted(common)
    }


def _summaries(task: TaskAnalysis, rng: np.random.Generator) -> list[Any]:
    parts = []
    verdicts = {(task.main, family): curves for family, curves in task.verdicts.items()}
    for (measure, judge), curves in {**{(m, SEARCHED): c for m, c in task.curves.items()}, **verdicts}.items():
        frame = tables.summary_table(curves, task.budgets, rng)
        known = task.judge.calibration
        frame["median_raw"] = frame["median"] * (known.best - known.random_mean) if known else np.nan
        parts.append(_lead(frame, {"task": task.name, "measure": measure, "judge": judge}))
    return parts


def _pairwise(task: TaskAnalysis) -> Any:
    frame = tables.pairwise_table(task.curves[task.main], task.budgets)
    return _lead(frame, {"task": task.name, "measure": task.main})


def _stack(frames: Mapping[tuple[Any, ...], Any], names: list[str]) -> Any:
    parts = [_lead(frame, dict(zip(names, key, strict=True))) for key, frame in frames.items()]
    return require("pandas", "study").concat(parts, ignore_index=True)


def _lead(frame: Any, values: Mapping[str, Any]) -> Any:
    """Puts constant columns before the others."""
    for position, (name, value) in enumerate(values.items()):
        frame.insert(position, name, value)
    return frame
