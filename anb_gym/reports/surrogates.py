"""The page of surrogates: their held-out scores beside the paper's and beside what noise allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from anb_gym.benchmark import PREDICTED
from anb_gym.reports.markdown import table
from anb_gym.reports.paper import TABLE_1, TABLE_2
from anb_gym.surrogates.scores import Part, Scores, held_out

_COLUMNS: Final = ("R²", "τ", "MAE")


def page(
    folder: Path,
    families: Sequence[str],
    metrics: Sequence[str],
    ceilings: Mapping[str, Scores | None] | None = None,
    *,
    published: bool = True,
) -> str:
    """Markdown tables of the scores that a folder's manifests state.

    Args:
        folder: Where fitted surrogates are.
        families: Those to report; the first is put beside the paper's XGBoost.
        metrics: Those to report.
        ceilings: What a perfect predictor would score, by metric, as far as it is known.
        published: Whether they were fitted on the published dataset; else the paper's scores are left out.

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
    if published:
        rows = [[f, *_cells(held_out(folder, f, "accuracy")), *_cells(TABLE_1.get(f), 3)] for f in families]
        lines += [
            "",
            "The paper's Table 1: accuracy by family.",
            "",
            *table(["family", *_COLUMNS, *_of("paper")], rows),
        ]
    return "\n".join(lines) + "\n"


def thin_section(parts: Mapping[str, Sequence[Part]]) -> str:
    """Markdown of scores where data are thin; nothing without parts.

    Args:
        parts: Of each metric, as :func:`anb_gym.construction.thin.thin_parts` gives them: the same for all.
    """
    if not parts:
        return ""
    names = [part.name for part in next(iter(parts.values()))]
    taus = [[metric, *(_interval(p.scores.tau, p.low.tau, p.high.tau) for p in row)] for metric, row in parts.items()]
    errors = [[metric, *(f"{p.scores.mae:.4g}, {p.error:+.2g}" for p in row)] for metric, row in parts.items()]
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
            _interval(without.scores.tau, without.low.tau, without.high.tau),
            f"{without.scores.mae:.4g}",
            f"{without.error:+.2g}",
            _interval(tables.scores.tau, tables.low.tau, tables.high.tau),
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


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _of(whose: str) -> list[str]:
    """Headings of three columns, of which the first says whose they are."""
    return [f"{whose} {_COLUMNS[0]}", *_COLUMNS[1:]]


def _cells(scores: Scores | None, digits: int = 4) -> list[str]:
    if scores is None:
        return [""] * 3
    return [f"{scores.r2:.{digits}f}", f"{scores.tau:.{digits}f}", f"{scores.mae:.{digits}g}"]
