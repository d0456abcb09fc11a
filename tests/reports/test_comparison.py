"""Two folders of results compared, from the files to the sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from anb_gym.baselines import BASELINES
from anb_gym.cli import main
from anb_gym.reports.comparison import compare
from anb_gym.reports.verdicts import comparison_lines, signed
from anb_gym.study.analysis.anytime import anytime
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry
from anb_gym.study.results import KEY, Results
from anb_gym.study.runner import run_study

SCALAR, VECTOR = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0"


def _run(folder: Path, controllers: list[str], tasks: list[TaskEntry], seeds: Any, evaluations: int = 120) -> Path:
    entries = [ControllerEntry(name, BASELINES[name].target) for name in controllers]
    run_study(StudyConfig(folder.name, entries, tasks, seeds, evaluations), folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Random search, and others on tasks of other names with some of the seeds and a task more."""
    home = tmp_path_factory.mktemp("compared")
    both = ("random_search", "local_search")
    one = _run(home / "one", ["random_search"], [TaskEntry(SCALAR, SCALAR), TaskEntry(VECTOR, VECTOR)], range(12))
    tasks = [
        TaskEntry("mine", SCALAR, controllers=both),
        TaskEntry("A100", "AccelNAS-A100-v0", controllers=both),
        TaskEntry("two", VECTOR, controllers=("random_search", "archive_evolution")),
    ]
    two = _run(home / "two", [*both, "archive_evolution"], tasks, range(2, 14), 130)
    return one, two


def _numbers(text: str) -> list[float]:
    return [float(found.replace("−", "-")) for found in re.findall(r"[−+]?\d+\.\d+", text)]


