"""Submissions: lists of evaluated architectures that anybody can recompute, such as entries of a leaderboard.

A JSON file::

    {
      "schema": 1,
      "controller": "my controller",
      "runs": [
        {
          "task": "AccelNAS-VCK190-v0",     or {"id": ..., "noise": true, "reward": ..., ...} as in a study's file
          "seed": 0,                        decides the noise, if there is any
          "evaluations": [71903, "e1k3l1s1-e6k3l2s1-...", ...],   in order; indices or text
          "claims": {                       each optional
            "metrics": {"accuracy": [61.2, ...]},                 without noise, one value per evaluation
            "reward": [0.31, ...],                                likewise, in unit scale
            "regret": {"100": 0.02}                               after so many evaluations
          },
          "fidelities": ["proxy", "reference", ...]               one per evaluation, just on a task that sells both
        }
      ]
    }

An architecture that is evaluated twice counts twice: a controller that repeats itself spends its budget.

A folder with such a file, ``submission.json``, and a ``README.md`` that says what the controller is can stand beside
others on a leaderboard, see :mod:`anb_gym.study.entries`. There the file also has ``budget``, such as
``{"evaluations": 200}`` or ``{"hours": 60}``, which every run spends, and ``versions`` with the checksums of the tables
that it was made with; every task has the same seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._errors import choose, integer, is_integer, positive
from anb_gym._files import Fields, read_json, refusing
from anb_gym.problems import FIDELITIES, TwoFidelityProblem
from anb_gym.problems.cost import longest_hours
from anb_gym.space import SPACE, Architecture
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.problems import check_failures, check_worlds
from anb_gym.study.recomputing import TOLERANCE, SubmittedRun, validate_run
from anb_gym.study.results import Results, check_checksums, check_tables
from anb_gym.study.telling import Names

#: Version of the files; others are refused.
SCHEMA_VERSION: Final = 1
#: The files of a folder.
FILE: Final = "submission.json"
README: Final = "README.md"
#: Digits of claims after the point.
DIGITS: Final = 9

#: Bytes that a file may have: some five million evaluations with a claim.
_LIMIT: Final = 2**27
_CLAIMS: Final = ("metrics", "reward", "regret")


class SubmissionError(ValueError):
    """A file is not a submission; the message says where."""


@dataclass(frozen=True)
class Submission:
    """Evaluations of a controller.

    Attributes:
        controller: Its name.
        runs: Its runs.
        evaluations: Budget of every run; None for none that is stated.
        hours: Budget of every run in simulated GPU-hours; None likewise.
    """

    controller: str
    runs: Sequence[SubmittedRun]
    evaluations: int | None = None
    hours: float | None = None


def submission_of(results: Results, controller: str) -> dict[str, Any]:
    """All runs of a controller in a study as a submission, with rewards and regrets as claims; data of JSON.

    Raises:
        ValueError: The study has no such controller.
        ResultsError: It was made with other tables than those that are loaded.
    """
    check_tables(results)
    table = results.table
    rows = table[table["controller"] == choose(controller, sorted(set(table["controller"])), "controller")]
    runs = []
    for (task, seed), run in rows.groupby(["task", "seed"], observed=True):
        description = results.tasks[task]
        fidelity = None if run["fidelity"].isna().all() else run["fidelity"].to_numpy(dtype=object)
        submitted = SubmittedRun(Judge.of(description), int(seed), run["index"].to_numpy(np.int64), fidelity=fidelity)
        claims: dict[str, Any] = {}
        if regret := validate_run(submitted).regret:
            claims["regret"] = {str(budget): round(value, DIGITS) for budget, value in regret.items()}
        if description["kind"] != "vector":
            claims["reward"] = [round(value, DIGITS) for value in run["reward"].tolist()]
        entry = {"id": description["id"], "noise": description["noise"], **description["arguments"]}
        entry |= {name: description[name] for name in ("failures", "worlds") if name in description}
        made = {"task": entry, "seed": int(seed), "evaluations": submitted.index.tolist()}
        bought = {} if submitted.fidelity is None else {"fidelities": submitted.fidelity.tolist()}
        runs.append(made | ({"claims": claims} if claims else {}) | bought)
    given = {name: results.configuration.get(name) for name in ("evaluations", "hours")}
    return {
        "schema": SCHEMA_VERSION,
        "controller": controller,
        "budget": {name: value for name, value in given.items() if value is not None},
        "versions": {key: v for key, v in results.versions.items() if key in ("anb_gym", "surrogates")},
        "runs": runs,
    }


def load_submission(path: Path | str) -> Submission:
    """Reads a submission.

    Args:
        path: Its file, or its folder, in which everything that a leaderboard needs must be there.

    Raises:
        FileNotFoundError: There is no such file.
        SubmissionError: It cannot be read, is not a submission, or names an unknown task, argument or architecture;
            a run does not spend its budget, or it was made with other tables than those that are loaded.
    """
    whole = Path(path).is_dir()
    if whole:
        path, folder = Path(path) / FILE, Path(path)
        if not (folder / README).is_file():
            raise SubmissionError(f"{folder} must have a {README} that says what the controller is, there is none")
    content = read_json(Path(path), SubmissionError, limit=_LIMIT, optional=True)
    with refusing(path, SubmissionError):
        required = ("schema", "controller", "runs")
        known = (*required, "budget", "versions")
        _check_fields(content, "the submission", known, known if whole else required)
        if content["schema"] != SCHEMA_VERSION:
            raise ValueError(f"schema must be {SCHEMA_VERSION}, got {content['schema']!r}")
        if not isinstance(content["controller"], str) or not content["controller"]:
            raise ValueError(f"controller must be text, got {content['controller']!r}")
        if not isinstance(content["runs"], list) or not content["runs"]:
            raise ValueError("runs must be a list with one run or more")
        runs = [_run(run, f"runs[{i}]") for i, run in enumerate(content["runs"])]
        first: dict[Any, int] = {}
        for i, run in enumerate(runs):
            if (j := first.setdefault((run.judge.identity, run.seed), i)) < i:
                raise ValueError(f"runs[{i}] must be of another task or seed than runs[{j}], both are {run}")
        budget = content.get("budget", {})
        _check_fields(budget, "budget", ("evaluations", "hours"), ())
        evaluations = integer(budget["evaluations"], 1, "budget.evaluations") if "evaluations" in budget else None
        hours = positive(budget["hours"], "budget.hours") if "hours" in budget else None
        if whole and not budget:
            raise ValueError("budget must have 'evaluations' or 'hours', got none")
        submission = Submission(content["controller"], runs, evaluations, hours)
        _check_budget(submission)
        surrogates = Fields({"surrogates": {}, **content.get("versions", {})}, path, SubmissionError)
        check_checksums(surrogates.fields("surrogates"), f"{path}: its runs")
        if whole:
            _check_whole(submission, surrogates.content["surrogates"])
    return submission


def _check_budget(submission: Submission) -> None:
    """Raises a ``ValueError`` if a run has more or fewer evaluations than the budget that is stated."""
    most, hours = submission.evaluations, submission.hours
    for i, run in enumerate(submission.runs):
        n, spent = len(run.index), 0.0
        if hours is not None:
            spent = float(run.columns()["hours"][-1])
        if most is not None and (n > most or (hours is None and n < most)):
            raise ValueError(f"runs[{i}].evaluations must be {most:,}, as the budget says, got {n:,}")
        if hours is not None and spent > hours * (1.0 + TOLERANCE):
            raise ValueError(f"runs[{i}] must take at most {hours:g} h, as the budget says, it takes {spent:.2f} h")
        if hours is not None and spent + longest_hours() < hours and n != most:
            raise ValueError(f"runs[{i}] must spend its {hours:g} h, it ends after {spent:.2f} h")


def _check_whole(submission: Submission, surrogates: Mapping[str, Any]) -> None:
    """Raises a ``ValueError`` if tasks have different seeds, or a table has no checksum."""
    seeds: dict[Any, set[int]] = {}
    for run in submission.runs:
        problem = run.judge.problem
        seeds.setdefault(run.judge.identity, set()).add(run.seed)
        for metric in problem.metrics:
            if metric not in surrogates.get(problem.surrogate, {}):
                raise ValueError(f"versions.surrogates.{problem.surrogate} lacks the checksum of {metric!r}")
    if len({frozenset(of_task) for of_task in seeds.values()}) > 1:
        raise ValueError("runs must have the same seeds on every task, those that are left out might be the worst")


def _run(run: Any, place: str) -> SubmittedRun:
    fields = ("task", "seed", "evaluations", "claims", "fidelities")
    _check_fields(run, place, fields, ("task", "seed", "evaluations"))
    task = {"id": run["task"]} if isinstance(run["task"], str) else run["task"]
    _check_fields(task, f"{place}.task", None, ("id",))
    noise, seed = task.get("noise"), run["seed"]
    if noise is not None and not isinstance(noise, bool):
        raise ValueError(f"{place}.task.noise must be true or false, got {noise!r}")
    worlds = task.get("worlds", False)
    if not isinstance(worlds, bool):
        raise ValueError(f"{place}.task.worlds must be true or false, got {worlds!r}")
    seed = integer(seed, 0, f"{place}.seed", 2**64 - 1)
    try:
        arguments = {k: v for k, v in task.items() if k not in ("id", "noise", "failures", "worlds")}
        failures: Any = task.get("failures")
        judge = Judge(task["id"], arguments, noise, failures, worlds)
        check_failures(judge.failures, judge.problem)
        check_worlds(worlds, judge.id, arguments, [seed])
    except ValueError as error:
        raise ValueError(f"{place}.task: {error}") from error
    if not isinstance(run["evaluations"], list) or not run["evaluations"]:
        raise ValueError(f"{place}.evaluations must be a list of one architecture or more")
    index = [_index(value, f"{place}.evaluations[{i}]") for i, value in enumerate(run["evaluations"])]
    fidelity = _fidelities(run.get("fidelities"), judge, len(index), f"{place}.fidelities")
    submitted = SubmittedRun(judge, seed, np.array(index, dtype=np.int64), run.get("claims", {}), fidelity)
    _check_claims(submitted, f"{place}.claims")
    return submitted


def _fidelities(names: Any, judge: Judge, n: int, place: str) -> Names | None:
    if not isinstance(judge.problem, TwoFidelityProblem):
        if names is not None:
            raise ValueError(f"{place} must not be there: the task has one fidelity")
        return None
    if not isinstance(names, list) or len(names) != n:
        raise ValueError(f"{place} must be {n} names, one per evaluation")
    return np.array([choose(name, FIDELITIES, place) for name in names], dtype=object)


def _index(value: Any, place: str) -> int:
    try:
        if isinstance(value, str):
            return Architecture.parse(value).index
        if not is_integer(value) or not 0 <= int(value) < SPACE.size:
            raise ValueError(f"an architecture must be text or an index in 0..{SPACE.size - 1}, got {value!r}")
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    return int(value)


def _check_claims(run: SubmittedRun, place: str) -> None:
    _check_fields(run.claims, place, _CLAIMS, ())
    n = len(run.index)
    metrics = run.claims.get("metrics", {})
    _check_fields(metrics, f"{place}.metrics", run.judge.problem.benchmark.metrics, ())
    columns = {f"{place}.metrics.{name}": values for name, values in metrics.items()}
    if "reward" in run.claims:
        if run.judge.n_objectives > 1:
            raise ValueError(f"{place}.reward must not be there: the task has several objectives")
        columns[f"{place}.reward"] = run.claims["reward"]
    for where, values in columns.items():
        if not isinstance(values, list) or len(values) != n or not all(map(_is_number, values)):
            raise ValueError(f"{where} must be {n} finite numbers, one per evaluation")
    regret = run.claims.get("regret", {})
    _check_fields(regret, f"{place}.regret", None, ())
    if regret and run.judge.n_objectives > 2 and run.judge.front is None:
        raise ValueError(f"{place}.regret must not be there: no exact front of these objectives is known")
    for budget, value in regret.items():
        if not (budget.isascii() and budget.isdecimal() and 1 <= int(budget) <= n and _is_number(value)):
            raise ValueError(
                f'{place}.regret must be such as {{"50": 0.1}}, from evaluations in 1..{n} to finite numbers'
            )


def _check_fields(value: Any, place: str, known: Sequence[str] | None, required: Sequence[str]) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{place} must have named fields, got {type(value).__name__}")
    for name in value if known is not None else ():
        choose(name, known or (), f"a field of {place}")
    if missing := [name for name in required if name not in value]:
        raise ValueError(f"{place} lacks the field {missing[0]!r}")


def _is_number(value: Any) -> bool:
    """Whether it is a finite number; JSON's reader also makes NaN, infinities and integers beyond any float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
