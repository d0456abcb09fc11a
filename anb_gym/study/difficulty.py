"""Difficulty of tasks: how long local search takes, where its climbs end, what distance says of fitness.

A benchmark must tell controllers apart, so the last measure is how far the intervals of the baselines lie apart in
the leaderboard's study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.space import EFFICIENTNET_B0, SPACE, Architecture, Choices, Indices, distances
from anb_gym.study.analysis.anytime import anytime, measures
from anb_gym.study.analysis.judging import Judge

#: The regret that a search needs to reach; of archives, the hypervolume regret, of which no baseline comes near 0.01.
GOALS: Final = {"regret": 0.01, "hypervolume_regret": 0.05}
#: A climb has ended in the optimum if it is this close: the optimum is certified up to rounding.
_ROUNDING: Final = 1e-9
#: Random architectures behind a correlation, and their seed.
N_RANDOM: Final = 10_000
SEED: Final = 0


@dataclass(frozen=True)
class Difficulty:
    """Difficulty of a task.

    Attributes:
        runs: Runs behind the numbers.
        budget: Evaluations of each.
        needed: Evaluations until a run reaches its goal, see :data:`GOALS`; the median, infinite if fewer than half
            of the runs do.
        final: The regret or hypervolume regret at the end of the budget, the median.
        climbs: Climbs of local search that ended; 0 with several objectives.
        optimal: Share of them that ended in the optimum; NaN with several objectives.
        correlation: :func:`fitness_distance_correlation`; NaN with more than two objectives.
        to_baseline: Evaluations until a run has an architecture that is better than EfficientNet-B0 in every metric,
            the median, as ``needed``; NaN with one objective.
    """

    runs: int
    budget: int
    needed: float
    final: float
    climbs: int
    optimal: float
    correlation: float
    to_baseline: float


def measure_difficulty(rows: Any, judge: Judge) -> Difficulty:
    """Measures a task by runs of local search, or with several objectives of any search.

    Args:
        rows: The task's rows of a study's results, of one controller.
        judge: The task's judge.

    Raises:
        ValueError: There are no rows, or they are of several controllers.
    """
    measure = measures(judge)[0]
    curves = anytime(rows, judge, measure)
    if len(curves) != 1:
        raise ValueError(f"rows must be of one controller, got {', '.join(curves)}")
    (values,) = (c.values for c in curves.values())
    runs = [run for _, run in rows.groupby("seed", sort=True)]
    several = judge.n_objectives > 1
    ends = [] if several else [_rewards_at_ends(run) for run in runs]
    optimal = np.concatenate([[], *ends]) >= 1.0 - _ROUNDING
    return Difficulty(
        runs=len(values),
        budget=values.shape[1],
        needed=float(np.median(first_at_most(values, GOALS[measure]))),
        final=float(np.median(values[:, -1])),
        climbs=len(optimal),
        optimal=float(optimal.mean()) if len(optimal) else np.nan,
        correlation=fitness_distance_correlation(judge) if judge.n_objectives <= 2 else np.nan,
        to_baseline=float(np.median([beats_efficientnet(run, judge) for run in runs])) if several else np.nan,
    )


def first_at_most(values: FloatArray, goal: float) -> FloatArray:
    """After how many evaluations each curve (runs, n) is first at most the goal, infinite if never: (runs,)."""
    reached = values <= goal
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def climb_ends(choices: Choices, told: FloatArray) -> NDArray[np.int64]:
    """Ends of the climbs of a local search with restarts.

    A climb proposes neighbours of its present place, the best so far; what is no neighbour starts the next climb. The
    last climb, which the budget cuts short, does not count.

    Args:
        choices: The architectures in the order in which they were evaluated, ``int8`` (n, 28).
        told: What the search was told, ``float64`` (n,).

    Returns:
        Rows of the last place of each climb, ``int64`` (k,).
    """
    ends, place = [], 0
    for row in range(1, len(told)):
        if np.count_nonzero(choices[row] != choices[place]) != 1:
            ends.append(place)
            place = row
        elif told[row] > told[place]:
            place = row
    return np.array(ends, dtype=np.int64)


def fitness_distance_correlation(judge: Judge, n: int = N_RANDOM, seed: int = SEED) -> float:
    """The correlation of random architectures' fitness with their distance to the nearest optimum.

    Jones and Forrest 1995 (https://dl.acm.org/doi/10.5555/645514.657929): near -1 fitness leads to the optimum, near 0
    it says nothing, above 0 it misleads. The distance is the number of choices that differ. With two objectives the
    optima are the exact front, and the fitness is how little an architecture is dominated: minus the largest amount
    by which some member of the front exceeds it in both objectives.

    Args:
        judge: The task's judge, with at most two objectives. If its searches see noise, so does this.
        n: How many architectures.
        seed: Their seed, and that of the noise.

    Raises:
        ValueError: The task has more than two objectives.
    """
    index = SPACE.to_index(SPACE.sample(n, np.random.default_rng(seed)))
    told = judge.told(index, seed)
    if judge.front is not None:
        fitness = -_depth(told, judge.front)
    elif judge.n_objectives == 1:
        fitness = told[:, 0]
    else:
        raise ValueError(f"judge must have at most two objectives, got {judge.n_objectives}")
    distance = distances(SPACE.from_index(index), SPACE.from_index(optima(judge)))
    return float(np.corrcoef(fitness, distance)[0, 1])


def alikeness(judges: Sequence[Judge], n: int = N_RANDOM, seed: int = SEED) -> FloatArray:
    """How alike tasks are: Spearman's rank correlation of their rewards, without noise, over random architectures.

    Tasks that order architectures alike tell controllers apart alike: 1 is one task twice, 0 are two that have nothing
    in common.

    Args:
        judges: Judges of the tasks, each with one objective.
        n: How many architectures.
        seed: Their seed.

    Returns:
        ``float64`` (tasks, tasks), symmetric.

    Raises:
        ValueError: A task has several objectives.
    """
    for judge in judges:
        if judge.n_objectives > 1:
            raise ValueError(f"judges must be of tasks with one objective, got {judge.n_objectives} of {judge}")
    index = SPACE.to_index(SPACE.sample(n, np.random.default_rng(seed)))
    ranks = require("scipy.stats", "study").rankdata([judge.exact(index)[:, 0] for judge in judges], axis=1)
    return np.atleast_2d(np.corrcoef(ranks))


def most_different(alike: FloatArray, k: int) -> tuple[int, ...]:
    """The k tasks of which the two most alike are the least alike, and of such that with the smallest mean.

    Args:
        alike: As of :func:`alikeness`.
        k: How many, at least 2 and at most as many as there are.
    """
    k = integer(k, 2, "k", len(alike))
    pairs = np.triu_indices(k, 1)

    def key(chosen: tuple[int, ...]) -> tuple[float, float]:
        between = alike[np.ix_(chosen, chosen)][pairs]
        return float(between.max()), float(between.mean())

    return min(combinations(range(len(alike)), k), key=key)


def optima(judge: Judge) -> Indices:
    """The optimal architectures, ``int64`` (k,): of several objectives the members of the exact front.

    Where no optimum is certified it is the best that is known.
    """
    if judge.problem.is_vector:
        return judge.problem.front.indices
    found = judge.problem.optimum
    if found is not None:
        return found.indices
    assert judge.calibration is not None
    return np.array([Architecture.parse(judge.calibration.architecture).index], dtype=np.int64)


def beats_efficientnet(run: Any, judge: Judge) -> float:
    """After how many evaluations a run has an architecture better than EfficientNet-B0 in every metric; inf if never.

    Args:
        run: The run's rows of a study's results.
        judge: The task's judge; it judges without noise.
    """
    index = run["index"].to_numpy(np.int64)
    signs = np.where(np.array(judge.problem.task.directions) == "max", 1.0, -1.0)
    margin = signs * (judge.values(index) - judge.values(np.array([EFFICIENTNET_B0.index])))
    better = (margin > 0.0).all(axis=1)
    return float(better.argmax() + 1) if better.any() else np.inf


def told_apart(summary: Any, task: str, evaluations: int) -> tuple[int, int]:
    """Number of pairs of controllers whose 95 % intervals of interquartile means do not meet, and of all pairs.

    Controllers with a single run have no interval and do not count.

    Args:
        summary: :attr:`~anb_gym.study.analysis.analyse.Analysis.summary`, judged by the surrogate that was searched.
        task: Name of a task.
        evaluations: A budget.
    """
    ends = _at(summary, task, evaluations)[["iqm_low", "iqm_high"]].to_numpy(np.float64)
    pairs = list(combinations(ends, 2))
    return sum(bool(one[1] < two[0] or two[1] < one[0]) for one, two in pairs), len(pairs)


def best_and_worst(summary: Any, task: str, evaluations: int) -> Mapping[str, float]:
    """The interquartile means of the best and of the worst controller, by name; arguments as of :func:`told_apart`."""
    rows = _at(summary, task, evaluations).set_index("controller")["iqm"]
    return {str(name): float(rows[name]) for name in (rows.idxmin(), rows.idxmax())}


def _at(summary: Any, task: str, evaluations: int) -> Any:
    rows = summary[(summary["task"] == task) & (summary["evaluations"] == evaluations)]
    return rows.dropna(subset=["iqm_low", "iqm_high"])


def _rewards_at_ends(run: Any) -> FloatArray:
    """Rewards without noise of the architectures at which the climbs of a run ended."""
    ends = climb_ends(SPACE.from_index(run["index"].to_numpy(np.int64)), run["told"].to_numpy(np.float64))
    rewards: FloatArray = run["reward"].to_numpy(np.float64)[ends]
    return rewards


def _depth(points: FloatArray, front: FloatArray) -> FloatArray:
    """By how much each point (n, 2) is dominated by the front (k, 2), larger is better, at most: (n,)."""
    depth: FloatArray = np.array([(front - point).min(axis=1).max() for point in points])
    return depth
