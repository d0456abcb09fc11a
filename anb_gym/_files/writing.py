"""Writing files whole or not at all."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

#: How the names of temporary files end; they begin with a dot.
_TEMPORARY: Final = ".tmp"


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name and renames it, creating its folder if needed.

    Raises:
        OSError: It cannot be written; the error has the file's name, and what was there before is still there.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


def create(path: Path, data: bytes) -> bool:
    """Writes a file with its whole content in one step unless it is there, creating its folder if needed.

    Of several processes that do so at once exactly one succeeds.

    Returns:
        Whether it was not there before.

    Raises:
        OSError: It cannot be written; the error has the file's name.
    """
    if path.exists():
        return False
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_TEMPORARY}")
    try:
        write_atomically(temporary, data)
        try:
            os.link(temporary, path)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:  # a file system without links
            with path.open("xb") as file:
                file.write(data)
    except (FileExistsError, FileNotFoundError):
        if path.exists():  # another process was first; it may even have removed this one's temporary file
            return False
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return True


def remove_temporaries(folder: Path) -> None:
    """Removes what writers that were killed have left in a folder and below it; no writer may be at work there."""
    for leftover in folder.rglob(f".*{_TEMPORARY}"):
        leftover.unlink(missing_ok=True)
