"""Block tables: the one run-time form of every surrogate.

A function of the seven block states whose interactions reach over at most
``order`` blocks is a sum of tables, one per combination of ``order`` blocks::

    f(s) = sum over blocks a < b of T_ab[s_a, s_b]              (order 2, 21 tables)
    f(s) = sum over blocks a < b < c of T_abc[s_a, s_b, s_c]    (order 3, 35 tables)

Constants and terms of fewer blocks are absorbed into these. A query is one
look-up per table and one sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.sums import table_sums

Blocks = tuple[int, ...]

#: Rows evaluated at a time: the look-ups of a chunk stay in cache, and its BLAS products on one thread.
_CHUNK = 1024
#: Rows from which on one table after the other is looked up for all of them, so that it stays in cache: three times as
#: fast. So many at a time, which take some 10 MB a function.
_MANY, _TABLE_CHUNK = 2**14, 2**17


class Layout(NamedTuple):
    """Layout of the tables of one order in a flat array.

    Attributes:
        blocks: The combination of blocks of each table, in lexicographic order.
        shapes: The shape of each table.
        offsets: ``int64`` (tables,), where each table starts.
        strides: ``float64`` (7, tables), each block's stride in each table, 0 if
            absent; float64 so that the look-up positions are one BLAS product.
        size: Entries in all.
    """

    blocks: tuple[Blocks, ...]
    shapes: tuple[tuple[int, ...], ...]
    offsets: NDArray[np.int64]
    strides: FloatArray
    size: int


@lru_cache(maxsize=N_BLOCKS)
def layout(order: int) -> Layout:
    """The layout of tables over every combination of ``order`` blocks, 1 to 3."""
    if order not in (1, 2, 3):
        raise ValueError(f"order must be 1, 2 or 3, got {order!r}")
    blocks = tuple(combinations(range(N_BLOCKS), order))
    shapes = tuple(tuple(int(SPACE.block_sizes[b]) for b in group) for group in blocks)
    sizes = [int(np.prod(shape)) for shape in shapes]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    strides = np.zeros((N_BLOCKS, len(blocks)))
    for column, (group, shape) in enumerate(zip(blocks, shapes, strict=True)):
        for position, block in enumerate(group):
            strides[block, column] = np.prod(shape[position + 1 :], dtype=int)
    return Layout(blocks, shapes, offsets[:-1], strides, int(offsets[-1]))


class BlockTables:
    """A function on the search space as a sum of tables over combinations of blocks.

    Args:
        order: Blocks per table, 1 to 3.
        values: ``float64`` (entries,), the tables one after the other in the
            order of :func:`layout`, each in C order.

    Raises:
        ValueError: ``values`` has the wrong size or is not finite.
    """

    def __init__(self, order: int, values: FloatArray) -> None:
        self.layout = layout(order)
        self.order = order
        self.values = np.ascontiguousarray(values, dtype=np.float64)
        if self.values.shape != (self.layout.size,):
            raise ValueError(f"values must have shape ({self.layout.size},) for order {order}, got {self.values.shape}")
        if not np.isfinite(self.values).all():
            raise ValueError("values must be finite")

    @classmethod
    def from_terms(cls, terms: Mapping[Blocks, FloatArray | float], order: int | None = None) -> BlockTables:
        """Gathers terms of any number of blocks into tables of one order.

        Args:
            terms: Table of each combination of blocks, in ascending order; ``()``
                is the constant.
            order: Blocks per table; by default the largest of ``terms``, at least 1.

        Returns:
            Tables with the same sum. A term of fewer blocks is spread evenly over
            the tables that contain it, which keeps the entries of similar size. No
            terms at all make the function that is 0 everywhere.

        Raises:
            ValueError: A key is not at most ``order`` ascending blocks, or a table has the wrong shape.
        """
        order = max((1, *(len(blocks) for blocks in terms))) if order is None else order
        where = layout(order)
        for blocks, term in terms.items():
            if len(blocks) > order or list(blocks) != sorted(set(blocks) & set(range(N_BLOCKS))):
                raise ValueError(f"terms must be keyed by at most {order} ascending blocks in 0..6, got {blocks!r}")
            expected = tuple(int(SPACE.block_sizes[b]) for b in blocks)
            if np.shape(term) != expected:
                raise ValueError(f"terms[{blocks}] must have shape {expected}, got {np.shape(term)}")
        values = np.zeros(where.size)
        for group, shape, start in zip(where.blocks, where.shapes, where.offsets, strict=True):
            table = np.zeros(shape)
            for blocks, term in terms.items():
                if set(blocks) <= set(group):
                    axes = tuple(i for i, block in enumerate(group) if block not in blocks)
                    shared = comb(N_BLOCKS - len(blocks), order - len(blocks))
                    table += np.expand_dims(np.asarray(term, dtype=np.float64), axes) / shared
            values[start : start + table.size] = table.ravel()
        return cls(order, values)

    def table(self, *blocks: int) -> FloatArray:
        """The table of one combination of blocks, a view."""
        try:
            column = self.layout.blocks.index(blocks)
        except ValueError:
            raise ValueError(f"blocks must be {self.order} ascending blocks in 0..6, got {blocks}") from None
        shape, start = self.layout.shapes[column], self.layout.offsets[column]
        return self.values[start : start + int(np.prod(shape))].reshape(shape)

    def __call__(self, states: States) -> FloatArray:
        """Evaluates architectures.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.

        Returns:
            ``float64`` (n,). A row's result does not depend on the other rows.
        """
        return evaluate([self], states)[0]


def evaluate(functions: Sequence[BlockTables], states: States) -> list[FloatArray]:
    """Evaluates several tables on the same architectures, sharing the look-up positions.

    Args:
        functions: Tables of any orders.
        states: Block states, ``int64`` (n, 7), within the space.

    Returns:
        One ``float64`` (n,) array per function. A row's results do not depend on the other rows.
    """
    if len(states) >= _MANY:
        own = [(function.layout, function.values) for function in functions]
        chunks = (states[start : start + _TABLE_CHUNK] for start in range(0, len(states), _TABLE_CHUNK))
        parts = [table_sums(own, chunk.astype(np.int32)) for chunk in chunks]
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    results = [np.empty(len(states)) for _ in functions]
    for start in range(0, len(states), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        rows = states[chunk].astype(np.float64)
        positions: dict[int, NDArray[np.int64]] = {}
        for function, result in zip(functions, results, strict=True):
            where = function.layout
            if function.order not in positions:
                positions[function.order] = (rows @ where.strides + where.offsets).astype(np.int64)
            # Along the last axis of a C-ordered array every row's terms are added in the same order, whatever n is.
            np.add.reduce(function.values.take(positions[function.order]), axis=1, out=result[chunk])
    return results


def multiply(table: FloatArray, matrices: Sequence[FloatArray]) -> FloatArray:
    """Applies one matrix (new, old) to each axis of a table."""
    for matrix in matrices:  # each product moves its axis to the end: after the last the order is the first
        table = np.tensordot(table, matrix, axes=(0, 1))
    return table
