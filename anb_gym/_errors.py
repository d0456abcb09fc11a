"""Shared wording of errors, and of names that come from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Collection
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TypeGuard


def choose(value: object, options: Collection[str], argument: str, short: Collection[str] = ()) -> str:
    """Returns ``value`` if it is one of ``options``.

    Args:
        value: What was given.
        options: What may be given.
        argument: What it is called.
        short: Short forms of options, to be suggested as well.

    Raises:
        ValueError: It is not; the message names the argument, the nearest option, in whatever case, and all options.
    """
    if isinstance(value, str) and value in options:
        return value
    spelled = {option.lower(): option for option in (*short, *options)}
    near = get_close_matches(str(value).lower(), spelled, n=1, cutoff=0.5)
    hint = f"; did you mean {spelled[near[0]]!r}?" if near else ""
    raise ValueError(f"{argument} must be one of {', '.join(map(repr, options))}, got {value!r}{hint}")


def is_integer(value: object) -> TypeGuard[Integral]:
    """Whether it is an integer, such as one of numpy's, and not true or false."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def integer(value: object, minimum: int, argument: str, maximum: int | None = None) -> int:
    """Returns ``value`` as an ``int`` if it is an integer in a range; integers of numpy are.

    Args:
        value: What was given.
        minimum: The smallest that it may be.
        argument: What it is called.
        maximum: The largest that it may be; None for any.

    Raises:
        ValueError: It is not; the message names the argument.
    """
    if not is_integer(value) or int(value) < minimum or (maximum is not None and int(value) > maximum):
        largest = "2**64-1" if maximum == 2**64 - 1 else maximum
        known = f"of at least {minimum}" if maximum is None else f"in {minimum}..{largest}"
        raise ValueError(f"{argument} must be an integer {known}, got {shown(value)}")
    return int(value)


def number(value: object, argument: str) -> float:
    """Returns ``value`` as a ``float`` if it is a finite number.

    Raises:
        ValueError: It is not; the message names the argument.
    """
    if (real := _real(value)) is None or not math.isfinite(real):
        raise ValueError(f"{argument} must be a finite number, got {value!r}")
    return real


def positive(value: object, argument: str) -> float:
    """Returns ``value`` as a ``float`` if it is a positive and finite number.

    Raises:
        ValueError: It is not; the message names the argument.
    """
    if (real := _real(value)) is None:
        raise ValueError(f"{argument} must be a positive number, got {value!r}")
    if not (math.isfinite(real) and real > 0):
        raise ValueError(f"{argument} must be positive and finite, got {value!r}")
    return real


def non_negative(value: object, argument: str) -> float:
    """Returns ``value`` as a ``float`` if it is a finite number of at least 0.

    Raises:
        ValueError: It is not; the message names the argument.
    """
    if not (real := number(value, argument)) >= 0.0:
        raise ValueError(f"{argument} must be at least 0, got {value!r}")
    return real


def fraction(value: object, argument: str) -> float:
    """Returns ``value`` as a ``float`` if it is a number in 0..1.

    Raises:
        ValueError: It is not; the message names the argument.
    """
    if not 0.0 <= (real := number(value, argument)) <= 1.0:
        raise ValueError(f"{argument} must be in 0..1, got {value!r}")
    return real


def _real(value: object) -> float | None:
    """A real number as a ``float``; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def printable(text: str) -> str:
    """Text that may come from a file or another program, fit for a terminal: control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(text: str) -> str:
    """:func:`printable` text on one line: line breaks become spaces."""
    return printable(" ".join(text.split()))


def shown(value: object) -> str:
    """``repr`` of a value on one line, not more of it than helps."""
    try:
        text = repr(value)
    except Exception:  # such as an integer of more digits than Python prints
        return f"a value of the type {type(value).__name__}"
    return one_line(text if len(text) <= 80 else f"{text[:77]}...")
