"""Anytime performance: one curve per run, over evaluations and over simulated hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.pareto import additive_epsilon, archive_trace, hypervolume, igd_plus
from anb_gym.problems import FIDELITIES, TwoFidelityProblem
from anb_gym.study.analysis.judging import Judge

#: Evaluations after which controllers are compared.
BUDGETS: Final = (50, 100, 200, 500, 1000)
#: With more than two objectives, archives are measured only after about so many numbers of evaluations, evenly spread
#: over their logarithm: hypervolumes are dear there.
CHECKPOINTS: Final = 20

#: What is measured of runs with one objective, and with several: 0 is perfect, less is better.
#: ``regret``: by how much the best architecture falls short of the optimum; 1 is the mean of random architectures.
#: ``hypervolume_regret``: which share of what the exact front dominates the archive does not.
#: ``practical_hypervolume_regret``: the same above the practical reference point, of networks that might be deployed.
#: ``igd_plus``, ``additive_epsilon``: how far the archive is from the exact front, in extents of the front.
SCALAR_MEASURES: Final = ("regret",)
PRACTICAL: Final = "practical_hypervolume_regret"
VECTOR_MEASURES: Final = ("hypervolume_regret", PRACTICAL, "igd_plus", "additive_epsilon")


@dataclass(frozen=True, eq=False)
class Curves:
    """One measure of every run of a controller on a task, after each evaluation.

    A run that ended before the longest of its task keeps its last value.

    Attributes:
        seeds: The runs' seeds, ``uint64`` (runs,).
        values: The measure, ``float64`` (runs, n); NaN before anything was measured.
        hours: Simulated GPU-hours up to and including each evaluation, ``float64`` (runs, n).
    """

    seeds: NDArray[np.uint64]
    values: FloatArray
    hours: FloatArray

    def at_evaluations(self, budgets: Sequence[int] | NDArray[np.int64]) -> FloatArray:
        """The measure after given numbers of evaluations, ``float64`` (runs, k).

        Raises:
            ValueError: A budget is below 1 or beyond the longest run.
        """
        for budget in budgets:
            if not 1 <= budget <= self.values.shape[1]:
                raise ValueError(f"budgets must be in 1..{self.values.shape[1]}, got {budget}")
        return self.values[:, np.asarray(budgets, dtype=np.int64) - 1]

    def at_hours(self, hours: Any) -> FloatArray:
        """The measure after given simulated GPU-hours, ``float64`` (runs, k); NaN before the first evaluation's end."""
        limits = np.asarray(hours, dtype=np.float64)
        result = np.full((len(self.values), len(limits)), np.nan)
        for row, (values, clock) in enumerate(zip(self.values, self.hours, strict=True)):
            done = np.searchsorted(clock, limits, side="right")
            result[row, done > 0] = values[done[done > 0] - 1]
        return result

    def hours_grid(self, n: int = 200) -> FloatArray:
        """Hours at which curves are worth drawing: from when every run has a value to when half have ended."""
        start = np.where(np.isfinite(self.values), self.hours, np.inf).min(axis=1).max()
        return np.geomspace(start, max(start, float(np.median(self.hours[:, -1]))), n)


def quartiles(values: FloatArray) -> FloatArray:
    """Lower quartile, median and upper quartile over runs: from (runs, k) to ``float64`` (3, k)."""
    result: FloatArray = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    return result


def measures(judge: Judge) -> tuple[str, ...]:
    """The measures that a task has; all but hypervolume regret need an exact front, one a practical reference point."""
    if judge.n_objectives == 1:
        return SCALAR_MEASURES
    if judge.front is None:
        return VECTOR_MEASURES[:1]
    return tuple(name for name in VECTOR_MEASURES if name != PRACTICAL or judge.practical_reference_point is not None)


