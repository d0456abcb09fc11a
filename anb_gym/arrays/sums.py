"""Sums of block tables on arrays of any library, and their expectations."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

import numpy as np

from anb_gym._namespace import look_up
from anb_gym.space import N_BLOCKS, SPACE
from anb_gym.surrogates.tables import layout

#: Lanes in which numpy adds.
_LANES: Final = 8
#: Where the options of choices, and the states of blocks, begin when they lie one after the other.
CHOICE_ENDS: Final = tuple(np.cumsum(SPACE.cardinalities).tolist())
BLOCK_ENDS: Final = tuple(np.cumsum(SPACE.block_sizes).tolist())


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


def table_sums(functions: Sequence[tuple[int, Any]], states: Any, shift: Any = None) -> list[Any]:
    """Sums of tables at architectures, table by table over all rows, so that each table stays in cache.

    Args:
        functions: The order of each function, 1 to 3, and its entries (size,), see
            :class:`~anb_gym.surrogates.tables.BlockTables`.
        states: Block states within the space, ``int32`` (..., 7).
        shift: Where the entries of each row's function begin, ``int32`` (...), if entries are those of several
            functions of one order, one after the other.

    Returns:
        An array (...) per function. In float64 equal in every bit to :func:`~anb_gym.surrogates.tables.evaluate`.
    """
    columns = [states[..., block] + 0 for block in range(N_BLOCKS)]  # without gaps
    sums = [PairwiseSum(len(layout(order).blocks)) for order, _ in functions]
    for order in sorted({order for order, _ in functions}):
        where = layout(order)
        before: dict[tuple[Any, int], Any] = {}
        for blocks, shape, start in zip(where.blocks, where.shapes, where.offsets.tolist(), strict=True):
            positions = columns[blocks[-1]]
            if order > 1:
                key = (blocks[:-1], shape[-1])
                if key not in before:
                    before[key] = _position(columns, blocks[:-1], shape) * shape[-1]
                positions = positions + before[key]
            if shift is not None:
                positions, start, stop = positions + (shift + start), 0, None
            else:
                stop = start + prod(shape)
            for (of, entries), found in zip(functions, sums, strict=True):
                if of == order:
                    found.add(look_up(entries, start, stop, positions))
    return [found.total for found in sums]


def expected_sums(functions: Sequence[tuple[int, Any]], probabilities: Sequence[Any]) -> list[Any]:
    """Expected sums of tables where the states of blocks are independent: exact, and differentiable.

    Args:
        functions: As for :func:`table_sums`.
        probabilities: Of the states of each block, seven arrays (..., states).

    Returns:
        An array (...) per function.
    """
    totals = []
    for order, entries in functions:
        where, total = layout(order), 0.0
        for blocks, shape, start in zip(where.blocks, where.shapes, where.offsets.tolist(), strict=True):
            # The last block's states first, then those of the block before: (..., a, b, c) -> (..., a, b) -> (..., a).
            table = entries[start : start + prod(shape)].reshape(-1, shape[-1])
            expected = probabilities[blocks[-1]] @ table.T
            for block, size in zip(blocks[-2::-1], shape[-2::-1], strict=True):
                expected = expected.reshape(*expected.shape[:-1], -1, size)
                expected = (expected * probabilities[block][..., None, :]).sum(-1)
            total = total + expected[..., 0]
        totals.append(total)
    return totals


def block_probabilities(probabilities: Any) -> list[Any]:
    """Probabilities of the states of each block, seven arrays (..., states).

    Args:
        probabilities: Of every option of every choice, (..., 71), in the order of one-hot observations; or of every
            state of every block, (..., 264).
    """
    if probabilities.shape[-1] == BLOCK_ENDS[-1]:
        return _split(probabilities, BLOCK_ENDS)
    of_choices = _split(probabilities, CHOICE_ENDS)
    per_block = len(of_choices) // N_BLOCKS
    found = []
    for first in range(0, len(of_choices), per_block):
        of_block = of_choices[first]
        for of_choice in of_choices[first + 1 : first + per_block]:
            joint = of_block[..., :, None] * of_choice[..., None, :]
            of_block = joint.reshape(*joint.shape[:-2], -1)
        found.append(of_block)
    return found


def _position(columns: Sequence[Any], blocks: Sequence[int], shape: Sequence[int]) -> Any:
    """The position of some blocks' states in a table of these blocks alone."""
    first, *others = zip(blocks, shape, strict=False)
    position = columns[first[0]]
    for block, size in others:
        position = position * size + columns[block]
    return position


def _split(array: Any, ends: Sequence[int]) -> list[Any]:
    return [array[..., start:end] for start, end in zip((0, *ends[:-1]), ends, strict=True)]
