"""Architectures that differ in one or two blocks from given ones. Needs numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.tables import BlockTables

ALL: list[NDArray[np.bool_]] = [np.ones(n, dtype=np.bool_) for n in SPACE.block_sizes]


def one_block_changes(states: States) -> States:
    """All architectures that differ in one block, ``int64`` (m, 7), from one, (7,), or any of several, (n, 7)."""
    states = np.atleast_2d(states)
    parts = []
    for block in range(N_BLOCKS):
        size = int(SPACE.block_sizes[block])
        part = np.repeat(states, size, axis=0)
        part[:, block] = np.tile(np.arange(size), len(states))
        parts.append(part[part[:, block] != np.repeat(states[:, block], size)])
    return np.concatenate(parts)


def two_block_changes(
    tables: BlockTables, states: States, c: int, d: int, keep: list[NDArray[np.bool_]] = ALL
) -> FloatArray:
    """Values with two blocks in every possible state and the others as they are.

    Args:
        tables: The function.
        states: Block states, ``int64`` (n, 7).
        c: A block.
        d: A later block.
        keep: For every block, which of its states are possible, ``bool`` (states,); by default all.

    Returns:
        ``float64`` (n, possible states of c, possible states of d).
    """
    shape = int(keep[c].sum()), int(keep[d].sum())
    total = np.zeros((len(states), 1, 1))
    parts = {(c,): np.zeros((len(states), shape[0])), (d,): np.zeros((len(states), shape[1]))}
    joint = np.zeros((len(states), *shape))
    for group in tables.layout.blocks:
        moving = tuple(block for block in (c, d) if block in group)
        table = tables.table(*group)
        # The blocks that stay come first and are looked up, the moving ones keep their axes.
        staying = tuple(block for block in group if block not in moving)
        for block in moving:
            table = np.compress(keep[block], table, axis=group.index(block))
        table = table.transpose([group.index(block) for block in staying + moving])
        values = table[tuple(states[:, block] for block in staying)]
        if not moving:
            total += values[:, None, None]
        elif len(moving) == 1:
            parts[moving] += values
        else:
            joint += values
    joint += total + parts[c,][:, :, None] + parts[d,][:, None, :]
    return joint


def pairs_of_blocks(fixed: dict[int, int]) -> list[tuple[int, int]]:
    """Pairs c < d of blocks whose changes together reach every change of at most two free blocks."""
    pairs = [(c, d) for c in range(N_BLOCKS) for d in range(c + 1, N_BLOCKS)]
    free = [pair for pair in pairs if not set(pair) & set(fixed)]
    return free or [pair for pair in pairs if not set(pair) <= set(fixed)][:1]
