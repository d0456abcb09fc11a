"""Compilation of the hot loops of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from anb_gym._extras import require

_numba = require("numba", "exact")

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compiles a function to machine code that runs without the interpreter lock and is cached on disk.

    Of the relaxations of IEEE arithmetic only "no NaN" and "no signed zero" are
    allowed: they vectorise maxima, while sums keep their order and infinities
    their meaning.
    """
    return cached(function, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"})


def cached(function: F, **options: Any) -> F:
    """Compiles a function with numba's options, and keeps the code on disk where that can be written."""
    try:
        return cast(F, _numba.njit(**options, cache=True)(function))
    except RuntimeError:  # neither beside the module nor in the user's cache
        return cast(F, _numba.njit(**options)(function))
