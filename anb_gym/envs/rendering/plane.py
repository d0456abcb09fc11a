"""Two metrics of a network in their plane, beside random architectures, the exact front and EfficientNet-B0."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.envs.rendering.axis import Axis
from anb_gym.envs.rendering.canvas import Canvas, Point
from anb_gym.envs.rendering.reference import Reference
from anb_gym.envs.rendering.style import FAINT, FRONT, GREY, MARK, RANDOM, TEXT
from anb_gym.pareto.fronts import staircase

#: Upper and lower edge of the plot, and its width.
_TOP, _BOTTOM, _WIDTH = 70, 312, 262


class Plane:
    """Draws the first metric upwards and the second, on a logarithmic axis, to the right.

    Args:
        reference: What is known of a task with two metrics.
        left: Left edge of the plot in pixels; labels are on its left.
    """

    def __init__(self, reference: Reference, left: float) -> None:
        self._reference = reference
        (low_y, low_x), (high_y, high_x) = (edge.tolist() for edge in reference.bounds())
        self._x = Axis(low_x, high_x, left, left + _WIDTH, logarithmic=True)
        self._y = Axis(low_y, high_y, _BOTTOM, _TOP)

    def draw_reference(self, canvas: Canvas) -> None:
        """Draws the axes and all that is known."""
        known = self._reference
        self._draw_axes(canvas)
        for point in self._points(known.random):
            canvas.dot(point, 1.3, RANDOM)
        if len(known.front):
            rising = np.unique(known.front, axis=0)
            canvas.line(self._points(staircase(rising, known.task.directions)), FRONT, 1.5)
        draw_efficientnet(canvas, self._points(known.efficientnet[None])[0])
        draw_legend(canvas, (self._x.start - 40, _TOP - 24), with_front=len(known.front) > 0)

    def draw_network(self, canvas: Canvas, metrics: Mapping[str, float]) -> None:
        """Draws a network, at the edge if it lies outside."""
        values = np.array([[metrics[name] for name in self._reference.task.metrics]])
        canvas.dot(self._points(values)[0], 6, MARK, "white")

    def _draw_axes(self, canvas: Canvas) -> None:
        x, y = self._x, self._y
        for value, pixel in zip(x.ticks(), x.pixels(np.array(x.ticks())).tolist(), strict=True):
            canvas.line([(pixel, _TOP), (pixel, _BOTTOM)], FAINT, 0.5)
            canvas.text((pixel, _BOTTOM + 14), f"{value:,g}", 12, GREY, "mm")
        for value, pixel in zip(y.ticks(), y.pixels(np.array(y.ticks())).tolist(), strict=True):
            canvas.line([(x.start, pixel), (x.end, pixel)], FAINT, 0.5)
            canvas.text((x.start - 8, pixel), f"{value:,g}", 12, GREY, "rm")
        canvas.line([(x.start, _TOP), (x.start, _BOTTOM), (x.end, _BOTTOM)], GREY)
        accuracy, performance = self._reference.labels
        canvas.text((x.start - 40, 22), accuracy, 14, TEXT)
        canvas.text(((x.start + x.end) / 2, _BOTTOM + 34), performance, 14, TEXT, "mm")

    def _points(self, values: FloatArray) -> list[Point]:
        return list(zip(self._x.pixels(values[:, 1]).tolist(), self._y.pixels(values[:, 0]).tolist(), strict=True))


def draw_efficientnet(canvas: Canvas, centre: Point, radius: float = 6.0) -> None:
    """The mark of EfficientNet-B0."""
    x, y = centre
    canvas.polygon([(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)], "white", FRONT)


def draw_legend(canvas: Canvas, at: Point, with_front: bool) -> None:
    """Legend of the marks, in one line."""
    x, y = at
    canvas.dot((x + 4, y), 4, MARK)
    canvas.text((x + 12, y), "network", 12, GREY)
    draw_efficientnet(canvas, (x + 74, y), 4.5)
    canvas.text((x + 82, y), "EfficientNet-B0", 12, GREY)
    canvas.dot((x + 176, y), 2, RANDOM)
    canvas.text((x + 182, y), "random", 12, GREY)
    if with_front:
        canvas.line([(x + 232, y), (x + 246, y)], FRONT, 1.5)
        canvas.text((x + 251, y), "exact front", 12, GREY)