def test_one_against_another(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, two = map(str, folders)
    assert main(["compare", one, two, "--second", "local_search"]) == 0
    left_out, *_, row, _, verdict = capsys.readouterr().out.splitlines()
    assert left_out.startswith("left out: ")
    assert row.startswith("| `random_search` | `local_search` | regret | 120 | 1 | 10 | +0.")
    assert verdict.startswith(
        "`local_search` (second) is better than `random_search` (first): its regret is smaller by 0."
    )
    assert verdict.count(".") > 5
    results = [Results.load(folder) for folder in folders]
    regrets = [
        anytime(rows[(rows["controller"] == name) & (rows["task"] == task)], Judge(SCALAR), "regret")[name]
        for rows, name, task in (
            (results[0].table, "random_search", SCALAR),
            (results[1].table, "local_search", "mine"),
        )
    ]
    first, second = regrets[0].values[2:, 119], regrets[1].values[:10, 119]
    (found,) = compare(*results, controllers=(None, "local_search")).suites
    differences = np.sort(first - second)
    assert found.found.gain.estimate == pytest.approx(differences[2:-2].mean())  # the middle of ten pairs
    assert found.found.improvement.estimate == pytest.approx((second[:, None] < first).mean())
    assert _numbers(verdict)[0] == pytest.approx(found.found.gain.estimate, rel=0.06)
    assert main(["compare", two, one, "--first", "local_search"]) == 0
    assert "`random_search` (second) is worse than `local_search` (first)" in capsys.readouterr().out


def test_controllers_of_both_are_compared_with_themselves(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same study again, on tasks of other names: other random numbers, the same controller."""
    assert main(["compare", *map(str, folders)]) == 0
    *_, verdict = capsys.readouterr().out.splitlines()
    expected = (
        "`random_search` (second) and `random_search` (first) cannot be told apart on any of 2 suites; a run of it"
    )
    assert verdict.startswith(expected)
    low, high = _numbers(verdict)[-2:]
    assert low < 0.5 < high


def test_comparisons_are_corrected_together(folders: tuple[Path, Path]) -> None:
    two = Results.load(folders[1])
    found = compare(two, two, controllers=("random_search", None))
    assert {(row.first, row.second, row.suite, row.found.tasks) for row in found.suites} == {
        ("random_search", "local_search", "regret", 2),
        ("random_search", "archive_evolution", "hypervolume regret", 1),
    }
    p_values = sorted((row.found.p_value, row.p_holm) for row in found.suites)
    assert p_values[0][1] == pytest.approx(2 * p_values[0][0])
    assert all(row.band > 0 for row in found.suites)
    assert len(comparison_lines(found)) == 2 + 2 + 1 + 2


def test_too_few_runs_are_said_to_be_few(folders: tuple[Path, Path], tmp_path: Path) -> None:
    results = Results.load(folders[1])
    few = Results(results.table[results.table["seed"] < 5], results.description)
    found = compare(few, few, controllers=("random_search", "archive_evolution"))
    text = comparison_lines(found)[-1]
    assert "cannot be told apart" in text
    assert "which takes 6 pairs of runs where there are 3" in text


def test_seeds_that_a_difference_needs(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    needs = []
    for difference in ("0.2", "0.02"):
        assert main(["power", str(folders[1]), "--difference", difference]) == 0
        _, _, *rows = capsys.readouterr().out.splitlines()
        assert len(rows) == 4  # random search has two suites
        (row,) = (row for row in rows if "`random_search` | regret |" in row)
        *_, single, together, _ = (
            row.split(" | ") if row.endswith(" | ") else [*row.removesuffix(" |").split(" | "), ""]
        )
        needs.append((int(single.replace(",", "")), int(together.split()[0].replace(",", ""))))
        assert together.endswith("on 2")
    (one, both), (more, more_of_both) = needs
    assert one < more
    assert both < more_of_both
    assert more_of_both < more  # two tasks have twice the pairs


def _rewritten(folder: Path, path: Path, change: Any) -> str:
    table = pq.read_table(folder / "results.parquet")
    description = json.loads(table.schema.metadata[KEY])
    change(description)
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(description)}), path)
    return str(path)


def test_bad_input_is_one_line(folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = map(str, folders)

    def surrogate(description: Any) -> None:
        description["tasks"][SCALAR]["arguments"] = {"surrogate": "xgb"}

    def checksum(description: Any) -> None:
        description["versions"]["surrogates"]["gp"]["accuracy"] = "0" * 64

    def other(description: Any) -> None:
        description["tasks"] = {name: {**t, "id": "AccelNAS-A100-MO-v0"} for name, t in description["tasks"].items()}

    xgb = _rewritten(folders[0], tmp_path / "xgb.parquet", surrogate)
    mixed = _rewritten(folders[0], tmp_path / "mixed.parquet", checksum)
    strange = _rewritten(folders[0], tmp_path / "strange.parquet", other)
    for arguments, message in (
        (["compare", one, str(tmp_path)], "results.parquet"),
        (["compare", one, one], "first and second must differ, or two controllers of them be named"),
        (["compare", one, two, "--second", "localsearch"], "the second controller must be one of .* did you mean"),
        (["compare", one, two, "--evaluations", "121"], "evaluations must be an integer in 1..120, got 121"),
        (["compare", one, xgb], "is scored by gp, .* of one by xgb: versions must not mix"),
        (["compare", mixed, two], "made with other tables of 'accuracy' by 'gp' than are loaded"),
        (["compare", strange, two], "one and two must have a task in common, there is none"),
        (["power", one, "--difference", "0"], "difference must be positive and finite, got 0.0"),
        (["power", one, "--difference", "0.1", "--power", "2"], "power must be between 0 and 1, got 2.0"),
        (["power", mixed, "--difference", "0.1"], "versions must not mix"),
    ):
        assert main(arguments) == 1
        err = capsys.readouterr().err
        assert re.search(message, err), err
        assert err.count("\n") == 1


def test_signs() -> None:
    assert [signed(value) for value in (0.0123, -0.5, 0.0)] == ["+0.012", "−0.50", "0"]
