"""Worker processes that end with the process that they work for, even if that is killed and cannot say so."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from numbers import Integral
from typing import Any, Final

#: How often a worker looks whether it is still needed, in seconds.
_INTERVAL: Final = 0.5


def check_workers(workers: object) -> None:
    """Raises a ``ValueError`` unless it is how many workers there are to be: at least 1, or -1 for as many as suit."""
    if isinstance(workers, bool) or not isinstance(workers, Integral) or not (workers == -1 or int(workers) >= 1):
        raise ValueError(f"workers must be an integer of at least 1, or -1, got {workers!r}")


def following(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for the workers of joblib's backend, which end with this process from the first call on.

    Only worker processes that are this process's own do. Those of other backends, such as Dask's, serve others too.

    Args:
        function: What is called; it can be pickled, and so can what is returned.
    """
    import joblib

    backend, _ = joblib.parallel.get_active_backend()
    own = isinstance(backend, (joblib.parallel.LokyBackend, joblib.parallel.MultiprocessingBackend))
    return _Following(function) if own else function


class _Following:
    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._owner = function, os.getpid()

    def __call__(self, *args: Any, **options: Any) -> Any:
        if os.getpid() != self._owner:
            end_with(self._owner)
        return self._function(*args, **options)


def exists(process: int) -> bool:
    """Whether there is a process of this number, whoever's it is; not for Windows."""
    try:
        os.kill(process, 0)  # nothing but a look
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def end_with(owner: int) -> None:
    """Makes this process end with another one."""
    threading.Thread(target=_watch, args=(owner,), name="end-with-owner", daemon=True).start()


def _watch(owner: int) -> None:
    if sys.platform == "win32":
        import _winapi
        from multiprocessing.connection import wait

        with suppress(OSError):  # it is gone already
            wait([_winapi.OpenProcess(_winapi.SYNCHRONIZE, False, owner)])
    else:
        # An orphan gets another parent. The parent need not be the owner: it may be a server that forks workers.
        parent = os.getppid()
        while os.getppid() == parent and exists(owner):
            time.sleep(_INTERVAL)
    os._exit(1)
