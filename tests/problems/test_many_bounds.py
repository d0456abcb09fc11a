"""Accuracy under bounds on several devices at once."""

from typing import Any

import numpy as np
import pytest

import anb_gym
from anb_gym import SPACE, Benchmark
from anb_gym.envs.bounds import BOUNDS
from anb_gym.fronts import NoFrontError, many_bounds
from anb_gym.problems import ManyBoundsProblem
from anb_gym.rewards import Accuracy, ManyBounds
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.problems import problem_of

ID = "AccelNAS-Bounds-v0"


def test_reward() -> None:
    reward = ManyBounds({"vck190": 1000.0, "zcu102/latency": 4.0})
    assert reward == ManyBounds((("zcu102/latency", 4.0), ("vck190/throughput", 1000.0)))
    assert set(reward.metrics) == {"accuracy", "vck190/throughput", "zcu102/latency"}
    values = {
        "accuracy": np.array([60.0, 60.0, 60.0, 60.0]),
        "vck190/throughput": np.array([1000.0, 900.0, 900.0, 1200.0]),
        "zcu102/latency": np.array([4.0, 4.0, 5.0, 12.0]),
    }
    assert reward(values) == pytest.approx([60.0, -10.0, -25.0, -100.0])
    assert reward.violation(values) == pytest.approx([0.0, 0.1, 0.25, 2.0])


def test_unit_scale_regret_and_cost() -> None:
    problem = anb_gym.make_problem(ID)
    choices = SPACE.sample(3000, np.random.default_rng(0))
    found = problem.evaluate(choices)
    meets = found.cost == 0.0
    assert 0.05 < meets.mean() < 0.15
    assert abs(found.reward[meets].mean()) < 0.1
    assert (found.reward[~meets] <= -1.0).all()
    assert np.isinf(found.regret[~meets]).all()
    best = problem.optimum
    assert found.regret[meets] == pytest.approx(best.value - found.metrics["accuracy"][meets])
    at_best = problem.evaluate(best.indices)
    assert (at_best.reward[0], at_best.regret[0], at_best.cost[0]) == (1.0, 0.0, 0.0)
    assert set(at_best.metrics) == {"accuracy", *BOUNDS}
    tried = problem.evaluate(SPACE.neighbours(best.architecture.choices))
    assert (tried.reward < 1.0).all()


def test_shipped_optima_are_what_the_search_finds() -> None:
    pytest.importorskip("numba")
    reward = anb_gym.make_problem(ID).reward
    assert isinstance(reward, ManyBounds)
    bounds = reward.bounds
    indices, covered = many_bounds.solve("gp", "accuracy", bounds)
    shipped = many_bounds.best_under_bounds("gp", "accuracy", bounds)
    assert indices.tolist() == shipped.indices.tolist()
    assert covered == shipped.covered == SPACE.size
    for accuracy in ("accuracy", "accuracy/reference"):
        assert many_bounds._key("gp", accuracy, bounds) in many_bounds._records()


def test_one_bound_is_that_of_bounded() -> None:
    pytest.importorskip("numba")
    one = anb_gym.make_problem(ID, bounds={"vck190": 3000.0})
    bounded = anb_gym.make_problem("AccelNAS-VCK190-v0", reward="bounded")
    assert one.optimum.indices.tolist() == bounded.optimum.indices.tolist()
    index = np.array([int(one.optimum.indices[0]), 0, 71903])
    assert one.evaluate(index).regret.tolist() == bounded.evaluate(index).regret.tolist()


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (
            {"vck190": 3000, "zcu102/latency": 1.0},
            r"none meets .*; the nearest .* beside the others is [0-9.]+ ",
        ),
        ({"tpuv3": 3000.0}, r"the nearest tpuv3/throughput that can be met is 1831\.2"),
        ({}, "bounds must map one or more metrics to numbers, got"),
        ({"vck19": 1.0}, "a metric of bounds must be one of .*did you mean 'vck190'"),
        ({"vck190": -1}, r"bounds\['vck190/throughput'\] must be positive and finite, got -1"),
        ({"vck190": 1, "vck190/throughput": 2}, "bounds must be of different metrics"),
        ([3000], "bounds must map metrics to numbers, such as"),
    ],
)
def test_bad_bounds(bounds: Any, message: str) -> None:
    pytest.importorskip("numba")
    with pytest.raises(ValueError, match=message):
        anb_gym.make_problem(ID, bounds=bounds)


def test_without_the_extra_the_defaults_work_and_others_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_bounds, "is_installed", lambda module: False)
    assert anb_gym.make_problem(ID).optimum.value > 66.0
    with pytest.raises(NoFrontError, match=r"pip install 'anb_gym\[exact\]'"):
        anb_gym.make_problem(ID, bounds={"vck190": 2999.5})


def test_another_reward_is_refused() -> None:
    with pytest.raises(ValueError, match="reward must be an anb_gym.rewards.ManyBounds"):
        ManyBoundsProblem(anb_gym.make_problem(ID).task, Accuracy())


def test_studies() -> None:
    arguments = {"bounds": {"vck190": 3600.0, "zcu102/latency": 6.0, "a100": 11000.0}}
    problem = problem_of(ID, arguments)
    assert problem == anb_gym.make_problem(ID)
    judge = Judge(ID, arguments)
    assert judge.exact(problem.optimum.indices)[0, 0] == 1.0
    assert judge.exact(problem.optimum.indices, "xgb").shape == (1, 1)
    metrics = Benchmark().query(problem.optimum.indices, problem.metrics)
    assert problem.optimum.metrics == {name: column[0] for name, column in metrics.items()}
