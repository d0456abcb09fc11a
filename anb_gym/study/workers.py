"""The processes and threads that carry out a study's runs: spread by joblib, and none outlives the study."""

from __future__ import annotations

import os
import tempfile
import threading
import traceback
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from anb_gym._extras import require
from anb_gym._files import read_text, write_atomically
from anb_gym._workers import exists, following
from anb_gym.study.config import Run
from anb_gym.study.fragments import encode_run
from anb_gym.study.runs import ControllerError, Stopped, execute

joblib = require("joblib", "study")

#: A finished run as a file, or why it failed.
Result: TypeAlias = bytes | dict[str, Any]

#: Where Linux keeps semaphores that processes share.
_SHARED: Final = Path("/dev/shm")


def check_backend() -> None:
    """Raises a ``ValueError`` if joblib's backend never tells that a process died: its study would not end."""
    backend, _ = joblib.parallel.get_active_backend()
    if isinstance(backend, joblib.parallel.MultiprocessingBackend):
        raise ValueError(
            "joblib's backend must be one that notices when a process dies, such as 'loky', got 'multiprocessing'"
        )


def attempts(runs: Sequence[Run], workers: int) -> Generator[tuple[int, Result]]:
    """The number and the result of every run, in the order in which they finish.

    Worker processes end with this one, however it ends. When the iterator is closed, threads have ended.

    Raises:
        OSError: A process that worked on a run died.
    """
    backend, _ = joblib.parallel.get_active_backend()
    study = _Study()
    attempt = joblib.delayed(following(_attempt))
    jobs = [attempt(number, run, study) for number, run in enumerate(runs)]
    # Nothing is shared through files: with these two, joblib makes none that a killed process would leave behind.
    options = {"n_jobs": workers, "max_nbytes": None, "temp_folder": tempfile.gettempdir()}
    try:
        if backend.supports_return_generator:
            results = joblib.Parallel(**options, return_as="generator_unordered")(jobs)
            try:
                for result in results:  # noqa: UP028 - which would close them too early
                    yield result
            finally:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that tasks were cancelled
                    results.close()
            return
        # Such as Ray's: results come when all of a call are there, so each call gets a few.
        size = 4 * joblib.effective_n_jobs(workers)
        with joblib.Parallel(**options) as parallel:
            for start in range(0, len(jobs), size):
                yield from parallel(jobs[start : start + size])
    except BrokenProcessPool as error:
        raise OSError(
            f"a process that worked on a run died, such as for want of memory; finished runs are kept: {error}"
        ) from error
    finally:
        study.stop()


@contextmanager
def tidy(folder: Path) -> Iterator[None]:
    """Removes what the workers of a killed study have left in shared memory, and notes whose those of this one are.

    Workers that die together with all that could tidy up after them leave the semaphores that they shared, which are
    named by the process that made them.

    Args:
        folder: The study's, in which no other process works.
    """
    note = folder / ".process"
    with suppress(OSError, ValueError, OverflowError):
        process = int(read_text(note, ValueError))
        if (left := list(_SHARED.glob(f"sem.loky-{process}-*"))) and not exists(process):
            for file in left:
                file.unlink(missing_ok=True)
    write_atomically(note, str(os.getpid()).encode())
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


class _Study:
    """State of a study that its workers share; threads have the very object, processes a copy."""

    def __init__(self) -> None:
        self._stopping, self._running, self._changed = False, 0, threading.Condition()

    def __reduce__(self) -> tuple[type[_Study], tuple[()]]:
        return _Study, ()

    def stopping(self) -> bool:
        """Whether runs should end at once, since nobody wants their results any more."""
        return self._stopping

    def stop(self) -> None:
        """Stops the runs of this process's threads and waits for them.

        joblib leaves them running. A thread that is inside a library of C++ when Python ends aborts the process.
        """
        with self._changed:
            self._stopping = True
            self._changed.wait_for(lambda: not self._running)

    def __enter__(self) -> None:
        with self._changed:
            if self._stopping:
                raise Stopped
            self._running += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()


def _attempt(number: int, run: Run, study: _Study) -> tuple[int, Result]:
    """Carries out a run."""
    try:
        with study:
            return number, encode_run(run, execute(run, study.stopping))
    except ControllerError as error:
        return number, {
            "controller": run.controller.name,
            "task": run.task.name,
            "seed": run.seed,
            "evaluation": error.evaluation,
            "error": str(error),
            "traceback": "".join(traceback.format_exception(error.__cause__ or error)),
        }
