"""Checks of what users give to ``reset`` and ``step``, with errors that tell what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import index as to_int
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose

Actions = NDArray[np.integer[Any]]


def parse_action(action: Any, n: int) -> int:
    """One action of ``Discrete(n)``.

    Raises:
        ValueError: It is outside the space.
    """
    try:
        number = to_int(action)
    except TypeError:
        number = -1
    if not 0 <= number < n:
        raise ValueError(f"action must be an integer in 0..{n - 1}, got {action!r}")
    return number


def parse_actions(actions: Any, shape: tuple[int, ...], limits: NDArray[np.int64], name: str = "actions") -> Actions:
    """Actions as an array.

    Args:
        actions: Integers of this shape, from 0 to below the limits.
        shape: Of the batch.
        limits: ``int64``, of a shape that broadcasts to that of the batch.
        name: Of the argument.

    Raises:
        ValueError: They have another shape or are no integers, or one is outside the limits.
    """
    try:
        array = np.asarray(actions)
    except ValueError:  # rows of different lengths
        raise ValueError(f"{name} must be integers of shape {shape}, got {actions!r}") from None
    if array.shape != shape or array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers of shape {shape}, got {array.dtype} {array.shape}: {actions!r}")
    outside = (array < 0) | (array >= limits)
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        limit = np.broadcast_to(limits, shape)[place]
        where = ", ".join(map(str, place))
        raise ValueError(f"{name}[{where}] must be in 0..{limit - 1}, got {array[place]}")
    return array


def check_options(options: Any, known: Collection[str]) -> dict[str, Any]:
    """Options of ``reset`` as a fresh dict; None is an empty one.

    Raises:
        ValueError: They are no mapping, or one has an unknown name.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ValueError(f"options must be a dict or None, got {options!r}")
    for name in options:
        if not known:
            raise ValueError(f"options must be empty: this environment has none, got {name!r}")
        choose(name, known, "options")
    return dict(options)
