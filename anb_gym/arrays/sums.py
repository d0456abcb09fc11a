"""Expected sums of block tables on arrays of any library."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

import numpy as np

from anb_gym.space import N_BLOCKS, SPACE
from anb_gym.surrogates.tables import Layout

#: Where the options of choices, and the states of blocks, begin when they lie one after the other.
CHOICE_ENDS: Final = tuple(np.cumsum(SPACE.cardinalities).tolist())
BLOCK_ENDS: Final = tuple(np.cumsum(SPACE.block_sizes).tolist())


def expected_sums(functions: Sequence[tuple[Layout, Any]], probabilities: Sequence[Any]) -> list[Any]:
    """Expected sums of tables where the states of blocks are independent: exact, and differentiable.

    Args:
        functions: As for :func:`~anb_gym.surrogates.sums.table_sums`.
        probabilities: Of the states of each block, seven arrays (..., states).

    Returns:
        An array (...) per function.
    """
    totals = []
    for where, entries in functions:
        total = 0.0
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


def _split(array: Any, ends: Sequence[int]) -> list[Any]:
    return [array[..., start:end] for start, end in zip((0, *ends[:-1]), ends, strict=True)]
