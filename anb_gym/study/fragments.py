"""The finished runs of a study on disk: one file each, written whole, which become one table at the end.

A study's folder holds::

    study.json                              what the study is: configuration, tasks and versions, see .growth
    runs/<task>/<controller>/<seed>.parquet a finished run
    runs/<task>/<controller>/<seed>.json    a run whose controller failed: where, why, and the traceback
    runs/<task>/<controller>/<seed>.damaged what was a finished run and is damaged: it is made again
    results.parquet                         all finished runs, see anb_gym.study.results
    .process                                while a process works on it: its number
    .lock                                   what the process that works on it has locked

One process works on it at a time, which holds the lock where the file system has locks. A finished run is kept only as
long as it is what its study asks for, and its table is recomputed before it counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from anb_gym._files import create, locked, read_object, refusing, remove_temporaries, write_atomically
from anb_gym._types import FloatArray
from anb_gym.problems import FIDELITIES
from anb_gym.space import SPACE
from anb_gym.study.config import Run, budget, file_name
from anb_gym.study.controllers import place_of, source_of
from anb_gym.study.growth import comparable_run, contradictions, grown, summary_of_differences
from anb_gym.study.problems import has_fidelities
from anb_gym.study.results import FILE, SCHEMA, ResultsError, check_run, encode, pa, read, read_description
from anb_gym.study.runs import Trajectory, recompute

#: Recomputed numbers may differ by so much, relatively to one more than their size: processors round differently, and
#: libraries of linear algebra, by which worlds are made, more so.
_TOLERANCE: Final = 1e-9
_TOLERANCE_IN_WORLDS: Final = 1e-6
_AGAIN: Final = "start the study again, which makes it anew"

#: The names of a run's task and controller, and its seed.
Key: TypeAlias = tuple[str, str, int]


class DamagedError(ResultsError):
    """The file of a finished run is damaged, or not what the run has to have."""


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

        What a killed process left half-written is removed, and what the study has more than before is noted.

        Args:
            description: What the study is, data of JSON.

        Raises:
            ValueError: The folder is that of another study, see :meth:`claim`.
            InUseError: Another process works on it.
        """
        self.claim(description)
        lock = self.path / ".lock"
        create(lock, b"")
        with locked(lock, "the study") as alone:
            if alone:
                remove_temporaries(self.path)
            present = self.claim(description)
            if (more := grown(present, description)) != present:
                write_atomically(self._study, _encode(more))
            yield

    def claim(self, description: Mapping[str, Any]) -> Mapping[str, Any]:
        """Makes the folder that of a study, or sees that it is one that has grown to it.

        Returns:
            What the folder says that the study is.

        Raises:
            ValueError: It is that of another study; the message says what differs.
        """
        if create(self._study, _encode(description)):
            return description
        damaged = f"{self._study} is damaged, so its study cannot go on"
        present = read_object(self._study, ValueError, where=damaged).content
        with refusing(damaged, ValueError):
            differences = contradictions(present, description)
        if differences:
            raise ValueError(f"{self.path} holds another study: {differences}; choose another folder")
        return present

    @property
    def _study(self) -> Path:
        return self.path / "study.json"

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
            DamagedError: Its file is damaged or of another run.
            ResultsError: It was made under other conditions, or before the controller's file was edited: versions must
                not mix.
        """
        return self.fragment(run).exists() and bool(self._record(run))

    def check(self, run: Run) -> None:
        """Checks a finished run: its table is recomputed.

        Raises:
            DamagedError: Its file is damaged or not what the run has to have.
            ResultsError: As of :meth:`has`.
        """
        self._table(run, self._record(run))

    def set_aside(self, run: Run) -> None:
        """Renames the file of a finished run that is damaged, so that the run is made again."""
        self.fragment(run).replace(self.fragment(run).with_suffix(".damaged"))

    def failures(self, runs: Sequence[Run]) -> list[dict[str, Any]]:
        """What is known, but for the traceback, of those runs that failed and have not been made since.

        Raises:
            ResultsError: A file of a failed run is damaged.
        """
        found = []
        for run in runs:
            if self.failure(run).exists() and not self.fragment(run).exists():
                failure = read_object(self.failure(run), ResultsError)
                failure.get("error", str)
                found.append({key: value for key, value in failure.content.items() if key != "traceback"})
        return found

    def save(self, run: Run, data: bytes) -> None:
        """Keeps a finished run, see :func:`encode_run`."""
        write_atomically(self.fragment(run), data)
        self.failure(run).unlink(missing_ok=True)

    def save_failure(self, run: Run, failure: Mapping[str, Any]) -> None:
        """Keeps why a run failed."""
        write_atomically(self.failure(run), (json.dumps(failure, indent=2) + "\n").encode())

    def merge(self, runs: Sequence[Run], description: Mapping[str, Any], checked: Collection[Key] = ()) -> Path:
        """Writes the table of those runs that are finished.

        Args:
            runs: All runs of the study.
            description: Goes into the file's metadata beside the list of runs.
            checked: :func:`key` of those that need not be checked again.

        Returns:
            The file.

        Raises:
            ResultsError: A finished run's file is damaged, or its table is not what the run has to have.
        """
        runs = sorted(filter(self.has, runs), key=key)
        records = [self._record(run) for run in runs]
        path = self.path / FILE
        tables = self._tables(runs, records, checked)
        write_atomically(path, encode(tables, {**description, "runs": records}))
        return path

    def _record(self, run: Run) -> dict[str, Any]:
        """Description of a finished run in its file."""
        file = self.fragment(run)
        with _damage():
            description = read_description(file, ("run",))
            record: dict[str, Any] = description["run"]
            check_run(record, f"{file} is damaged, {_AGAIN}")
            if (record["task"], record["controller"], record["seed"]) != key(run):
                raise ResultsError(f"{file} is not of {run}; {_AGAIN}")
            # Runs of earlier versions do not have their configuration.
            present = comparable_run(description.get("configuration", _configuration(run)))
        if differences := summary_of_differences(present, comparable_run(_configuration(run))):
            raise ResultsError(f"{file} is of another study: {differences}; delete it or choose another folder")
        if record.get("source") != source_of(run.controller.path):
            raise ResultsError(
                f"{file} was made before {run.controller.path.rpartition(':')[0]} was edited; "
                "delete the runs of its controllers or choose another folder"
            )
        return record

    def _tables(
        self, runs: Sequence[Run], records: Sequence[Mapping[str, Any]], checked: Collection[Key]
    ) -> Iterator[Any]:
        """One table per task and controller."""
        for _, group in groupby(zip(runs, records, strict=True), key=lambda pair: key(pair[0])[:2]):
            tables = [self._table(*pair, checked=key(pair[0]) in checked) for pair in group]
            yield pa.concat_tables(tables, promote_options="permissive")

    def _table(self, run: Run, record: Mapping[str, Any], checked: bool = False) -> Any:
        """The table of a finished run, which is checked unless it has been."""
        with _damage():
            table = read(self.fragment(run))
            for what in () if checked else _wrong(run, record, table):
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
    task, controller, seed = key(run)
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


def key(run: Run) -> Key:
    """What no other run of its study has; runs of a table are sorted by it."""
    return run.task.name, run.controller.name, run.seed


@contextmanager
def _damage() -> Iterator[None]:
    """Turns an error of results into one of a damaged file."""
    try:
        yield
    except ResultsError as error:
        raise DamagedError(str(error)) from error


def _encode(description: Mapping[str, Any]) -> bytes:
    return (json.dumps(description, indent=2) + "\n").encode()


def _configuration(run: Run) -> dict[str, Any]:
    """Conditions of a run beside the names and the seed, as data of JSON."""
    return {
        "controller": {"path": place_of(run.controller.path), "settings": dict(run.controller.settings)},
        "task": {
            "id": run.task.id,
            "arguments": dict(run.task.arguments),
            "noise": run.task.noise,
            "failures": run.task.failures,
            **({"worlds": True} if run.task.worlds else {}),
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
        elif not _agree(columns[name], values, _TOLERANCE_IN_WORLDS if run.task.worlds else _TOLERANCE):
            yield f"its column {name!r} is not that of its architectures"
    if not _agree(np.array([record["hours"]]), columns["hours"][-1:]) or (run.hours or np.inf) < columns["hours"][-1]:
        yield f"it says that it took {record['hours']!r} hours"
    if not (np.diff(columns["seconds"], prepend=0.0) >= 0.0).all():
        yield "its seconds do not increase"


def _agree(found: Any, expected: FloatArray, tolerance: float = _TOLERANCE) -> bool:
    """Whether numbers are equal up to what other processors round otherwise; NaN is equal to nothing."""
    return found.dtype == np.float64 and bool((np.abs(found - expected) <= tolerance * (1 + np.abs(expected))).all())
