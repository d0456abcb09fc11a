"""Statistics of few runs: robust means with intervals, profiles, pairwise comparisons.

The measures that Agarwal et al. 2021 (https://arxiv.org/abs/2108.13264) recommend, by their definitions, and paired
tests. Everywhere smaller is better: scores are regrets. ``scores`` are ``float64`` (runs, tasks), finite; the runs of
a task are exchangeable, so resampling draws runs with replacement within each task (a stratified bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from anb_gym._extras import require
from anb_gym._types import FloatArray

#: Resamples behind an interval, and its coverage.
RESAMPLES: Final = 2_000
COVERAGE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with a percentile bootstrap interval.

    Attributes:
        estimate: The statistic of all runs.
        low: Lower end; NaN if some task has a single run.
        high: Upper end; NaN if some task has a single run.
    """

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Difference of two controllers over runs with the same seeds.

    Attributes:
        runs: How many pairs there are.
        difference: Median of the first's scores minus the second's, pair by pair: negative if the first is better.
        p_value: Of the Wilcoxon signed-rank test, two-sided; equal pairs count as Pratt 1959 proposed. 1 if all are.
        a12: Probability that a run of the first beats one of the second, ties half (Vargha and Delaney 2000,
            https://doi.org/10.3102/10769986025002101): 0.5 is no effect, 0.56, 0.64 and 0.71 small, medium, large.
        rank_biserial: Matched-pairs rank-biserial correlation (Kerby 2014, https://doi.org/10.2466/11.IT.3.1): 1 if
            the first is better in every pair that differs, -1 if it is worse in each, 0 if none differs.
    """

    runs: int
    difference: float
    p_value: float
    a12: float
    rank_biserial: float


def interquartile_mean(scores: Any) -> float:
    """The mean of the middle half of all runs of all tasks.

    Raises:
        ValueError: ``scores`` has the wrong shape or values.
    """
    return float(_middle_mean(*validate_scores(scores, "scores").T))


def interquartile_mean_interval(
    scores: Any, rng: np.random.Generator, resamples: int = RESAMPLES, coverage: float = COVERAGE
) -> Interval:
    """The interquartile mean with its stratified bootstrap interval.

    Args:
        scores: ``float64`` (runs, tasks).
        rng: Source of the resamples.
        resamples: How many.
        coverage: Confidence level of the interval.

    Raises:
        ValueError: An argument has the wrong shape or values.
        ModuleNotFoundError: The extra ``study`` is not installed.
    """
    columns = list(validate_scores(scores, "scores").T)
    return _bootstrap(columns, _middle_mean, rng, resamples, coverage)


def performance_profile(scores: Any, thresholds: Any) -> FloatArray:
    """The share of all runs of all tasks whose score is at most each threshold: the distribution of scores.

    Args:
        scores: ``float64`` (runs, tasks).
        thresholds: Shape (k,).

    Returns:
        ``float64`` (k,).

    Raises:
        ValueError: ``scores`` has the wrong shape or values.
    """
    values = np.sort(validate_scores(scores, "scores"), axis=None)
    shares: FloatArray = np.searchsorted(values, np.asarray(thresholds, dtype=np.float64), side="right") / len(values)
    return shares


def performance_profile_band(
    scores: Any, thresholds: Any, rng: np.random.Generator, resamples: int = RESAMPLES, coverage: float = COVERAGE
) -> FloatArray:
    """Pointwise stratified bootstrap intervals of a performance profile.

    Args:
        scores: ``float64`` (runs, tasks).
        thresholds: Shape (k,).
        rng: Source of the resamples.
        resamples: How many.
        coverage: Confidence level of the band at each threshold.

    Returns:
        Lower and upper ends, ``float64`` (2, k).

    Raises:
        ValueError: ``scores`` has the wrong shape or values.
    """
    array, limits = validate_scores(scores, "scores"), np.asarray(thresholds, dtype=np.float64)
    draws = np.zeros((resamples, len(limits)))
    for column in array.T:
        draws += _weights(len(column), resamples, rng) @ (column[:, None] <= limits) / array.shape[1]
    tail = (1.0 - coverage) / 2.0
    band: FloatArray = np.quantile(draws, [tail, 1.0 - tail], axis=0)
    return band


def probability_of_improvement(first: Any, second: Any) -> float:
    """The probability that a run of the first beats a run of the second, ties half, averaged over tasks.

    Args:
        first: ``float64`` (runs, tasks).
        second: ``float64`` (other runs, tasks).

    Raises:
        ValueError: An argument has the wrong shape or values, or the tasks differ in number.
    """
    return float(_wins(first, second).mean(axis=(0, 1)).mean())


def probability_of_improvement_interval(
    first: Any,
    second: Any,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    coverage: float = COVERAGE,
    *,
    paired: bool = False,
) -> Interval:
    """:func:`probability_of_improvement` with its stratified bootstrap interval.

    Args:
        first: ``float64`` (runs, tasks).
        second: ``float64`` (other runs, tasks).
        rng: Source of the resamples.
        resamples: How many.
        coverage: Confidence level of the interval.
        paired: Whether both have the same seeds in the same order, which are then resampled together.

    Raises:
        ValueError: An argument has the wrong shape or values, or the tasks, or runs that are paired, differ in number.
    """
    wins = _wins(first, second)
    if paired and wins.shape[0] != wins.shape[1]:
        raise ValueError(f"first and second must be paired, got {wins.shape[0]} and {wins.shape[1]} runs")
    estimate = float(wins.mean(axis=(0, 1)).mean())
    if min(wins.shape[:2]) == 1:
        return Interval(estimate, np.nan, np.nan)
    means = np.zeros(resamples)
    for task in range(wins.shape[2]):  # a resample's mean is a bilinear form of the table of wins
        rows = _weights(wins.shape[0], resamples, rng)
        columns = rows if paired else _weights(wins.shape[1], resamples, rng)
        means += np.einsum("bi,bi->b", rows @ wins[:, :, task], columns)
    tail = (1.0 - coverage) / 2.0
    low, high = np.clip(np.quantile(means / wins.shape[2], [tail, 1.0 - tail]), 0.0, 1.0)  # rounding goes beyond
    return Interval(estimate, float(low), float(high))


def paired_test(first: Any, second: Any) -> PairedTest:
    """Compares runs of two controllers with the same seeds on one task.

    Args:
        first: Scores of the first, shape (runs,).
        second: Scores of the second with the same seeds in the same order, shape (runs,).

    Raises:
        ValueError: An argument has the wrong shape or values.
        ModuleNotFoundError: The extra ``study`` is not installed.
    """
    one, two = validate_scores([first], "first")[0], validate_scores([second], "second")[0]
    if one.shape != two.shape:
        raise ValueError(f"first and second must be paired, got {len(one)} and {len(two)} runs")
    differences = one - two
    a12 = probability_of_improvement(one[:, None], two[:, None])
    if not differences.any():
        return PairedTest(len(one), 0.0, 1.0, a12, 0.0)
    stats = require("scipy.stats", "study")
    p_value = float(stats.wilcoxon(differences, zero_method="pratt").pvalue)
    ranks = stats.rankdata(np.abs(differences)) * np.sign(differences)
    return PairedTest(len(one), float(np.median(differences)), p_value, a12, float(-ranks.sum() / np.abs(ranks).sum()))


def holm(p_values: Sequence[float]) -> FloatArray:
    """Holm's step-down correction: the p-values of a family of tests, so that all hold together.

    Holm 1979, https://www.jstor.org/stable/4615733.

    Args:
        p_values: Of the family, shape (n,).

    Returns:
        Adjusted p-values, ``float64`` (n,), in the same order.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return adjusted


def validate_scores(scores: Any, name: str) -> FloatArray:
    """Returns scores as ``float64`` (runs, tasks), or raises a ``ValueError`` that names ``name``."""
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"{name} must have shape (runs, tasks), neither of them 0, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array


def _middle_mean(*columns: FloatArray, axis: int = -1) -> Any:
    return require("scipy.stats", "study").trim_mean(np.concatenate(columns, axis=axis), 0.25, axis=axis)


def _wins(first: Any, second: Any) -> FloatArray:
    """Wins of each run of the first over each of the second: 1, 0 or a tie's half, ``float64`` (n, m, tasks)."""
    one, two = validate_scores(first, "first"), validate_scores(second, "second")
    if one.shape[1] != two.shape[1]:
        raise ValueError(f"first and second must have the same tasks, got {one.shape[1]} and {two.shape[1]}")
    wins: FloatArray = 0.5 * (1.0 - np.sign(one[:, None] - two[None]))
    return wins


def _weights(n: int, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Weights of n runs in each resample, ``float64`` (resamples, n): draws with replacement, counted."""
    return rng.multinomial(n, np.full(n, 1.0 / n), size=resamples) / n


def _bootstrap(
    columns: list[FloatArray],
    statistic: Callable[..., Any],
    rng: np.random.Generator,
    resamples: int,
    coverage: float,
) -> Interval:
    estimate = float(statistic(*columns))
    if min(map(len, columns)) == 1:
        return Interval(estimate, np.nan, np.nan)
    result = require("scipy.stats", "study").bootstrap(
        columns,
        statistic,
        n_resamples=resamples,
        confidence_level=coverage,
        vectorized=True,
        method="percentile",
        rng=rng,
    )
    low, high = result.confidence_interval
    return Interval(estimate, float(low), float(high))
