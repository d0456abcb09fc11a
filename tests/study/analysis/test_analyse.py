"""An analysis compares all controllers of all tasks, and finds what is known to be so."""

from typing import Any

import numpy as np
import pytest

from anb_gym.study.analysis.analyse import SEARCHED, Analysis, TaskAnalysis, analyse
from anb_gym.study.analysis.anytime import Curves
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.analysis.tables import score_matrices


def test_every_task_measure_judge_and_budget_is_there_once(analysis: Analysis) -> None:
    keys = ["task", "measure", "judge", "controller", "evaluations"]
    assert not analysis.summary.duplicated(keys).any()
    assert analysis.summary["evaluations"].unique().tolist() == [50, 60]
    scalar = analysis.summary[analysis.summary["task"] == "AccelNAS-VCK190-v0"]
    assert scalar["judge"].unique().tolist() == [SEARCHED, "xgb", "lgb"]
    vector = analysis.summary[analysis.summary["task"] == "AccelNAS-VCK190-MO-v0"]
    measures = ["hypervolume_regret", "practical_hypervolume_regret", "igd_plus", "additive_epsilon"]
    assert vector["measure"].unique().tolist() == measures
    assert (analysis.summary["q25"] <= analysis.summary["median"]).all()
    assert (analysis.summary["median"] <= analysis.summary["q75"]).all()
    assert (analysis.summary["iqm_low"] <= analysis.summary["iqm"]).all()
    assert (analysis.summary["iqm"] <= analysis.summary["iqm_high"]).all()
    assert (analysis.summary["runs"] == 4).all()


def test_regrets_are_also_in_the_reward_s_own_numbers(analysis: Analysis) -> None:
    rows = analysis.summary[analysis.summary["measure"] == "regret"]
    known = analysis.tasks["AccelNAS-VCK190-v0"].judge.calibration
    assert known is not None
    np.testing.assert_allclose(rows["median_raw"], rows["median"] * (known.best - known.random_mean))
    assert analysis.summary.loc[analysis.summary["measure"] == "igd_plus", "median_raw"].isna().all()


def test_tests_and_probabilities_agree_with_medians(analysis: Analysis) -> None:
    last = analysis.pairwise[(analysis.pairwise["evaluations"] == 60)].set_index("task")
    row = last.loc["AccelNAS-VCK190-v0"]
    assert (row["first"], row["second"], row["runs"]) == ("evolution", "random", 4)
    curves = analysis.tasks["AccelNAS-VCK190-v0"].curves["regret"]
    assert row["difference"] == pytest.approx(
        np.median(curves["evolution"].values[:, -1] - curves["random"].values[:, -1])
    )
    assert (analysis.pairwise["p_holm"] >= analysis.pairwise["p_value"]).all()
    both = analysis.improvement.groupby(["group", "evaluations"])["probability"].sum()
    np.testing.assert_allclose(both, 1.0)


def test_groups_are_tasks_of_one_measure_and_noise(analysis: Analysis) -> None:
    assert list(analysis.matrices) == ["hypervolume regret", "regret", "regret with noise"]
    assert analysis.aggregate["group"].unique().tolist() == list(analysis.matrices)
    assert {matrix.shape for matrix in analysis.matrices["regret"][60].values()} == {(4, 1)}


@pytest.mark.parametrize(
    ("reward", "group"),
    [
        ("product", "regret"),
        ("constrained", "regret under a bound"),
        ("bounded", "regret under a bound of what meets it"),
    ],
)
def test_units_of_regret_are_not_mixed(reward: str, group: str) -> None:
    judge = Judge("AccelNAS-VCK190-v0", {"reward": reward})
    task = TaskAnalysis("task", judge, None, [50], {"regret": {}}, {})
    assert task.group == group
    assert task.bounded == (reward != "product")
    assert judge.calibration is not None
    unit = judge.calibration.best - judge.calibration.random_mean
    assert (unit < 10.0) == (reward != "constrained")


def test_matrices_are_of_shared_controllers_and_seeds() -> None:
    def curves(seeds: list[int], value: float) -> Curves:
        values = np.full((len(seeds), 1), value) + np.array(seeds)[:, None]
        return Curves(np.array(seeds), values, values)

    one = {"a": curves([0, 1, 2], 0.0), "b": curves([1, 2], 10.0), "only": curves([1], 0.0)}
    two = {"b": curves([2, 1], 30.0), "a": curves([2, 1, 3], 20.0)}
    found = score_matrices([one, two], 1)
    assert {name: matrix.tolist() for name, matrix in found.items()} == {
        "a": [[1.0, 21.0], [2.0, 22.0]],
        "b": [[11.0, 31.0], [12.0, 32.0]],
    }
    assert score_matrices([one, {"other": curves([1], 0.0)}], 1) == {}


def test_same_seed_same_analysis(analysis: Analysis, table: Any, descriptions: Any) -> None:
    again = analyse(table, descriptions, seed=0)
    for name in ("summary", "pairwise", "aggregate", "improvement"):
        assert getattr(again, name).equals(getattr(analysis, name))


def test_a_single_run_of_a_single_controller_can_be_analysed(table: Any, descriptions: Any) -> None:
    rows = table[(table["controller"] == "random") & (table["seed"] == 0)]
    found = analyse(rows, descriptions)
    assert len(found.pairwise) == len(found.improvement) == 0
    assert found.summary["iqm_low"].isna().all()


def test_bad_arguments(table: Any, descriptions: Any) -> None:
    with pytest.raises(ValueError, match="table must have rows, got none"):
        analyse(table[:0], descriptions)
    with pytest.raises(ValueError, match="table must be of the described tasks noisy, got 'AccelNAS-VCK190-MO-v0'"):
        analyse(table, {"noisy": descriptions["noisy"]})
