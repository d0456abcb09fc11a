"""The finished runs of a study on disk: one file each, written whole, which become one table at the end.

A study's folder holds::

    study.json                              what the study is: configuration, tasks and versions
    runs/<task>/<controller>/<seed>.parquet a finished run
    runs/<task>/<controller>/<seed>.json    a run whose controller failed: where, why, and the traceback
    results.parquet                         all finished runs, see anb_gym.study.results
    .process                                while a process works on it: its number

One process works on it at a time, which holds a lock on ``study.json`` where the file system has locks. A finished
run is kept only as long as it is what its study asks for, and its table is recomputed before it is merged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from reprlib import repr as shorten
from typing import Any, Final

import numpy as np

from anb_gym._files import create, locked, read_object, remove_temporaries, write_atomically
from anb_gym._types import FloatArray
from anb_gym.problems import FIDELITIES
from anb_gym.space import SPACE
from anb_gym.study.config import Run, budget, file_name
from anb_gym.study.controllers import source_of
from anb_gym.study.problems import has_fidelities
from anb_gym.study.results import FILE, SCHEMA, ResultsError, check_run, encode, pa, read, read_description
from anb_gym.study.runs import Trajectory, recompute

#: Recomputed numbers may differ by so much, relatively to one more than their size: processors round differently.
_TOLERANCE: Final = 1e-9
_AGAIN: Final = "delete it and start the study again"


@dataclass(frozen=True)
class Folder:
    """The folder of a study.

    Attributes:
        path: Where it is.
    """

    path: Path

    @contextmanager
    def open(self, description: Mapping[str, Any]) -> Iterator[None]:
        """Starts a study here or goes on with it, as the only process that does.

        What a killed process left half-written is removed.

        Args:
            description: What the study is, data of JSON.

        Raises:
            ValueError: The folder is that of another study, see :meth:`claim`.
            InUseError: Another process works on it.
        """
        self.claim(description)
        with locked(self.path / "study.json", "the study") as alone:
            if alone:
                remove_temporaries(self.path)
            yield

    def claim(self, description: Mapping[str, Any]) -> None:
        """Makes the folder that of a study.

        Raises:
            ValueError: It is that of another study; the message says what differs.
        """
        file = self.path / "study.json"
        if create(file, (json.dumps(description, indent=2) + "\n").encode()):
            return
        present = read_object(file, ValueError, where=f"{file} is damaged, so its study cannot go on")
        if differences := _summary_of_differences(present.content, description):
            raise ValueError(f"{self.path} holds another study: {differences}; choose another folder")

    def fragment(self, run: Run) -> Path:
        """The file of a finished run."""
        task, controller = (file_name(entry.name) for entry in (run.task, run.controller))
        return self.path / "runs" / task / controller / f"{run.seed}.parquet"

    def failure(self, run: Run) -> Path:
        """The file of a failed run."""
        return self.fragment(run).with_suffix(".json")

    def has(self, run: Run) -> bool:
        """Whether a run is finished.

        Raises:
            ResultsError: Its file is damaged, of another run, or made before the controller's file was edited:
                versions must not mix.
        """
        return self.fragment(run).exists() and bool(self._record(run))

    def save(self, run: Run, data: bytes) -> None:
        """Keeps a finished run, see :func:`encode_run`."""
        write_atomically(self.fragment(run), data)
        self.failure(run).unlink(missing_ok=True)

    def save_failure(self, run: Run, failure: Mapping[str, Any]) -> None:
        """Keeps why a run failed."""
        write_atomically(self.failure(run), (json.dumps(failure, indent=2) + "\n").encode())

    def merge(self, runs: Sequence[Run], description: Mapping[str, Any]) -> Path:
        """Writes the table of those runs that are finished.

        Args:
            runs: All runs of the study.
            description: Goes into the file's metadata beside the list of runs.

        Returns:
            The file.

        Raises:
            ResultsError: A finished run's file is damaged, or its table is not what the run has to have.
        """
        runs = sorted(filter(self.has, runs), key=_order)
        records = [self._record(run) for run in runs]
        path = self.path / FILE
        write_atomically(path, encode(self._tables(runs, records), {**description, "runs": records}))
        return path

    def _record(self, run: Run) -> dict[str, Any]:
        """Description of a finished run in its file."""
        file = self.fragment(run)
        description = read_description(file, ("run",))
        record: dict[str, Any] = description["run"]
        check_run(record, f"{file} is damaged, {_AGAIN}")
        if (record["task"], record["controller"], record["seed"]) != _order(run):
            raise ResultsError(f"{file} is not of {run}; {_AGAIN}")
        # Runs of earlier versions do not have their configuration.
        present = description.get("configuration", _configuration(run))
        if differences := _summary_of_differences(present, _configuration(run)):
            raise ResultsError(f"{file} is of another study: {differences}; delete it or choose another folder")
        if record.get("source") != source_of(run.controller.path):
            raise ResultsError(
                f"{file} was made before {run.controller.path.rpartition(':')[0]} was edited; "
                "delete the runs of its controllers or choose another folder"
            )
        return record

    def _tables(self, runs: Sequence[Run], records: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
        """One table per task and controller."""
        for _, group in groupby(zip(runs, records, strict=True), key=lambda pair: _order(pair[0])[:2]):
            yield pa.concat_tables([self._table(*pair) for pair in group], promote_options="permissive")

    def _table(self, run: Run, record: Mapping[str, Any]) -> Any:
        """The table of a finished run, which is checked."""
        table = read(self.fragment(run))
        for what in _wrong(run, record, table):
            raise ResultsError(f"{self.fragment(run)} is not what {run} has to have: {what}; {_AGAIN}")
        return table


def encode_run(run: Run, record: Trajectory) -> bytes:
    """A finished run as a file of results with one run."""
    n = len(record.index)
    columns = {
        "task": pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), [run.task.name]),
        "controller": pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), [run.controller.name]),
        "seed": np.full(n, run.seed, dtype=np.uint64),
        "evaluation": np.arange(1, n + 1, dtype=np.int32),
        "index": record.index,
        "fidelity": pa.array([None] * n if record.fidelity is None else record.fidelity.tolist(), pa.string()).cast(
            SCHEMA.field("fidelity").type
        ),
        "told": pa.nulls(n, pa.float64()) if record.told is None else record.told,
        "reward": pa.nulls(n, pa.float64()) if record.reward is None else record.reward,
        "hours": record.hours,
        "seconds": record.seconds,
    }
    task, controller, seed = _order(run)
    summary = {
        "task": task,
        "controller": controller,
        "seed": seed,
        "evaluations": n,
        "hours": float(record.hours[-1]),
        "controller_seconds": record.controller_seconds,
        "benchmark_seconds": record.benchmark_seconds,
        "total_seconds": record.total_seconds,
        "source": source_of(run.controller.path),
    }
    return encode([pa.table(columns, schema=SCHEMA)], {"run": summary, "configuration": _configuration(run)})


def _order(run: Run) -> tuple[str, str, int]:
    return run.task.name, run.controller.name, run.seed


def _configuration(run: Run) -> dict[str, Any]:
    """Conditions of a run beside the names and the seed, as data of JSON."""
    return {
        "controller": {"path": run.controller.path, "settings": dict(run.controller.settings)},
        "task": {
            "id": run.task.id,
            "arguments": dict(run.task.arguments),
            "noise": run.task.noise,
            "failures": run.task.failures,
        },
        "evaluations": run.evaluations,
        "hours": run.hours,
    }


def _wrong(run: Run, record: Mapping[str, Any], table: Any) -> Iterator[str]:
    """Fault of the table of a finished run."""
    n = table.num_rows
    if n != record["evaluations"] or not 1 <= n <= budget(run.evaluations, run.hours):
        yield f"it has {n} rows, and says that it has {record['evaluations']!r} evaluations"
        return
    if run.hours is None and n != run.evaluations:
        yield f"it has {n} evaluations of {run.evaluations}"
    for column, expected in (("task", run.task.name), ("controller", run.controller.name), ("seed", run.seed)):
        if table[column].unique().to_pylist() != [expected]:
            yield f"its column {column!r} is not {expected!r} throughout"
    columns = {name: table[name].to_numpy() for name in ("evaluation", "index", "told", "reward", "hours", "seconds")}
    if not np.array_equal(columns["evaluation"], np.arange(1, n + 1)):
        yield f"its evaluations are not numbered from 1 to {n}"
    if table["index"].null_count or not ((columns["index"] >= 0) & (columns["index"] < SPACE.size)).all():
        yield f"an index is not in 0..{SPACE.size - 1}"
        return
    fidelity, several = np.array(table["fidelity"].to_pylist(), dtype=object), has_fidelities(run.task)
    if any(name not in (FIDELITIES if several else (None,)) for name in set(fidelity.tolist())):
        yield "its column 'fidelity' is not of names of fidelities" if several else "its task has one fidelity only"
        return
    for name, values in recompute(run, columns["index"], fidelity if several else None).items():
        if values is None:
            if table[name].null_count < n:
                yield f"it has the column {name!r}, which vector rewards do not have"
        elif not _agree(columns[name], values):
            yield f"its column {name!r} is not that of its architectures"
    if not _agree(np.array([record["hours"]]), columns["hours"][-1:]) or (run.hours or np.inf) < columns["hours"][-1]:
        yield f"it says that it took {record['hours']!r} hours"
    if not (np.diff(columns["seconds"], prepend=0.0) >= 0.0).all():
        yield "its seconds do not increase"


def _agree(found: Any, expected: FloatArray) -> bool:
    """Whether numbers are equal up to what other processors round otherwise; NaN is equal to nothing."""
    return found.dtype == np.float64 and bool((np.abs(found - expected) <= _TOLERANCE * (1 + np.abs(expected))).all())


def _summary_of_differences(old: Any, new: Any) -> str:
    """Difference of two values of JSON, in one line; empty if there is none."""
    differences = list(_differences(old, json.loads(json.dumps(new))))
    more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
    return f"{'; '.join(differences[:3])}{more}"


def _differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Differences of two values of JSON."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _differences(old.get(key), new.get(key), f"{place}.{key}" if place else str(key))
    elif old != new:
        yield f"{place} is {shorten(old)} there and {shorten(new)} here"
