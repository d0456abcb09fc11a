"""Submissions as folders: written, validated, and put beside a study's results."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym.baselines import BASELINES
from anb_gym.cli import main
from anb_gym.reports.leaderboard import page
from anb_gym.study.analysis.analyse import analyse
from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry
from anb_gym.study.entries import with_submissions
from anb_gym.study.results import Results
from anb_gym.study.runner import run_study
from anb_gym.study.study_file import load_study
from anb_gym.study.submission import SubmissionError, load_submission

SCALAR, VECTOR = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0"
EXAMPLES = Path(__file__).parents[2] / "examples" / "submissions"


def _study(name: str, controller: str, evaluations: int = 20, seeds: int = 3) -> StudyConfig:
    return StudyConfig(
        name=name,
        controllers=[ControllerEntry(controller, BASELINES["random_search"].target)],
        tasks=[TaskEntry(SCALAR, SCALAR), TaskEntry("noisy", SCALAR, noise=True), TaskEntry(VECTOR, VECTOR)],
        seeds=range(seeds),
        evaluations=evaluations,
    )


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The study that a submission is put beside."""
    return Results.load(run_study(_study("ours", "ours"), tmp_path_factory.mktemp("ours"), workers=1).path)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Path]:
    """The study of a submission, and the folder that was made of it."""
    home = tmp_path_factory.mktemp("theirs")
    run_study(_study("theirs", "theirs"), home, workers=1)
    assert main(["submit", str(home), "theirs", "--out", str(home / "theirs")]) == 0
    return Results.load(home), home / "theirs"


@pytest.fixture
def changed(theirs: tuple[Results, Path], tmp_path: Path) -> Callable[[Callable[[Any], Any]], Path]:
    """The folder with another content."""

    def _changed(change: Callable[[Any], Any]) -> Path:
        folder = shutil.copytree(theirs[1], tmp_path / "changed")
        content = json.loads((folder / "submission.json").read_text())
        change(content)
        (folder / "submission.json").write_text(json.dumps(content))
        return folder

    return _changed


def test_runs_come_back_as_they_were(ours: Results, theirs: tuple[Results, Path]) -> None:
    both = with_submissions(ours, [theirs[1]])
    columns = ["task", "controller", "seed", "evaluation", "index", "told", "reward", "hours"]
    for name, results in (("ours", ours), ("theirs", theirs[0])):
        rows = both.table[both.table["controller"] == name][columns].reset_index(drop=True)
        expected = results.table[columns].reset_index(drop=True)
        for column in columns:
            np.testing.assert_array_equal(rows[column].astype(expected[column].dtype), expected[column], column)
    assert len(both.runs) == 18
    analysis = analyse(both.table, both.tasks)
    assert analysis.pairwise["runs"].eq(3).all()
    text = "\n".join(page(both, analysis))
    assert "and from submissions, which were validated, of `theirs`:" in text
    assert "Not the package's own, and perhaps tuned: `theirs`." in text
    assert "| `theirs` | 3 | 3 | 20 |" in text


def test_a_folder_is_validated_offline(theirs: tuple[Results, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(theirs[1])]) == 0
    out = capsys.readouterr().out
    assert out.startswith("theirs: 9 runs\n")
    assert out.endswith("all claims agree\nbudget, seeds, ids and checksums of tables are in order\n")


