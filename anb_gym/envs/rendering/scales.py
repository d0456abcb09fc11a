"""Metrics of a network on one scale each, for tasks of one metric or of more than two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from anb_gym.envs.rendering.axis import Axis
from anb_gym.envs.rendering.canvas import Canvas
from anb_gym.envs.rendering.plane import draw_efficientnet, draw_legend
from anb_gym.envs.rendering.reference import Reference
from anb_gym.envs.rendering.style import FRONT, GREY, MARK, RANDOM, TEXT
from anb_gym.metrics import ACCURACIES

_TOP, _BOTTOM, _WIDTH = 46, 420, 302
_TALLEST: Final = 200


class Scales:
    """Draws one horizontal axis per metric; all but accuracy are logarithmic.

    Args:
        reference: What is known of the task.
        left: Left edge of the plot in pixels, as for :class:`~anb_gym.envs.rendering.plane.Plane`.
    """

    def __init__(self, reference: Reference, left: float) -> None:
        self._reference = reference
        start = left - 40
        self._axes = [
            Axis(low, high, start, start + _WIDTH, logarithmic=name not in ACCURACIES.values())
            for name, low, high in zip(reference.task.metrics, *map(np.ndarray.tolist, reference.bounds()), strict=True)
        ]
        #: Distance of the scales, and the height of the rows of random architectures on them.
        self._pitch = min(_TALLEST, (_BOTTOM - _TOP) / len(self._axes))
        self._rug = self._pitch * 0.22

    def draw_reference(self, canvas: Canvas) -> None:
        """Draws the axes and all that is known."""
        known = self._reference
        draw_legend(canvas, (self._axes[0].start, 22), with_front=False)
        for column, (axis, label) in enumerate(zip(self._axes, known.labels, strict=True)):
            y = self._height(column)
            for x in axis.pixels(known.random[:, column]).tolist():
                canvas.line([(x, y - self._rug), (x, y)], RANDOM, 0.5)
            canvas.line([(axis.start, y), (axis.end, y)], GREY)
            canvas.text((axis.start, y - self._rug - 9), label, 12 if len(self._axes) > 1 else 14, TEXT)
            draw_efficientnet(canvas, (float(axis.pixels(known.efficientnet[column])), y - self._rug / 2), 4.5)
        if len(self._axes) == 1:
            self._draw_ends(canvas)

    def draw_network(self, canvas: Canvas, metrics: Mapping[str, float]) -> None:
        """Draws a network, at the end of the scale if it lies outside."""
        for column, (axis, name) in enumerate(zip(self._axes, self._reference.task.metrics, strict=True)):
            y = self._height(column)
            canvas.dot((float(axis.pixels(np.array(metrics[name]))), y - self._rug / 2), 5, MARK, "white")
            if len(self._axes) > 1:
                canvas.text((axis.end, y - self._rug - 9), f"{metrics[name]:,.2f}", 12, MARK, "rm")

    def _draw_ends(self, canvas: Canvas) -> None:
        """Labels of the only scale, and the certified optimum at its end if there is one."""
        axis, y = self._axes[0], self._height(0)
        for value, x in zip(axis.ticks(), axis.pixels(np.array(axis.ticks())).tolist(), strict=True):
            canvas.line([(x, y), (x, y + 4)], GREY)
            canvas.text((x, y + 14), f"{value:,g}", 12, GREY, "mm")
        for optimum in self._reference.front[:1, 0]:
            x = float(axis.pixels(optimum))
            canvas.line([(x, y - self._rug - 4), (x, y + 26)], FRONT, 1.5)
            canvas.text((x + 4, y + 34), f"certified optimum {optimum:.2f}", 12, TEXT, "rm")

    def _height(self, column: int) -> float:
        return _TOP + self._pitch * (column + 0.82)
