"""Checks of what users give to ``reset`` and ``step``, with errors that tell what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from numbers import Integral
from operator import index as to_int
from typing import Any, Final

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from anb_gym._errors import choose

Actions = NDArray[np.integer[Any]]

#: Why a step is refused.
NOT_BEGUN: Final = "no episode has begun"
OVER: Final = "the episode is over"


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


def parse_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """An autoreset mode, or the mode of a name.

    Raises:
        ValueError: There is none.
    """
    try:
        return AutoresetMode(mode)
    except ValueError:
        names = ", ".join(repr(option.value) for option in AutoresetMode)
        raise ValueError(f"autoreset_mode must be one of {names}, got {mode!r}") from None


def parse_seeds(seed: Any, n: int, rows: NDArray[np.int64]) -> list[int | None]:
    """The seeds of the copies in ``rows``, of a seed for all n copies, or n seeds.

    Raises:
        ValueError: It is neither.
    """
    if seed is None:
        return [None] * len(rows)
    if isinstance(seed, Integral):
        return [int(seed) + row for row in rows.tolist()]
    of_copies = isinstance(seed, Sequence | np.ndarray) and len(seed) == n
    if not of_copies or not all(of_copy is None or isinstance(of_copy, Integral) for of_copy in seed):
        raise ValueError(f"seed must be an integer, None or {n} of these, got {seed!r}")
    return [None if seed[row] is None else int(seed[row]) for row in rows.tolist()]


def parse_mask(mask: Any, n: int) -> NDArray[np.int64]:
    """The numbers of the copies, of n, that ``options["reset_mask"]`` names.

    Raises:
        ValueError: It is no mask, or names none.
    """
    described = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else repr(mask)
    if not isinstance(mask, np.ndarray) or mask.shape != (n,) or mask.dtype != np.bool_:
        raise ValueError(f"options['reset_mask'] must be a bool array of shape ({n},), got {described}")
    if not mask.any():
        raise ValueError("options['reset_mask'] must name at least one copy, got none")
    return np.flatnonzero(mask)
