"""How hard tasks are, on small samples, on landscapes whose answer is known, and as a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from anb_gym.baselines import BASELINES
from anb_gym.reports.tasks import alike_part, read_summary, write_tasks
from anb_gym.space import EFFICIENTNET_B0, SPACE
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry
from anb_gym.study.difficulty import (
    alikeness,
    beats_efficientnet,
    best_and_worst,
    climb_ends,
    first_at_most,
    fitness_distance_correlation,
    measure_difficulty,
    most_different,
    optima,
    told_apart,
)
from anb_gym.study.results import Results
from anb_gym.study.runner import run_study

SCALAR, VECTOR = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0"
SUMMARY = pd.DataFrame(
    [
        (SCALAR, "searched", "regret", name, budget, 9, iqm, iqm - 0.01, iqm + 0.01)
        for budget in (100, 1000)
        for name, iqm in (("a", 0.10), ("b", 0.11), ("c", 0.50))
    ],
    columns=["task", "judge", "measure", "controller", "evaluations", "runs", "iqm", "iqm_low", "iqm_high"],
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Local search on a scalar, a noisy and a bounded task, archive evolution on one with two objectives."""
    names = {"local_search": 1, "archive_evolution": 2}
    study = StudyConfig(
        name="small",
        controllers=[ControllerEntry(name, BASELINES[name].target) for name in names],
        tasks=[
            TaskEntry(SCALAR, SCALAR, controllers=("local_search",)),
            TaskEntry("noisy", SCALAR, noise=True, controllers=("local_search",)),
            TaskEntry("bound", SCALAR, {"reward": "constrained"}, controllers=("local_search",)),
            TaskEntry(VECTOR, VECTOR, controllers=("archive_evolution",)),
        ],
        seeds=range(3),
        evaluations=600,
    )
    return Results.load(run_study(study, tmp_path_factory.mktemp("difficulty"), workers=1).path)


def test_alikeness_and_tasks_that_differ() -> None:
    bounded = Judge("AccelNAS-ZCU102-v0", {"reward": "bounded"})
    judges = [Judge("AccelNAS-ZCU102-v0"), Judge("AccelNAS-ZCU102-v0", noise=True), Judge("AccelNAS-TPUv3-v0"), bounded]
    alike = alikeness(judges, n=500)
    np.testing.assert_allclose(alike, alike.T)
    assert alike[0, 1] == pytest.approx(1.0)
    index = SPACE.to_index(SPACE.sample(500, np.random.default_rng(0)))
    expected = scipy.stats.spearmanr(judges[0].exact(index)[:, 0], judges[2].exact(index)[:, 0]).statistic
    assert alike[0, 2] == pytest.approx(expected)
    by_hand = np.array([[1.0, 0.2, 0.9, 0.5], [0.2, 1.0, 0.6, 0.5], [0.9, 0.6, 1.0, 0.1], [0.5, 0.5, 0.1, 1.0]])
    assert (most_different(by_hand, 2), most_different(by_hand, 3)) == ((2, 3), (0, 1, 3))
    with pytest.raises(ValueError, match="of tasks with one objective, got 2"):
        alikeness([Judge(VECTOR)])
    (line,) = (
        line for line in alike_part([*judges, Judge(SCALAR), Judge("AccelNAS-Accuracy-v0")]) if "median is" in line
    )
    assert "between tasks without a bound" in line


def rows(results: Results, task: str) -> Any:
    return results.table[results.table["task"] == task]


def test_a_scalar_task_is_measured(results: Results) -> None:
    found = measure_difficulty(rows(results, SCALAR), Judge(SCALAR))
    assert (found.runs, found.budget) == (3, 600)
    assert 50 < found.needed <= 600
    assert found.climbs >= 6
    assert 0.0 < found.optimal < 1.0
    assert -1.0 < found.correlation < 0.0
    assert np.isnan(found.to_baseline)


def test_noise_makes_a_task_harder(results: Results) -> None:
    exact = measure_difficulty(rows(results, SCALAR), Judge(SCALAR))
    noisy = measure_difficulty(rows(results, "noisy"), Judge(SCALAR, noise=True))
    assert noisy.needed > exact.needed
    assert noisy.optimal < exact.optimal


def test_a_task_with_two_objectives_is_measured(results: Results) -> None:
    found = measure_difficulty(rows(results, VECTOR), Judge(VECTOR))
    assert (found.climbs, found.runs) == (0, 3)
    assert 1 <= found.to_baseline < 600
    assert -1.0 < found.correlation < 0.0


