"""Comparisons in words: tables, verdicts of one sentence with their uncertainty, and seeds that a difference needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anb_gym.reports.comparison import ROLES, Compared, SuiteComparison, common_budget, curves_at, suites_of
from anb_gym.reports.markdown import code, number, table
from anb_gym.study.analysis.comparing import fewest_pairs, needed_seeds
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.analysis.statistics import Interval
from anb_gym.study.analysis.tables import paired_scores
from anb_gym.study.results import Results, check_tables


def comparison_lines(compared: Compared) -> list[str]:
    """Lines of Markdown: a table of all comparisons, and a verdict in one sentence for each pair of controllers."""
    head = ["first", "second", "suite", "evaluations", "tasks", "seeds", "second's gain", "improvement", "p (Holm)"]
    body = [
        [
            code(row.first),
            code(row.second),
            row.suite,
            f"{row.evaluations:,}",
            f"{row.found.tasks}",
            f"{row.found.runs}",
            f"{signed(row.found.gain.estimate)} {_range(row.found.gain)}",
            _chance(row.found.improvement, "[{:.2f}, {:.2f}]"),
            f"{row.p_holm:.2g}",
        ]
        for row in compared.suites
    ]
    pairs = dict.fromkeys((row.first, row.second) for row in compared.suites)
    return [*table(head, body, numbers=False), "", *(verdict(compared, *pair) for pair in pairs)]


def verdict(compared: Compared, first: str, second: str) -> str:
    """The verdict on two controllers, in one sentence with its uncertainty."""
    rows = [row for row in compared.suites if (row.first, row.second) == (first, second)]
    better, worse = (sum(row.sign == sign for row in rows) for sign in (1, -1))
    one, two = f"{code(first)} (first)", f"{code(second)} (second)"
    if len(rows) > 1:
        overall = compared.improvement.get((first, second))
        chance = ""
        if overall is not None:
            chance = f"; a run of it beats one of the other's with probability {_chance(overall)} over all tasks"
        found = (
            f"is better than {one} on {better} of {len(rows)} suites, worse on {worse}, and cannot be told apart on "
            f"{len(rows) - better - worse}"
            if better or worse
            else f"and {one} cannot be told apart on any of {len(rows)} suites"
        )
        return f"{two} {found}{_too_few(compared, rows)}{chance}."
    (row,) = rows
    gain, corrected = row.found.gain, ", corrected" if len(compared.suites) > 1 else ""
    basis = (
        f"{row.found.tasks} task{'s' if row.found.tasks > 1 else ''}, {row.found.runs} seeds, "
        f"{row.evaluations:,} evaluations, p = {row.p_holm:.2g}{corrected}"
    )
    size = f"{number(abs(gain.estimate))}{_ends(gain if gain.estimate >= 0 else _negated(gain))}"
    chance = f"one of its runs beats one of the other's with probability {_chance(row.found.improvement)}"
    if not row.sign:
        return (
            f"{two} and {one} cannot be told apart: the second's {row.suite} is smaller by "
            f"{_minus(gain.estimate)}{_ends(gain)}, and {chance} ({basis}){_too_few(compared, rows)}."
        )
    tie = f", though nature could have differences below {number(row.band)} either way"
    word = "smaller" if row.sign > 0 else "larger"
    return (
        f"{two} is {'better' if row.sign > 0 else 'worse'} than {one}: its {row.suite} is {word} by {size}, and "
        f"{chance} ({basis}){tie if abs(gain.estimate) < row.band else ''}."
    )


@dataclass(frozen=True)
class Needed:
    """How many seeds tell a controller from one that is better by a difference.

    Attributes:
        controller: Its name.
        suite: The suite of tasks.
        evaluations: After how many evaluations.
        runs: Runs that say how much scores spread.
        deviation: The standard deviation of a task's scores, root mean square over tasks.
        seeds_alone: Seeds on the task that needs most; None for more than are looked at.
        seeds_together: Seeds on all tasks of the suite.
        tasks: How many these are.
    """

    controller: str
    suite: str
    evaluations: int
    runs: int
    deviation: float
    seeds_alone: int | None
    seeds_together: int | None
    tasks: int


def seeds_needed(
    results: Results, difference: float, *, power: float, evaluations: int | None = None, seed: int = 0
) -> list[Needed]:
    """How many seeds tell each controller, on each suite, from one that is better by a difference.

    Args:
        results: Results whose runs say how much scores spread.
        difference: By how much the other is better, in the suite's measure.
        power: The chance that the difference is found.
        evaluations: After how many evaluations; by default as many as all runs have.
        seed: Seed of the drawn pairs.

    Raises:
        ResultsError: They were made with other tables than those that are loaded.
        ValueError: No controller has four runs of every task of a suite, or an argument is out of range.
        ModuleNotFoundError: The extra ``study`` or ``pareto`` is not installed.
    """
    check_tables(results)
    judges = {name: Judge.of(description) for name, description in results.tasks.items()}
    found = []
    for controller in sorted(set(results.table["controller"])):
        for suite, members in suites_of(
            [results], [controller], [(judge, name) for name, judge in judges.items()]
        ).items():
            budget = common_budget(members, evaluations)
            try:
                runs, values = paired_scores(curves_at(members, budget), ROLES[:1], budget)
            except ValueError:  # no seed that all tasks have
                continue
            if len(runs) < 4:
                continue
            scores, rng = values[ROLES[0]] * [task.unit for task in members], np.random.default_rng(seed)
            spread = float(np.sqrt(scores.var(axis=0, ddof=1).mean()))
            singles = [needed_seeds(scores[:, [task]], difference, rng, power) for task in range(scores.shape[1])]
            known = [n for n in singles if n is not None]
            single = max(known) if len(known) == len(singles) else None
            together = needed_seeds(scores, difference, rng, power)
            found.append(Needed(controller, suite, budget, len(runs), spread, single, together, scores.shape[1]))
    if not found:
        raise ValueError(f"{results.name} must have four runs of a controller with equal seeds on all tasks of a suite")
    return found


def power_lines(found: Sequence[Needed]) -> list[str]:
    """Lines of a Markdown table of what :func:`seeds_needed` finds."""
    body = [
        [
            code(row.controller),
            row.suite,
            f"{row.evaluations:,}",
            str(row.runs),
            number(row.deviation),
            _count(row.seeds_alone),
            f"{_count(row.seeds_together)} on {row.tasks}",
        ]
        for row in found
    ]
    head = ["controller", "suite", "evaluations", "runs", "deviation", "seeds, any one task", "seeds, tasks together"]
    return table(head, body, numbers=False)


def signed(value: float) -> str:
    """A number with its sign."""
    return f"{'−' if value < 0 else '+' if value > 0 else ''}{number(abs(value))}"


def _count(seeds: int | None) -> str:
    return "–" if seeds is None else f"{seeds:,}"


def _negated(interval: Interval) -> Interval:
    return Interval(-interval.estimate, -interval.high, -interval.low)


def _range(interval: Interval) -> str:
    return f"[{signed(interval.low)}, {signed(interval.high)}]" if np.isfinite(interval.low) else ""


def _ends(interval: Interval) -> str:
    if not np.isfinite(interval.low):
        return ""
    return f" (95 % interval {_minus(interval.low)} to {_minus(interval.high)})"


def _minus(value: float) -> str:
    return signed(value).removeprefix("+")


def _too_few(compared: Compared, rows: Sequence[SuiteComparison]) -> str:
    """That there are too few runs to tell anything apart, where it is so."""
    most, needed = max(row.found.runs * row.found.tasks for row in rows), fewest_pairs(len(compared.suites))
    return f", which takes {needed} pairs of runs where there are {most}" if most < needed else ""


def _chance(interval: Interval, ends: str = "(95 % interval {:.2f} to {:.2f})") -> str:
    known = f" {ends.format(interval.low, interval.high)}" if np.isfinite(interval.low) else ""
    return f"{interval.estimate:.2f}{known}"
