"""Excerpts of results: of each run the evaluations in which what it found improved, small enough to ship.

Between two improvements a run has nothing new, so its curves, its archive and every table of a page follow from these
evaluations and the last one. An excerpt is a file of results (:mod:`anb_gym.study.results`) with the field ``excerpt``
in its description and fewer rows: without ``told`` and ``reward``, which follow from the architectures; ``seconds`` of
the last evaluation alone, and ``hours`` down to a part of 256. :func:`load_results` fills the gaps: an evaluation that
is left out is its predecessor again.

An archive improves some hundred times in a thousand evaluations, a single best some ten times. An excerpt that would be
too large has of archives what they hold at the budgets at which controllers are compared, so that tables stay as they
are and curves become steps; if it still is, it has fewer seeds of archives, and at last of all tasks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._extras import require
from anb_gym._files import Fields, refusing
from anb_gym.pareto import Archive
from anb_gym.problems import FIDELITIES, TwoFidelityProblem
from anb_gym.space import SPACE
from anb_gym.study.analysis.anytime import BUDGETS, chosen_rows
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.results import (
    FIELDS,
    FILE,
    KEY,
    MOST_ROWS,
    SCHEMA,
    Results,
    ResultsError,
    check_tables,
    check_tasks,
    encode,
    pa,
    pq,
    read,
    read_description,
)
from anb_gym.study.runs import noise_seed
from anb_gym.study.telling import scores_of

#: The file of an excerpt in the folder of a leaderboard.
EXCERPT: Final = "runs.parquet"
#: The field of a description that says that it is one.
MARK: Final = "excerpt"
#: Bytes that it may have.
LIMIT: Final = 5_000_000
#: Parts of an hour that are kept.
_PARTS: Final = 256
#: The description has no list of runs: it follows from the rows.
_FIELDS: Final = tuple(field for field in FIELDS if field != "runs")
_RUN: Final = ["task", "controller", "seed"]


def excerpt(results: Results, judges: Mapping[str, Judge] | None = None, limit: int = LIMIT) -> bytes:
    """The file of the excerpt of results.

    Args:
        results: The results.
        judges: Of their tasks by name, if they are there already: worlds take seconds to make.
        limit: Bytes that it may have.
    """
    judges = judges or {name: Judge.of(description) for name, description in results.tasks.items()}
    entered, held, order = [], [], results.table.reset_index(drop=True)
    for (task, _, seed), run in _by_world(order):
        of_run, at_budgets = improvements(run, judges[task], seed)
        entered.append(run.index[of_run])
        held.append(run.index[at_budgets])
    whole, table = (order.loc[np.sort(np.concatenate(rows))] for rows in (entered, held))
    data = _encoded(results, whole, {"archives": "all"})
    if len(data) > limit:
        data = _encoded(results, table, {"archives": "at budgets"})
    archives = table["task"].isin([name for name, judge in judges.items() if judge.n_objectives > 1])
    for what, cut in (("seeds of archives", archives), ("seeds", archives | True)):
        n = order["seed"].nunique()
        while len(data) > limit and n > 1:
            n = min(n - 1, max(1, int(n * limit / len(data))))
            kept = table[~cut | table["seed"].isin(np.sort(order["seed"].unique())[:n])]
            data = _encoded(results, kept, {"archives": "at budgets", what: n})
    return data


def left_out(data: bytes) -> str:
    """What an excerpt lacks of the runs, in words; empty if nothing that a page's tables need."""
    metadata = pq.read_schema(pa.BufferReader(data)).metadata
    mark = json.loads(metadata[KEY])[MARK]
    for what, text in (("seeds of archives", "of tasks with several objectives"), ("seeds", "of all tasks")):
        if what in mark:
            return f"{text} the first {mark[what]} seeds"
    return ""


def _encoded(results: Results, table: Any, mark: Mapping[str, Any]) -> bytes:
    pd, ends = require("pandas", "study"), table[_RUN].ne(table[_RUN].shift(-1)).any(axis=1)
    fidelity = table["fidelity"].astype(object)
    columns = {
        "told": np.nan,
        "reward": np.nan,
        "hours": np.floor(table["hours"] * _PARTS) / _PARTS,
        "seconds": table["seconds"].where(ends),
        "fidelity": fidelity.where(pd.notna(fidelity), None),
    }
    description = {key: value for key, value in results.description.items() if key != "runs"}
    arrow = pa.Table.from_pandas(table.assign(**columns), schema=SCHEMA, preserve_index=False)
    return encode([arrow], {**description, MARK: mark})


