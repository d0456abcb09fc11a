"""Styles of controllers, the same in all plots and in the report, and labels of measures and metrics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from anb_gym._errors import one_line
from anb_gym.benchmark import PREDICTED

#: Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which colour-blind people tell apart, without its black,
#: which is the exact front's, and its yellow, which is too light for lines on white.
PALETTE: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
#: Dashes in matplotlib's and plotly's words, and markers; each round through the palette takes the next.
_ROUNDS: Final = (("-", "solid", "o"), ("--", "dash", "s"), (":", "dot", "^"), ("-.", "dashdot", "D"))

#: Names of measures in plots and tables.
MEASURE_LABELS: Final = {
    "regret": "regret (1: mean of random architectures)",
    "hypervolume_regret": "hypervolume regret",
    "practical_hypervolume_regret": "hypervolume regret above the practical reference point",
    "igd_plus": "IGD+ (extents of the front)",
    "additive_epsilon": "additive epsilon (extents of the front)",
}


@dataclass(frozen=True, slots=True)
class Style:
    """Look of a controller.

    Attributes:
        colour: As ``#rrggbb``.
        line: Its dashes, for matplotlib.
        dash: The same for plotly.
        marker: Its marker, for matplotlib.
    """

    colour: str
    line: str
    dash: str
    marker: str


def styles(controllers: Iterable[str]) -> dict[str, Style]:
    """A style for every controller: by its place in the alphabet, so that all pictures of a study agree."""
    result = {}
    for place, name in enumerate(sorted(set(controllers))):
        line, dash, marker = _ROUNDS[place // len(PALETTE) % len(_ROUNDS)]
        result[name] = Style(PALETTE[place % len(PALETTE)], line, dash, marker)
    return result


def metric_label(metric: str) -> str:
    """A metric's name with its unit."""
    return f"{metric} ({PREDICTED[metric]})" if metric in PREDICTED else metric


def literal(name: str) -> str:
    """A name of which matplotlib takes nothing for mathematics, on one line."""
    return one_line(name).replace("$", r"\$")
