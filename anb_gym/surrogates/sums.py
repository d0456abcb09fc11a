"""Sums of block tables at many architectures, on arrays of any library."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

from anb_gym._namespace import look_up
from anb_gym.space import N_BLOCKS

if TYPE_CHECKING:
    from anb_gym.surrogates.tables import Layout

#: Lanes in which numpy adds.
_LANES: Final = 8


class PairwiseSum:
    """Sum of arrays, added as ``numpy.add.reduce`` adds along a contiguous axis: equal to it in every bit.

    That has eight lanes, which it adds in pairs, and then adds what is left over.

    Args:
        n: How many arrays there will be, at most 128. They are written to.
    """

    def __init__(self, n: int) -> None:
        self._in_lanes = n - n % _LANES
        self._lanes: list[Any] = []
        self._added = 0
        self._total: Any = None

    def add(self, term: Any) -> None:
        """Adds the next array."""
        position, self._added = self._added, self._added + 1
        if position >= self._in_lanes:
            total = self.total
            self._total = term if total is None else total + term
        elif position < _LANES:
            self._lanes.append(term)
        else:
            self._lanes[position % _LANES] += term

    @property
    def total(self) -> Any:
        """The sum; None of nothing."""
        if self._total is None and self._lanes:
            a, b, c, d, e, f, g, h = self._lanes
            self._total = ((a + b) + (c + d)) + ((e + f) + (g + h))
        return self._total


def table_sums(functions: Sequence[tuple[Layout, Any]], states: Any, shift: Any = None) -> list[Any]:
    """Sums of tables at architectures, table by table over all rows, so that each table stays in cache.

    Args:
        functions: The layout of each function's tables, and its entries (size,), see
            :class:`~anb_gym.surrogates.tables.BlockTables`.
        states: Block states within the space, ``int32`` (..., 7).
        shift: Where the entries of each row's function begin, ``int32`` (...), if entries are those of several
            functions of one order, one after the other.

    Returns:
        An array (...) per function. In float64 equal in every bit to :func:`~anb_gym.surrogates.tables.evaluate`.
    """
    columns = [states[..., block] + 0 for block in range(N_BLOCKS)]  # without gaps
    sums = [PairwiseSum(len(where.blocks)) for where, _ in functions]
    for where in {where.size: where for where, _ in functions}.values():
        before: dict[tuple[Any, int], Any] = {}
        for blocks, shape, start in zip(where.blocks, where.shapes, where.offsets.tolist(), strict=True):
            positions = columns[blocks[-1]]
            if len(blocks) > 1:
                key = (blocks[:-1], shape[-1])
                if key not in before:
                    before[key] = _position(columns, blocks[:-1], shape) * shape[-1]
                positions = positions + before[key]
            if shift is not None:
                positions, start, stop = positions + (shift + start), 0, None
            else:
                stop = start + prod(shape)
            for (own, entries), found in zip(functions, sums, strict=True):
                if own.size == where.size:
                    found.add(look_up(entries, start, stop, positions))
    return [found.total for found in sums]


def _position(columns: Sequence[Any], blocks: Sequence[int], shape: Sequence[int]) -> Any:
    """The position of some blocks' states in a table of these blocks alone."""
    first, *others = zip(blocks, shape, strict=False)
    position = columns[first[0]]
    for block, size in others:
        position = position * size + columns[block]
    return position
