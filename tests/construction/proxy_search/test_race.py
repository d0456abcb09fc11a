"""Schemes race: the winner is that of a full search, at less cost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anb_gym.construction.proxy_search.race import Goal, Race, Standing
from anb_gym.construction.ranking import tau
from anb_gym.construction.units import Trained

REFERENCE = np.array([60.0, 55.0, 58.0, 63.0, 61.0, 52.0, 57.0, 59.0])


def finish(race: Race, accuracy: np.ndarray, seconds: np.ndarray, wave: int = 3) -> int:
    """Races with accuracies and times (schemes, n, seeds); returns how many architectures were trained."""
    trained = 0
    while pairs := race.wave(wave):
        assert len(pairs) <= wave
        assert len(set(pairs)) == len(pairs)
        for scheme, row in pairs:
            pairs_of_seeds = zip(accuracy[scheme, row], seconds[scheme, row], strict=True)
            race.tell(scheme, row, [Trained(*both) for both in pairs_of_seeds])
        trained += len(pairs)
    return trained


def outcomes(seed: int, schemes: int = 12, seeds: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0, 6, (schemes, 1, 1)) * rng.normal(size=(schemes, len(REFERENCE), seeds))
    accuracy = (REFERENCE[:, None] + noise).round(rng.integers(0, 3))  # some have ties
    return accuracy, rng.uniform(0.5, 1.5, accuracy.shape) * rng.uniform(1, 9, (schemes, 1, 1))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 2))
def test_the_winner_is_that_of_a_search_that_gives_nothing_up(seed: int, wave: int, seeds: int) -> None:
    accuracy, seconds = outcomes(seed, seeds=seeds)
    race = Race(len(accuracy), REFERENCE, seeds, limit=5.0)
    finish(race, accuracy, seconds, wave)
    taus = [float(tau(a.mean(axis=1).round(9), REFERENCE)) for a in accuracy]
    allowed = [s for s in range(len(accuracy)) if seconds[s].mean() <= 5.0]
    if not allowed:
        assert race.winner is None
    else:
        assert race.winner == max(allowed, key=lambda s: (round(taus[s], 12), -seconds[s].mean()))
        assert race.bounds[race.winner] == pytest.approx(taus[race.winner])


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_with_a_target_the_first_scheme_that_reaches_it_wins(seed: int, wave: int) -> None:
    accuracy, seconds = outcomes(seed)
    race = Race(len(accuracy), REFERENCE, 1, limit=8.0, goal=Goal(0.6, 5.0))
    finish(race, accuracy, seconds, wave)
    reaching = [
        s for s in range(len(accuracy)) if seconds[s].mean() <= 5.0 and tau(accuracy[s, :, 0], REFERENCE) >= 0.6
    ]
    if reaching:
        assert race.winner == reaching[0]
    else:
        everything = Race(len(accuracy), REFERENCE, 1, limit=8.0)
        finish(everything, accuracy, seconds)
        assert race.winner == everything.winner


def test_racing_costs_less_than_a_full_search() -> None:
    accuracy, seconds = outcomes(1, schemes=30)
    race = Race(30, REFERENCE, 1, limit=5.0)
    trained = finish(race, accuracy, seconds)
    assert trained < 0.75 * 30 * len(REFERENCE)
    assert {Standing.COMPLETE, Standing.TOO_SLOW, Standing.OUTRANKED} == set(race.standings())


def test_a_target_that_is_reached_at_once_ends_the_race() -> None:
    accuracy = np.repeat(REFERENCE[None, :, None], 4, axis=0)
    race = Race(4, REFERENCE, 1, limit=np.inf, goal=Goal(0.9))
    assert finish(race, accuracy, np.ones_like(accuracy), wave=4) <= len(REFERENCE) + 4
    assert race.winner == 0
    assert race.standings()[-1] is Standing.OPEN


def test_a_slow_scheme_is_given_up_as_soon_as_its_mean_must_exceed_the_limit() -> None:
    race = Race(1, REFERENCE, 1, limit=1.0)
    race.tell(0, 0, [Trained(60.0, 7.9)])
    assert race.wave(1) == [(0, 1)]
    race.tell(0, 1, [Trained(60.0, 0.2)])
    assert race.wave(1) == []
    assert race.standings() == [Standing.TOO_SLOW]
    assert race.winner is None


def test_of_equally_good_schemes_the_fastest_wins() -> None:
    accuracy = np.repeat(REFERENCE[None, :, None], 3, axis=0)
    seconds = np.ones_like(accuracy) * np.array([3.0, 1.0, 2.0])[:, None, None]
    race = Race(3, REFERENCE, 1, limit=np.inf)
    finish(race, accuracy, seconds)
    assert race.winner == 1
