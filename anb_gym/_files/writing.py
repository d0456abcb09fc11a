"""Writing files whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    with _naming(path):
        try:
            handle, temporary = _open_temporary(path)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            if temporary is not None:
                with suppress(OSError):
                    os.unlink(temporary)
            raise


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Makes an error of the system name a file, in place of the temporary one or of none."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _open_temporary(path: Path) -> tuple[int, str]:
    """A temporary file beside a path, whose folder is made if needed: its handle and its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):  # another process has just removed the empty folder, see `writing_into`
        return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY)
    path.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY)


def create(path: Path, data: bytes) -> bool:
    """Writes a file with its whole content in one step unless it is there, creating its folder if needed.

    Of several processes that do so at once exactly one succeeds.

    Returns:
        Whether it was not there before.

    Raises:
        OSError: It cannot be written; the error has the file's name.
    """
    if os.path.lexists(path):
        return False
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_TEMPORARY}")
    try:
        with _naming(path):
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


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """For long work whose results go into a folder, which need not be there yet.

    The folder is tried before the work begins, and if the work fails, it leaves no empty folders that it made.

    Raises:
        OSError: Nothing can be written into the folder, whose name the error has.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    existing = made[-1].parent if made else folder
    try:
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{existing} is not a folder")
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(folder)) from error
    try:
        yield
    except BaseException:
        if made:
            for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
                with suppress(OSError):
                    path.rmdir()
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise


def user_folder() -> Path:
    """Folder of a user's results that the whole package reads, such as fronts.

    ``$ANB_GYM_HOME``, by default the folder ``anb_gym`` where the system keeps the data of programs.
    """
    if home := os.environ.get("ANB_GYM_HOME"):
        return Path(home).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/AppData/Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(base, "anb_gym").absolute()
