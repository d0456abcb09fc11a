"""The network so far as a picture: its layers to scale, its choices, and its metrics beside what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym.envs.rendering.blocks import RIGHT, draw_frame, draw_network
from anb_gym.envs.rendering.canvas import Canvas
from anb_gym.envs.rendering.plane import Plane
from anb_gym.envs.rendering.reference import Reference
from anb_gym.envs.rendering.scales import Scales
from anb_gym.envs.rendering.style import GREY, TEXT
from anb_gym.envs.rendering.text import format_reward
from anb_gym.space import SPACE

#: Multiples of 16, as video codecs like them.
WIDTH: Final = 1152
HEIGHT: Final = 432
#: Left edge of the plot of metrics.
_PLOT: Final = RIGHT + 62


def picture(
    choices: Sequence[int],
    metrics: Mapping[str, float] | None = None,
    reward: Any = None,
    changed: int | None = None,
    reference: Reference | None = None,
) -> NDArray[np.uint8]:
    """Draws a network.

    On the left are the layers, to scale, above a table of the choices. On the right are the metrics: random
    architectures, the exact front and EfficientNet-B0 from the beginning, the network when it has metrics.

    It takes some milliseconds: what does not depend on the network is drawn once and kept.

    Args:
        choices: The first choices of an architecture, at most 28.
        metrics: Values by name; None while there are none.
        reward: The reward, a number or a vector; None while there is none.
        changed: Position of the choice made last, which gets a frame; None for none.
        reference: What to show metrics beside; None for the network alone.

    Returns:
        ``uint8`` (432, 1152, 3).

    Raises:
        ModuleNotFoundError: The extra ``render`` is not installed.
    """
    background, plot = _background(reference)
    canvas = Canvas(WIDTH, HEIGHT, background)
    canvas.text((RIGHT - 8, 22), f"{len(choices)} of {SPACE.n_choices} choices", 14, GREY, "rm")
    draw_network(canvas, choices, changed)
    if reference is not None and plot is not None and metrics is not None:
        plot.draw_network(canvas, metrics)
        if len(metrics) <= 2:  # more are written beside their scales
            named = zip(metrics.items(), reference.units, strict=True)
            lines = [f"{name} {value:,.2f} {unit}" for (name, value), unit in named]
            lines += [] if reward is None else [f"reward {format_reward(reward)}"]
            for row, line in enumerate(reversed(lines)):
                canvas.text((_PLOT - 40, HEIGHT - 18 - 22 * row), line, 15, TEXT)
    return canvas.to_array()


@lru_cache(maxsize=16)
def _background(reference: Reference | None) -> tuple[Canvas, Plane | Scales | None]:
    """The part of the picture that all networks share, and where to draw metrics."""
    canvas = Canvas(WIDTH, HEIGHT)
    draw_frame(canvas)
    if reference is None:
        return canvas, None
    canvas.text((20, 22), f"AccelNAS {reference.task.name}", 18, TEXT)
    plot = Plane(reference, _PLOT) if len(reference.units) == 2 else Scales(reference, _PLOT)
    plot.draw_reference(canvas)
    return canvas, plot
