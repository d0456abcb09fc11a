"""Options that several commands have."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import writing_into
from anb_gym.metrics import ACCURACIES, choose_metric

#: Where pages that link to each other are written by default.
PAGES: Final = Path("runs/pages")


def add_metrics(parser: argparse.ArgumentParser, help: str) -> None:
    """Adds ``--metrics``, which may be repeated and takes names separated by commas or spaces."""
    parser.add_argument("--metrics", nargs="+", action="extend", default=[], metavar="METRIC", help=help)


def add_fidelity(parser: argparse.ArgumentParser) -> None:
    """Adds ``--fidelity``, the scheme of accuracy."""
    help = f"scheme of accuracy, {' or '.join(ACCURACIES)}; by default proxy"
    parser.add_argument("--fidelity", default="proxy", metavar="NAME", help=help)


def add_pages(parser: argparse.ArgumentParser) -> None:
    """Adds ``--out`` of commands that write pages."""
    parser.add_argument(
        "--out", type=Path, default=PAGES, metavar="FOLDER", help=f"where pages go, by default {PAGES.as_posix()}"
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """Adds ``--json`` of commands that print numbers."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_json(content: Any) -> None:
    """Prints JSON; what is no finite number is null."""
    print(json.dumps(_finite(content), indent=2, default=_plain, allow_nan=False))


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple | np.ndarray):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content


def _plain(value: Any) -> Any:
    """A value of numpy, a path, or another object, as JSON has it."""
    return value.item() if isinstance(value, np.generic) else str(value)


def names(texts: Sequence[str]) -> list[str]:
    """The names in the texts of such an option; a comma may be followed by a space."""
    return [name for text in texts for name in text.removesuffix(",").split(",")]


def metrics(texts: Sequence[str], options: Collection[str]) -> list[str]:
    """The metrics that ``--metrics`` names, each once."""
    return list(dict.fromkeys(choose_metric(name, options, "--metrics") for name in names(texts)))


@contextmanager
def output(*folders: Path, argument: str = "--out") -> Iterator[None]:
    """Checks before a command works that its results can be written, see :func:`anb_gym._files.writing_into`.

    Raises:
        ValueError: They cannot; the message names the option that names another folder.
    """
    with ExitStack() as stack:
        for folder in dict.fromkeys(folders):
            try:
                stack.enter_context(writing_into(folder))
            except OSError as error:
                reason = f"cannot write into {folder}: {error.strerror}"
                raise ValueError(f"{reason}; name another folder with {argument}") from error
        yield
