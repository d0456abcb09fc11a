"""Submissions as entries of a leaderboard: their runs beside those of a study, as if it had made them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._errors import one_line
from anb_gym._extras import require
from anb_gym._files import create, write_atomically
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.recomputing import SubmittedRun, validate_run
from anb_gym.study.results import Results
from anb_gym.study.submission import (
    FILE,
    README,
    Submission,
    SubmissionError,
    load_submission,
    submission_of,
)

#: Where the description of results says that controllers were submitted.
SUBMITTED: Final = "submitted"


def write_submission(results: Results, controller: str, folder: Path) -> list[Path]:
    """Writes all runs of a controller in a study as the folder of a submission.

    A ``README.md`` that is there is left as it is; otherwise one is begun.

    Returns:
        The files.

    Raises:
        ValueError: The study has no such controller.
        OSError: A file cannot be written.
    """
    content = submission_of(results, controller)
    runs = content.pop("runs")
    lines = ",\n".join(f"    {json.dumps(run)}" for run in runs)
    head = json.dumps(content, indent=2).removesuffix("\n}")
    write_atomically(folder / FILE, f'{head},\n  "runs": [\n{lines}\n  ]\n}}\n'.encode())
    tasks = dict.fromkeys(json.dumps(run["task"]) for run in runs)
    text = f"# {controller}\n\nWhat it is, who made it, and how its settings were found.\n\nTasks:\n\n"
    create(folder / README, (text + "".join(f"- `{task}`\n" for task in tasks)).encode())
    return [folder / FILE, folder / README]


def with_submissions(results: Results, folders: Sequence[Path]) -> Results:
    """A study's results with the runs of submissions, each of which is validated.

    Tasks of a submission that the study does not have are left out. Wall seconds of its runs are not known.

    Args:
        results: The study's results.
        folders: The submissions' folders.

    Raises:
        SubmissionError: A folder is none of a submission, a claim is wrong, or it cannot stand beside the study's: it
            has another budget, other seeds than the first of the study's, no task in common, or a name that is there.
    """
    pd = require("pandas", "study")
    tables, runs = [results.table], list(results.runs)
    controllers = dict(results.configuration["controllers"])
    submitted: dict[str, str] = dict(results.description.get(SUBMITTED, {}))
    tasks = {judge.identity: name for name, judge in _judges(results).items()}
    for folder in folders:
        submission = load_submission(folder)
        _check(submission, folder, results, set(controllers), tasks)
        controllers[submission.controller] = {"path": f"{SUBMITTED}:{folder.name}", "settings": {}}
        submitted[submission.controller] = folder.name
        found = [(tasks.get(run.judge.identity), run) for run in submission.runs]
        for task, run in sorted(found, key=lambda pair: (pair[0] or "", pair[1].seed)):
            if task is not None:
                tables.append(_table(run, task, submission.controller))
                runs.append(_record(tables[-1]))
    names = {"task": list(results.tasks), "controller": list(controllers)}
    categories = {column: pd.CategoricalDtype(sorted(known)) for column, known in names.items()}
    table = pd.concat([part.astype(categories) for part in tables], ignore_index=True)
    configuration = {**results.configuration, "controllers": controllers}
    return Results(table, {**results.description, "configuration": configuration, "runs": runs, SUBMITTED: submitted})


def _check(submission: Submission, folder: Path, results: Results, names: set[str], tasks: dict[Any, str]) -> None:
    """Raises unless a submission can stand beside a study's results."""
    if submission.controller in names:
        raise SubmissionError(f"{folder}: controller must have a name of its own, {submission.controller!r} is there")
    for name, theirs in (("evaluations", submission.evaluations), ("hours", submission.hours)):
        if theirs != (ours := results.configuration.get(name)):
            raise SubmissionError(f"{folder}: budget.{name} must be that of {results.name}, {ours}, got {theirs}")
    seeds: dict[str, set[int]] = {}
    for run in submission.runs:
        if wrong := validate_run(run).mismatches:
            raise SubmissionError(f"{folder}: {run}: {wrong[0]}")
        if (task := tasks.get(run.judge.identity)) is not None:
            seeds.setdefault(task, set()).add(run.seed)
    if not seeds:
        known = ", ".join(str(j) for j in _judges(results).values())
        raise SubmissionError(f"{folder}: runs must be of a task of {results.name}: {one_line(known)}")
    for task, found in seeds.items():
        ours = sorted({run["seed"] for run in results.runs if run["task"] == task})
        if sorted(found) != ours[: len(found)]:
            raise SubmissionError(
                f"{folder}: seeds of {task} must be those of {results.name}, or the first of them, "
                f"{ours[0]} to {ours[-1]}, got {min(found)} to {max(found)}"
            )


def _judges(results: Results) -> dict[str, Judge]:
    return {name: Judge.of(description) for name, description in results.tasks.items()}


def _table(run: SubmittedRun, task: str, controller: str) -> Any:
    """A run as rows of results."""
    n = len(run.index)
    return require("pandas", "study").DataFrame(
        {
            "task": task,
            "controller": controller,
            "seed": np.full(n, run.seed, dtype=np.uint64),
            "evaluation": np.arange(1, n + 1, dtype=np.int32),
            **run.columns(),
            "seconds": np.nan,
        }
    )


def _record(table: Any) -> dict[str, Any]:
    """What results say of a run; its seconds are not known."""
    last = table.iloc[-1]
    seconds = dict.fromkeys(("controller_seconds", "benchmark_seconds", "total_seconds"), np.nan)
    return {
        "task": last["task"],
        "controller": last["controller"],
        "seed": int(last["seed"]),
        "evaluations": len(table),
        "hours": float(last["hours"]),
        **seconds,
    }
