"""The processes and threads that carry out a study's runs: spread by joblib, and none outlives the study."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from anb_gym._extras import require
from anb_gym._files import read_text, write_atomically
from anb_gym.study.config import Run
from anb_gym.study.fragments import encode_run
from anb_gym.study.runs import ControllerError, Stopped, execute

joblib = require("joblib", "study")

#: A finished run as a file, or why it failed.
Result: TypeAlias = bytes | dict[str, Any]

#: Backends of joblib whose workers are this process's own; those of others, such as Dask's, serve others too.
_OWN: Final = (joblib.parallel.LokyBackend, joblib.parallel.MultiprocessingBackend)
#: Where Linux keeps semaphores that processes share.
_SHARED: Final = Path("/dev/shm")
#: How often a worker looks whether the study is still there, in seconds.
_INTERVAL: Final = 0.5


def attempts(runs: Sequence[Run], workers: int) -> Generator[tuple[int, Result]]:
    """The number and the result of every run, in the order in which they finish.

    Workers end with this process, however it ends. When the iterator is closed, threads have ended.

    Raises:
        OSError: A process that worked on a run died.
    """
    backend, _ = joblib.parallel.get_active_backend()
    study = _Study(os.getpid() if isinstance(backend, _OWN) else None)
    jobs = [joblib.delayed(_attempt)(number, run, study) for number, run in enumerate(runs)]
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
        if (left := list(_SHARED.glob(f"sem.loky-{process}-*"))) and not _exists(process):
            for file in left:
                file.unlink(missing_ok=True)
    write_atomically(note, str(os.getpid()).encode())
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _exists(process: int) -> bool:
    """Whether there is a process of this number, whoever's it is."""
    try:
        os.kill(process, 0)  # nothing but a look
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class _Study:
    """What the workers of a study know of it; threads have the very object, processes a copy.

    Args:
        owner: The process without which workers end; None where they are not its own.
    """

    def __init__(self, owner: int | None) -> None:
        self.owner = owner
        self._stopping, self._running, self._changed = False, 0, threading.Condition()

    def __reduce__(self) -> tuple[type[_Study], tuple[int | None]]:
        return _Study, (self.owner,)

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
    if study.owner is not None and study.owner != os.getpid():
        _end_with(study.owner)
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


@cache
def _end_with(owner: int) -> None:
    """Ends this worker when the process that it works for is gone, even if that was killed and could not say so."""
    threading.Thread(target=_watch, args=(owner,), name="end-with-study", daemon=True).start()


def _watch(owner: int) -> None:
    if sys.platform == "win32":
        import _winapi
        from multiprocessing.connection import wait

        with suppress(OSError):  # it is gone already
            wait([_winapi.OpenProcess(_winapi.SYNCHRONIZE, False, owner)])
    else:
        # An orphan gets another parent. The parent need not be the owner: it may be a server that forks workers.
        parent = os.getppid()
        while os.getppid() == parent and _exists(owner):
            time.sleep(_INTERVAL)
    os._exit(1)
