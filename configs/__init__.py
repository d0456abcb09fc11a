"""YAML files: surrogate hyperparameters, training schemes, studies, proxy searches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from anb_gym._errors import choose

#: Where the files are, one folder a kind.
FOLDER: Final = Path(__file__).parent


def shipped(kind: str) -> list[str]:
    """Names of the files of a kind that ship, such as ``"studies"``."""
    return sorted(path.stem for path in (FOLDER / kind).glob("*.yaml"))


def find(kind: str, name_or_path: str | Path, argument: str) -> Path:
    """A file that ships, by its name, or any other by its path.

    Args:
        kind: The folder of those that ship, such as ``"studies"``.
        name_or_path: Such as ``"quick"`` or ``"my/study.yaml"``.
        argument: What errors call it.

    Raises:
        ValueError: None of that name ships; the message lists those that do.
        FileNotFoundError: There is no such file; the message lists those that ship.
    """
    path, names = Path(name_or_path), shipped(kind)
    if path.is_file():
        return path
    if path.suffix in (".yaml", ".yml") or os.sep in str(name_or_path) or "/" in str(name_or_path):
        hint = f"by name there are {', '.join(names)}"
        raise FileNotFoundError(f"{argument} must be a file or the name of one that ships, got {path}; {hint}")
    return FOLDER / kind / f"{choose(str(name_or_path), names, argument)}.yaml"
