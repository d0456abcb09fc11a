"""Tables that compare controllers: per task with intervals and tests, and over tasks. All are tidy data frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.study.analysis.anytime import Curves, quartiles, scores
from anb_gym.study.analysis.statistics import (
    holm,
    interquartile_mean_interval,
    paired_test,
    probability_of_improvement_interval,
)

#: Resamples behind the intervals of probabilities of improvement, of which there is one per pair of controllers.
PAIR_RESAMPLES: Final = 1_000


def summary_table(curves: Mapping[str, Curves], budgets: Sequence[int], rng: np.random.Generator) -> Any:
    """Performance of each controller after each budget.

    Args:
        curves: By controller, of one measure on one task.
        budgets: Numbers of evaluations.
        rng: Source of the bootstrap's resamples.

    Returns:
        A ``pandas.DataFrame`` with the columns ``controller``, ``evaluations``, ``runs``, ``q25``, ``median``,
        ``q75``, ``iqm``, ``iqm_low`` and ``iqm_high``: quartiles, and the interquartile mean with its 95 % interval.
    """
    rows = []
    for controller, c in curves.items():
        for budget, values in zip(budgets, c.at_evaluations(budgets).T, strict=True):
            q25, median, q75 = quartiles(values[:, None])[:, 0]
            iqm = interquartile_mean_interval(values[:, None], rng)
            rows.append((controller, budget, len(values), q25, median, q75, iqm.estimate, iqm.low, iqm.high))
    names = ["controller", "evaluations", "runs", "q25", "median", "q75", "iqm", "iqm_low", "iqm_high"]
    return _frame(rows, names)


def pairwise_table(curves: Mapping[str, Curves], budgets: Sequence[int]) -> Any:
    """Difference of each pair of controllers after each budget, over the seeds that both of them ran, if there are any.

    Args:
        curves: By controller, of one measure on one task.
        budgets: Numbers of evaluations.

    Returns:
        A ``pandas.DataFrame`` with the columns ``evaluations``, ``first``, ``second``, those of
        :class:`~anb_gym.study.analysis.statistics.PairedTest`, and ``p_holm``, corrected over all pairs of a budget.
    """
    rows = []
    for budget in budgets:
        tests = []
        for one, two in combinations(curves, 2):
            if not np.isin(curves[one].seeds, curves[two].seeds).any():
                continue
            _, values = scores({one: curves[one], two: curves[two]}, budget)
            tests.append((one, two, paired_test(values[one], values[two])))
        corrected = holm([test.p_value for _, _, test in tests])
        for (one, two, test), p_holm in zip(tests, corrected, strict=True):
            rows.append((budget, one, two, *asdict(test).values(), p_holm))
    names = ["evaluations", "first", "second", "runs", "difference", "p_value", "a12", "rank_biserial", "p_holm"]
    return _frame(rows, names)


def score_matrices(tasks: Iterable[Mapping[str, Curves]], budget: int) -> dict[str, FloatArray]:
    """The scores on several tasks of those controllers that ran on all of them.

    Args:
        tasks: Per task the curves of one measure by controller.
        budget: Number of evaluations.

    Returns:
        By controller ``float64`` (runs, tasks), of the seeds that it ran on every task; controllers can have different
        numbers of runs. Empty if no controller ran on all tasks.
    """
    tasks = list(tasks)
    matrices = {}
    for name in tasks[0]:
        if not all(name in curves for curves in tasks):
            continue
        found = [scores({name: curves[name]}, budget) for curves in tasks]
        seeds = np.array(sorted(set.intersection(*(set(known.tolist()) for known, _ in found))), dtype=np.uint64)
        if len(seeds):
            columns = [values[name][np.isin(known, seeds)] for known, values in found]
            matrices[name] = np.stack(columns, axis=1)
    return matrices


def paired_scores(
    tasks: Sequence[Mapping[str, Curves]], names: Sequence[str], budget: int
) -> tuple[NDArray[np.uint64], dict[str, FloatArray]]:
    """The seeds that some controllers all ran on several tasks, and their scores with these.

    Args:
        tasks: Per task the curves of one measure by controller.
        names: The controllers.
        budget: Number of evaluations.

    Returns:
        The seeds, ascending, and by controller ``float64`` (runs, tasks).

    Raises:
        ValueError: There is no such seed.
    """
    found = [scores({name: curves[name] for name in names}, budget) for curves in tasks]
    common = set.intersection(*(set(known.tolist()) for known, _ in found))
    if not common:
        raise ValueError(f"{' and '.join(names)} must have a seed in common on all tasks, there is none")
    seeds = np.array(sorted(common), dtype=np.uint64)
    return seeds, {
        name: np.stack([values[name][np.isin(known, seeds)] for known, values in found], axis=1) for name in names
    }


def aggregate_table(matrices: Mapping[int, Mapping[str, FloatArray]], rng: np.random.Generator) -> Any:
    """The interquartile mean over all runs of all tasks, per controller and budget.

    Args:
        matrices: :func:`score_matrices` by budget.
        rng: Source of the bootstrap's resamples.

    Returns:
        A ``pandas.DataFrame`` with the columns ``controller``, ``evaluations``, ``runs``, ``tasks``, ``iqm``,
        ``iqm_low`` and ``iqm_high``.
    """
    rows = []
    for budget, by_controller in matrices.items():
        for controller, matrix in by_controller.items():
            iqm = interquartile_mean_interval(matrix, rng)
            rows.append((controller, budget, *matrix.shape, iqm.estimate, iqm.low, iqm.high))
    return _frame(rows, ["controller", "evaluations", "runs", "tasks", "iqm", "iqm_low", "iqm_high"])


def improvement_table(matrices: Mapping[str, FloatArray], rng: np.random.Generator) -> Any:
    """Probability that a run of one controller beats one of another, over tasks, for every ordered pair.

    Args:
        matrices: By controller, scores ``float64`` (runs, tasks).
        rng: Source of the bootstrap's resamples.

    Returns:
        A ``pandas.DataFrame`` with the columns ``first``, ``second``, ``probability``, ``low`` and ``high``.
    """
    rows = []
    for one, two in combinations(matrices, 2):
        p = probability_of_improvement_interval(matrices[one], matrices[two], rng, PAIR_RESAMPLES)
        rows.append((one, two, p.estimate, p.low, p.high))
        rows.append((two, one, 1.0 - p.estimate, 1.0 - p.high, 1.0 - p.low))
    return _frame(rows, ["first", "second", "probability", "low", "high"])


def _frame(rows: list[Any], names: list[str]) -> Any:
    return require("pandas", "study").DataFrame(rows, columns=names)
