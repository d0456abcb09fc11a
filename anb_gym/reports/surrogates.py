"""The page of surrogates: their held-out scores beside the paper's and beside what noise allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from anb_gym.benchmark import PREDICTED
from anb_gym.reports.markdown import table
from anb_gym.reports.paper import TABLE_1, TABLE_2
from anb_gym.surrogates.scores import Scores, held_out

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


def _of(whose: str) -> list[str]:
    """Headings of three columns, of which the first says whose they are."""
    return [f"{whose} {_COLUMNS[0]}", *_COLUMNS[1:]]


def _cells(scores: Scores | None, digits: int = 4) -> list[str]:
    if scores is None:
        return [""] * 3
    return [f"{scores.r2:.{digits}f}", f"{scores.tau:.{digits}f}", f"{scores.mae:.{digits}g}"]
