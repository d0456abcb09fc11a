"""The page of surrogates: held-out scores beside the paper's and what noise allows, and what their intervals hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from anb_gym.benchmark import PREDICTED
from anb_gym.reports.drawing import FRONT, finish_axes, new_figure
from anb_gym.reports.markdown import table
from anb_gym.reports.paper import TABLE_1, TABLE_2
from anb_gym.reports.styles import styles
from anb_gym.surrogates.scores import Deviation, Part, Scores, calibration, held_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS: Final = ("R²", "τ", "MAE")
#: Levels of intervals whose coverage is tabulated.
_LEVELS: Final = (0.5, 0.8, 0.9, 0.95)


def page(
    folder: Path,
    families: Sequence[str],
    metrics: Sequence[str],
    ceilings: Mapping[str, Scores | None] | None = None,
    *,
    published: bool = True,
    validation: Mapping[tuple[str, str], Scores] | None = None,
) -> str:
    """Markdown tables of the scores that a folder's manifests state.

    Args:
        folder: Where fitted surrogates are.
        families: Those to report; the first is put beside the paper's XGBoost.
        metrics: Those to report.
        ceilings: What a perfect predictor would score, by metric, as far as it is known.
        published: Whether they were fitted on the published dataset; else the paper's scores are left out.
        validation: Scores on the validation records of fits on the train records alone, by family and metric.

    Raises:
        ArtefactError: A manifest is damaged.
    """
    first = families[0]
    split = (
        "the paper's test split, beside the paper's XGBoost (Tables 1 and 2)" if published else "a random test split"
    )
    paper = {"accuracy": TABLE_1["xgb"], **TABLE_2} if published else {}
    beside = [
        [
            f"{metric} ({PREDICTED[metric]})",
            *_cells(held_out(folder, first, metric)),
            *_cells(paper.get(metric), 3),
            *_cells((ceilings or {}).get(metric)),
        ]
        for metric in metrics
    ]
    by_family = [
        [metric, *(f"{s.tau:.4f}, {s.mae:.4g}" if (s := held_out(folder, f, metric)) else "" for f in families)]
        for metric in metrics
    ]
    lines = [
        f"Held-out scores of `{first}` on {split}.",
        "",
        *table(["metric", *_COLUMNS, *_of("paper"), *_of("noise ceiling")], beside),
        "",
        "All families: τ and MAE.",
        "",
        *table(["metric", *families], by_family),
    ]
    calibrated = [row for f in families for metric in metrics if (row := _calibration(folder, f, metric))]
    if calibrated:
        lines += [
            "",
            "Shares of test records within the intervals of a measurement of 50, 80, 90 and 95 %; in brackets those of",
            "fitted records, in folds that calibration did not see. CRPS (in the metric's unit) and NLL (in nats) are",
            "means over test records of the continuous ranked probability score and the negative log-likelihood.",
            "",
            *table(["surrogate", "metric", *(f"{level:.0%}" for level in _LEVELS), "CRPS", "NLL"], calibrated),
        ]
    if published:
        rows = [[f, *_cells(held_out(folder, f, "accuracy")), *_cells(TABLE_1.get(f), 3)] for f in families]
        lines += [
            "",
            "The paper's Table 1: accuracy by family.",
            "",
            *table(["family", *_COLUMNS, *_of("paper")], rows),
        ]
    if validation:
        tuned = list(dict.fromkeys(family for family, _ in validation))
        by_tuned = [
            [m, *(", ".join(_cells(validation.get((f, m)))) for f in tuned)]
            for m in dict.fromkeys(metric for _, metric in validation)
        ]
        lines += [
            "",
            "Validation records, by the best trial of tuning, which was fitted on the train records alone: R², τ and",
            "MAE. They say which family to take; test records have no part in it.",
            "",
            *table(["metric", *tuned], by_tuned),
        ]
    return "\n".join(lines) + "\n"


def thin_section(parts: Mapping[str, Sequence[Part]]) -> str:
    """Markdown of scores where data are thin; nothing without parts.

    Args:
        parts: Of each metric, as :func:`anb_gym.construction.thin.thin_parts` gives them.
    """
    if not parts:
        return ""
    names = list(dict.fromkeys(part.name for row in parts.values() for part in row))
    by_name = {metric: {part.name: part for part in row} for metric, row in parts.items()}
    taus = [
        [metric, *(_interval(row[name]) if name in row else "" for name in names)] for metric, row in by_name.items()
    ]
    errors = [
        [metric, *(_errors(row[name]) if name in row else "" for name in names)] for metric, row in by_name.items()
    ]
    lines = [
        "",
        "Where data are thin: τ on parts of the test records, with 95 % bootstrap intervals over records.",
        "",
        *table(["metric", *names], taus),
        "",
        "MAE, and the mean of label less prediction.",
        "",
        *table(["metric", *names], errors),
    ]
    return "\n".join(lines) + "\n"


def block_section(parts: Mapping[str, Sequence[tuple[Part, Part]]]) -> str:
    """Markdown of scores on blocks of records that a fit has not seen, beside those of the tables; nothing if none.

    Args:
        parts: Of each metric, as :func:`anb_gym.construction.thin.block_parts` gives them.
    """
    if not parts:
        return ""
    rows = [
        [
            metric,
            without.name,
            f"{without.records:,}",
            f"{without.scores.r2:.4f}",
            _interval(without),
            f"{without.scores.mae:.4g}",
            f"{without.error:+.2g}",
            _interval(tables),
            f"{tables.scores.mae:.4g}",
        ]
        for metric, pairs in parts.items()
        for without, tables in pairs
    ]
    head = ["metric", "records", "number", "R²", "τ", "MAE", "mean error", "random split: τ", "MAE"]
    lines = [
        "",
        "Scores on a whole block of records of a fit on all others, beside those of the tables on its test records.",
        "",
        *table(head, rows),
    ]
    return "\n".join(lines) + "\n"


def seeds_section(deviations: Mapping[str, Deviation]) -> str:
    """Markdown of how far accuracy varies over training seeds.

    Args:
        deviations: By the accuracy of the architectures.
    """
    rows = [
        [name, str(found.architectures), f"{found.std:.3f}", f"{found.low:.3f} to {found.high:.3f}"]
        for name, found in deviations.items()
    ]
    head = "\nDeviation of accuracy over training seeds, with 95 % intervals (chi-square).\n\n"
    return head + "\n".join(table(["accuracy (%)", "architectures", "deviation", "interval"], rows)) + "\n"


def _interval(part: Part) -> str:
    return f"{part.scores.tau:.3f} [{part.low.tau:.3f}, {part.high.tau:.3f}]"


def _errors(part: Part) -> str:
    return f"{part.scores.mae:.4g}, {part.error:+.2g}"


def reference_section(folder: Path, families: Sequence[str], metrics: Sequence[str]) -> str:
    """Scores of metrics of the reference scheme, of which no test records are known; nothing without metrics.

    Args:
        folder: Where fitted surrogates are.
        families: Those to report, as far as they are there.
        metrics: Some of the reference scheme.

    Raises:
        ArtefactError: A manifest is damaged.
    """
    found = [(f, metric, scores) for f in families for metric in metrics if (scores := held_out(folder, f, metric))]
    if not found:
        return ""
    rows = [[f"`{family}`", f"{metric} ({PREDICTED[metric]})", *_cells(scores)] for family, metric, scores in found]
    head = "\nThe reference scheme, in nested cross-validation against means of seeds.\n\n"
    return head + "\n".join(table(["surrogate", "metric", *_COLUMNS], rows)) + "\n"


def reliability(folder: Path, families: Sequence[str], metrics: Sequence[str]) -> Figure:
    """Draws how many held-out labels lie within intervals of which level, one panel a metric.

    Args:
        folder: Where calibrated surrogates are.
        families: Those to draw, as far as they are there and calibrated.
        metrics: The panels, as far as there is one.

    Raises:
        ValueError: None of them is calibrated.
        ArtefactError: A manifest is damaged.
    """
    scores = {(m, f): found for m in metrics for f in families if (found := calibration(folder, f, m))}
    curves = {m: [(f, scores[m, f].coverage) for f in families if (m, f) in scores] for m, _ in scores}
    if not curves:
        raise ValueError(f"folder must hold calibrated surrogates, found none in {folder}")
    look = styles(families)
    columns = min(5, len(curves))
    rows = -(-len(curves) // columns)
    figure = new_figure(2.6 * columns, 2.7 * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (metric, lines) in zip(panels, curves.items(), strict=False):
        axes.plot([0, 100], [0, 100], color=FRONT, linewidth=0.8, linestyle=(0, (1, 1.5)))
        for family, coverage in lines:
            points = 100.0 * np.array(list(coverage.items()))
            axes.plot(*points.T, linewidth=1.4, marker=".", color=look[family].colour, label=family)
        finish_axes(axes, ("test records within (%)", "level of the interval (%)"), metric)
    for axes in panels[len(curves) :]:
        axes.set_axis_off()
    drawn = {line.get_label(): line for axes in panels for line in axes.get_lines()[1:]}
    figure.legend(
        drawn.values(), drawn.keys(), loc="outside lower center", ncols=len(drawn), frameon=False, fontsize="small"
    )
    return figure


def _calibration(folder: Path, family: str, metric: str) -> list[str] | None:
    """A row of the table of coverage; None if there is no such surrogate, or it is not calibrated."""
    if (found := calibration(folder, family, metric)) is None:
        return None
    shares = [f"{found.coverage[level]:.1%} ({found.cross_validated[level]:.1%})" for level in _LEVELS]
    return [f"`{family}`", metric, *shares, f"{found.crps:.4g}", f"{found.nll:.4g}"]


def _of(whose: str) -> list[str]:
    """Headings of three columns, of which the first says whose they are."""
    return [f"{whose} {_COLUMNS[0]}", *_COLUMNS[1:]]


def _cells(scores: Scores | None, digits: int = 4) -> list[str]:
    if scores is None:
        return [""] * 3
    return [f"{scores.r2:.{digits}f}", f"{scores.tau:.{digits}f}", f"{scores.mae:.{digits}g}"]
