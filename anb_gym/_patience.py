"""A word to those who wait."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds in all after which a line says what takes so long.
SECONDS = 1.0
#: Seconds that this process has spent on each kind of work; infinity once it has said so.
_spent: dict[str, float] = {}


@contextmanager
def said_if_long(work: str) -> Iterator[None]:
    """Says what is done, in a line on standard error, once it has taken a second in all; once per process.

    Args:
        work: What is done.
    """

    def say() -> None:
        _spent[work] = float("inf")
        print(f"anb_gym: {work}", file=sys.stderr)

    begun, timer = time.perf_counter(), threading.Timer(max(0.0, SECONDS - _spent.get(work, 0.0)), say)
    timer.daemon = True
    if _spent.get(work, 0.0) < float("inf"):
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        _spent[work] = _spent.get(work, 0.0) + time.perf_counter() - begun
