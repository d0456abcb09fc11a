"""Shared wording of errors."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def choose(value: object, options: Iterable[str], argument: str) -> str:
    """Returns ``value`` if it is one of ``options``.

    Raises:
        ValueError: It is not; the message names the argument, the nearest option and all options.
    """
    names = list(options)
    if isinstance(value, str) and value in names:
        return value
    near = get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{argument} must be one of {', '.join(map(repr, names))}, got {value!r}{hint}")
