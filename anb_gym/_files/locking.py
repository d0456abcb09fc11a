"""Files that one process at a time works with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUseError(ValueError):
    """Another process works on a folder."""


@contextmanager
def locked(path: Path, what: str) -> Iterator[bool]:
    """Locks a file against other processes until the end, or this one's; yields False where there are no locks.

    Args:
        path: The file, which is there.
        what: What another process works on in its folder, such as ``"the study"``.

    Raises:
        InUseError: Another process has it.
    """
    if sys.platform == "win32":
        yield False
        return
    import fcntl

    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(
                f"another process works on {what} in {path.parent}; wait for it, or choose another folder"
            ) from None
        except OSError:  # some network file systems
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
