"""Folding of shallow regression trees into block tables.

A path from the root of a tree to a leaf tests at most as many choices as the
tree is deep. The leaf's contribution is its value times the indicator that each
tested choice is one of the options that the path allows. With depth at most 3
it is a function of at most three choices, hence of at most three blocks, and so
is any sum of such trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.space import N_BLOCKS, SPACE
from anb_gym.surrogates.tables import Blocks, BlockTables

#: Paths test at most this many choices.
MAX_DEPTH = 3

_OPTIONS = np.arange(4, dtype=np.uint8)  # no choice has more options
_ALL = np.array([(1 << n) - 1 for n in SPACE.cardinalities], dtype=np.uint8)
_INDICATORS = 4 * SPACE.n_choices
_PER_BLOCK = _INDICATORS // N_BLOCKS


@dataclass(frozen=True)
class Trees:
    """Regression trees on the 28 choices, the nodes of all trees one after the other.

    Attributes:
        roots: ``int64`` (trees,), the node at which each tree starts.
        left: ``int64`` (nodes,), the left child of every node; negative at a leaf.
        right: ``int64`` (nodes,), the right child of every node.
        choice: ``int64`` (nodes,), the choice that a node tests.
        goes_left: ``uint8`` (nodes,), bit v set if option v of that choice goes left.
        value: ``float64`` (nodes,), the value of a leaf.
    """

    roots: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    choice: NDArray[np.int64]
    goes_left: NDArray[np.uint8]
    value: FloatArray

    def leaves(self) -> tuple[NDArray[np.uint8], FloatArray]:
        """The leaves as boxes.

        Returns:
            The options that reach each leaf, ``uint8`` (leaves, 28), bit v for
            option v; and the leaves' values, ``float64`` (leaves,).
        """
        boxes, values = zip(*self._levels(), strict=True)
        return np.concatenate(boxes), np.concatenate(values)

    def _levels(self) -> Iterator[tuple[NDArray[np.uint8], FloatArray]]:
        nodes, boxes = self.roots, np.tile(_ALL, (len(self.roots), 1))
        while len(nodes):
            inner = self.left[nodes] >= 0
            yield boxes[~inner], self.value[nodes[~inner]]
            nodes, to_left = nodes[inner], boxes[inner]
            to_right = to_left.copy()
            tested = np.arange(len(nodes)), self.choice[nodes]
            to_left[tested] &= self.goes_left[nodes]
            to_right[tested] &= ~self.goes_left[nodes]
            nodes = np.concatenate([self.left[nodes], self.right[nodes]])
            boxes = np.concatenate([to_left, to_right])


def options_below(thresholds: FloatArray, inclusive: bool) -> NDArray[np.uint8]:
    """Bit masks of the options below thresholds, ``uint8`` (n,): bit v set if v < threshold (or v <= threshold)."""
    options = _OPTIONS.astype(np.float64)
    below = options <= thresholds[:, None] if inclusive else options < thresholds[:, None]
    masks: NDArray[np.uint8] = (below << _OPTIONS).sum(axis=1, dtype=np.uint8)
    return masks


def fold_trees(members: Iterable[Trees], intercept: float = 0.0) -> BlockTables:
    """Tables of the mean of several sums of trees.

    Args:
        members: The members; the prediction of each is the sum of its trees.
        intercept: Added to the mean.

    Raises:
        ValueError: A path tests more than three choices.
    """
    # An entry of `cells` belongs to three indicators "choice c is option v", numbered 4 * c + v.
    cells = np.zeros(_INDICATORS**MAX_DEPTH)
    count = 0
    for trees in members:
        _accumulate(cells, *trees.leaves())
        count += 1
    cells = cells.reshape((_INDICATORS,) * MAX_DEPTH) / count
    terms: dict[Blocks, FloatArray | float] = {(): intercept}
    for triple in combinations_with_replacement(range(N_BLOCKS), MAX_DEPTH):
        part = cells[tuple(slice(_PER_BLOCK * b, _PER_BLOCK * (b + 1)) for b in triple)]
        if part.any():
            blocks = tuple(sorted(set(triple)))
            terms[blocks] = terms.get(blocks, 0.0) + _expand(part, triple, blocks)
    return BlockTables.from_terms(terms)


def _accumulate(cells: FloatArray, boxes: NDArray[np.uint8], values: FloatArray) -> None:
    """Adds leaves to the cells of the options that reach them."""
    tested = boxes != _ALL
    counts = tested.sum(axis=1)
    if counts.max(initial=0) > MAX_DEPTH:
        raise ValueError(f"a path of a tree must test at most {MAX_DEPTH} choices to fold, got {counts.max()}")
    choices = np.argsort(~tested, axis=1, kind="stable")[:, :MAX_DEPTH]  # the tested ones, ascending, then others
    # A path with fewer tests repeats its last one: an indicator times itself is itself.
    last = np.take_along_axis(choices, np.maximum(counts - 1, 0)[:, None], axis=1)
    choices = np.where(np.arange(MAX_DEPTH) < counts[:, None], choices, last)
    allowed = np.take_along_axis(boxes, choices, axis=1)[:, :, None] >> _OPTIONS & 1
    a, b, c = np.moveaxis(allowed, 1, 0)
    weights = values[:, None, None, None] * (a[:, :, None, None] & b[:, None, :, None] & c[:, None, None, :])
    i, j, k = np.moveaxis(4 * choices[:, :, None] + _OPTIONS, 1, 0)
    where = (i[:, :, None, None] * _INDICATORS + j[:, None, :, None]) * _INDICATORS + k[:, None, None, :]
    cells += np.bincount(where.ravel(), weights.ravel(), len(cells))


def _expand(part: FloatArray, triple: Blocks, blocks: Blocks) -> FloatArray:
    """The table over ``blocks`` of weights ``part`` on indicators of the blocks of ``triple``, which may repeat."""
    operands: list[Any] = [part, [0, 1, 2]]
    for axis, block in enumerate(triple):
        operands += [_indicators(block), [axis, MAX_DEPTH + block]]
    table: FloatArray = np.einsum(*operands, [MAX_DEPTH + b for b in blocks], optimize=True)
    return table


def _indicators(block: int) -> FloatArray:
    """Whether each state of a block has each option of each choice, ``float64`` (16, states)."""
    states = np.zeros((SPACE.block_sizes[block], N_BLOCKS), dtype=np.int64)
    states[:, block] = np.arange(len(states))
    choices = SPACE.from_states(states)[:, 4 * block : 4 * block + 4]
    indicators: FloatArray = (choices[:, :, None] == _OPTIONS).reshape(len(states), -1).T.astype(np.float64)
    return indicators
