"""Differences of controllers over several tasks: how large, how certain, and how many seeds they need.

Everywhere smaller is better: scores are regrets, ``float64`` (runs, tasks). Two controllers are compared over equal
tasks and seeds, pair by pair. Differences that are tested together are corrected together, by Holm's method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, log2
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import positive
from anb_gym._types import FloatArray
from anb_gym.study.analysis.statistics import (
    Interval,
    holm,
    interquartile_mean_interval,
    paired_test,
    probability_of_improvement_interval,
    validate_scores,
)

#: Differences with smaller p-values, corrected, are told apart from chance.
LEVEL: Final = 0.05
#: Chance of telling apart a difference that is there, by which numbers of seeds are chosen.
POWER: Final = 0.8
#: Pairs of differences behind a number of seeds.
_DRAWS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the second of two controllers compares with the first.

    Attributes:
        runs: Runs of each on every task, with equal seeds.
        tasks: How many tasks.
        gain: Interquartile mean of the first's score minus the second's, over all pairs of runs of all tasks: positive
            if the second is better; with the paired bootstrap's 95 % interval.
        improvement: Probability that a run of the second beats one of the first, ties half, averaged over tasks, with
            its interval by the paired bootstrap.
        p_value: Of the Wilcoxon signed-rank test over all pairs, two-sided.
    """

    runs: int
    tasks: int
    gain: Interval
    improvement: Interval
    p_value: float


def compare_scores(first: Any, second: Any, rng: np.random.Generator) -> Comparison:
    """Compares two controllers over equal seeds and tasks.

    The bootstrap draws pairs of runs with replacement within each task.

    Args:
        first: Scores of the first, ``float64`` (runs, tasks).
        second: Scores of the second with the same seeds and tasks in the same order.
        rng: Source of the resamples.

    Raises:
        ValueError: An argument has the wrong shape or values.
        ModuleNotFoundError: The extra ``study`` is not installed.
    """
    one, two = validate_scores(first, "first"), validate_scores(second, "second")
    if one.shape != two.shape:
        raise ValueError(f"first and second must be paired, got shapes {one.shape} and {two.shape}")
    runs, tasks = one.shape
    return Comparison(
        runs,
        tasks,
        gain=interquartile_mean_interval(one - two, rng),
        improvement=probability_of_improvement_interval(two, one, rng, paired=True),
        p_value=paired_test(one.ravel(), two.ravel()).p_value,
    )


def alike(
    order: Sequence[str], scores: Mapping[tuple[str, str], tuple[FloatArray, FloatArray]], level: float = LEVEL
) -> list[list[str]]:
    """Groups of controllers that cannot be told apart, each as large as it can be; a controller can be in several.

    Args:
        order: The controllers from best to worst.
        scores: Scores ``float64`` (runs, tasks) of both of a pair with equal seeds, by their names in this order.
            Pairs that are not there have no seeds in common, and are not told apart.
        level: A pair is told apart if its p-value, corrected over all pairs, is smaller.

    Returns:
        Groups of two or more neighbours in the order, no two of whom are told apart.
    """
    p_values = holm([paired_test(one.ravel(), two.ravel()).p_value for one, two in scores.values()])
    apart = {pair for pair, p in zip(scores, p_values, strict=True) if p < level}
    groups: list[list[str]] = []
    end = 0
    for start in range(len(order)):
        stop = start + 1
        while stop < len(order) and not any((name, order[stop]) in apart for name in order[start:stop]):
            stop += 1
        if stop > max(end, start + 1):
            groups.append(list(order[start:stop]))
        end = max(end, stop)
    return groups


def fewest_pairs(comparisons: int, level: float = LEVEL) -> int:
    """The fewest pairs of runs by which any of some comparisons can be told apart: fewer have no p-value so small."""
    return 2 + int(log2(comparisons / level))


def pairs_of(order: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs of an order, as :func:`alike` takes them."""
    return list(combinations(order, 2))


def needed_seeds(
    scores: Any, difference: float, rng: np.random.Generator, power: float = POWER, level: float = LEVEL
) -> int | None:
    """How many seeds tell a controller from another one that is better by a difference and has the same spread.

    Noether 1987 (https://doi.org/10.1080/01621459.1987.10478478) for the Wilcoxon signed-rank test, two-sided:
    N = (z(1 - level / 2) + z(power))^2 / (3 (p - 1/2)^2) pairs of runs over all tasks, where p is the probability that
    the sum of two paired differences is positive. Pairs are drawn from the runs as if seeds had nothing in common.

    Args:
        scores: Scores of its runs, ``float64`` (runs, tasks), of at least four runs.
        difference: By how much the other one's runs are better, positive.
        rng: Draws pairs of runs.
        power: The chance that the difference is found.
        level: The chance that one is found where there is none.

    Returns:
        Seeds of each of the tasks, at least 2; None if the difference is too small for these runs to say.

    Raises:
        ValueError: An argument has the wrong shape or values.
    """
    array = validate_scores(scores, "scores")
    difference = positive(difference, "difference")
    for name, share in (("power", power), ("level", level)):
        if not 0.0 < share < 1.0:
            raise ValueError(f"{name} must be between 0 and 1, got {share!r}")
    runs, tasks = array.shape
    if runs < 4:
        raise ValueError(f"scores must have four runs or more to make two differences, got {runs}")
    # Runs of a pair of differences are four, or differences would cancel out more often than those of new runs do.
    task, chosen = rng.integers(tasks, size=(2, _DRAWS)), _four_of(runs, rng)
    sums = np.abs((array[chosen[:2], task] - array[chosen[2:], task]).sum(axis=0))
    # Differences are symmetric: their sum exceeds minus twice the shift as often as it is below twice the shift.
    excess = 0.5 * float((sums < 2.0 * difference).mean()) + 0.25 * float((sums == 2.0 * difference).mean())
    if not excess:
        return None
    quantiles = NormalDist().inv_cdf(1.0 - level / 2.0) + NormalDist().inv_cdf(power)
    pairs: float = quantiles**2 / (3.0 * excess**2)
    seeds: int = max(2, ceil(pairs / tasks))
    return seeds


def _four_of(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draws of four different numbers below n, in random order, ``int64`` (4, draws)."""
    drawn = np.empty((0, _DRAWS), dtype=np.int64)
    for taken in range(4):
        number = rng.integers(n - taken, size=_DRAWS)
        for smaller in np.sort(drawn, axis=0):
            number += number >= smaller
        drawn = np.vstack([drawn, number])
    return drawn
