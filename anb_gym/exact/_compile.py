"""How the hot loops of this package are compiled."""

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
    options = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"nnan", "nsz"}}
    return cast(F, _numba.njit(**options)(function))
