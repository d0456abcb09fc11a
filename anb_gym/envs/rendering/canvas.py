"""Drawing with Pillow, without a window system."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._extras import require

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

#: Everything is drawn at this many times its size and then averaged, so that edges are smooth.
_FINE: Final = 2

#: Colour names or ``#rrggbb``.
Colour = str
Point = tuple[float, float]


class Canvas:
    """A white picture. Lengths are in pixels of the result, from its upper left corner.

    Args:
        width: Width of the picture.
        height: Its height.
        background: A canvas of this size to draw upon, which itself stays as it is.

    Raises:
        ModuleNotFoundError: The extra ``render`` is not installed.
    """

    def __init__(self, width: int, height: int, background: Canvas | None = None) -> None:
        if background is None:
            self._image = require("PIL.Image", "render").new("RGB", (width * _FINE, height * _FINE), "white")
        else:
            self._image = background._image.copy()
        self._draw = require("PIL.ImageDraw", "render").Draw(self._image)

    def rectangle(
        self, corner: Point, opposite: Point, fill: Colour | None = None, outline: Colour | None = None, radius: int = 0
    ) -> None:
        """A rectangle from one corner up to, not including, the opposite one."""
        (left, top), (right, bottom) = _fine(corner), _fine(opposite)
        box = left, top, max(left, right - 1), max(top, bottom - 1)
        self._draw.rounded_rectangle(box, radius * _FINE, fill=fill, outline=outline, width=_FINE)

    def line(self, points: Sequence[Point], colour: Colour, width: float = 1.0) -> None:
        """A line through points."""
        self._draw.line([_fine(point) for point in points], fill=colour, width=round(width * _FINE), joint="curve")

    def polygon(self, points: Sequence[Point], fill: Colour, outline: Colour | None = None) -> None:
        """A filled polygon."""
        self._draw.polygon([_fine(point) for point in points], fill=fill, outline=outline, width=_FINE)

    def dot(self, centre: Point, radius: float, fill: Colour, outline: Colour | None = None) -> None:
        """A filled circle."""
        x, y = centre
        box = [_fine((x - radius, y - radius)), _fine((x + radius, y + radius))]
        self._draw.ellipse(box, fill=fill, outline=outline, width=_FINE)

    def text(self, at: Point, text: str, size: int, colour: Colour = "black", anchor: str = "lm") -> None:
        """One line of text; ``anchor`` is Pillow's, such as ``"lm"`` for left and middle."""
        self._draw.text(_fine(at), text, fill=colour, font=_font(size), anchor=anchor)

    def to_array(self) -> NDArray[np.uint8]:
        """The picture, ``uint8`` (height, width, 3)."""
        return np.array(self._image.reduce(_FINE), dtype=np.uint8)


def _fine(point: Point) -> tuple[int, int]:
    return round(point[0] * _FINE), round(point[1] * _FINE)


@lru_cache(maxsize=16)
def _font(size: int) -> FreeTypeFont | ImageFont:
    fonts: Any = require("PIL.ImageFont", "render")
    font: FreeTypeFont | ImageFont = fonts.load_default(size * _FINE)
    return font
