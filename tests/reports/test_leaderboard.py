"""What ships of a study: the page, the summaries and the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anb_gym.baselines import BASELINES
from anb_gym.cli import main
from anb_gym.reports.leaderboard import ABOUT, ABOUT_PRACTICAL, write_leaderboard
from anb_gym.robustness import violation_in_worlds
from anb_gym.study.analysis.analyse import analyse
from anb_gym.study.analysis.anytime import anytime
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry
from anb_gym.study.excerpts import excerpt, left_out, load_results
from anb_gym.study.results import SCHEMA, Results, ResultsError, encode, pa, read, read_description
from anb_gym.study.runner import run_study

SCALAR, VECTOR = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0"
GROUPS = ["regret", "regret with noise", "regret under a bound", "hypervolume regret"]
SCALARS, VECTORS = ("random_search", "local_search"), ("random_search", "archive_evolution")


@pytest.fixture(scope="module", autouse=True)
def few_worlds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anb_gym.reports.bounds.WORLDS", range(2))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a task of each group whose best is known, and what its leaderboard wrote into ``docs``."""
    home = tmp_path_factory.mktemp("leaderboard")
    study = StudyConfig(
        name="small",
        controllers=[ControllerEntry(name, BASELINES[name].target) for name in dict.fromkeys(SCALARS + VECTORS)],
        tasks=[
            TaskEntry(SCALAR, SCALAR, controllers=SCALARS),
            TaskEntry("noisy", SCALAR, noise=True, controllers=SCALARS),
            TaskEntry("bound", SCALAR, {"reward": "constrained"}, controllers=SCALARS),
            TaskEntry(VECTOR, VECTOR, controllers=VECTORS),
        ],
        seeds=range(3),
        evaluations=120,
    )
    run_study(study, home, workers=1)
    # One controller has fewer seeds, as in a study that was stopped.
    results = Results.load(home)
    keep = [run for run in results.runs if (run["controller"], run["seed"]) != ("local_search", 2)]
    table = results.table
    table = table[(table["controller"] != "local_search") | (table["seed"] != 2)]
    Results(table, {**results.description, "runs": keep}).save(home / "results.parquet")
    assert main(["leaderboard", str(home), "--out", str(home / "docs")]) == 0
    return home


