"""Curves follow what runs chose, and judge it without noise."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from anb_gym import Benchmark
from anb_gym.calibration import front_scale
from anb_gym.pareto import front, igd_plus, normalised_hypervolume
from anb_gym.space import SPACE
from anb_gym.study.analysis.anytime import Curves, anytime, checkpoints, incumbents, measures, quartiles, scores
from anb_gym.study.analysis.judging import Judge
from anb_gym.tasks import get_task

SCALAR, VECTOR, MANY = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0", "AccelNAS-All-MO-v0"


def rows_of(table: Any, task: str, controller: str | None = None, seed: int | None = None) -> Any:
    rows = table[table["task"] == task]
    rows = rows if controller is None else rows[rows["controller"] == controller]
    return rows if seed is None else rows[rows["seed"] == seed]


def as_run(index: Any, hours: Any = None, controller: str = "c", seed: int = 0, told: Any = np.nan) -> pd.DataFrame:
    n = len(index)
    hours = np.arange(1.0, n + 1) if hours is None else hours
    columns = {"controller": controller, "seed": seed, "index": index, "told": told, "reward": told, "hours": hours}
    return pd.DataFrame(columns).astype({"controller": "category"})


def test_regret_is_that_of_the_best_so_far(table: Any, judges: dict[str, Judge]) -> None:
    curves = anytime(rows_of(table, SCALAR), judges[SCALAR], "regret")
    rewards = rows_of(table, SCALAR, "random", 2)["reward"].to_numpy()
    run = curves["random"].seeds.tolist().index(2)
    np.testing.assert_allclose(curves["random"].values[run], 1.0 - np.maximum.accumulate(rewards))
    assert (np.diff(curves["evolution"].values, axis=1) <= 0).all()


def test_the_optimum_has_regret_zero_and_the_exact_front_too(judges: dict[str, Judge]) -> None:
    judge = judges[SCALAR]
    assert judge.calibration is not None
    best = Benchmark().optimum(judge.problem.reward).indices[:1]
    regret = anytime(as_run(best, told=judge.exact(best)[:, 0]), judge, "regret")["c"].values
    assert regret.tolist() == [[0.0]]
    members = Benchmark().front("vck190/throughput").indices
    for measure in measures(judges[VECTOR]):
        final = anytime(as_run(members), judges[VECTOR], measure, at=[len(members)])["c"].values[0, -1]
        assert final == pytest.approx(0.0, abs=1e-12)


def test_noisy_runs_choose_by_what_they_were_told_and_are_judged_without_noise(
    table: Any, judges: dict[str, Judge]
) -> None:
    rows = rows_of(table, "noisy", "random", 1)
    assert (rows["told"] != rows["reward"]).all()
    index = rows["index"].to_numpy()
    np.testing.assert_array_equal(judges["noisy"].told(index, 1)[:, 0], rows["told"])
    chosen = [int(np.argmax(rows["told"].to_numpy()[: n + 1])) for n in range(len(rows))]
    expected = 1.0 - rows["reward"].to_numpy()[chosen]
    np.testing.assert_allclose(anytime(rows, judges["noisy"], "regret")["random"].values[0], np.maximum(0.0, expected))


def test_noisy_archives_are_judged_without_noise() -> None:
    judge = Judge(VECTOR, noise=True)
    index = SPACE.to_index(SPACE.sample(40, np.random.default_rng(5)))
    members = front(judge.told(index, 7), judge.directions)
    assert set(members) != set(front(judge.exact(index), judge.directions))
    measured = anytime(as_run(index, seed=7), judge, "igd_plus")["c"].values[0, -1]
    assert measured == igd_plus(judge.exact(index)[members], judge.front, judge.directions)


@pytest.mark.parametrize(
    ("measure", "point"),
    [("hypervolume_regret", "reference_point"), ("practical_hypervolume_regret", "practical_reference_point")],
)
def test_hypervolume_regret_in_unit_scale_is_that_in_the_metrics_units(
    measure: str, point: str, table: Any, judges: dict[str, Judge]
) -> None:
    curves = anytime(rows_of(table, VECTOR), judges[VECTOR], measure)
    index = rows_of(table, VECTOR, "evolution", 0)["index"].to_numpy()
    exact, directions = Benchmark().front("vck190/throughput").objectives, ("max", "max")
    reference = getattr(front_scale(get_task("VCK190")), point)
    for n in (1, 20, 60):
        share = normalised_hypervolume(judges[VECTOR].values(index[:n]), exact, reference, directions)
        assert curves["evolution"].values[0, n - 1] == pytest.approx(1.0 - share)


def test_a_task_without_a_practical_reference_point_is_measured_by_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Judge, "practical_reference_point", None)
    assert measures(Judge(VECTOR)) == ("hypervolume_regret", "igd_plus", "additive_epsilon")


@pytest.mark.parametrize("task", [SCALAR, VECTOR])
def test_another_family_judges_what_the_search_chose(task: str, table: Any, judges: dict[str, Judge]) -> None:
    judge = judges[task]
    assert judge.families == ["xgb", "lgb"]
    rows = rows_of(table, task, "evolution", 3)
    index = rows["index"].to_numpy()
    xgb = Benchmark("xgb").query(index, judge.metrics)
    values = anytime(rows, judge, measures(judge)[0], "xgb")["evolution"].values[0, -1]
    if task == SCALAR:
        best = int(np.argmax(judge.exact(index)[:, 0]))
        raw = judge.problem.reward({name: column[[best]] for name, column in xgb.items()})
        known = judge.calibration
        assert known is not None
        assert values == pytest.approx((known.best - raw[0]) / (known.best - known.random_mean))
    else:
        members = front(judge.exact(index), judge.directions)
        exact, reference = Benchmark().front("vck190/throughput").objectives, front_scale(get_task("VCK190"))
        points = np.stack([xgb[name][members] for name in judge.metrics], axis=1)
        share = normalised_hypervolume(points, exact, reference.reference_point, ("max", "max"))
        assert values == pytest.approx(1.0 - share)


def test_many_objectives_are_compared_with_the_best_run_of_the_study() -> None:
    judge = Judge(MANY)
    assert judge.front is None
    assert measures(judge) == ("hypervolume_regret",)
    samples = SPACE.to_index(SPACE.sample(40, np.random.default_rng(0)))
    table = pd.concat([as_run(samples), as_run(samples[:20].repeat(2), controller="d")])
    curves = anytime(table.astype({"controller": "category"}), judge, "hypervolume_regret")
    assert curves["c"].values[0, -1] == 0.0
    assert 0.0 < curves["d"].values[0, -1] < 1.0
    assert set(checkpoints(1000)) >= {1, 50, 100, 200, 500, 1000}


def test_incumbents_are_the_first_of_equals() -> None:
    assert incumbents(np.array([1.0, 1.0, 0.0, 2.0, 2.0])).tolist() == [0, 0, 0, 3, 3]


def test_runs_of_different_length_keep_their_last_value(judges: dict[str, Judge]) -> None:
    index = SPACE.to_index(SPACE.sample(6, np.random.default_rng(0)))
    told = np.arange(6) / 10
    short = as_run(index[:4], hours=[1.0, 2.0, 3.0, 4.0], told=told[:4])
    long = as_run(index, hours=[2.0, 4.0, 6.0, 8.0, 10.0, 12.0], seed=1, told=told)
    curves = anytime(pd.concat([short, long]), judges[SCALAR], "regret")["c"]
    np.testing.assert_allclose(curves.at_evaluations([4, 6]), [[0.7, 0.7], [0.7, 0.5]])
    np.testing.assert_allclose(curves.at_hours([1.5, 4.0, 99.0]), [[1.0, 0.7, 0.7], [np.nan, 0.9, 0.5]])
    grid = curves.hours_grid(5)
    assert (grid[0], grid[-1]) == (2.0, pytest.approx((4.0 + 12.0) / 2))
    np.testing.assert_allclose(quartiles(curves.values)[1, :4], [1.0, 0.9, 0.8, 0.7])


def test_archives_of_runs_that_ended_before_a_budget_are_their_last(judges: dict[str, Judge]) -> None:
    index = SPACE.to_index(SPACE.sample(9, np.random.default_rng(0)))
    table = pd.concat([as_run(index[:4]), as_run(index, seed=1)])
    expected = anytime(table, judges[VECTOR], "hypervolume_regret")["c"].at_evaluations([6, 9])
    assert expected[0, 0] == expected[0, 1]
    values = anytime(table, judges[VECTOR], "hypervolume_regret", at=[6, 9])["c"].at_evaluations([6, 9])
    np.testing.assert_array_equal(values, expected)


def test_scores_are_of_the_seeds_that_all_ran() -> None:
    values = np.array([[1.0], [2.0], [3.0]])
    curves = {
        "a": Curves(np.array([5, 3, 4]), values, values),
        "b": Curves(np.array([4, 5]), values[:2], values[:2]),
    }
    seeds, found = scores(curves, 1)
    assert seeds.tolist() == [4, 5]
    assert {name: column.tolist() for name, column in found.items()} == {"a": [3.0, 1.0], "b": [1.0, 2.0]}
    with pytest.raises(ValueError, match="controllers must have a seed in common to be compared, got a, c"):
        scores({"a": curves["a"], "c": Curves(np.array([9]), values[:1], values[:1])}, 1)


def test_bad_arguments(table: Any, judges: dict[str, Judge]) -> None:
    rows = rows_of(table, SCALAR)
    with pytest.raises(ValueError, match="measure must be one of 'regret', got 'igd_plus'"):
        anytime(rows, judges[SCALAR], "igd_plus")
    with pytest.raises(ValueError, match="family must be one of 'xgb', 'lgb', got 'gp'"):
        anytime(rows, judges[SCALAR], "regret", "gp")
    with pytest.raises(ValueError, match="table must have rows"):
        anytime(rows[:0], judges[SCALAR], "regret")
    with pytest.raises(ValueError, match=r"budgets must be in 1..60, got 61"):
        anytime(rows, judges[SCALAR], "regret")["random"].at_evaluations([61])
    with pytest.raises(ValueError, match="id must be one of"):
        Judge.of({"id": "AccelNAS-Nothing-v0"})
