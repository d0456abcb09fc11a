"""Making tables for PyTorch and for JAX."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from anb_gym._errors import one_line, shown
from anb_gym._extras import require
from anb_gym.arrays.tables import Tables, make_tables
from anb_gym.surrogates.links import Link
from anb_gym.surrogates.tables import BlockTables

Functions = Sequence[tuple[str, BlockTables, Link]]


def torch_tables(functions: Functions, device: Any, dtype: Any) -> Tables:
    """Tables on a device of PyTorch; see :meth:`anb_gym.Benchmark.to_torch`."""
    torch = require("torch", "torch")
    dtype = torch.float32 if dtype is None else dtype
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {shown(dtype)}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, TypeError, AssertionError) as error:  # the last where torch is compiled without it
        raise ValueError(
            f"device must be one that torch can use here, such as 'cpu', got {shown(device)}: {_first_line(error)}"
        ) from error
    return make_tables(
        functions, lambda values: torch.as_tensor(values).to(device=device, dtype=dtype), dtype == torch.float64
    )


def jax_tables(functions: Functions, device: Any, dtype: Any) -> Tables:
    """Tables on a device of JAX; see :meth:`anb_gym.Benchmark.to_jax`."""
    jax = require("jax", "jax")
    known = {np.dtype(np.float32), np.dtype(np.float64)}
    try:
        kind = np.dtype(np.float32 if dtype is None else dtype)
    except TypeError:
        kind = None
    if kind not in known:
        raise ValueError(f"dtype must be float32 or float64, got {shown(dtype)}")
    if kind == np.float64 and not jax.config.jax_enable_x64:
        raise ValueError(
            'dtype must be float32 unless JAX computes in float64: jax.config.update("jax_enable_x64", True)'
        )
    _register_pytree()
    device = jax_device(device)
    return make_tables(functions, lambda values: jax.device_put(values.astype(kind), device), kind == np.float64)


def jax_device(device: Any) -> Any:
    """A device of JAX, or whatever else ``jax.device_put`` takes; a platform's name is its first device.

    Raises:
        ValueError: It is none.
    """
    jax = require("jax", "jax")
    try:
        device = jax.devices(device)[0] if isinstance(device, str) else device
        jax.device_put(0.0, device)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"device must be one of jax.devices(), or a platform's name, got {shown(device)}: {_first_line(error)}"
        ) from error
    return device


def _first_line(error: BaseException) -> str:
    return one_line(str(error).strip().partition("\n")[0])


@cache
def _register_pytree() -> None:
    """Tells JAX that the arrays of tables are their entries."""
    tree_util = require("jax.tree_util", "jax")
    tree_util.register_dataclass(Tables, data_fields=["entries"], meta_fields=["metrics", "forms"])
