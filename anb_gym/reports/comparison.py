"""Two folders of results compared: how much better the second's controllers are, and how certain that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np

from anb_gym._errors import choose, integer
from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.reports.ties import band_of
from anb_gym.study.analysis.analyse import TaskAnalysis
from anb_gym.study.analysis.anytime import Curves, anytime, measures
from anb_gym.study.analysis.comparing import LEVEL, Comparison, compare_scores
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.analysis.statistics import Interval, holm, probability_of_improvement_interval
from anb_gym.study.analysis.tables import paired_scores
from anb_gym.study.results import Results, ResultsError, check_tables

#: What the rows of either folder are called while both are in one table.
ROLES: Final = ("first", "second")


@dataclass(frozen=True)
class SuiteComparison:
    """Two controllers on the tasks of one suite.

    Attributes:
        first: Name of the controller of the first folder.
        second: That of the second.
        suite: Name of the suite, which is that of its measure.
        evaluations: After how many evaluations they are compared: the shortest budget of all runs.
        found: The comparison.
        p_holm: Its p-value, corrected over all comparisons that were made together.
        band: Differences below it are ties, nature could have it either way; NaN where that is not known.
    """

    first: str
    second: str
    suite: str
    evaluations: int
    found: Comparison
    p_holm: float
    band: float

    @property
    def sign(self) -> int:
        """1 if the second is better, -1 if the first is, 0 if they cannot be told apart."""
        return 0 if self.p_holm >= LEVEL else int(np.sign(self.found.gain.estimate))


@dataclass(frozen=True)
class Compared:
    """All comparisons of two folders.

    Attributes:
        suites: Per pair of controllers and suite.
        improvement: By pair of controllers, the probability that a run of the second beats one of the first, averaged
            over the tasks of all suites; of the seeds that all tasks have, so that there may be none.
        left_out: Tasks that only one of the folders has, in one line each.
    """

    suites: Sequence[SuiteComparison]
    improvement: Mapping[tuple[str, str], Interval]
    left_out: Sequence[str]


def compare(
    first: Results,
    second: Results,
    *,
    controllers: tuple[str | None, str | None] = (None, None),
    evaluations: int | None = None,
    seed: int = 0,
) -> Compared:
    """Compares the controllers of two results over the tasks and seeds that both have.

    Tasks are equal if they are the same problem, whatever the studies call them.

    Args:
        first: Results to compare with.
        second: Results that are compared with them.
        controllers: Of the first and of the second; None for all. Without any, controllers of both are compared with
            themselves, or all with all if there are none.
        evaluations: After how many evaluations; by default as many as all runs have.
        seed: Seed of the bootstrap's resamples.

    Raises:
        ResultsError: Either was made with other tables than those that are loaded, or than the other.
        ValueError: They have no task or no seed in common, or an argument is out of range.
        ModuleNotFoundError: The extra ``study`` or ``pareto`` is not installed.
    """
    _check_same_tables(first, second)
    tasks, left_out = _common_tasks(first, second)
    rng = np.random.default_rng(seed)
    rows: list[tuple[tuple[str, str], str, int, Comparison, float]] = []
    improvement = {}
    for pair in _pairs(first, second, controllers):
        suites = suites_of((first, second), pair, tasks)
        matrices = []
        for suite, members in suites.items():
            budget = common_budget(members, evaluations)
            try:
                seeds, values = paired_scores(curves_at(members, budget), ROLES, budget)
            except ValueError:
                raise ValueError(
                    f"{pair[0]} and {pair[1]} must have a seed in common on all tasks of {suite}, there is none"
                ) from None
            units = np.array([task.unit for task in members])
            one, two = (values[role] * units for role in ROLES)
            found = compare_scores(one, two, rng)
            matrices.append((seeds, values))
            bands = [band_of(task.judge.problem, task.main) for task in members]
            rows.append((pair, suite, budget, found, float(np.mean(bands * units))))
        if len(matrices) > 1 and (overall := _overall(matrices, rng)):
            improvement[pair] = overall
    if not rows:
        raise ValueError("first and second must have a task that a controller of each ran, there is none")
    p_values = holm([found.p_value for *_, found, _ in rows])
    made = [
        SuiteComparison(*pair, suite, budget, found, float(p), band)
        for (pair, suite, budget, found, band), p in zip(rows, p_values, strict=True)
    ]
    return Compared(made, improvement, left_out)


def _check_same_tables(first: Results, second: Results) -> None:
    for results in (first, second):
        check_tables(results)
    surrogates = [results.versions.get("surrogates", {}) for results in (first, second)]
    for family, metrics in surrogates[0].items():
        for metric, checksum in metrics.items():
            if surrogates[1].get(family, {}).get(metric, checksum) != checksum:
                raise ResultsError(
                    f"{first.name} and {second.name} were made with different tables of {metric!r} by {family!r}: "
                    "versions must not mix"
                )


def _common_tasks(first: Results, second: Results) -> tuple[list[tuple[Judge, str, str]], list[str]]:
    """Tasks of both with their names in either, and those that only one has.

    Raises:
        ResultsError: One has a task on other tables than the other.
        ValueError: They have none in common.
    """
    one, two = ({name: Judge.of(task) for name, task in results.tasks.items()} for results in (first, second))
    names = {judge.identity: name for name, judge in two.items()}
    common = [(judge, name, names[judge.identity]) for name, judge in one.items() if judge.identity in names]
    lone = {name: judge for name, judge in one.items() if name not in {task for _, task, _ in common}}
    others = {name: judge for name, judge in two.items() if name not in {task for *_, task in common}}
    for (name, mine), (other, theirs) in product(lone.items(), others.items()):
        if _but_tables(mine) == _but_tables(theirs):
            raise ResultsError(
                f"{name!r} of {first.name} is scored by {mine.problem.surrogate}, {other!r} of {second.name} by "
                f"{theirs.problem.surrogate}: versions must not mix"
            )
    if not common:
        raise ValueError(f"{first.name} and {second.name} must have a task in common, there is none")
    texts = [(str(j), "first") for j in lone.values()]
    texts += [(str(j), "second") for j in others.values()]
    return common, [f"{text} is only in the {which}" for text, which in texts]


def _but_tables(judge: Judge) -> tuple[Any, ...]:
    """A task whatever tables score it."""
    return judge.problem.metrics, judge.problem.reward, judge.problem.limit, judge.noise, judge.failures, judge.worlds


def _pairs(first: Results, second: Results, controllers: tuple[str | None, str | None]) -> list[tuple[str, str]]:
    known = [sorted(set(results.table["controller"])) for results in (first, second)]
    both = [name for name in known[0] if name in known[1]]
    if controllers == (None, None) and both:
        if first.table.equals(second.table):
            raise ValueError("first and second must differ, or two controllers of them be named")
        return [(name, name) for name in both]
    chosen = [
        names if name is None else [choose(name, names, f"the {role} controller")]
        for name, names, role in zip(controllers, known, ROLES, strict=True)
    ]
    pairs = list(product(*chosen))
    return [(one, two) for one, two in pairs if one != two] if first.table.equals(second.table) else pairs


def suites_of(
    given: Sequence[Results], controllers: Sequence[str], tasks: Iterable[tuple[Any, ...]]
) -> dict[str, list[TaskAnalysis]]:
    """By suite its tasks that all controllers ran, with their rows, in which controllers are called :data:`ROLES`.

    Args:
        given: Results.
        controllers: Of each of them one.
        tasks: Judges, each with the name that its task has in each of the results.
    """
    pd = require("pandas", "study")
    suites: dict[str, list[TaskAnalysis]] = {}
    for judge, *names in tasks:
        parts = []
        for results, controller, task, role in zip(given, controllers, names, ROLES, strict=False):
            rows = results.table
            rows = rows[(rows["task"] == task) & (rows["controller"] == controller)]
            parts.append(rows.assign(controller=role))
        if all(map(len, parts)):
            rows = pd.concat(parts, ignore_index=True)
            task = TaskAnalysis(names[0], judge, rows, [], {measures(judge)[0]: {}}, {})
            suites.setdefault(task.group, []).append(task)
    return suites


def common_budget(tasks: Sequence[TaskAnalysis], wanted: int | None) -> int:
    """The evaluations that the longest run of every controller has on every task, or as many as are wanted."""
    most = min(int(task.table.groupby("controller")["evaluation"].max().min()) for task in tasks)
    return most if wanted is None else integer(wanted, 1, "evaluations", most)


def curves_at(tasks: Sequence[TaskAnalysis], budget: int) -> list[dict[str, Curves]]:
    """The curves of every task's main measure, which are measured after one number of evaluations alone."""
    return [anytime(task.table, task.judge, task.main, at=[budget]) for task in tasks]


def _overall(matrices: Sequence[tuple[Any, Mapping[str, FloatArray]]], rng: np.random.Generator) -> Interval | None:
    common = set.intersection(*(set(seeds.tolist()) for seeds, _ in matrices))
    if not common:
        return None
    one, two = (np.hstack([values[role][np.isin(seeds, list(common))] for seeds, values in matrices]) for role in ROLES)
    return probability_of_improvement_interval(two, one, rng, paired=True)
