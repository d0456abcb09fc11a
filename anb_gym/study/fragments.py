"""The finished runs of a study on disk: one file each, written whole, which become one table at the end.

A study's folder holds::

    study.json                              what the study is: configuration, tasks and versions
    runs/<task>/<controller>/<seed>.parquet a finished run
    runs/<task>/<controller>/<seed>.json    a run whose controller failed: where, why, and the traceback
    results.parquet                         all finished runs, see anb_gym.study.results
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

import numpy as np

from anb_gym._files import write_atomically
from anb_gym.study.config import Run
from anb_gym.study.controllers import source_of
from anb_gym.study.results import FILE, SCHEMA, ResultsError, encode, pa, read, read_description
from anb_gym.study.runs import Record


@dataclass(frozen=True)
class Folder:
    """The folder of a study.

    Attributes:
        path: Where it is.
    """

    path: Path

    def open(self, description: Mapping[str, Any]) -> None:
        """Starts a study here, or goes on with it.

        Args:
            description: What the study is, data of JSON.

        Raises:
            ValueError: The folder is that of another study; the message says what differs.
        """
        file = self.path / "study.json"
        if not file.exists():
            write_atomically(file, (json.dumps(description, indent=2) + "\n").encode())
            return
        try:
            present = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(present, dict):
                raise ValueError(f"expected named fields, got {type(present).__name__}")
        except ValueError as error:
            raise ValueError(f"{file} is damaged, so its study cannot go on: {error}") from None
        if differences := list(_differences(present, json.loads(json.dumps(description)))):
            more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
            raise ValueError(
                f"{self.path} holds another study: {'; '.join(differences[:3])}{more}; choose another folder"
            )

    def fragment(self, run: Run) -> Path:
        """The file of a finished run."""
        return self.path / "runs" / run.task.name / run.controller.name / f"{run.seed}.parquet"

    def failure(self, run: Run) -> Path:
        """The file of a failed run."""
        return self.fragment(run).with_suffix(".json")

    def has(self, run: Run) -> bool:
        """Whether a run is finished."""
        return self.fragment(run).exists()

    def check_sources(self, runs: Sequence[Run]) -> None:
        """Checks that the controllers' files are those that made the finished runs: versions must not mix.

        Raises:
            ResultsError: One was edited since, or a finished run's file is damaged.
        """
        for run in runs:
            if source_of(run.controller.path) is not None and self.has(run):
                self._record(run)

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
            ResultsError: A finished run's file is damaged.
        """
        runs = sorted(filter(self.has, runs), key=_order)
        records = [self._record(run) for run in runs]
        path = self.path / FILE
        write_atomically(path, encode(self._tables(runs), {**description, "runs": records}))
        return path

    def _record(self, run: Run) -> dict[str, Any]:
        record: dict[str, Any] = read_description(self.fragment(run), ("run",))["run"]
        if (record["task"], record["controller"], record["seed"]) != _order(run):
            raise ResultsError(f"{self.fragment(run)} is not of {run}; delete it and start the study again")
        if record.get("source") != source_of(run.controller.path):
            raise ResultsError(
                f"{self.fragment(run)} was made before {run.controller.path.rpartition(':')[0]} was edited; "
                "delete the runs of its controllers or choose another folder"
            )
        return record

    def _tables(self, runs: Sequence[Run]) -> Iterator[Any]:
        """One table per task and controller."""
        for _, group in groupby(runs, key=lambda run: _order(run)[:2]):
            yield pa.concat_tables([read(self.fragment(run)) for run in group], promote_options="permissive")


def encode_run(run: Run, record: Record) -> bytes:
    """A finished run as a file of results with one run."""
    n = len(record.index)
    columns = {
        "task": pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), [run.task.name]),
        "controller": pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), [run.controller.name]),
        "seed": np.full(n, run.seed, dtype=np.int32),
        "evaluation": np.arange(1, n + 1, dtype=np.int32),
        "index": record.index,
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
    return encode([pa.table(columns, schema=SCHEMA)], {"run": summary})


def _order(run: Run) -> tuple[str, str, int]:
    return run.task.name, run.controller.name, run.seed


def _differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Where two values of JSON differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _differences(old.get(key), new.get(key), f"{place}.{key}" if place else str(key))
    elif old != new:
        yield f"{place} is {shorten(old)} there and {shorten(new)} here"
