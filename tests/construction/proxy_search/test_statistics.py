"""Intervals and noise ceilings."""

import numpy as np
import pytest

from anb_gym.construction.proxy_search.statistics import Comparison, Measured, noise_ceiling
from anb_gym.construction.ranking import tau


def measured(truth: np.ndarray, std: float, seeds: int, seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    accuracy = truth[:, None] + std * rng.normal(size=(len(truth), seeds))
    return Measured(accuracy, np.full(accuracy.shape, 2.0))


TRUTH = np.random.default_rng(0).normal(60, 2, size=40)


def test_the_ceiling_is_what_a_perfect_proxy_reaches() -> None:
    """Against fresh draws of a known truth, which the ceiling does not know."""
    for std, seeds, proxy_seeds in [(0.3, 3, 1), (1.5, 2, 3)]:
        reached = [
            tau(measured(TRUTH, std, seeds, 2 * r).mean, measured(TRUTH, std, proxy_seeds, 2 * r + 1).mean)
            for r in range(200)
        ]
        ceilings = [noise_ceiling(measured(TRUTH, std, seeds, 1000 + r), proxy_seeds) for r in range(5)]
        assert np.mean(ceilings) == pytest.approx(np.mean(reached), abs=0.025)


def test_without_noise_the_ceiling_is_1_and_with_nothing_else_it_is_0() -> None:
    assert noise_ceiling(measured(TRUTH, 0.0, 2, 0), 1) == 1.0
    equal = Measured(np.array([[60.0, 61.0], [61.0, 60.0], [60.5, 60.5]]), np.ones((3, 2)))
    assert noise_ceiling(equal, 1) == pytest.approx(0.0, abs=0.05)


def test_one_seed_says_nothing_about_noise() -> None:
    single = measured(TRUTH, 0.3, 1, 0)
    assert single.std is None
    assert noise_ceiling(single, 1) is None


def test_an_interval_is_around_tau_and_shrinks_with_architectures() -> None:
    widths = []
    for n in (12, 40):
        comparison = Comparison(np.arange(n), measured(TRUTH[:n], 1.0, 2, 0), measured(TRUTH[:n], 1.0, 2, 1))
        low, high = comparison.interval
        assert low < comparison.tau < high <= 1
        widths.append(high - low)
    assert widths[1] < 0.75 * widths[0]


def test_the_time_ratio_is_of_mean_times() -> None:
    fast = Measured(np.zeros((2, 1)), np.array([[1.0], [3.0]]))
    slow = Measured(np.zeros((2, 2)), np.array([[4.0, 6.0], [12.0, 10.0]]))
    assert Comparison(np.arange(2), slow, fast).time_ratio == 4.0


def test_equal_means_of_different_accuracies_are_ties() -> None:
    accuracy = np.array([[0.1, 0.2], [0.3, 0.0], [0.15, 0.15]])
    assert len(set(Measured(accuracy, accuracy).mean)) == 1
