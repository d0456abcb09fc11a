"""The network as layers to scale, above a table of its choices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import floordiv
from typing import Final

from anb_gym.complexity import CHANNELS, RESOLUTION, STRIDES
from anb_gym.envs.rendering.canvas import Canvas, Colour, Point
from anb_gym.envs.rendering.style import FAINT, GREY, MARK, TEXT
from anb_gym.envs.rendering.text import UNDECIDED, labels
from anb_gym.space import CHOICE_NAMES, LAYERS, N_BLOCKS

#: Okabe and Ito's palette (https://jfly.uni-koeln.de/color/): kernel size 3 and 5, each by rising expansion, pale to
#: full; and squeeze-excitation.
_KERNELS: Final = (("#b3d4e8", "#5ca3cd", "#0072b2"), ("#f8e2b3", "#f0c15c", "#e69f00"))
_SE: Final = "#009e73"
#: Colours behind labels, by the position of the choice in its block and the label.
_CHIPS: Final = {(1, "3"): _KERNELS[0][0], (1, "5"): _KERNELS[1][0], (3, "yes"): "#b3e2d5"}
#: By rising expansion, while the kernel is not decided.
_GREYS: Final = ("#d4d7db", "#aab0b6", "#80878f")

#: Side of every block's output in pixels of the network's input.
_SIDES: Final = tuple(accumulate(STRIDES, floordiv, initial=RESOLUTION // 2))[1:]
#: Pixels of the picture per pixel of a side, per channel, and between layers.
_PER_SIDE, _PER_CHANNEL, _GAP = 1.5, 0.165, 2
_MIDDLE, _CAP = 146, 6
#: Left edge of the columns, and their widths: the largest block with a margin, and at least its labels.
_LEFT: Final = 118
_WIDTHS: Final = tuple(
    max(68, round(max(LAYERS[block]) * (CHANNELS[block + 1] * _PER_CHANNEL + _GAP)) + 18) for block in range(N_BLOCKS)
)
_CENTRES: Final = tuple(
    left + width / 2 for left, width in zip(accumulate(_WIDTHS, initial=_LEFT), _WIDTHS, strict=False)
)
_HEADINGS: Final = ("block", "output side", "channels", "expansion", "kernel", "layers", "squeeze-exc.")
_CAPTION: Final = (
    "Layers to scale: height is the output's side, width its channels. A fuller colour is more expansion, "
    "a green cap squeeze-excitation."
)
#: Heights of the table's first row and of every row.
_TABLE, _ROW = 252, 23.5

#: Where the drawing of the network ends.
RIGHT: Final = _LEFT + sum(_WIDTHS)


def draw_frame(canvas: Canvas) -> None:
    """Draws what is the same for all networks: the data's way, the headings, and each block's output size."""
    canvas.line([(_LEFT, _MIDDLE), (RIGHT, _MIDDLE)], FAINT, 1.5)
    for row, heading in enumerate(_HEADINGS):
        canvas.text((20, _row(row)), heading, 14, GREY)
    for block, centre in enumerate(_CENTRES):
        canvas.text((centre, _row(0)), str(block), 14, TEXT, "mm")
        for row, size in enumerate((_SIDES[block], CHANNELS[block + 1]), start=1):
            canvas.text((centre, _row(row)), str(size), 14, GREY, "mm")
    canvas.line([(20, _row(2.5)), (RIGHT - 8, _row(2.5))], FAINT)
    canvas.text((20, _row(7.0)), _CAPTION, 12, GREY)


def draw_network(canvas: Canvas, choices: Sequence[int], changed: int | None = None) -> None:
    """Draws the layers of the choices made so far, and the choices.

    A bar is a layer: its height is the side of the block's output, its width the output channels. Its colour is the
    kernel size, the fuller the larger the expansion, and grey while the kernel is not decided; a green cap is
    squeeze-excitation. Empty bars are layers that the block may still get.

    Args:
        canvas: A canvas with the frame.
        choices: The first choices of an architecture, at most 28.
        changed: Position of the choice made last, which gets a frame; None for none.
    """
    n = len(CHOICE_NAMES)
    for block, row in enumerate(labels(choices)):
        made = choices[block * n : (block + 1) * n]
        _draw_block(canvas, block, made)
        for position, label in enumerate(row):
            frame = MARK if block * n + position == changed else None
            _draw_label(canvas, (_CENTRES[block], _row(3 + position)), label, _CHIPS.get((position, label)), frame)


def _draw_block(canvas: Canvas, block: int, made: Sequence[int]) -> None:
    width, half = CHANNELS[block + 1] * _PER_CHANNEL, _SIDES[block] * _PER_SIDE / 2
    decided = len(made) > 2
    layers = LAYERS[block][made[2]] if decided else max(LAYERS[block])
    left = _CENTRES[block] - (layers * (width + _GAP) - _GAP) / 2
    for layer in range(layers):
        filled = bool(made) and (decided or layer == 0)
        start = left + layer * (width + _GAP)
        corner, opposite = (start, _MIDDLE - half), (start + width, _MIDDLE + half)
        canvas.rectangle(corner, opposite, *((_layer_colour(made), None) if filled else ("white", FAINT)))
        if made[3:] == [1]:
            canvas.rectangle((start, _MIDDLE - half - _CAP - 2), (start + width, _MIDDLE - half - 2), _SE)


def _draw_label(canvas: Canvas, at: Point, label: str, fill: Colour | None, frame: Colour | None) -> None:
    x, y = at
    if fill is not None or frame is not None:
        canvas.rectangle((x - 21, y - 10.5), (x + 21, y + 10.5), fill, frame, radius=6)
    if label == UNDECIDED:
        canvas.dot(at, 1.5, FAINT)
    else:
        canvas.text(at, label, 14, TEXT, "mm")


def _layer_colour(made: Sequence[int]) -> str:
    return _KERNELS[made[1]][made[0]] if len(made) > 1 else _GREYS[made[0]]


def _row(row: float) -> float:
    """Height of the middle of a row of the table."""
    return _TABLE + row * _ROW