def anytime(
    table: Any, judge: Judge, measure: str, family: str | None = None, at: Sequence[int] | None = None
) -> dict[str, Curves]:
    """The curves of every controller on one task.

    Architectures are chosen by what the search was told, and judged without noise. With one objective the chosen one
    is the best so far; with several the unbounded archive is, that is all that nothing else dominates so far.

    Where runs are in worlds each is judged in its own, against the optimum or the exact front there.

    With two fidelities the best so far is that at the one that judges, as soon as something was evaluated there.

    Where no exact front is known, as with more than three objectives, hypervolume regret compares with the largest
    hypervolume of any run in the table; with more than four hypervolumes are approximate, see
    :func:`anb_gym.pareto.hypervolume`.

    Args:
        table: The task's rows of a study's results: a data frame with the columns ``controller``, ``seed``,
            ``index``, ``told``, ``reward`` and ``hours``, sorted by controller, seed and evaluation.
        judge: The task's judge.
        measure: One of :func:`measures`.
        family: Another family of surrogates that judges the chosen architectures, in the scale of the one that was
            searched: regrets can be negative.
        at: After how many evaluations to measure archives, by default after all (with more than two objectives, see
            :data:`CHECKPOINTS`).

    Raises:
        ValueError: The measure or the family is unknown, or the table is empty.
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    return all_curves(table, judge, [Look(measure, family, None if at is None else tuple(at))])[0]


@dataclass(frozen=True)
class Look:
    """What is looked at, see :func:`anytime`."""

    measure: str
    family: str | None = None
    at: tuple[int, ...] | None = None


def all_curves(table: Any, judge: Judge, looks: Sequence[Look]) -> list[dict[str, Curves]]:
    """Curves of several looks at the same runs, each as of :func:`anytime`; the world of a seed is made once for all.

    Raises:
        ValueError: As of :func:`anytime`.
    """
    for look in looks:
        choose(look.measure, measures(judge), "measure")
    if not len(table):
        raise ValueError("table must have rows, got none")
    groups = table.groupby(["controller", "seed"], observed=True, sort=False)
    runs = {(str(controller), int(seed)): rows for (controller, seed), rows in groups}
    found: dict[tuple[str, int], list[FloatArray]] = {}
    for run in sorted(runs, key=lambda run: run[1]):
        found[run] = [_values(runs[run], judge.at(run[1]), look) for look in looks]
    longest = max(map(len, runs.values()))
    curves: list[dict[str, Curves]] = []
    for place, look in enumerate(looks):
        parts: dict[str, list[tuple[int, FloatArray, FloatArray]]] = {}
        for run, rows in runs.items():
            parts.setdefault(run[0], []).append((run[1], found[run][place], rows["hours"].to_numpy(np.float64)))
        of_look = {controller: _pad(of_controller, longest) for controller, of_controller in parts.items()}
        if look.measure == "hypervolume_regret" and judge.front is None:
            whole = max(float(np.nanmax(c.values, initial=0.0)) for c in of_look.values()) or 1.0
            of_look = {name: Curves(c.seeds, 1.0 - c.values / whole, c.hours) for name, c in of_look.items()}
        curves.append(of_look)
    return curves


def scores(curves: Mapping[str, Curves], budget: int) -> tuple[NDArray[np.uint64], dict[str, FloatArray]]:
    """The seeds that all controllers ran, ascending, and every controller's values with them after a budget, (runs,).

    Raises:
        ValueError: No seed was run by all, or the budget exceeds a controller's longest run.
    """
    seeds = np.array(sorted(set.intersection(*(set(c.seeds.tolist()) for c in curves.values()))), dtype=np.uint64)
    if not len(seeds):
        raise ValueError(f"controllers must have a seed in common to be compared, got {', '.join(curves)}")
    values = {}
    for name, c in curves.items():
        order = np.argsort(c.seeds)
        rows = order[np.searchsorted(c.seeds[order], seeds)]
        values[name] = c.at_evaluations([budget])[rows, 0]
    return seeds, values


def checkpoints(n: int) -> list[int]:
    """After how many of n evaluations archives with more than two objectives are measured."""
    spread = np.geomspace(1, n, CHECKPOINTS).round().astype(int).tolist()
    return sorted({*spread, *(budget for budget in BUDGETS if budget <= n)})


def _values(rows: Any, judge: Judge, look: Look) -> FloatArray:
    """A measure of one run after each evaluation; where no exact front is known the hypervolume."""
    if look.measure == "regret":
        return _scalar_curve(rows, judge, look.family)
    values = _curve(rows, judge, look.measure, look.family, look.at)
    if look.measure not in ("hypervolume_regret", PRACTICAL) or judge.front is None:
        return values
    point = judge.practical_reference_point if look.measure == PRACTICAL else judge.reference_point
    return 1.0 - values / hypervolume(judge.front, point, judge.directions)


def _scalar_curve(rows: Any, judge: Judge, family: str | None) -> FloatArray:
    """The regret of one run's best architecture after each evaluation."""
    chosen = chosen_rows(rows, judge)
    if family is None:
        # The optimum is certified up to rounding.
        known: FloatArray = np.maximum(0.0, 1.0 - rows["reward"].to_numpy(np.float64)[chosen])
        return known
    different, inverse = np.unique(chosen, return_inverse=True)
    regret: FloatArray = 1.0 - judge.exact(rows["index"].to_numpy(np.int64)[different], family)[inverse, 0]
    return regret


