"""Studies that are short of something common still get their report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from anb_gym.reports.html_report import render
from anb_gym.reports.leaderboard import page
from anb_gym.reports.ties import band_of
from anb_gym.study.analysis.analyse import analyse
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry
from anb_gym.study.results import Results
from anb_gym.study.runner import describe

from .conftest import run_table

RANDOM = "anb_gym.baselines.random_search:RandomSearch"
IDS = "AccelNAS-VCK190-v0", "AccelNAS-A100-v0"


def _results(runs: list[tuple[str, str, int, int]], **given: Any) -> Results:
    """A study of runs: id, controller, seed and number of evaluations of each."""
    ids, names = dict.fromkeys(id for id, *_ in runs), dict.fromkeys(name for _, name, *_ in runs)
    study = StudyConfig(
        name="small",
        controllers=[ControllerEntry(name, RANDOM) for name in names],
        tasks=[TaskEntry(id, id) for id in ids],
        seeds=sorted({seed for *_, seed, _ in runs}),
        **given,
    )
    tables = [run_table(Judge(id), id, name, seed)[:n] for id, name, seed, n in sorted(runs)]
    table = pd.concat(tables, ignore_index=True).astype({"task": "category", "controller": "category"})
    listed = [{"task": id, "controller": name, "seed": seed, "evaluations": n} for id, name, seed, n in runs]
    return Results(table, {**describe(study), "runs": listed, "failed": []})


@pytest.mark.parametrize(
    "lengths", [(37, 41), (53, 58)], ids=["no budget in common", "the end of one is not that of the other"]
)
def test_hours_that_pay_for_different_numbers_of_evaluations(lengths: tuple[int, int]) -> None:
    runs = [(id, name, seed, n) for id, n in zip(IDS, lengths, strict=True) for name in "ab" for seed in range(3)]
    results = _results(runs, hours=60.0)
    analysis = analyse(results.table, results.tasks)
    assert list(analysis.matrices["regret"]) == [37 if lengths[0] == 37 else 50]
    assert {m.shape for m in next(iter(analysis.matrices["regret"].values())).values()} == {(3, 2)}
    assert len(analysis.improvement) == 2
    text = "\n".join(page(results, analysis))
    assert "## Regret" in text
    assert "nan" not in text


def test_controllers_without_a_seed_in_common() -> None:
    runs = [(IDS[0], name, seed, 20) for name, seeds in (("a", (0, 1)), ("b", (2, 3)), ("c", (1, 2))) for seed in seeds]
    results = _results(runs, evaluations=20)
    analysis = analyse(results.table, results.tasks)
    assert analysis.pairwise[["first", "second", "runs"]].to_numpy().tolist() == [["a", "c", 1], ["b", "c", 1]]
    assert "`a`" in "\n".join(page(results, analysis))
    two = _results([run for run in runs if run[1] != "c"], evaluations=20)
    analysis = analyse(two.table, two.tasks)
    assert len(analysis.pairwise) == 0
    assert len(analysis.improvement) == 2  # which needs no pairs
    assert "probability of improvement" in render(two, analysis)
    assert "`b`" in "\n".join(page(two, analysis))


def test_no_controller_ran_all_tasks() -> None:
    results = _results([(id, name, 0, 20) for id, name in zip(IDS, "ab", strict=True)], evaluations=20)
    analysis = analyse(results.table, results.tasks)
    assert analysis.matrices == {"regret": {20: {}}}
    assert "All tasks" not in render(results, analysis)
    assert "| AccelNAS-VCK190-v0 | 20 | – | **" in "\n".join(page(results, analysis))


def test_a_vector_of_accuracy_alone_is_judged_as_the_scalar_task() -> None:
    one, two = "AccelNAS-Accuracy-v0", "AccelNAS-Accuracy-MO-v0"
    results = _results(
        [(id, name, seed, 20) for id in (one, two) for name in "ab" for seed in range(2)], evaluations=20
    )
    analysis = analyse(results.table, results.tasks)
    summary = analysis.summary.set_index("task")
    numbers = ["q25", "median", "q75", "iqm", "iqm_low", "iqm_high", "median_raw"]
    assert np.isfinite(summary[numbers].to_numpy()).all()
    np.testing.assert_array_equal(summary.loc[one, "median_raw"], summary.loc[two, "median_raw"])
    bands = [band_of(Judge(id).problem, "regret") for id in (one, two)]
    assert bands[0] == bands[1] > 0
    assert "nan" not in "\n".join(page(results, analysis))
