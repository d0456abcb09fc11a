"""Options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

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
