"""Tables of documents in Markdown, and names in them that may come from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from anb_gym._errors import one_line

#: A vertical line that does not end a cell.
PIPE: Final = r"\|"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = True) -> list[str]:
    """Lines of a table.

    Args:
        head: Titles of its columns.
        rows: Their cells.
        numbers: Whether all columns but the first hold numbers, which are right-aligned.
    """
    rule = [":--", *["--:"] * (len(head) - 1)] if numbers else ["---"] * len(head)
    return [line(head), line(rule), *map(line, rows)]


def line(cells: Sequence[str]) -> str:
    """One row of a table."""
    return f"| {' | '.join(' '.join(cell.splitlines()).replace('|', PIPE) for cell in cells)} |"


def code(name: str) -> str:
    """A name in the type of code, whatever it holds."""
    name = one_line(name)
    longest = max(map(len, re.findall("`+", name)), default=0)
    fence, space = "`" * (longest + 1), " " if name.startswith("`") or name.endswith("`") else ""
    return f"{fence}{space}{name}{space}{fence}"


def plain(name: str) -> str:
    """A name as text, of which nothing is taken for markup."""
    return re.sub(r"([\\`*_~\[\]<>&#])", r"\\\1", one_line(name))


def number(value: float, digits: int = 2) -> str:
    """A number with so many significant digits, without exponents; a dash for what is not there."""
    if not np.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    decimals = digits - 1 - int(np.floor(np.log10(abs(value))))
    return f"{value:.{min(6, max(0, decimals))}f}"
