"""Worlds: samples of the posterior of every metric, what nature could be given the data.

A world is a number. The metrics of a surrogate in world 7, such as ``"gp@7"``, are functions of the architecture like
the surrogate's own: tables and a link. What they are follows from the name of the metric and the number of the world
through a counter-based generator, and does not depend on what was asked before or together. Metrics are independent of
each other: the posterior of each knows the labels of that metric alone. Those of the reference scheme are not: each is
learned upon a metric of the proxy scheme, and follows it in its worlds (:mod:`anb_gym.surrogates.discrepancy`).

Tables of different machines differ by rounding, as do those of :mod:`anb_gym.surrogates.store`: predictions by at most
:data:`ACROSS_KERNELS` of the metric's value.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, shown
from anb_gym._types import FloatArray
from anb_gym.space import States
from anb_gym.surrogates.discrepancy import load_discrepancy
from anb_gym.surrogates.posterior import Posterior, load_posterior, posterior_path
from anb_gym.surrogates.tables import BlockTables, layout

#: Families that are Gaussian processes and so have worlds.
FAMILIES_WITH_WORLDS: Final = ("gp",)
#: Worlds are numbered from 0 to one less than this.
N_WORLDS: Final = 2**31
#: By how much, relatively, predictions in a world may differ between kernels of BLAS. Measured with those for Prescott,
#: Haswell and Skylake-X on 2,000 architectures: at most 1.7e-9.
ACROSS_KERNELS: Final = 1e-8
_MARK: Final = "@"
#: Architectures whose sums are made at a time, so that they stay in cache.
_ROWS: Final = 256


def has_worlds(surrogate: str) -> bool:
    """Whether a surrogate, which is in no world, has some."""
    return surrogate.partition("-v")[0] in FAMILIES_WITH_WORLDS


def in_world(surrogate: str, world: object) -> str:
    """Name of a surrogate in a world: ``"gp@7"``.

    Raises:
        ValueError: The world is no integer in 0..2**31-1, or the surrogate has none or is in one.
    """
    integer(world, 0, "world", N_WORLDS - 1)
    if _MARK in surrogate:
        raise ValueError(f"world must be None where the surrogate names one, got {world} and {surrogate!r}")
    if not has_worlds(surrogate):
        raise ValueError(
            f"world must be None: {surrogate!r} has no posterior to sample, only {', '.join(FAMILIES_WITH_WORLDS)} has"
        )
    return f"{surrogate}{_MARK}{world}"


def split_world(surrogate: str) -> tuple[str, int | None]:
    """Name of a surrogate without its world, and the world; None if it is in none.

    Raises:
        ValueError: What follows the mark is not a world's number as :func:`in_world` writes it.
    """
    name, mark, number = surrogate.partition(_MARK)
    if not mark:
        return name, None
    world = int(number) if number.isascii() and number.isdecimal() and len(number) <= 10 else -1
    if surrogate != in_world(name, world if world >= 0 else number):
        raise ValueError(f"world must be an integer in 0..{N_WORLDS - 1}, got {shown(number)}")
    return name, world


def deviation(path: Path, metric: str, world: int, tables: str, factor: float, error: Any) -> NDArray[np.float32]:
    """Entries of a world's tables minus those of the mean, ``float32`` (entries,).

    Args:
        path: The file of the mean's tables.
        metric: The metric.
        world: The world.
        tables: SHA-256 of the file.
        factor: What deviations are multiplied by, see ``std.factor`` in manifests.
        error: The class of what is raised if the posterior is missing, damaged or of other tables.
    """
    posterior = _posterior(posterior_path(path), tables, error)
    return (factor * posterior.deviation(metric, world).values).astype(np.float32)


def deviation_upon(
    path: Path, metric: str, world: int, tables: str, upon: tuple[Path, str, str, BlockTables], error: Any
) -> NDArray[np.float32]:
    """As :func:`deviation`, of a metric that is learned upon another one.

    Args:
        path: The file of the mean's tables.
        metric: The metric.
        world: The world.
        tables: SHA-256 of the file.
        upon: File, metric, SHA-256 and tables of the other one's mean.
        error: The class of what is raised if a posterior is missing, damaged or of other tables.
    """
    other_path, other, other_tables, mean = upon
    discrepancy = load_discrepancy(posterior_path(path), tables, error)
    posterior = _posterior(posterior_path(other_path), other_tables, error)
    rest = posterior.interactions(f"{metric}/rest", world)
    found = discrepancy.deviation(metric, world, mean, posterior.deviation(other, world), rest)
    return found.values.astype(np.float32)


# What has been conditioned on 4,612 records takes 170 MB: two are kept, those of a task.
@lru_cache(maxsize=2)
def _posterior(path: Path, tables: str, error: Any) -> Posterior:
    return load_posterior(path, tables, error)


def sum_deviations(order: int, entries: NDArray[np.float32], states: States) -> FloatArray:
    """Sums of the tables of several worlds minus those of the mean.

    Args:
        order: Blocks per table.
        entries: Entries of the tables, ``float32`` (entries, worlds).
        states: Block states, ``int64`` (n, 7), within the space.

    Returns:
        ``float64`` (n, worlds).
    """
    where = layout(order)
    sums = np.zeros((len(states), entries.shape[1]))
    for start in range(0, len(states), _ROWS):
        rows = slice(start, start + _ROWS)
        positions = (states[rows] @ where.strides + where.offsets).astype(np.int64)
        for column in positions.T:
            sums[rows] += entries.take(column, axis=0)
    return sums
