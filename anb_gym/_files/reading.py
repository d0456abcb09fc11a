"""Reading regular files of a limited size, with one class of error."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from anb_gym._errors import one_line, printable, shown

#: Bytes that a file may have, unless its reader says otherwise.
BYTES_LIMIT: Final = 2**28
#: Bytes that a file of text may have, unless its reader says otherwise.
TEXT_LIMIT: Final = 2**24

_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@contextmanager
def refusing(where: object, error: type[Exception]) -> Iterator[None]:
    """Turns whatever goes wrong inside into one line of ``error`` that begins with ``where``.

    For code that works on what was read. An exception of ``error`` that begins so already passes as it is.
    """
    start = printable(str(where))
    try:
        yield
    except Exception as problem:
        if isinstance(problem, error) and str(problem).startswith(start):
            raise
        raise error(f"{start}: {_reason(problem)}") from problem


@contextmanager
def open_file(path: Path, error: type[Exception], *, optional: bool = False) -> Iterator[io.BufferedReader]:
    """Opens a regular file, for readers that do not read it whole; pipes and devices are never waited for.

    Args:
        path: The file.
        error: What is raised if it cannot be opened.
        optional: Whether it may be missing, which is then a ``FileNotFoundError``.
    """
    if optional and not os.path.lexists(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    with refusing(path, error):
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            os.close(handle)
            kind = next((name for test, name in _KINDS if test(mode)), "something else")
            raise ValueError(f"it must be a file, it is {kind}")
    with os.fdopen(handle, "rb") as file:
        yield file


def read_bytes(path: Path, error: type[Exception], *, limit: int = BYTES_LIMIT, optional: bool = False) -> bytes:
    """Reads a regular file.

    Args:
        path: The file.
        error: What is raised if anything is wrong with it.
        limit: How many bytes it may have.
        optional: Whether it may be missing, which is then a ``FileNotFoundError``.
    """
    with open_file(path, error, optional=optional) as file, refusing(path, error):
        size = os.fstat(file.fileno()).st_size
        data = file.read(limit + 1) if size <= limit else b""
        if max(size, len(data)) > limit:
            raise error(
                f"{printable(str(path))}: it must have at most {limit:,} bytes, it has {max(size, len(data)):,}"
            )
        return data


def read_text(path: Path, error: type[Exception], *, limit: int = TEXT_LIMIT, optional: bool = False) -> str:
    """Reads a file of text in UTF-8, see :func:`read_bytes`."""
    data = read_bytes(path, error, limit=limit, optional=optional)
    with refusing(path, error):
        return data.decode("utf-8")


def _reason(problem: Exception) -> str:
    """The cause of an error, in one line."""
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if isinstance(problem, KeyError):
        return f"{shown(problem.args[0]) if problem.args else 'a field'} is missing"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    if isinstance(problem, UnicodeDecodeError):
        return f"it must be text in UTF-8, byte {problem.start} is not"
    return one_line(str(problem)) or type(problem).__name__
