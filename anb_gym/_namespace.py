"""Functions on arrays of whichever library: numpy, PyTorch or JAX.

Formulas that are written with operators and with what :func:`namespace` gives run on all three, under ``jax.jit`` too.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np


def namespace(array: Any) -> Any:
    """The module with the functions on arrays like this one, in the names and with the arguments of numpy's.

    Args:
        array: An array, or a number, which is as one of numpy.
    """
    library = type(array).__module__.partition(".")[0]
    if library == "torch":
        return _TORCH
    if library in ("jax", "jaxlib"):
        import jax.numpy

        return jax.numpy
    return np


def look_up(entries: Any, start: int, stop: int | None, positions: Any) -> Any:
    """The entries at positions of the part of an array (n,) from start to stop, of the positions' shape."""
    xp = namespace(entries)
    if xp is np:
        return entries[start:stop].take(positions)
    if xp is _TORCH:  # several times as fast as indexing
        return entries[start:stop].index_select(0, positions.reshape(-1)).reshape(positions.shape)
    # A slice would be a copy; an addition is nothing.
    return entries.at[positions + start].get(mode="promise_in_bounds")


def rows_at(array: Any, index: Any) -> Any:
    """The rows of an array at an index within it, of any shape."""
    if namespace(array).__name__ == "jax.numpy":  # which would check every index
        return array.at[index].get(mode="promise_in_bounds")
    return array[index]


def cast(array: Any, dtype: Any) -> Any:
    """The array with another dtype, the library's own."""
    return array.to(dtype) if namespace(array) is _TORCH else array.astype(dtype)


def placed_like(array: Any) -> dict[str, Any]:
    """Arguments that make a new array lie where another is; JAX and numpy do so by themselves."""
    return {"device": array.device} if namespace(array) is _TORCH else {}


class _Torch:
    """Functions of torch, where their arguments differ from numpy's."""

    __name__ = "torch"

    def __getattr__(self, name: str) -> Any:
        import torch

        return getattr(torch, name)

    def minimum(self, first: Any, second: Any) -> Any:
        return self._pair("minimum", first, second)

    def maximum(self, first: Any, second: Any) -> Any:
        return self._pair("maximum", first, second)

    def _pair(self, name: str, first: Any, second: Any) -> Any:
        import torch

        like = first if isinstance(first, torch.Tensor) else second
        return getattr(torch, name)(
            *(torch.as_tensor(x, dtype=like.dtype, device=like.device) for x in (first, second))
        )


_TORCH: Final = _Torch()
