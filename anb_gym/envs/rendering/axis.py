"""Axes of metrics: where a value lies between two pixels, and which values get a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from anb_gym._types import FloatArray

#: Share of the values' range that the axis is longer on each side.
_MARGIN: Final = 0.04


@dataclass(frozen=True)
class Axis:
    """An axis from ``start`` to ``end`` in pixels, with room around its values.

    Attributes:
        low: The smallest value that is known, positive if the axis is logarithmic.
        high: The largest.
        start: Pixel of the low end.
        end: Pixel of the high end.
        logarithmic: Whether equal ratios, not differences, are equally far apart.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def pixels(self, values: FloatArray) -> FloatArray:
        """Pixels of values, ``float64`` of their shape; those outside lie at the ends."""
        low, high = self._scaled(np.array([self.low, self.high]))
        margin = _MARGIN * (high - low)
        share = (self._scaled(values) - low + margin) / (high - low + 2 * margin)
        pixels: FloatArray = self.start + np.clip(share, 0.0, 1.0) * (self.end - self.start)
        return pixels

    def ticks(self) -> list[float]:
        """Round values from the lowest to the highest: 1, 2 and 5 times powers of ten, or some in equal steps."""
        if self.logarithmic:
            decades = 10.0 ** np.arange(np.floor(np.log10(self.low)), np.log10(self.high) + 1)
            values = np.outer(decades, (1, 2, 5)).ravel()
        else:
            rough = (self.high - self.low) / 4
            power = 10.0 ** np.floor(np.log10(rough))
            step = power * max(size for size in (1, 2, 5) if size * power <= rough)
            values = step * np.arange(np.ceil(self.low / step), np.floor(self.high / step) + 1)
        return [float(value) for value in values if self.low <= value <= self.high]

    def _scaled(self, values: FloatArray) -> FloatArray:
        return np.log(values) if self.logarithmic else values
