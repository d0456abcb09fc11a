"""Drawings of a network while it is being built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym.space import CHOICE_NAMES, EXPANSIONS, KERNELS, LAYERS, N_BLOCKS

_HEADER: Final = ("block", "expansion", "kernel", "layers", "se")
_UNDECIDED: Final = "."

#: Pixels: height of the picture, width of a block, width of a layer, and height of a layer per unit of expansion.
_HEIGHT, _BLOCK, _LAYER, _UNIT = 192, 64, 12, 24
_BACKGROUND, _GREY, _GREEN = (255, 255, 255), (190, 190, 190), (0, 140, 100)
#: Blue for kernel size 3, orange for 5.
_KERNEL_COLOURS: Final = ((45, 110, 180), (230, 130, 30))


def text_table(
    choices: Sequence[int],
    metrics: Mapping[str, float] | None = None,
    reward: float | NDArray[np.float32] | None = None,
) -> str:
    """One line per block with the choices made so far, then the metrics and the reward if there are any.

    Args:
        choices: The first choices of an architecture, at most 28.
        metrics: Values by name.
        reward: The episode's reward, a number or a vector.

    Example:
        >>> print(text_table([2, 1, 0]).splitlines()[1])
        0              6       5       1    .
    """
    lines = ["{:5}  {:>9}  {:>6}  {:>6}  {:>3}".format(*_HEADER)]
    for block in range(N_BLOCKS):
        options = (EXPANSIONS, KERNELS, LAYERS[block], ("no", "yes"))
        row = [str(values[choice]) for values, choice in zip(options, _of_block(choices, block), strict=False)]
        row += [_UNDECIDED] * (len(CHOICE_NAMES) - len(row))
        lines.append("{:<5}  {:>9}  {:>6}  {:>6}  {:>3}".format(block, *row))
    lines += [f"{name}: {value:,.2f}" for name, value in (metrics or {}).items()]
    if reward is not None:
        lines.append("reward: " + ", ".join(f"{value:.4f}" for value in np.atleast_1d(reward)))
    return "\n".join(lines)


def picture(choices: Sequence[int]) -> NDArray[np.uint8]:
    """The network as bars from input (left) to output (right), ``uint8`` (192, 448, 3).

    A bar is a layer. Its height is the expansion factor; it is blue for kernel
    size 3, orange for 5 and grey while that is undecided; a green cap is
    squeeze-excitation. A grey line stands for a block that is not begun.

    Args:
        choices: The first choices of an architecture, at most 28.
    """
    image = np.full((_HEIGHT, N_BLOCKS * _BLOCK, 3), _BACKGROUND, dtype=np.uint8)
    middle = _HEIGHT // 2
    for block in range(N_BLOCKS):
        made = list(_of_block(choices, block))
        left = block * _BLOCK + 4
        if not made:
            image[middle - 1 : middle + 1, left : left + _BLOCK - 8] = _GREY
            continue
        half = EXPANSIONS[made[0]] * _UNIT // 2
        colour = _KERNEL_COLOURS[made[1]] if len(made) > 1 else _GREY
        layers = LAYERS[block][made[2]] if len(made) > 2 else 1
        for start in range(left, left + layers * (_LAYER + 2), _LAYER + 2):
            image[middle - half : middle + half, start : start + _LAYER] = colour
            if made[3:] == [1]:
                image[middle - half - 8 : middle - half - 2, start : start + _LAYER] = _GREEN
    return image


def _of_block(choices: Sequence[int], block: int) -> Sequence[int]:
    return choices[block * len(CHOICE_NAMES) : (block + 1) * len(CHOICE_NAMES)]
