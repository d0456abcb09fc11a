"""Tables and the picture of the benchmark of generalisation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym.generalisation.running import Run
from anb_gym.reports.drawing import finish_axes, new_figure, to_png
from anb_gym.reports.markdown import code, number, table

#: Measurements that the tables are about.
_BUDGET: Final = 10


def write_generalisation(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Writes ``tables.md`` and ``coverage.png``, and returns their paths.

    Args:
        runs: Results.
        folder: Where to.

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    methods = list(dict.fromkeys(run.method for run in runs))
    real = [name for name in dict.fromkeys(run.device for run in runs) if not is_generated(name)]
    n = len({run.device for run in runs if is_generated(run.device)})
    budgets = sorted({run.budget for run in runs})
    lines = ["# Figures of generalisation", "", f"Written by `anb-gym generalisation`. {n} generated devices."]

    def of(method: str, devices: Sequence[str] | None, budget: int, key: str) -> float:
        chosen = [
            float(getattr(run, key))
            for run in runs
            if run.method == method and run.budget == budget and (devices is None or run.device in devices)
            if devices is not None or is_generated(run.device)
        ]
        chosen = [value for value in chosen if np.isfinite(value)]
        return float(np.mean(chosen)) if chosen else float("nan")

    lines += ["", f"## Generated devices, {_BUDGET} measurements, means", ""]
    keys = ("coverage", "regret", "loss", "violations", "excess", "margin_loss", "margin_violations")
    head = ("method", "designs", "coverage", "regret", "loss", "violations", "excess", "loss, margin", "viol., margin")
    rows = [
        [
            code(method),
            f"{of(method, None, _BUDGET, 'designs'):.0f}",
            *(f"{of(method, None, _BUDGET, key):.3f}" for key in keys),
        ]
        for method in methods
    ]
    lines += table(head, rows)
    for key, title in (
        ("coverage", "Coverage"),
        ("regret", "Regret"),
        ("violations", "Violations without margin"),
        ("margin_violations", "Violations with margin"),
        ("margin_loss", "Loss of accuracy with margin, points"),
    ):
        lines += ["", f"## {title} on real devices, their family left out, {_BUDGET} measurements", ""]
        rows = [[code(method), *(f"{of(method, [d], _BUDGET, key):.3f}" for d in real)] for method in methods]
        lines += table(("method", *real), rows)
    for key, title in (("coverage", "Coverage"), ("regret", "Regret")):
        for devices, where in ((None, "generated devices, mean"), (real, "the nine real metrics, mean")):
            lines += ["", f"## {title} over measurements, {where}", ""]
            rows = [[code(method), *(number(of(method, devices, b, key), 4) for b in budgets)] for method in methods]
            lines += table(("method", *map(str, budgets)), rows)
    page, picture = folder / "tables.md", folder / "coverage.png"
    write_atomically(page, ("\n".join(lines) + "\n").encode())
    figure = new_figure(9.0, 3.6)
    for axes, devices, title in zip(
        figure.subplots(1, 2, sharey=True), (None, real), (f"{n} generated devices", "nine real metrics"), strict=True
    ):
        for method in methods:
            missing = [1.0 - of(method, devices, budget, "coverage") for budget in budgets]
            axes.plot(range(len(budgets)), missing, marker="o", markersize=3, label=method)
        axes.set_yscale("log")
        axes.set_xticks(range(len(budgets)), [str(budget) for budget in budgets])
        finish_axes(axes, ("1 - coverage of the exact hypervolume", "measurements"), title)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    write_atomically(picture, to_png(figure, 120))
    return [page, picture]


def is_generated(name: str) -> bool:
    """Whether a device of results does not exist."""
    return name.startswith("generated/")