def test_climbs_end_where_no_neighbour_is_better(results: Results) -> None:
    judge = Judge(SCALAR)
    run = rows(results, SCALAR).query("seed == 0")
    choices, told = SPACE.from_index(run["index"].to_numpy()), run["told"].to_numpy()
    ends = climb_ends(choices, told)
    assert len(ends)
    for end in ends:
        neighbours = judge.exact(SPACE.to_index(SPACE.neighbours(choices[end])))
        assert neighbours.max() <= told[end]


def test_climbs_of_a_made_up_search() -> None:
    start, other = SPACE.from_index(np.array([0, SPACE.size - 1]))
    up, down = SPACE.neighbours(start)[:2]
    choices = np.stack([start, down, up, other, SPACE.neighbours(other)[0]])
    assert climb_ends(choices, np.array([1.0, 0.0, 2.0, 0.5, 0.4])).tolist() == [2]
    assert climb_ends(choices[:1], np.array([1.0])).tolist() == []


def test_first_at_most() -> None:
    assert first_at_most(np.array([[3.0, 2.0, 1.0], [3.0, 3.0, 3.0]]), 2.0).tolist() == [2.0, np.inf]


class Distance:
    """A judge of a landscape that falls with the distance from the optimum of a real task, or rises."""

    n_objectives, front = 1, None

    def __init__(self, sign: float) -> None:
        judge = Judge(SCALAR)
        self.problem = judge.problem
        self.sign, self.optimum = sign, SPACE.from_index(optima(judge))[0]

    def told(self, index: np.ndarray, seed: int) -> np.ndarray:
        return self.sign * (SPACE.from_index(index) != self.optimum).sum(axis=1)[:, None]


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_correlation_is_perfect_where_distance_is_all(sign: float) -> None:
    assert fitness_distance_correlation(Distance(sign), n=200) == pytest.approx(sign)  # type: ignore[arg-type]


def test_optima_score_one() -> None:
    judge = Judge(SCALAR)
    np.testing.assert_allclose(judge.exact(optima(judge)), 1.0)
    assert len(optima(Judge(VECTOR))) == len(Judge(VECTOR).front)  # type: ignore[arg-type]


def test_better_than_efficientnet_means_in_every_metric() -> None:
    judge = Judge(VECTOR)
    exact = judge.problem.benchmark.front("vck190/throughput").indices
    b0 = EFFICIENTNET_B0.index
    values, own = judge.values(exact), judge.values(np.array([b0]))
    better = exact[(values > own).all(axis=1)][0]
    one_only = exact[values[:, 0].argmax()]
    assert beats_efficientnet(pd.DataFrame({"index": [b0, one_only, better]}), judge) == 3
    assert beats_efficientnet(pd.DataFrame({"index": [b0, one_only]}), judge) == np.inf


def test_intervals_that_meet_are_not_told_apart() -> None:
    assert told_apart(SUMMARY, SCALAR, 100) == (2, 3)
    assert best_and_worst(SUMMARY, SCALAR, 1000) == {"a": 0.10, "c": 0.50}


def test_single_runs_are_not_compared() -> None:
    single = SUMMARY.assign(iqm_low=SUMMARY["iqm_low"].where(SUMMARY["controller"] != "c"))
    assert told_apart(single, SCALAR, 100) == (0, 1)
    assert best_and_worst(single, SCALAR, 100) == {"a": 0.10, "b": 0.11}


def test_the_page_has_every_task(results: Results, tmp_path: Any) -> None:
    SUMMARY.to_csv(tmp_path / "summary.csv", index=False)
    (path,) = write_tasks(results, read_summary(tmp_path / "summary.csv"), tmp_path)
    text = path.read_text(encoding="utf-8")
    for task in results.tasks:
        assert sum(line.startswith(f"| {task} |") for line in text.splitlines()) == 2
    assert f"| {SCALAR} | 2 of 3 | `a` 0.10 | `c` 0.50 | 2 of 3 | `a` 0.10 | `c` 0.50 |" in text


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda r: measure_difficulty(r.table[r.table["task"] == "none"], Judge(SCALAR)), "table must have rows"),
        (lambda r: fitness_distance_correlation(Judge("AccelNAS-All-MO-v0")), "at most two objectives, got 9"),
        (lambda r: measure_difficulty(two_controllers(r), Judge(SCALAR)), "of one controller, got local_search, other"),
    ],
)
def test_bad_input_is_named(results: Results, act: Callable[[Results], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act(results)


def two_controllers(results: Results) -> Any:
    table = rows(results, SCALAR).assign(controller=lambda t: t["controller"].astype(str))
    return pd.concat([table, table.assign(controller="other")])


def test_a_foreign_summary_is_refused(tmp_path: Any) -> None:
    (tmp_path / "summary.csv").write_text("task,judge\na,b\n")
    with pytest.raises(ValueError, match="has no column 'measure'"):
        read_summary(tmp_path / "summary.csv")
