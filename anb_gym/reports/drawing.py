"""Figures that belong to no window: their colours, their look, and the files they become."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anb_gym._extras import require
from anb_gym._files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that colour-blind people tell apart too: greys, a map of steady lightness, and vermilion and black of Okabe
#: and Ito's palette (https://jfly.uni-koeln.de/color/).
BACKGROUND: Final = "#c9cdd2"
BACKGROUND_FRONT: Final = "#6b7178"
FRONT: Final = "#000000"
MARK: Final = "#d55e00"
ORDER_MAP: Final = "viridis"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that belongs to no window, of a size in inches.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    figure: Figure = require("matplotlib.figure", "pareto").Figure(figsize=(width, height), layout="constrained")
    return figure


def to_png(figure: Figure, dpi: int = 200) -> bytes:
    """The bytes of a PNG file. Equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def to_svg(figure: Figure) -> bytes:
    """The bytes of an SVG file. Equal figures give equal bytes."""
    buffer = io.BytesIO()
    with require("matplotlib", "pareto").rc_context({"svg.hashsalt": "anb_gym"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Writes a figure as ``.svg`` and ``.png`` beside each other.

    Args:
        figure: The figure.
        path: Where, without a suffix; its folder is made if needed.

    Returns:
        The two files.
    """
    files = {path.with_name(f"{path.name}.svg"): to_svg(figure), path.with_name(f"{path.name}.png"): to_png(figure)}
    for file, data in files.items():
        write_atomically(file, data)
    return list(files)


def finish_axes(axes: Axes, axis_labels: tuple[str, str], title: str) -> None:
    """Gives axes the look of all plots.

    Args:
        axes: What has been drawn on.
        axis_labels: Of the vertical and the horizontal axis.
        title: Title, or an empty string.
    """
    axes.set_ylabel(axis_labels[0])
    axes.set_xlabel(axis_labels[1])
    axes.set_title(title, loc="left", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#ececec", linewidth=0.6)
    axes.set_axisbelow(True)
