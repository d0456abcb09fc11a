"""Tables of documents in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; the first column is left-aligned, the others, which hold numbers, are right-aligned."""
    return [line(head), line([":--", *["--:"] * (len(head) - 1)]), *map(line, rows)]


def line(cells: Sequence[str]) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def number(value: float, digits: int = 2) -> str:
    """A number with so many significant digits, without exponents; a dash for what is not there."""
    if not np.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    decimals = digits - 1 - int(np.floor(np.log10(abs(value))))
    return f"{value:.{min(6, max(0, decimals))}f}"
