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
          }
        }
      ]
    }

An architecture that is evaluated twice counts twice: a controller that repeats itself spends its budget.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._errors import choose, integer, is_integer
from anb_gym._extras import require
from anb_gym._files import read_json, refusing
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Architecture, Indices
from anb_gym.study.analysis.anytime import BUDGETS, anytime, measures
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.cost import gpu_hours
from anb_gym.study.problems import described
from anb_gym.study.results import Results

#: Version of the files; others are refused.
SCHEMA_VERSION: Final = 1
#: Claims may differ by so much: relatively for metrics, absolutely for rewards and regrets in unit scale.
TOLERANCE: Final = 1e-6

#: Bytes that a file may have: some five million evaluations with a claim.
_LIMIT: Final = 2**27
_CLAIMS: Final = ("metrics", "reward", "regret")


class SubmissionError(ValueError):
    """A file is not a submission; the message says where."""


@dataclass(frozen=True, eq=False)
class SubmittedRun:
    """One run of a submission.

    Attributes:
        judge: Judges its task.
        seed: The seed of its noise.
        index: What was evaluated, ``int64`` (n,), in order.
        claims: What is said about it.
    """

    judge: Judge
    seed: int
    index: Indices
    claims: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{described(self.judge.id, self.judge.noise, self.judge.arguments)}, seed {self.seed}"


@dataclass(frozen=True)
class Submission:
    """Evaluations of a controller.

    Attributes:
        controller: Its name.
        runs: Its runs.
    """

    controller: str
    runs: Sequence[SubmittedRun]


@dataclass(frozen=True)
class Verdict:
    """Verdict on a run that was recomputed.

    Attributes:
        regret: Regret (hypervolume regret with two objectives) after numbers of evaluations; empty with more
            objectives, for which no exact front is known.
        repeated: How many evaluations were of architectures evaluated before.
        mismatches: Claims that are wrong.
    """

    regret: Mapping[int, float]
    repeated: int
    mismatches: Sequence[str]


def submission_of(results: Results, controller: str) -> dict[str, Any]:
    """All runs of a controller in a study as a submission, with its rewards as claims; data of JSON.

    Raises:
        ValueError: The study has no such controller.
    """
    table = results.table
    rows = table[table["controller"] == choose(controller, sorted(set(table["controller"])), "controller")]
    runs = []
    for (task, seed), run in rows.groupby(["task", "seed"], observed=True):
        description = results.tasks[task]
        claims = {} if description["kind"] == "vector" else {"claims": {"reward": run["reward"].tolist()}}
        entry = {"id": description["id"], "noise": description["noise"], **description["arguments"]}
        runs.append({"task": entry, "seed": int(seed), "evaluations": run["index"].tolist(), **claims})
    return {"schema": SCHEMA_VERSION, "controller": controller, "runs": runs}


def load_submission(path: Path | str) -> Submission:
    """Reads a submission.

    Raises:
        FileNotFoundError: There is no such file.
        SubmissionError: It cannot be read, is not a submission, or names an unknown task, argument or architecture.
    """
    content = read_json(Path(path), SubmissionError, limit=_LIMIT, optional=True)
    with refusing(path, SubmissionError):
        _check_fields(content, "the submission", ("schema", "controller", "runs"), ("schema", "controller", "runs"))
        if content["schema"] != SCHEMA_VERSION:
            raise ValueError(f"schema must be {SCHEMA_VERSION}, got {content['schema']!r}")
        if not isinstance(content["controller"], str) or not content["controller"]:
            raise ValueError(f"controller must be text, got {content['controller']!r}")
        if not isinstance(content["runs"], list) or not content["runs"]:
            raise ValueError("runs must be a list with one run or more")
        runs = [_run(run, f"runs[{i}]") for i, run in enumerate(content["runs"])]
        first: dict[Any, int] = {}
        for i, run in enumerate(runs):
            if (j := first.setdefault((run.judge.problem, run.judge.noise, run.seed), i)) < i:
                raise ValueError(f"runs[{i}] must be of another task or seed than runs[{j}], both are {run}")
    return Submission(content["controller"], runs)