def improvements(run: Any, judge: Judge, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows that tell what a run found.

    Returns:
        Those in which its best, or its archive, changed, and the first and the last, ``int64`` (k,), ascending; and of
        an archive only those that are in it at one of :data:`~anb_gym.study.analysis.anytime.BUDGETS` or at the end.
    """
    ends = [0, len(run) - 1]
    if judge.n_objectives == 1:
        kept = np.union1d(chosen_rows(run, judge), ends)
        return kept, kept
    told = judge.at(seed).told(run["index"].to_numpy(np.int64), seed)
    archive, begin = Archive(judge.directions), 0
    entered, held = [], []
    for budget in sorted({*(budget for budget in BUDGETS if budget < len(run)), len(run)}):
        entered.append(archive.add(told[begin:budget]))
        held.append(archive.rows)
        begin = budget
    return np.union1d(np.flatnonzero(np.concatenate(entered)), ends), np.union1d(np.concatenate(held), ends)


def load_results(path: Path | str) -> Results:
    """Reads results or their excerpt.

    Args:
        path: The file, or a folder that has either.

    Raises:
        OSError: It cannot be read.
        ResultsError: It is neither, is damaged, or of another version; or an excerpt was made with other tables than
            those that are loaded.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no results of a study in {path}: give its folder, such as runs/studies/quick")
    if path.is_dir():
        path = path / (FILE if (path / FILE).exists() or not (path / EXCERPT).exists() else EXCERPT)
    description = read_description(path, _FIELDS)
    if MARK not in description:
        return Results.load(path)
    check_tasks(Fields(description, path, ResultsError))
    results = Results(read(path).to_pandas(), {**description, "runs": []})
    check_tables(results)
    with refusing(path, ResultsError):
        return _filled(results, path)


def _filled(results: Results, path: Path) -> Results:
    """Results with all rows and runs, from an excerpt's.

    Raises:
        ResultsError: A row is impossible.
    """
    pd, table = require("pandas", "study"), results.table
    if not len(table):
        raise ResultsError(f"{path} is damaged: it has no rows")
    if not set(table["task"].unique()) <= set(results.tasks):
        raise ResultsError(f"{path} is damaged: it has rows of tasks that it does not describe")
    if not table["index"].between(0, SPACE.size - 1).all():
        raise ResultsError(f"{path} is damaged: an index is not in 0..{SPACE.size - 1}")
    begins = (table[_RUN] != table[_RUN].shift()).any(axis=1).to_numpy()
    numbers = table["evaluation"].to_numpy(np.int64)
    steps = np.diff(numbers, prepend=0)
    if not (np.where(begins, numbers == 1, steps > 0)).all() or table[begins].duplicated(_RUN).any():
        raise ResultsError(f"{path} is damaged: evaluations of a run must ascend from 1")
    ends = np.append(begins[1:], True)
    repeats = np.where(ends, 1, np.append(steps[1:], 1))
    if repeats.sum() > MOST_ROWS:
        raise ResultsError(f"{path} must have at most {MOST_ROWS:,} evaluations, it has {repeats.sum():,}")
    told, reward = np.full((2, len(table)), np.nan)
    judges = {name: Judge.of(description) for name, description in results.tasks.items()}
    for (task, _, seed), run in _by_world(table.reset_index(drop=True)):
        judge, fidelity = judges[task], run["fidelity"].to_numpy(dtype=object)
        several = isinstance(judge.problem, TwoFidelityProblem)
        if any((name in FIDELITIES) != several for name in fidelity):
            raise ResultsError(f"{path} is damaged: its column 'fidelity' does not suit the task {task!r}")
        if judge.n_objectives == 1:
            scores = scores_of(
                judge.at(seed).problem,
                SPACE.index_to_states(run["index"].to_numpy(np.int64)),
                noise_seed(judge.noise, seed),
                judge.failures,
                seed,
                fidelity if several else None,
            )
            told[run.index], reward[run.index] = scores["told"], scores["reward"]
    whole = table.assign(told=told, reward=reward).loc[table.index.repeat(repeats)].reset_index(drop=True)
    lengths = pd.Series(repeats).groupby(np.cumsum(begins) - 1).sum().to_numpy()
    whole["evaluation"] = np.concatenate([np.arange(1, n + 1, dtype=np.int32) for n in lengths])
    runs = list(_records(table[ends]))
    return Results(whole, {**results.description, "runs": runs})


def _records(last: Any) -> Iterator[dict[str, Any]]:
    """What is known of runs by their last rows; of the seconds, those of the controller until its last proposal."""
    for row in last.to_dict("records"):
        yield {
            "task": row["task"],
            "controller": row["controller"],
            "seed": int(row["seed"]),
            "evaluations": int(row["evaluation"]),
            "hours": float(row["hours"]),
            "controller_seconds": float(row["seconds"]),
            "benchmark_seconds": np.nan,
            "total_seconds": np.nan,
        }


def _by_world(table: Any) -> Iterator[tuple[tuple[str, str, int], Any]]:
    """Runs of a table, those of one task and seed after each other, so that worlds are made once."""
    groups = table.groupby(_RUN, observed=True, sort=False)
    runs = {(str(task), str(controller), int(seed)): rows for (task, controller, seed), rows in groups}
    for key in sorted(runs, key=lambda key: (key[0], key[2])):
        yield key, runs[key]
