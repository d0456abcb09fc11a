"""Tables and the picture of the benchmark of generalisation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.generalisation.running import Run
from anb_gym.reports.drawing import finish_axes, new_figure, to_png
from anb_gym.reports.markdown import code, number, table

#: Measurements that the tables are about.
_BUDGET: Final = 10
#: Coverage that is asked for, and on which share of devices.
_GOAL, _SHARE = 0.97, 0.95
#: Colours of Okabe and Ito's palette, dashes and markers, so that each method has its own.
_COLOURS: Final = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7")
_STYLES: Final = [(c, d, m) for d, m in (("-", "o"), ("--", "s"), (":", "^")) for c in _COLOURS]


def write_generalisation(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Writes ``tables.md`` and ``coverage.png``, and returns their paths.

    Args:
        runs: Results.
        folder: Where to.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    page, picture = folder / "tables.md", folder / "coverage.png"
    write_atomically(page, ("\n".join(_page(_Figures(runs))) + "\n").encode())
    write_atomically(picture, _picture(_Figures(runs)))
    return [page, picture]


class _Figures:
    """Results, to be asked by method, devices and budget."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs: dict[tuple[str, str, int], Run] = {(run.method, run.device, run.budget): run for run in runs}
        self.methods = list(dict.fromkeys(run.method for run in runs))
        self.budgets = sorted({run.budget for run in runs})
        devices = dict.fromkeys(run.device for run in runs)
        self.generated = [name for name in devices if is_generated(name)]
        self.real = [name for name in devices if not is_generated(name)]

    def values(self, method: str, devices: Sequence[str], budget: int, key: str) -> FloatArray:
        """What is known and finite, ``float64`` (n,)."""
        keys = [(method, device, budget) for device in devices]
        found = np.array([getattr(self._runs[key_], key) for key_ in keys if key_ in self._runs], dtype=np.float64)
        return found[np.isfinite(found)]

    def mean(self, method: str, devices: Sequence[str], budget: int, key: str) -> float:
        """Mean of the same; NaN of none."""
        found = self.values(method, devices, budget, key)
        return float(found.mean()) if len(found) else float("nan")

    def needed(self, method: str, devices: Sequence[str]) -> str:
        """The fewest measurements from which on a share of the devices is covered as issue 16 asks; ``-`` if none."""
        enough = [
            len(found) > 0 and float((found >= _GOAL).mean()) >= _SHARE
            for found in (self.values(method, devices, budget, "coverage") for budget in self.budgets)
        ]
        first = len(enough) - next((n for n, good in enumerate(reversed(enough)) if not good), len(enough))
        return str(self.budgets[first]) if first < len(enough) else "-"


def _page(figures: _Figures) -> list[str]:
    """The lines of ``tables.md``."""
    generated, real = figures.generated, figures.real
    lines = [
        "# Figures of generalisation",
        "",
        f"Written by `anb-gym generalisation`. {len(generated)} generated devices.",
    ]
    lines += ["", f"## Generated devices, {_BUDGET} measurements, means", ""]
    lines += [
        "Beside the mean coverage: what 5 % of the devices do not reach, and 1.96 standard errors of the mean.",
        "",
    ]
    keys = ("regret", "loss", "violations", "excess", "margin", "margin_loss", "margin_violations")
    head = ["method", "devices", "designs", "coverage", "±", "5 %"]
    head += ["regret", "loss", "violations", "excess", "margin", "loss, margin", "viol., margin"]
    rows = []
    for method in figures.methods:
        found = figures.values(method, generated, _BUDGET, "coverage")
        if len(found):
            error = 1.96 * found.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else float("nan")
            rows.append(
                [
                    code(method),
                    str(len(found)),
                    f"{figures.mean(method, generated, _BUDGET, 'designs'):.0f}",
                    *(f"{value:.4f}" for value in (found.mean(), error, np.quantile(found, 0.05))),
                    *(f"{figures.mean(method, generated, _BUDGET, key):.3f}" for key in keys),
                ]
            )
    lines += table(head, rows)
    for key, title in (
        ("coverage", "Coverage"),
        ("regret", "Regret"),
        ("violations", "Violations without margin"),
        ("margin_violations", "Violations with margin"),
        ("margin_loss", "Loss of accuracy with margin, points"),
    ):
        lines += ["", f"## {title} on real devices, their family left out, {_BUDGET} measurements", ""]
        rows = [[code(m), *(f"{figures.mean(m, [d], _BUDGET, key):.3f}" for d in real)] for m in figures.methods]
        lines += table(("method", *real), rows)
    lines += ["", f"## Measurements from which on the coverage is at least {_GOAL}", ""]
    lines += [f"Of generated devices on {_SHARE:.0%} of them; `-`: with none of these budgets.", ""]
    rows = [[code(m), figures.needed(m, generated), *(figures.needed(m, [d]) for d in real)] for m in figures.methods]
    lines += table(("method", "generated", *real), rows)
    for key, title in (
        ("coverage", "Coverage"),
        ("regret", "Regret"),
        ("margin_violations", "Violations with margin"),
        ("margin_loss", "Loss of accuracy with margin, points,"),
    ):
        for devices, where in ((generated, "generated devices, mean"), (real, "the nine real metrics, mean")):
            lines += ["", f"## {title} over measurements, {where}", ""]
            rows = [
                [code(m), *(number(figures.mean(m, devices, b, key), 4) for b in figures.budgets)]
                for m in figures.methods
            ]
            lines += table(("method", *map(str, figures.budgets)), rows)
    return lines


def _picture(figures: _Figures) -> bytes:
    """The picture of ``coverage.png``."""
    figure, n = new_figure(10.0, 5.0), len(figures.generated)
    both = ((figures.generated, f"{n} generated devices"), (figures.real, "nine real metrics"))
    for axes, (devices, title) in zip(figure.subplots(1, 2, sharey=True), both, strict=True):
        for place, method in enumerate(figures.methods):
            missing = [1.0 - figures.mean(method, devices, budget, "coverage") for budget in figures.budgets]
            style = dict(zip(("color", "linestyle", "marker"), _STYLES[place % len(_STYLES)], strict=True))
            axes.plot(range(len(missing)), missing, **style, markersize=3, linewidth=1.2, label=method)
        axes.set_yscale("log")
        axes.set_xticks(range(len(figures.budgets)), [str(budget) for budget in figures.budgets])
        finish_axes(axes, ("1 - coverage of the exact hypervolume", "measurements"), title)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    return to_png(figure, 120)


def is_generated(name: str) -> bool:
    """Whether a device of results does not exist."""
    return name.startswith("generated/")