def test_the_page_has_a_second_judge_and_bounds_in_worlds(folder: Path) -> None:
    text = (folder / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    assert text.count("### As `xgb` judges") == len(GROUPS)
    results = Results.load(folder)
    rows = results.table[results.table["task"] == "bound"]
    judge = Judge.of(results.tasks["bound"])
    (found,) = anytime(rows[rows["controller"] == "random_search"], judge, "regret", "xgb").values()
    assert judge.calibration is not None
    median = np.median(found.values[:, -1]) * (judge.calibration.best - judge.calibration.random_mean)
    lines = text[text.index("## Regret under a bound") :]
    cells = next(line for line in lines[lines.index("### As") :].splitlines() if line.startswith("|  | 120 |"))
    assert float(cells.strip("| ").split(" | ")[2].strip("*≈ ")) == pytest.approx(median, rel=0.06)
    index = [run.loc[run["told"].idxmax(), "index"] for _, run in rows.groupby(["controller", "seed"], observed=True)]
    missed = violation_in_worlds(judge.problem, index, range(2))
    (line,) = (
        line for line in lines[lines.index("### Bounds in worlds") :].splitlines() if line.startswith("| bound |")
    )
    shares = [float(cell.split(" %")[0]) / 100 for cell in line.strip("| ").split(" | ")[1:]]
    assert np.dot(shares, [2, 3]) == pytest.approx((missed > 0).mean(axis=0).sum(), abs=0.05)
    assert line.count(" %, ") == 4


def test_the_page_states_seeds_and_groups(folder: Path) -> None:
    text = (folder / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    assert "| `local_search` | 3 | 2 | 120 |" in text
    assert "| `random_search` | 4 | 3 | 120 |" in text
    assert [line[3:].lower() for line in text.splitlines() if line.startswith("## ")] == GROUPS
    assert all(ABOUT[group] in text for group in GROUPS)
    practical, first = (text.index(f"### Above the {name} reference point") for name in ("practical", "first"))
    assert text.index("## Hypervolume regret") < practical < text.index(ABOUT_PRACTICAL) < first
    assert text.count(f"| {VECTOR} | 50 | ") == 3


def test_the_page_is_written_again_from_its_runs(folder: Path, tmp_path: Path) -> None:
    assert main(["leaderboard", str(folder / "docs" / "leaderboard"), "--out", str(tmp_path)]) == 0
    for file in (
        "leaderboard.md",
        "leaderboard/summary.csv",
        "leaderboard/anytime.parquet",
        "leaderboard/runs.parquet",
    ):
        assert (tmp_path / file).read_bytes() == (folder / "docs" / file).read_bytes(), file
    results = Results.load(folder)
    kept = read(folder / "docs" / "leaderboard" / "runs.parquet").num_rows
    assert kept < len(results.table) / 2
    (tmp_path / "small.parquet").write_bytes(data := excerpt(results, limit=12_000))
    assert len(data) <= 12_000
    less = load_results(tmp_path / "small.parquet")
    assert read(tmp_path / "small.parquet").num_rows < kept
    assert left_out(data) == "of tasks with several objectives the first 1 seeds"
    assert [run["seed"] for run in less.runs if run["task"] == VECTOR] == [0, 0]
    assert {run["seed"] for run in less.runs if run["task"] == SCALAR} == {0, 1, 2}
    assert left_out(excerpt(results, limit=9_000)) == "of all tasks the first 1 seeds"
    found = analyse(less.table, less.tasks).tasks[VECTOR].curves["igd_plus"]["archive_evolution"]
    rows = results.table[(results.table["task"] == VECTOR) & (results.table["controller"] == "archive_evolution")]
    whole = anytime(rows, Judge(VECTOR), "igd_plus")["archive_evolution"]
    np.testing.assert_array_equal(found.at_evaluations([50, 100, 120])[0], whole.at_evaluations([50, 100, 120])[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[1:], "evaluations of a run must ascend from 1"),
        (lambda table: table.assign(index=-1), "an index is not in 0"),
        (lambda table: table.assign(fidelity="proxy"), "'fidelity' does not suit the task"),
        (
            lambda table: table.assign(evaluation=table["evaluation"] + (table["evaluation"] > 1) * 2**30),
            "at most 100,000,000",
        ),
        (lambda table: table.iloc[:0], "it has no rows"),
    ],
)
def test_damaged_excerpts_are_refused(folder: Path, tmp_path: Path, change: Any, message: str) -> None:
    path = folder / "docs" / "leaderboard" / "runs.parquet"
    table, description = read(path).to_pandas(), read_description(path, ("excerpt",))
    one = table[(table["task"] == SCALAR) & (table["seed"] == 0) & (table["controller"] == "random_search")]
    (tmp_path / "runs.parquet").write_bytes(
        encode([pa.Table.from_pandas(change(one), schema=SCHEMA, preserve_index=False)], description)
    )
    with pytest.raises(ResultsError, match=message):
        load_results(tmp_path)


def test_the_page_says_what_is_tuned(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Nothing here is tuned" in (folder / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    results = Results.load(folder)
    entries = results.configuration["controllers"]
    entries["local_search"] = {**entries["local_search"], "path": "anb_gym.agents.sb3:PPO", "settings": {"n_envs": 8}}
    configuration = {**results.configuration, "controllers": entries}
    changed = Results(results.table, {**results.description, "configuration": configuration})
    files = write_leaderboard(changed, tmp_path, name="board_of_agents")
    assert {path.relative_to(tmp_path).parts[0].partition(".")[0] for path in files} == {"board_of_agents"}
    text = files[0].read_text(encoding="utf-8")
    assert "Nothing here is tuned" not in text
    assert "tuned on the CPU's task" in text
    assert "With settings of the study's own: `local_search`." in text
    assert "[board_of_agents.html](board_of_agents.html)" in text
    for name in ("a/b", "..", ""):
        assert main(["leaderboard", str(folder), "--out", str(tmp_path), "--name", name]) == 1
        assert f"name must be that of a file, without folders, got {name!r}" in capsys.readouterr().err


def test_the_page_has_medians_and_marks_the_best(folder: Path) -> None:
    results = Results.load(folder)
    rows = results.table[results.table["task"] == "bound"]
    judge = Judge.of(results.tasks["bound"])
    known = judge.calibration
    assert known is not None
    medians = {
        name: np.median(curves.values[:, 99]) * (known.best - known.random_mean)
        for name, curves in anytime(rows, judge, "regret").items()
    }
    lines = (folder / "docs" / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("| bound | 50 |"))
    heads = next(line for line in reversed(lines[:start]) if line.startswith("| task |")).split(" | ")
    cells = dict(zip([head.strip("`| ") for head in heads[2:]], lines[start + 1].split(" | ")[2:], strict=True))
    for name, median in medians.items():
        cell = cells[name].strip(" |")
        assert float(cell.strip("*≈ ")) == pytest.approx(median, rel=0.06)
        assert cell.startswith("**") == (median == min(medians.values()))


def test_summaries_have_every_cell(folder: Path) -> None:
    summary = pd.read_csv(folder / "docs" / "leaderboard" / "summary.csv")
    assert set(summary["task"]) == {SCALAR, "noisy", "bound", VECTOR}
    assert sorted(summary["evaluations"].unique()) == [50, 100, 120]
    runs = summary.groupby("controller")["runs"].unique().map(list).to_dict()
    assert runs == {"archive_evolution": [3], "local_search": [2], "random_search": [3]}


def test_curves_are_quartiles_that_never_rise(folder: Path) -> None:
    curves = pd.read_parquet(folder / "docs" / "leaderboard" / "anytime.parquet")
    assert len(curves.groupby(["task", "controller"], observed=True)) == 8
    for (task, _), part in curves.groupby(["task", "controller"], observed=True):
        assert (part["q25"] <= part["median"]).all()
        assert (part["median"] <= part["q75"]).all()
        assert part["evaluation"].is_monotonic_increasing
        assert part["evaluation"].iloc[-1] == 120
        assert task == "noisy" or (np.diff(part["median"]) <= 1e-6).all()


def test_the_report_is_one_file(folder: Path) -> None:
    text = (folder / "docs" / "leaderboard.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert all(f"All tasks: {group}" in text for group in GROUPS)
    assert 'src="http' not in text


def test_pages_that_ship_have_at_most_three_megabytes() -> None:
    pages = [*(Path(__file__).parents[2] / "docs").rglob("*.html")]
    assert pages
    assert all(page.stat().st_size <= 3_000_000 for page in pages)


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.parquet").write_text("nothing")
    assert main(["leaderboard", str(tmp_path)]) == 1
    assert main(["leaderboard", str(tmp_path / "nowhere")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "is damaged or not a Parquet file" in first
    assert "nowhere" in second


def test_the_page_says_which_tables_score_which_tasks(folder: Path, tmp_path: Path) -> None:
    assert "different tables" not in (folder / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    ids = ("AccelNAS-TPUv3-v0", "AccelNAS-TPUv3-v1")
    study = StudyConfig(
        name="mixed",
        controllers=[ControllerEntry("random_search", BASELINES["random_search"].target)],
        tasks=[TaskEntry(id, id) for id in ids],
        seeds=range(2),
        evaluations=20,
    )
    run_study(study, tmp_path, workers=1)
    text = write_leaderboard(Results.load(tmp_path), tmp_path / "docs")[0].read_text(encoding="utf-8")
    assert f"not to be compared with each other. `gp`: {ids[0]}; `gp-v1`: {ids[1]}." in text