def _curve(rows: Any, judge: Judge, measure: str, family: str | None, at: Sequence[int] | None) -> FloatArray:
    """The measure of one run's archive after each evaluation; of hypervolume regret, the hypervolume."""
    index = rows["index"].to_numpy(np.int64)
    exact = judge.exact(index, family)
    told = judge.told(index, int(rows["seed"].iloc[0])) if judge.noise or family is not None else exact
    indicators: dict[str, Callable[[FloatArray], float]] = {
        "hypervolume_regret": lambda points: hypervolume(points, judge.reference_point, judge.directions),
        PRACTICAL: lambda points: hypervolume(points, judge.practical_reference_point, judge.directions),
        "igd_plus": lambda points: igd_plus(points, judge.front, judge.directions),
        "additive_epsilon": lambda points: additive_epsilon(points, judge.front, judge.directions),
    }
    indicator = indicators[measure]
    if at is None and judge.n_objectives > 2:
        at = checkpoints(len(index))
    if at is not None:  # a run that ended earlier, for want of hours, keeps its last archive
        at = [min(budget, len(index)) for budget in at]
    return archive_trace(told, judge.directions, lambda members: indicator(exact[members]), at)


def chosen_rows(rows: Any, judge: Judge) -> NDArray[np.int64]:
    """The row that a run with one objective has chosen after each of its n evaluations, ``int64`` (n,)."""
    judged = None
    if isinstance(judge.problem, TwoFidelityProblem):
        judged = rows["fidelity"].to_numpy() == FIDELITIES[-1]
    return incumbents(rows["told"].to_numpy(np.float64), judged)


def incumbents(told: FloatArray, judged: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """The row of the largest value so far, the first of equals, after each of n values: ``int64`` (n,).

    Args:
        told: The values, ``float64`` (n,).
        judged: Which were evaluated at the fidelity that judges, ``bool`` (n,): from the first of them on these alone
            count. None for all.
    """
    if judged is not None and not judged.all():
        cheap, dear = incumbents(told), incumbents(np.where(judged, told, -np.inf))
        return np.where(np.logical_or.accumulate(judged), dear, cheap)
    before = np.concatenate([[-np.inf], np.maximum.accumulate(told)[:-1]])
    result: NDArray[np.int64] = np.maximum.accumulate(np.where(told > before, np.arange(len(told)), 0))
    return result


def _pad(runs: list[tuple[int, FloatArray, FloatArray]], length: int) -> Curves:
    seeds, values, hours = zip(*runs, strict=True)

    def stack(columns: Sequence[FloatArray]) -> FloatArray:
        return np.stack([np.pad(column, (0, length - len(column)), mode="edge") for column in columns])

    return Curves(np.array(seeds, dtype=np.uint64), stack(values), stack(hours))
