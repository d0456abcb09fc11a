"""Statistics agree with their definitions, and intervals cover what they should."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anb_gym.study.analysis.statistics import (
    holm,
    interquartile_mean,
    interquartile_mean_interval,
    paired_test,
    performance_profile,
    performance_profile_band,
    probability_of_improvement,
    probability_of_improvement_interval,
)

SCORES = st.lists(st.integers(0, 9), min_size=2, max_size=12).map(lambda values: np.array(values, dtype=float)[:, None])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_interquartile_mean_is_that_of_the_middle_half_of_all_runs() -> None:
    scores = np.array([[1000.0, 4.0], [2.0, 3.0], [1.0, -1000.0], [5.0, 6.0]])
    assert interquartile_mean(scores) == np.mean([2.0, 3.0, 4.0, 5.0])


def test_interquartile_mean_interval_covers_the_truth_as_often_as_it_says() -> None:
    # Of a symmetric distribution the interquartile mean is the centre.
    draws = rng().normal(3.0, 1.0, size=(150, 30, 2))
    found = [interquartile_mean_interval(scores, rng(), resamples=300) for scores in draws]
    covered = np.mean([interval.low <= 3.0 <= interval.high for interval in found])
    assert 0.88 <= covered <= 0.99
    assert all(interval.low < interval.estimate < interval.high for interval in found)


def test_resampling_keeps_tasks_apart() -> None:
    # Each task's runs are equal, so no resample within tasks can change anything.
    scores = np.tile([0.0, 10.0, 20.0], (5, 1))
    interval = interquartile_mean_interval(scores, rng())
    assert interval.low == interval.estimate == interval.high == interquartile_mean(scores)
    improvement = probability_of_improvement_interval(scores, scores, rng())
    assert improvement.low == pytest.approx(0.5)
    assert improvement.high == pytest.approx(0.5)
    np.testing.assert_allclose(performance_profile_band(scores, [5.0], rng()), 1 / 3)


def test_intervals_depend_on_the_generator_alone() -> None:
    one, two = rng().normal(size=(20, 2)), rng().normal(size=(25, 2))
    for interval in (
        lambda r: interquartile_mean_interval(one, r),
        lambda r: probability_of_improvement_interval(one, two, r),
        lambda r: performance_profile_band(one, np.linspace(-2, 2, 50), r).tolist(),
    ):
        assert interval(rng()) == interval(rng()) != interval(np.random.default_rng(1))


def test_a_single_run_has_no_interval() -> None:
    for interval in (
        interquartile_mean_interval([[1.0, 2.0]], rng()),
        probability_of_improvement_interval([[1.0]], [[2.0]], rng()),
    ):
        assert np.isnan([interval.low, interval.high]).all()
        assert np.isfinite(interval.estimate)


@given(SCORES)
def test_profile_is_the_distribution_of_scores(scores: np.ndarray) -> None:
    thresholds = np.arange(-1, 11)
    profile = performance_profile(scores, thresholds)
    np.testing.assert_allclose(profile, [(scores <= threshold).mean() for threshold in thresholds])
    low, high = performance_profile_band(scores, thresholds, rng(), resamples=200)
    assert (low <= profile + 1e-12).all()
    assert (profile <= high + 1e-12).all()


@given(SCORES, SCORES)
def test_probability_of_improvement_is_that_of_a_mann_whitney_statistic(one: np.ndarray, two: np.ndarray) -> None:
    # U counts pairs in which the first is larger, so with smaller being better it is the second's wins.
    u = stats.mannwhitneyu(two[:, 0], one[:, 0]).statistic
    assert probability_of_improvement(one, two) == pytest.approx(u / (len(one) * len(two)))
    assert probability_of_improvement(one, two) + probability_of_improvement(two, one) == pytest.approx(1.0)
    interval = probability_of_improvement_interval(one, two, rng(), resamples=200)
    assert 0.0 <= interval.low <= interval.high <= 1.0


def test_bilinear_bootstrap_agrees_with_drawing_runs() -> None:
    one, two = rng().normal(size=(15, 2)), rng().normal(0.4, size=(12, 2))
    interval = probability_of_improvement_interval(one, two, rng(), resamples=4000)
    generator = np.random.default_rng(1)
    draws = [
        np.mean([
            probability_of_improvement(generator.choice(one[:, [task]], 15), generator.choice(two[:, [task]], 12))
            for task in range(2)
        ])
        for _ in range(1500)
    ]  # fmt: skip
    np.testing.assert_allclose([interval.low, interval.high], np.quantile(draws, [0.025, 0.975]), atol=0.02)


def test_paired_test_of_a_clear_difference() -> None:
    first = np.arange(10.0)
    test = paired_test(first, first + np.linspace(1, 2, 10))
    assert test.runs == 10
    assert test.difference == -1.5
    assert test.p_value == pytest.approx(2 / 2**10)  # the most extreme of all 2^10 signs, on both sides
    assert test.rank_biserial == 1.0
    assert test.a12 > 0.5
    reverse = paired_test(first + np.linspace(1, 2, 10), first)
    assert (reverse.difference, reverse.rank_biserial) == (1.5, -1.0)
    assert reverse.a12 == pytest.approx(1.0 - test.a12)


def test_paired_test_of_equal_runs() -> None:
    test = paired_test([0.0, 0.1], [0.0, 0.1])
    assert (test.difference, test.p_value, test.a12, test.rank_biserial) == (0.0, 1.0, 0.5, 0.0)


def test_holm_by_its_steps() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all()
    assert (adjusted <= np.minimum(1.0, np.array(p_values) * len(p_values)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interquartile_mean([1.0, 2.0]), r"scores must have shape \(runs, tasks\).*got \(2,\)"),
        (lambda: interquartile_mean([[1.0, np.nan]]), "scores must be finite, got nan"),
        (lambda: performance_profile(np.empty((0, 3)), [1.0]), r"neither of them 0, got \(0, 3\)"),
        (lambda: probability_of_improvement([[1.0]], [[1.0, 2.0]]), "must have the same tasks, got 1 and 2"),
        (lambda: paired_test([1.0, 2.0], [1.0]), "first and second must be paired, got 2 and 1 runs"),
    ],
    ids=["shape", "nan", "empty", "tasks", "pairs"],
)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
