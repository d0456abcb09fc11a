"""Tables 1 and 2 of Accel-NASBench: the shipped surrogates' scores on the paper's test split beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from anb_gym._extras import require
from anb_gym.reports.drawing import finish_axes, new_figure
from anb_gym.reports.markdown import table
from anb_gym.reports.paper import TABLE_1, TABLE_2
from anb_gym.surrogates.scores import Scores, held_out
from anb_gym.surrogates.store import ARTEFACTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What the paper's scores are called among the families.
PAPER: Final = "paper"
#: Per row of a table the scores by column.
Table = Mapping[str, Mapping[str, Scores]]

_OURS: Final = "anb_gym"
#: The Gaussian process, which is ours, and the families of the paper.
FAMILIES: Final = ("gp", *TABLE_1)
#: Colours of Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), and markers.
_LOOK: Final = {
    _OURS: ("#0072b2", "D"),
    "gp": ("#0072b2", "D"),
    "xgb": ("#d55e00", "o"),
    "lgb": ("#009e73", "s"),
    "rf": ("#cc79a7", "^"),
    "eps_svr": ("#e69f00", "v"),
    "nu_svr": ("#56b4e9", "P"),
    PAPER: ("#000000", "o"),
}


def table1(folder: Path = ARTEFACTS) -> Table:
    """Table 1: accuracy by family, those of the paper and the Gaussian process, ours and the paper's.

    Args:
        folder: Where the fitted surrogates are.

    Raises:
        ArtefactError: A manifest is damaged.
        ValueError: A manifest is missing.
    """
    return {
        family: {_OURS: _scores(folder, family, "accuracy")} | ({PAPER: TABLE_1[family]} if family in TABLE_1 else {})
        for family in FAMILIES
    }


def table2(folder: Path = ARTEFACTS) -> Table:
    """Table 2: every device metric by family, and the paper's XGBoost; arguments and errors as of :func:`table1`."""
    return {
        metric: {PAPER: paper} | {family: _scores(folder, family, metric) for family in FAMILIES}
        for metric, paper in TABLE_2.items()
    }


def lines(scores: Table) -> list[str]:
    """Lines of a table in Markdown: R², Kendall's τ and mean absolute error (points, images/s, ms) of each cell."""
    columns = list(dict.fromkeys(column for cells in scores.values() for column in cells))
    rows = [
        [row, *(f"{s.r2:.4f}, {s.tau:.4f}, {s.mae:.3g}" if (s := cells.get(name)) else "" for name in columns)]
        for row, cells in scores.items()
    ]
    return table(["R², τ, MAE", *columns], rows)


def figure(scores: Table, title: str) -> Figure:
    """Draws a table as dots, a row per row: R², τ, and the error relative to the paper's of the row.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    result = new_figure(8.4, 1.4 + 0.36 * len(scores))
    panels = result.subplots(1, 3, sharey=True)
    names = [name for name in _LOOK if any(name in cells for cells in scores.values())]
    for name, offset in zip(names, 0.3 * np.linspace(-1, 1, len(names)) * (len(names) > 2), strict=True):
        colour, marker = _LOOK[name]
        rows = [(place, cells) for place, cells in enumerate(scores.values()) if name in cells]
        values = [
            (s.r2, s.tau, s.mae / cells.get(PAPER, TABLE_1["xgb"]).mae) for _, cells in rows for s in [cells[name]]
        ]
        for axes, column in zip(panels, zip(*values, strict=True), strict=True):
            fill = "none" if name == PAPER else colour
            heights = [place + offset for place, _ in rows]
            axes.scatter(column, heights, s=26, marker=marker, facecolors=fill, edgecolors=colour, label=name, zorder=3)
    for axes, label in zip(panels, ("R²", "Kendall's τ", "error / the paper's"), strict=True):
        axes.set_yticks(range(len(scores)), list(scores))
        axes.set_ylim(len(scores) - 0.5, -0.5)
        finish_axes(axes, ("", label), "")
    low, high = panels[2].xaxis.get_data_interval()
    if high > 5.0 * low:
        panels[2].set_xscale("log")
        panels[2].xaxis.set_major_locator(require("matplotlib.ticker", "pareto").LogLocator(subs=(1.0, 2.0, 5.0)))
        panels[2].minorticks_off()
    panels[2].xaxis.set_major_formatter("{x:g}")
    result.suptitle(title, fontsize="medium", x=0.01, ha="left")
    handles, labels = panels[0].get_legend_handles_labels()
    result.legend(handles, labels, loc="outside lower center", ncols=7, frameon=False, fontsize="small")
    return result


def _scores(folder: Path, family: str, metric: str) -> Scores:
    found = held_out(folder, family, metric)
    if found is None:
        raise ValueError(f"folder must hold the manifest of {family} for {metric}, {folder} does not")
    return found
