"""Optima under limits: of single architectures and of mixtures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym import SPACE, Benchmark
from anb_gym.fronts.limits import best_mixtures, best_under
from anb_gym.fronts.store import FRONTS
from anb_gym.metrics import DIRECTIONS, relative_violation

DEVICE_FRONTS = [metric for metric in FRONTS if metric != "accuracy"]
SAMPLE = SPACE.sample(3000, np.random.default_rng(5))


@dataclass(frozen=True, eq=False)
class Small:
    """A space of few architectures, that need not be a front."""

    metrics: tuple[str, str]
    objectives: np.ndarray

    @property
    def indices(self) -> np.ndarray:
        return np.arange(len(self.objectives)) + 7

    @property
    def ideal(self) -> tuple[float, float]:
        best, values = self.objectives.T
        return float(best.max()), float(values.max() if DIRECTIONS[self.metrics[1]] == "max" else values.min())


def small(metric: str, points: Any) -> Any:
    return Small(("accuracy", metric), np.array(points, dtype=np.float64))


def meets(metric: str, values: np.ndarray, bound: float) -> np.ndarray:
    return values >= bound if DIRECTIONS[metric] == "max" else values <= bound


#: Points with ties in both metrics.
POINTS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12)
METRICS = st.sampled_from(["vck190/throughput", "vck190/latency"])


@given(METRICS, POINTS)
def test_single_architectures_by_brute_force(metric: str, points: list[tuple[int, int]]) -> None:
    front = small(metric, points)
    bounds = np.unique(np.concatenate([front.objectives[:, 1], front.objectives[:, 1] + 0.5, [0.25]]))
    reached = bounds[meets(metric, np.array([front.ideal[1]]), bounds)]
    found = best_under(front, reached)
    for row, bound in enumerate(reached):
        met = meets(metric, front.objectives[:, 1], bound)
        assert found.accuracy[row] == front.objectives[met, 0].max()
        of_best = front.objectives[found.indices[row] - 7]
        assert of_best.tolist() == [found.accuracy[row], found.metric[row]]
        assert meets(metric, of_best[1:], bound).all()
    for bound in set(bounds) - set(reached):
        with pytest.raises(ValueError, match=f"the nearest that can be met is {front.ideal[1]}"):
            best_under(front, bound)


def _by_linear_programme(accuracy: np.ndarray, load: np.ndarray, most: float) -> float:
    optimize = pytest.importorskip("scipy.optimize")
    found = optimize.linprog(-accuracy, load[None], [most], np.ones((1, len(load))), [1.0], method="highs")
    assert found.status == 0
    return float(-found.fun)


def _checked(front: Any, metric: str, limits: np.ndarray, bound: float | None, all_points: np.ndarray) -> Any:
    """Mixtures of a front that are as good as the linear programme over all points says, and keep their limits."""
    found = best_mixtures(front, limits, bound)
    sign = -1.0 if DIRECTIONS[metric] == "max" else 1.0
    load = sign * all_points[:, 1] if bound is None else relative_violation(metric, all_points[:, 1], bound)
    for row, limit in enumerate(limits):
        most = sign * limit if bound is None else limit
        assert found.accuracy[row] == pytest.approx(_by_linear_programme(all_points[:, 0], load, most), abs=1e-7)
    assert found.weights.sum(axis=1) == pytest.approx(1.0)
    assert found.weights.min() >= 0.0
    kept = found.expected <= limits + 1e-9 if bound is not None or sign > 0 else found.expected >= limits - 1e-9
    assert kept.all()
    return found


@given(METRICS, POINTS, st.data())
def test_mixtures_by_linear_programmes(metric: str, points: list[tuple[int, int]], data: st.DataObject) -> None:
    front = small(metric, points)
    place = data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    worst = front.objectives[:, 1].min() if DIRECTIONS[metric] == "max" else front.objectives[:, 1].max()
    limit = front.ideal[1] + place * (worst - front.ideal[1])
    found = _checked(front, metric, np.array([limit]), None, front.objectives)
    assert found.accuracy[0] >= best_under(front, limit).accuracy[0] - 1e-12
    bound = data.draw(st.sampled_from([0.5, 3.0, 6.5]))
    load = relative_violation(metric, front.objectives[:, 1], bound)
    _checked(front, metric, load.min() + np.array([0.0, 0.1, 2.0]), bound, front.objectives)


@given(METRICS, st.integers(0, 10**6))
def test_mixtures_of_two_by_brute_force(metric: str, seed: int) -> None:
    """No pair of architectures, in any proportion that keeps the limit, is better."""
    rng = np.random.default_rng(seed)
    front = small(metric, rng.uniform(1.0, 9.0, (6, 2)))
    limit = rng.uniform(*np.sort([front.objectives[:, 1].mean(), front.ideal[1]]))
    best = best_mixtures(front, limit).accuracy[0]
    part = np.linspace(0.0, 1.0, 201)[:, None]
    for first in front.objectives:
        for second in front.objectives:
            accuracy, value = (part * first + (1.0 - part) * second).T
            assert accuracy[meets(metric, value, limit)].max(initial=0.0) <= best + 1e-9


@pytest.mark.parametrize("metric", DEVICE_FRONTS)
def test_limits_on_the_exact_front(metric: str) -> None:
    """Nothing that is sampled beats what the front says, alone or mixed."""
    front = Benchmark().front(metric)
    places = np.array([0.0, 0.03, 0.3, 0.6, 0.9, 1.0])
    bounds = front.nadir[1] + places * (front.ideal[1] - front.nadir[1])
    bounds[-1] = front.ideal[1]
    best = front.best_under(bounds)
    accuracy, values = Benchmark().query(SAMPLE, front.metrics).values()
    for row, bound in enumerate(bounds):
        assert accuracy[meets(metric, values, bound)].max(initial=0.0) <= best.accuracy[row]
        assert meets(metric, best.metric[row : row + 1], bound).all()
    asked = Benchmark().query(best.indices, front.metrics)
    assert [column.tolist() for column in asked.values()] == [best.accuracy.tolist(), best.metric.tolist()]
    assert best.accuracy[[0, -1]].tolist() == [front.ideal[0], front.nadir[0]]
    everything = np.concatenate([front.objectives, np.stack([accuracy, values], axis=1)[:200]])
    mixed = _checked(front, metric, bounds, None, everything)
    assert (mixed.accuracy >= best.accuracy).all()
    assert mixed.accuracy[2] > best.accuracy[2]
    costs = _checked(front, metric, np.array([0.0, 0.01, 0.2, 9.0]), float(bounds[3]), everything)
    assert costs.accuracy[0] == best.accuracy[3]
    assert costs.accuracy[-1] == front.ideal[0]
    assert (np.diff(costs.accuracy) > 0.0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda front: front.best_under("fast"), "bounds must be finite numbers, one or a list of them, got 'fast'"),
        (lambda front: front.best_under([1.0, np.nan]), "bounds must be finite numbers"),
        (lambda front: front.best_under(True), "bounds must be finite numbers"),
        (lambda front: front.best_under([[1.0]]), "bounds must be finite numbers"),
        (lambda front: front.best_under([10**400]), "bounds must be finite numbers"),
        (
            lambda front: front.best_under([100, 9e4]),
            r"none has a vck190/throughput of at least 90000.0 images/s; .*4927",
        ),
        (lambda front: front.best_mixtures(5e3), "limits must be met by some architecture.* at least 5000.0 images/s"),
        (lambda front: front.best_mixtures(-0.1, 3e3), "limits must be at least 0.0, the smallest cost .* got -0.1"),
        (
            lambda front: front.best_mixtures(0.01, 9e3),
            r"limits must be at least 0.45.* under the bound 9,000 of vck190",
        ),
        (lambda front: front.best_mixtures(0.01, -1.0), "bound must be positive, got -1.0"),
        (lambda front: front.best_mixtures(None), "limits must be finite numbers"),
    ],
)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(Benchmark().front("vck190/throughput"))


def test_of_accuracy_alone() -> None:
    with pytest.raises(ValueError, match="the front must be of accuracy and a device metric, got accuracy"):
        Benchmark().front("accuracy").best_under(1.0)