def test_a_readme_of_ones_own_stays(theirs: tuple[Results, Path], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine\n")
    assert main(["submit", str(theirs[1].parent), "theirs", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "README.md").read_text() == "mine\n"
    assert (tmp_path / "submission.json").read_bytes() == (theirs[1] / "submission.json").read_bytes()


def _set(*path: Any, to: Any) -> Callable[[Any], None]:
    def _change(content: Any) -> None:
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = to

    return _change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("budget"), "lacks the field 'budget'"),
        (lambda content: content.pop("versions"), "lacks the field 'versions'"),
        (_set("budget", to={}), "budget must have 'evaluations' or 'hours'"),
        (_set("budget", "evaluations", to=19), r"runs\[0\].evaluations must be 19, as the budget says, got 20"),
        (_set("budget", "evaluations", to=21), r"runs\[0\].evaluations must be 21, as the budget says, got 20"),
        (_set("budget", "hours", to=20), r"runs\[0\] must take at most 20 h, as the budget says, it takes"),
        (_set("budget", to={"hours": 900}), r"runs\[0\] must spend its 900 h, it ends after"),
        (_set("budget", "days", to=2), "a field of budget must be one of 'evaluations', 'hours', got 'days'"),
        (_set("versions", "surrogates", "gp", "accuracy", to="0"), "made with other tables of 'accuracy' by 'gp'"),
        (_set("versions", "surrogates", "gp", to={}), "versions.surrogates.gp lacks the checksum of 'accuracy'"),
        (_set("versions", "surrogates", to=3), "'surrogates' must be an object, got 3"),
        (_set("versions", "surrogates", "pg", to={"accuracy": "0"}), "'pg'"),
        (lambda content: content["runs"].pop(), "runs must have the same seeds on every task"),
        (lambda content: content["runs"].append(content["runs"][0]), r"runs\[9\] must be of another task or seed than"),
        (_set("runs", 0, "task", "id", to="AccelNAS-VCK191-v0"), r"runs\[0\].task: id must be one of"),
    ],
)
def test_what_a_leaderboard_needs_is_checked(
    changed: Callable[[Any], Path], change: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = changed(change)
    with pytest.raises(SubmissionError, match=message):
        load_submission(folder)
    assert main(["validate", str(folder)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_folders_without_their_files(theirs: tuple[Results, Path], tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"must have a README.md that says what the controller is"):
        load_submission(tmp_path)
    (tmp_path / "README.md").touch()
    with pytest.raises(FileNotFoundError):
        load_submission(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("controller", to="ours"), "controller must have a name of its own, 'ours' is there"),
        (_set("runs", -1, "claims", "reward", 4, to=0.5), "seed 2: the reward of evaluation 5 is .*, claimed is 0.5"),
        (_set("runs", -1, "evaluations", 4, to=7), "seed 2: the reward of evaluation 5 is "),
        (_set("runs", 0, "claims", "regret", "20", to=0.0), "the regret after 20 evaluations is .*, claimed is 0"),
    ],
)
def test_what_is_wrong_is_not_shown(ours: Results, changed: Callable[[Any], Path], change: Any, message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        with_submissions(ours, [changed(change)])


def test_only_equals_are_shown_together(
    ours: Results, theirs: tuple[Results, Path], changed: Callable[[Any], Path]
) -> None:
    def beside(**fields: Any) -> None:
        configuration = {**ours.configuration, **fields.pop("configuration", {})}
        with_submissions(
            Results(ours.table, {**ours.description, "configuration": configuration, **fields}), [theirs[1]]
        )

    with pytest.raises(SubmissionError, match="budget.evaluations must be that of ours, 30, got 20"):
        beside(configuration={"evaluations": 30})
    with pytest.raises(SubmissionError, match="budget.hours must be that of ours, 60, got None"):
        beside(configuration={"hours": 60})
    other = {"other": {**ours.tasks[SCALAR], "id": "AccelNAS-A100-v0"}}
    with pytest.raises(SubmissionError, match="runs must be of a task of ours: AccelNAS-A100-v0"):
        beside(tasks=other)
    with pytest.raises(SubmissionError, match="seeds of .* must be those of ours, or the first of them, 1 to 2, got 0"):
        beside(runs=[run for run in ours.runs if run["seed"] > 0])

    def keep_the_best(content: Any) -> None:
        content["runs"] = [run for run in content["runs"] if run["seed"] == 2]

    with pytest.raises(SubmissionError, match="or the first of them, 0 to 2, got 2 to 2"):
        with_submissions(ours, [changed(keep_the_best)])


@pytest.mark.parametrize("folder", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_the_examples_are_valid(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And are what their study makes: its last run is made again."""
    assert main(["validate", str(folder)]) == 0
    assert "all claims agree" in capsys.readouterr().out
    submission = load_submission(folder)
    study = load_study(folder / "study.yaml", {})
    assert (submission.controller, submission.evaluations) == (study.controllers[0].name, study.evaluations)
    last = StudyConfig(study.name, study.controllers, study.tasks[-1:], study.seeds[-1:], study.evaluations)
    (run,) = last.runs()
    made = Results.load(run_study(last, tmp_path, workers=1).path).table["index"]
    shown = [r for r in submission.runs if r.seed == run.seed and r.judge.noise == run.task.noise]
    assert [r.index.tolist() for r in shown] == [made.tolist()]


def test_the_examples_stand_beside_ours(tmp_path: Path) -> None:
    study = run_study(_study("ours", "ours", 200, 5), tmp_path, workers=1)
    both = with_submissions(Results.load(study.path), sorted(EXAMPLES.iterdir()))
    assert both.table.groupby("controller", observed=True).size().to_dict() == {
        "ours": 3000,
        "simulated_annealing": 2000,
        "spea2": 1000,
    }
