"""Multiply-accumulates and parameters of an architecture, in closed form.

Both are sums over blocks, so each is one small table per block, filled once
from the network's definition and looked up for any number of architectures.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anb_gym.space import EXPANSIONS, KERNELS, LAYERS, N_BLOCKS, SPACE, States

#: Stride of the first layer of every block; the stem has stride 2 as well.
STRIDES: Final = (1, 2, 2, 2, 1, 2, 1)
#: Input and output channels of every block.
CHANNELS: Final = (32, 16, 24, 40, 80, 112, 192, 320)
#: Output channels of the head's 1x1 convolution, and ImageNet's classes.
HEAD_CHANNELS: Final = 1280
CLASSES: Final = 1000
#: The input side in pixels that the counts refer to.
RESOLUTION: Final = 224


class Complexity(NamedTuple):
    """Counts of a part of a network.

    Attributes:
        macs: Multiply-accumulates of convolutions and linear layers.
        counted: The dataset's count, see :func:`dataset_macs`.
        params: Learnable parameters.
    """

    macs: int
    counted: int
    params: int

    def __add__(self, other: tuple[Any, ...]) -> Complexity:
        return Complexity(*(a + b for a, b in zip(self, other, strict=True)))


def _conv(inputs: int, outputs: int, kernel: int, side: int, groups: int = 1) -> Complexity:
    """A convolution without bias and its batch normalisation; ``side`` is the output's."""
    weights = outputs * (inputs // groups) * kernel**2
    macs = weights * side**2
    return Complexity(macs, macs + 4 * outputs * side**2, weights + 2 * outputs)


def _squeeze_excitation(channels: int, squeezed: int, side: int) -> Complexity:
    macs = 2 * channels * squeezed
    return Complexity(macs, macs + channels * (side**2 + 1), macs + channels + squeezed)


def _block(block: int, state: int) -> Complexity:
    """One block; ``state`` numbers its choices as :class:`anb_gym.space.SearchSpace` does."""
    rest, se = divmod(state, 2)
    rest, layer_choice = divmod(rest, len(LAYERS[block]))
    expansion_choice, kernel_choice = divmod(rest, 2)
    expansion, kernel = EXPANSIONS[expansion_choice], KERNELS[kernel_choice]
    outputs = CHANNELS[block + 1]
    total = Complexity(0, 0, 0)
    for layer in range(LAYERS[block][layer_choice]):
        inputs = CHANNELS[block] if layer == 0 else outputs
        side_in = _side(block - 1) if layer == 0 else _side(block)
        side, expanded = _side(block), inputs * expansion
        if expansion != 1:
            total += _conv(inputs, expanded, 1, side_in)
        total += _conv(expanded, expanded, kernel, side, groups=expanded)
        if se:
            total += _squeeze_excitation(expanded, max(1, inputs // 4), side)
        total += _conv(expanded, outputs, 1, side)
    return total


def _side(block: int) -> int:
    """Output side of a block in pixels; -1 is the stem."""
    return RESOLUTION // 2 // int(np.prod(STRIDES[: block + 1], dtype=int))


def _fixed() -> Complexity:
    """The stem and the head, the same in every architecture."""
    stem = _conv(3, CHANNELS[0], 3, _side(-1))
    side = _side(N_BLOCKS - 1)
    head = _conv(CHANNELS[-1], HEAD_CHANNELS, 1, side)
    pool = Complexity(0, HEAD_CHANNELS * (side**2 + 1), 0)
    weights = HEAD_CHANNELS * CLASSES
    return stem + head + pool + Complexity(weights, weights, weights + CLASSES)


@cache
def _tables(field: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One field per block and state, one block after the other, ``int64`` (264,), and where each block starts, (7,).

    The first block's entries contain the fixed part.
    """
    sizes = SPACE.block_sizes
    values = [getattr(_block(b, s), field) for b, size in enumerate(sizes) for s in range(size)]
    table = np.array(values, dtype=np.int64)
    table[: sizes[0]] += getattr(_fixed(), field)
    return table, np.cumsum(sizes) - sizes


def block_counts(field: str) -> NDArray[np.float64]:
    """What each state of each block counts, one block after the other, ``float64`` (264,), exactly.

    The first block's contain the stem and the head.

    Args:
        field: As for :func:`count`.
    """
    return _tables(field)[0].astype(np.float64)


def count(states: States, field: str) -> NDArray[np.int64]:
    """One field of :class:`Complexity` for valid block states, ``int64`` (n, 7), without checks.

    Args:
        states: Block states, ``int64`` (n, 7).
        field: ``"macs"``, ``"counted"`` or ``"params"``.

    Returns:
        Counts, ``int64`` (n,).
    """
    table, starts = _tables(field)
    counts: NDArray[np.int64] = np.add.reduce(table.take(states + starts), axis=1)
    return counts


def macs(architectures: Any) -> NDArray[np.int64]:
    """Multiply-accumulates of one image of 224 x 224 pixels: convolutions and linear layers.

    Args:
        architectures: Any form that :meth:`anb_gym.space.SearchSpace.as_states` takes.

    Returns:
        Counts, ``int64`` (n,).
    """
    return count(SPACE.as_states(architectures), "macs")


def dataset_macs(architectures: Any) -> NDArray[np.int64]:
    """The dataset's own count of "MACs", 4 to 17 % above :func:`macs`.

    It is what the profiler `thop` counts at 224 pixels: beside the true
    multiply-accumulates, 4 operations per batch-normalised element, and one
    per element and output of every average pooling.

    Args:
        architectures: Any form that :meth:`anb_gym.space.SearchSpace.as_states` takes.

    Returns:
        Counts, ``int64`` (n,); the dataset's ``macs`` field times 1e6.
    """
    return count(SPACE.as_states(architectures), "counted")


def params(architectures: Any) -> NDArray[np.int64]:
    """Learnable parameters: weights, biases, and the affine terms of batch normalisation.

    Args:
        architectures: Any form that :meth:`anb_gym.space.SearchSpace.as_states` takes.

    Returns:
        Counts, ``int64`` (n,); the dataset's ``params`` field times 1e6.
    """
    return count(SPACE.as_states(architectures), "params")
