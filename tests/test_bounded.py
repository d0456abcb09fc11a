"""Accuracy under a bound: the reward, its unit scale, and the sample that it is measured with."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.calibration import LEAST, SEED, bounded_level, calibration, tail_sample
from anb_gym.calibration.tail import STEP
from anb_gym.fronts import NoFrontError
from anb_gym.fronts.store import FRONTS
from anb_gym.metrics import DIRECTIONS
from anb_gym.problems import AskBound, AskWeights, Problem, ProblemSet
from anb_gym.rewards import Accuracy, Bounded, Chebyshev, Constrained, make_reward
from anb_gym.robustness import violation_in_worlds
from anb_gym.tasks import get_task

METRICS = [metric for metric in FRONTS if metric != "accuracy"]
EVERY_METRIC = pytest.mark.parametrize("metric", METRICS)


def _bounds(metric: str, places: Any) -> np.ndarray:
    front = Benchmark().front(metric)
    bounds = front.nadir[1] + np.asarray(places) * (front.ideal[1] - front.nadir[1])
    return np.where(np.asarray(places) == 1.0, front.ideal[1], bounds)


@pytest.mark.parametrize(
    ("metric", "bound", "value", "expected"),
    [
        ("vck190/throughput", 1000.0, 900.0, -10.0),
        ("vck190/throughput", 1000.0, 1000.0, 64.0),
        ("vck190/latency", 2.0, 2.5, -25.0),
        ("vck190/latency", 2.0, 2.0, 64.0),
        ("vck190/latency", 2.0, 9.0, -100.0),
    ],
)
def test_reward(metric: str, bound: float, value: float, expected: float) -> None:
    values = {"accuracy": np.array([64.0]), metric: np.array([value])}
    assert Bounded(metric, bound)(values) == pytest.approx([expected])
    assert Bounded(metric, 77.0)(values, bound=np.array([bound])) == pytest.approx([expected])


def test_a_margin_counts_from_the_bound_that_is_asked_for() -> None:
    fast, quick = Bounded("vck190", 3150.0, margin=0.05), Bounded("vck190/latency", 2.85, margin=0.05)
    assert (fast.asked, quick.asked) == (pytest.approx(3000.0), pytest.approx(3.0))
    assert Bounded("vck190", 3150.0).asked == 3150.0
    task = get_task("VCK190")
    optimum = Benchmark().optimum(fast).indices[:1]
    kept, plain = (violation_in_worlds(Problem(task, r), optimum) for r in (fast, Bounded("vck190", 3150.0)))
    assert (kept > 0.0).mean() < 0.2 < (plain > 0.0).mean()
    again = make_reward({"name": "bounded", **{k: v for k, v in asdict(fast).items() if k != "name"}}, task)
    assert again == fast
    for margin in (1.0, -0.1, "much", True):
        with pytest.raises(ValueError, match="margin must be"):
            Bounded("vck190", 3150.0, margin=margin)


def test_the_optimum_is_the_constrained_optimum() -> None:
    for name in ("VCK190", "ZCU102-Latency"):
        task = get_task(name)
        for bound in _bounds(task.metrics[1], [0.0, 0.4, 0.9]).tolist():
            bench = Benchmark()
            bounded, constrained = (bench.optimum(make_reward(r, task, bound)) for r in ("bounded", "constrained"))
            assert bounded.indices.tolist() == constrained.indices.tolist()
            assert bench.front(task.metrics[1]).best_under(bound).indices == bounded.indices[:1]


@pytest.fixture(scope="module")
def uniform() -> dict[str, np.ndarray]:
    """Metrics of architectures that the sample does not have."""
    return Benchmark().query(SPACE.sample(60_000, np.random.default_rng(SEED + 1)), ["accuracy", *METRICS])


@EVERY_METRIC
def test_shares_and_means_are_those_of_uniform_samples(metric: str, uniform: dict[str, np.ndarray]) -> None:
    """Where these show them."""
    sample, accuracy, values = tail_sample("gp", metric), uniform["accuracy"], uniform[metric]
    for bound in _bounds(metric, [0.0, 0.2, 0.5, 0.8]):
        met = values >= bound if DIRECTIONS[metric] == "max" else values <= bound
        (share,), (mean,) = sample.share(np.array([bound])), sample.mean_accuracy(np.array([bound]))
        n = met.sum()
        assert abs(n - share * len(met)) < 5 * np.sqrt(share * len(met)) + 5
        if n > 50:
            assert abs(accuracy[met].mean() - mean) < 5 * accuracy[met].std() / np.sqrt(n) + 0.05


@EVERY_METRIC
def test_the_sample_reaches_the_best_metric(metric: str) -> None:
    """Few architectures have it: the estimated share says how few, and their mean accuracy is theirs."""
    sample, front = tail_sample("gp", metric), Benchmark().front(metric)
    ideal = np.array([front.ideal[1]])
    alike = (front.objectives[:, 1] == front.ideal[1]).sum()
    assert sample.share(ideal)[0] * SPACE.size == pytest.approx(alike, rel=0.1)
    assert sample.mean_accuracy(ideal)[0] == pytest.approx(front.nadir[0])
    bounds = _bounds(metric, np.linspace(0.0, 1.0, 500))
    assert sample.effective(bounds).min() > 300
    assert (np.diff(sample.share(bounds)) <= 0.0).all()
    assert (sample.mean_accuracy(bounds) <= front.best_under(bounds).accuracy + 1e-9).all()
    assert sample.weight[0] == pytest.approx(1.0, rel=0.01)


@EVERY_METRIC
def test_what_is_remembered_of_a_sample_has_its_means(metric: str) -> None:
    sample, front = tail_sample("gp", metric), Benchmark().front(metric)
    ends = (front.nadir[1], front.ideal[1])
    means = sample.means(ends)
    steps = means.quality[::100] * (1.0 if DIRECTIONS[metric] == "max" else -1.0)
    bounds = np.concatenate([ends, _bounds(metric, np.linspace(0.001, 0.999, 500)), steps])
    np.testing.assert_allclose(means(bounds), sample.mean_accuracy(bounds), rtol=0.0, atol=0.5 * STEP + 1e-9)
    assert means.quality.nbytes + means.means.nbytes < 200_000


def test_the_sample_is_the_same_again() -> None:
    first = tail_sample("gp", "vck190/throughput")
    tail_sample.cache_clear()
    assert tail_sample("gp", "vck190/throughput").accuracy.tolist() == first.accuracy.tolist()


@EVERY_METRIC
def test_units(metric: str) -> None:
    bounds = _bounds(metric, np.linspace(0.0, 1.0, 50))
    zero, one = bounded_level("gp", metric, bounds)
    assert (one - zero >= LEAST).all()
    mean = tail_sample("gp", metric).mean_accuracy(bounds)
    assert (zero == np.minimum(mean, one - LEAST)).all()
    assert (zero == mean)[:45].all()
    known = calibration(Bounded(metric, bounds[20]), "gp")
    assert (known.random_mean, known.best, known.certified) == (zero[20], one[20], True)
    assert known.share == tail_sample("gp", metric).share(bounds)[20]
    assert known.to_unit(np.array([zero[20], one[20], -1e-9, -30.0, -100.0, 1.0])) == pytest.approx(
        [0.0, 1.0, -1.0, -1.3, -2.0, -1.0]
    )
    assert known.regret(np.array([one[20], one[20] - 0.5, -3.0])) == pytest.approx([0.0, 0.5, np.inf])


def test_bounds_without_a_scale() -> None:
    with pytest.raises(ValueError, match=r"must be met by some architecture, none has a vck190/latency of at most 0.1"):
        calibration(Bounded("vck190/latency", 0.1), "gp")
    with pytest.raises(NoFrontError, match='reward_scale="unit" under a bound needs the exact front: .*anb-gym solve'):
        calibration(Bounded("vck190/latency", 2.0), "xgb")


def test_problems_of_other_surrogates() -> None:
    """Raw rewards and costs need no front; what is best is not known."""
    task = get_task("VCK190")
    problem = Problem(task, make_reward("bounded", task), "raw", "xgb")
    found = problem.evaluate([1, 2, 3])
    assert found.regret is None
    assert found.cost is not None
    with pytest.raises(NoFrontError):
        problem.best_under(3000.0)


def test_sets_of_problems_have_costs() -> None:
    tasks = [get_task(name) for name in ("A100", "VCK190-Latency")]
    problems = ProblemSet(tuple(Problem(task, make_reward("bounded", task)) for task in tasks))
    assert problems.limit == problems["A100"].limit == make_reward("bounded", tasks[0])
    assert ProblemSet((Problem(tasks[0], Accuracy()),)).limit is None


def test_bounds_that_cannot_go_together() -> None:
    task, bounded = get_task("VCK190"), Bounded("vck190/throughput", 3000.0)
    weighted = make_reward("chebyshev", task)
    assert isinstance(weighted, Chebyshev)
    for arguments, message in (
        ({"reward": weighted, "constraint": bounded}, "reward must be the accuracy under the constraint Bounded"),
        ({"reward": bounded, "constraint": bounded}, "reward must be the accuracy under the constraint Bounded"),
        (
            {"reward": bounded, "constraint": Constrained("vck190/throughput", 3000.0)},
            "reward must be the accuracy under the constraint Constrained",
        ),
        ({"reward": bounded, "ask": AskWeights()}, "ask must be nothing, or a bound of vck190/throughput, with Bound"),
        (
            {"reward": bounded, "ask": AskBound("vck190/latency", 9.0, 1.0)},
            "ask must be nothing, or a bound of vck190/",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            Problem(task, **arguments)
    with pytest.raises(ValueError, match="bounds need a task with two metrics, 'Accuracy' has"):
        Problem(get_task("Accuracy"), Accuracy()).best_under(1.0)
