"""Heuristics that measure before they design."""

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest

pytest.importorskip("numba")

from anb_gym.envs.families import FAMILIES
from anb_gym.generalisation import heuristics
from anb_gym.generalisation.episodes import COUNTS, play
from anb_gym.generalisation.heuristics import HEURISTICS, Seen, load_pool
from anb_gym.hardware import PROBES, TEST_SEEDS
from anb_gym.problems.target_devices import target_device
from anb_gym.space import SPACE

ID = FAMILIES["probe"].id
#: Not one of those that results are reported of.
DEVICE = TEST_SEEDS[-1]


@pytest.fixture(autouse=True, scope="module")
def few() -> Any:
    """Few devices for training: what is tested does not depend on how many there are."""
    patch = pytest.MonkeyPatch()
    patch.setattr(heuristics, "N_FRONTS", 2)
    patch.setattr(heuristics, "N_AVERAGED", 8)
    load_pool.cache_clear()
    yield
    patch.undo()
    load_pool.cache_clear()


def seen(n: int, bound: float, states: np.ndarray | None = None) -> Seen:
    pool = load_pool("throughput")
    states = pool.ladder[:: max(1, len(pool.ladder) // max(1, n))][:n] if states is None else states
    times = np.log(bound / target_device(DEVICE, "throughput", None, "gp").performance(states))
    return Seen(pool, states, times)


def middle() -> float:
    (_, ideal), (_, nadir) = target_device(DEVICE, "throughput", None, "gp").extent
    return float(np.sqrt(ideal * nadir))


def test_the_pool_has_the_most_accurate_first_and_its_ladder_rises() -> None:
    pool = load_pool("throughput")
    assert (np.diff(pool.accuracy) <= 0.0).all()
    rows = [pool.states.tolist().index(rung) for rung in pool.ladder.tolist()]
    assert (np.diff(rows) < 0).all()  # ever more accurate
    assert (np.diff(pool.log_times.mean(axis=0)[rows]) > 0.0).all()  # and slower
    assert pool.constant.tolist() in pool.states.tolist()


def test_what_was_measured_is_certain() -> None:
    ladder = load_pool("throughput").ladder[::40]
    performance = target_device(DEVICE, "throughput", None, "gp").performance(ladder)
    found = seen(0, float(np.median(performance)), ladder)
    chance, violation = found.chances(found.states)
    met = found.logs <= 0.0
    assert 0 < met.sum() < len(met)
    assert chance.tolist() == met.astype(float).tolist()
    np.testing.assert_allclose(violation[~met], 1.0 - np.exp(-found.logs[~met]), atol=1e-6)


def test_chances_are_those_of_the_devices_that_the_measurements_allow() -> None:
    found = seen(3, middle())
    states = found.pool.thinned(50).states
    mean, std = found.estimate.predict(states)
    draws = np.random.default_rng(0).normal(mean, std, (20_000, 50)) - np.log(heuristics._UNIT)
    chance, violation = found.chances(states)
    np.testing.assert_allclose(chance, (draws <= 0.0).mean(axis=0), atol=0.02)
    missed = np.where(draws > 0.0, draws, 0.0).sum(axis=0) / np.maximum(1, (draws > 0.0).sum(axis=0))
    likely = (draws > 0.0).mean(axis=0) > 0.05
    np.testing.assert_allclose(-np.log(1.0 - violation[likely]), missed[likely], rtol=0.1, atol=0.01)


def test_a_gain_needs_a_chance_and_a_better_network() -> None:
    found = seen(4, middle())
    chance, _ = found.of_pool
    now = found.expected.max()
    assert (found.gains >= 0.0).all()
    assert (found.gains[found.rewards(found.pool.accuracy) <= now] == 0.0).all()
    assert (found.gains <= chance).all()
    best = int(found.gains.argmax())
    assert found.rewards(found.pool.accuracy)[best] > now


@pytest.mark.parametrize("name", HEURISTICS)
def test_episodes(name: str) -> None:
    """The same device and bound after every count; the price is paid, and the design is the environment's to judge."""
    env = gymnasium.make(f"anb_gym:{ID}", budget=5)
    found = list(play(env, HEURISTICS[name], (0, 1, 3, 5, -1), seed=4, options={"device": DEVICE}))
    assert [episode.measurements for episode in found[:4]] == [0, 1, 3, 5]
    assert 1 <= found[4].measurements <= 5
    assert {episode.device for episode in found} == {f"generated_{DEVICE}"}
    for episode in found:
        assert episode.total == pytest.approx(episode.reward - 0.01 * episode.measurements)
        assert (episode.reward < 0.0) == (episode.cost > 0.0) == np.isinf(episode.regret)
    assert found[3].reward > 0.8
    again = list(play(env, HEURISTICS[name], (3,), seed=4, options={"device": DEVICE}))
    assert replace(again[0]) == found[2]


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        (ID, {"budget": 4}, "counts must be at most the budget of env, 4, got 5"),
        (ID, {"granularity": "block"}, "env must be AccelNAS-Probe with granularity='network', got .*ProbeEnv"),
        ("AccelNAS-Generated-v0", {}, "env must be AccelNAS-Probe with granularity='network', got .*Generated"),
    ],
)
def test_other_environments_are_refused(id: str, arguments: dict[str, Any], message: str) -> None:
    env = gymnasium.make(f"anb_gym:{id}", **arguments)
    with pytest.raises(ValueError, match=message):
        next(play(env, HEURISTICS["random"], (0, 5)))


def test_probes_are_measured_in_their_order_then_others() -> None:
    rng = np.random.default_rng(0)
    states = np.empty((0, 7), dtype=np.int64)
    for _ in range(11):
        state = HEURISTICS["probes"].measure(seen(0, middle(), states), rng)
        states = np.concatenate([states, state[None]])
    indices = SPACE.states_to_index(states).tolist()
    assert indices[:10] == list(PROBES)
    assert indices[10] not in PROBES


def test_bisection_halves_the_ladder() -> None:
    pool, rng = load_pool("throughput"), np.random.default_rng(0)
    states = np.empty((0, 7), dtype=np.int64)
    for _ in range(int(np.ceil(np.log2(len(pool.ladder)))) + 1):
        state = HEURISTICS["bisection"].measure(seen(0, middle(), states), rng)
        states = np.concatenate([states, state[None]])
    found = seen(0, middle(), states)
    low, high = heuristics._rung(found)
    assert high == low + 1
    assert HEURISTICS["bisection"].design(found).tolist() == pool.ladder[low].tolist()


def test_counts_end_with_the_one_that_is_decided() -> None:
    assert COUNTS[-1] == -1
    assert min(COUNTS[:-1]) == 0
