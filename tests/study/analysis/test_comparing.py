"""Differences of controllers, their certainty, and the seeds that they need."""

from __future__ import annotations

import numpy as np
import pytest

from anb_gym.study.analysis.comparing import alike, compare_scores, needed_seeds, pairs_of
from anb_gym.study.analysis.statistics import paired_test, probability_of_improvement_interval


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_constant_gain_is_certain_whatever_the_spread(rng: np.random.Generator) -> None:
    """Pairing takes out what seeds have in common, which the unpaired interval has to bear."""
    second = rng.gamma(2.0, size=(20, 3))
    found = compare_scores(second + 0.1, second, rng)
    assert (found.runs, found.tasks) == (20, 3)
    assert [found.gain.low, found.gain.estimate, found.gain.high] == pytest.approx([0.1] * 3)
    assert found.p_value < 1e-9
    paired = found.improvement
    unpaired = probability_of_improvement_interval(second, second + 0.1, rng)
    assert paired.estimate == unpaired.estimate > 0.5
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)


def test_the_sides_are_mirrored(rng: np.random.Generator) -> None:
    one, two = rng.random((30, 2)), rng.random((30, 2)) * 0.8
    there, back = (compare_scores(*pair, np.random.default_rng(1)) for pair in ((one, two), (two, one)))
    assert there.gain.estimate == pytest.approx(-back.gain.estimate)
    assert there.improvement.estimate == pytest.approx(1.0 - back.improvement.estimate)
    assert there.p_value == pytest.approx(back.p_value)


def test_runs_must_be_paired(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"must be paired, got shapes \(3, 2\) and \(4, 2\)"):
        compare_scores(np.zeros((3, 2)), np.zeros((4, 2)), rng)
    with pytest.raises(ValueError, match="must be paired, got 3 and 4 runs"):
        probability_of_improvement_interval(np.zeros((3, 2)), np.zeros((4, 2)), rng, paired=True)


def test_groups_that_cannot_be_told_apart(rng: np.random.Generator) -> None:
    """Neighbours of a chain can be alike while its ends are not: then groups overlap."""
    common, noise = rng.normal(size=(40, 2)), np.linspace(-1.0, 1.0, 80).reshape(40, 2)
    apart = {"a": 0.0 * noise, "b": noise + 0.1, "c": noise[::-1] * 0.5 + 0.2, "d": noise * 0.0 + 9.0}
    scores = {name: common + apart[name] for name in "abcd"}
    pairs = {pair: (scores[pair[0]], scores[pair[1]]) for pair in pairs_of("abcd")}
    assert alike("abcd", pairs) == [["a", "b"], ["b", "c"]]
    assert alike("abcd", {pair: pairs[pair] for pair in pairs if pair != ("a", "c")}) == [["a", "b", "c"]]
    assert alike("ad", {("a", "d"): pairs["a", "d"]}) == []
    assert alike("a", {}) == []


@pytest.mark.parametrize(("difference", "tasks"), [(0.4, 1), (0.8, 3)])
def test_as_many_seeds_as_needed_find_the_difference_as_often_as_asked(difference: float, tasks: int) -> None:
    rng = np.random.default_rng(3)
    spread = rng.exponential(size=(400, tasks))  # skewed, as regrets are
    n = needed_seeds(spread, difference, rng) or 0
    found = [
        paired_test(rng.exponential(size=n * tasks) + difference, rng.exponential(size=n * tasks)).p_value < 0.05
        for _ in range(200)
    ]
    assert 0.72 < np.mean(found) < 0.92  # the approximation errs on the safe side if few suffice


def test_needs_grow_as_differences_shrink(rng: np.random.Generator) -> None:
    scores = rng.random((30, 2))
    needs = [
        needed_seeds(scores, difference, np.random.default_rng(0)) or 0 for difference in (0.8, 0.4, 0.2, 0.1, 0.05)
    ]
    assert needs == sorted(needs)
    assert 3 < needs[-1] / needs[-2] < 5  # as its inverse square
    assert 5 < (needed_seeds(np.zeros((5, 1)), 0.1, rng) or 0) < 20  # no spread at all: what the test itself needs
    assert needed_seeds(np.arange(9.0)[:, None] ** 3.3, 1e-9, rng) is None  # these runs do not say


@pytest.mark.parametrize(
    ("scores", "difference", "power", "message"),
    [
        (np.zeros((5, 1)), 0.0, 0.8, "difference must be positive and finite, got 0.0"),
        (np.zeros((5, 1)), 0.1, 1.0, "power must be between 0 and 1, got 1.0"),
        (np.zeros((1, 1)), 0.1, 0.8, "scores must have four runs or more .*, got 1"),
    ],
)
def test_bad_needs(scores: np.ndarray, difference: float, power: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        needed_seeds(scores, difference, np.random.default_rng(0), power)