def validate_run(run: SubmittedRun) -> Verdict:
    """Recomputes a run and compares it with what it claims."""
    regret = _regret(run)
    return Verdict(
        {budget: regret[budget - 1] for budget in sorted({*BUDGETS, len(regret)}) if 0 < budget <= len(regret)},
        len(run.index) - len(np.unique(run.index)),
        list(_mismatches(run, regret)),
    )


def _regret(run: SubmittedRun) -> list[float]:
    """After each evaluation; empty where no exact front is known."""
    judge, n = run.judge, len(run.index)
    if judge.n_objectives > 2:
        return []
    hours = np.cumsum(gpu_hours(SPACE.index_to_states(run.index)))
    columns = {"controller": "", "seed": run.seed, "index": run.index, "hours": hours, "told": np.nan, "reward": np.nan}
    if judge.n_objectives == 1:
        columns |= {"told": judge.told(run.index, run.seed)[:, 0], "reward": judge.exact(run.index)[:, 0]}
    table = require("pandas", "study").DataFrame(columns, index=range(n))
    (curves,) = anytime(table, judge, measures(judge)[0]).values()
    values: list[float] = curves.values[0].tolist()
    return values


def _mismatches(run: SubmittedRun, regret: Sequence[float]) -> Iterator[str]:
    claims = run.claims
    for name, claimed in claims.get("metrics", {}).items():
        values = run.judge.problem.benchmark.query(run.index, name)[name]
        yield from _differences(f"the {name} of evaluation", claimed, values, TOLERANCE * np.abs(values))
    if "reward" in claims:
        values = run.judge.exact(run.index)[:, 0]
        yield from _differences("the reward of evaluation", claims["reward"], values, np.full(len(values), TOLERANCE))
    for budget, claimed in claims.get("regret", {}).items():
        if abs(claimed - regret[int(budget) - 1]) > TOLERANCE:
            yield f"the regret after {budget} evaluations is {regret[int(budget) - 1]:.9g}, claimed is {claimed:.9g}"


def _differences(what: str, claimed: Sequence[float], values: FloatArray, tolerance: FloatArray) -> Iterator[str]:
    wrong = np.flatnonzero(~(np.abs(np.asarray(claimed) - values) <= tolerance))
    if len(wrong):
        row = wrong[0]
        more = f"; {len(wrong) - 1} more differ" if len(wrong) > 1 else ""
        yield f"{what} {row + 1} is {values[row]:.9g}, claimed is {claimed[row]:.9g}{more}"


def _run(run: Any, place: str) -> SubmittedRun:
    _check_fields(run, place, ("task", "seed", "evaluations", "claims"), ("task", "seed", "evaluations"))
    task = {"id": run["task"]} if isinstance(run["task"], str) else run["task"]
    _check_fields(task, f"{place}.task", None, ("id",))
    noise, seed = task.get("noise", False), run["seed"]
    if not isinstance(noise, bool):
        raise ValueError(f"{place}.task.noise must be true or false, got {noise!r}")
    seed = integer(seed, 0, f"{place}.seed", 2**64 - 1)
    try:
        judge = Judge(task["id"], {k: v for k, v in task.items() if k not in ("id", "noise")}, noise)
    except ValueError as error:
        raise ValueError(f"{place}.task: {error}") from error
    if not isinstance(run["evaluations"], list) or not run["evaluations"]:
        raise ValueError(f"{place}.evaluations must be a list of one architecture or more")
    index = [_index(value, f"{place}.evaluations[{i}]") for i, value in enumerate(run["evaluations"])]
    submitted = SubmittedRun(judge, seed, np.array(index, dtype=np.int64), run.get("claims", {}))
    _check_claims(submitted, f"{place}.claims")
    return submitted


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
    if regret and run.judge.n_objectives > 2:
        raise ValueError(f"{place}.regret must not be there: no exact front of more than two metrics is known")
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
