"""Event files that TensorBoard shows, written while an agent trains."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO, Final

import numpy as np

from anb_gym._extras import require
from anb_gym.agents.curves import curves, grid, window_of
from anb_gym.agents.evaluations import Evaluations
from anb_gym.agents.training import Training

#: Points of a training that are written.
N_POINTS: Final = 500
#: Seconds between two looks at the record, at least, and in terms of what a look takes.
_INTERVAL: Final = 1.0
_SHARE: Final = 20.0
#: How the files' names begin, which TensorBoard looks for, and end.
_NAME: Final = ("events.out.tfevents.", ".anb_gym")


class EventLog:
    """The log of one training, which is a function of its record; a context that closes the file at its end.

    So it holds every step once, whether the training was interrupted or not: one that goes on writes the log of its
    record anew, and what the process before wrote beyond its last checkpoint is gone.

    Args:
        folder: Where the event file goes.

    Raises:
        ModuleNotFoundError: The extra ``agents`` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events = require("tensorboard.compat.proto.event_pb2", "agents")
        self._summaries = require("tensorboard.compat.proto.summary_pb2", "agents")
        self._record_writer = require("tensorboard.summary.writer.record_writer", "agents").RecordWriter
        self._file: BinaryIO | None = None
        self._writer: Any = None
        self._written = 0
        self._next = -np.inf
        self._began = 0.0

    def watch(self, training: Training) -> None:
        """Writes what is new in the record, now and then; to be called between updates."""
        began = perf_counter()
        if began >= self._next:
            self.write(training.evaluations, training.assignment.evaluations)
            ended = perf_counter()
            self._next = ended + max(_INTERVAL, _SHARE * (ended - began))

    def write(self, record: Evaluations, budget: int) -> None:
        """Writes what is new in the record of a training with a budget.

        Raises:
            OSError: The file cannot be written.
        """
        if self._file is None:
            self._begin(float(record.seconds[-1]) if len(record) else 0.0)
        assert self._file is not None
        steps = grid(budget, N_POINTS)
        steps = steps[(steps > self._written) & (steps <= len(record))]
        if not len(steps):
            return
        found = curves(record, steps, window_of(budget))
        columns = {"unique evaluations": found.unique, "evaluations per second": steps / found.seconds}
        if np.isfinite(found.regret).any():
            name = "median regret" if record.cells.shape[1] else "best regret"
            columns[name] = found.regret
        if found.reward.ndim == 1:
            columns["mean reward"] = found.reward
        else:
            columns |= {f"mean reward/{number}": column for number, column in enumerate(found.reward.T)}
        for row, step in enumerate(steps.tolist()):
            values = [
                self._summaries.Summary.Value(tag=f"train/{name}", simple_value=float(column[row]))
                for name, column in columns.items()
                if np.isfinite(column[row])
            ]
            event = self._events.Event(
                wall_time=self._began + float(found.seconds[row]),
                step=step,
                summary=self._summaries.Summary(value=values),
            )
            self._writer.write(event.SerializeToString())
        self._file.flush()
        self._written = int(steps[-1])

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self, seconds: float) -> None:
        """Starts a file, in place of those of earlier processes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for earlier in self._folder.glob(f"{_NAME[0]}*{_NAME[1]}"):
            earlier.unlink()
        self._began = time.time() - seconds
        path = self._folder / f"{_NAME[0]}{int(time.time() * 1000)}.{socket.gethostname()}{_NAME[1]}"
        self._file = path.open("wb")
        self._writer, self._written = self._record_writer(self._file), 0
        version = self._events.Event(wall_time=self._began, file_version="brain.Event:2")
        self._writer.write(version.SerializeToString())
        self._file.flush()
