"""The table of held-out scores beside the paper's, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anb_gym.benchmark import DATASET_METRICS, PREDICTED
from anb_gym.construction.dataset import SHA256, Dataset
from anb_gym.construction.families import FAMILIES
from anb_gym.construction.paper import TABLE_1, TABLE_2
from anb_gym.construction.splits import split_of
from anb_gym.construction.targets import Scores, score
from anb_gym.noise import DEVICE_CV, Noise, perturb
from anb_gym.surrogates.store import ArtefactError, artefact_path, load, read_manifest
from anb_gym.surrogates.tables import FloatArray

_COLUMNS = "R² | τ | MAE"


def report(
    folder: Path,
    dataset: Dataset | None = None,
    families: Sequence[str] = FAMILIES,
    metrics: Sequence[str] = DATASET_METRICS,
) -> str:
    """Markdown tables of what ``folder`` holds: every metric by family, and the paper's Table 1.

    Args:
        folder: Where :func:`anb_gym.construction.fitting.fit_all` wrote.
        dataset: What it was fitted on, needed for the noise ceiling. The paper's scores stand beside those on the
            published dataset only, which it is by default.
        families: Those to report, as far as they are there; the first is put beside the paper's XGBoost.
        metrics: Those to report.

    Raises:
        ValueError: The folder has none of them.
        ArtefactError: A manifest is damaged.
    """
    families = [f for f in families if any(artefact_path(folder, f, m).with_suffix(".json").exists() for m in metrics)]
    if not families:
        raise ValueError(f"folder must hold fitted surrogates, found none in {folder}")
    first, published = families[0], dataset is None or dataset.sha256 == SHA256
    split = "the paper's test split, beside the paper's XGBoost (Tables 1 and 2)"
    lines = [
        f"Held-out scores of `{first}` on {split if published else 'a random test split'}.",
        "",
        f"| metric | {_COLUMNS} | paper {_COLUMNS} | noise ceiling {_COLUMNS} |",
        "|---|" + "---|" * 9,
    ]
    paper = {"accuracy": TABLE_1["xgb"], **TABLE_2} if published else {}
    for metric in metrics:
        unit = PREDICTED[metric]
        ours = held_out(folder, first, metric)
        ceiling = noise_ceiling(folder, first, metric, dataset) if dataset is not None else None
        lines.append(f"| {metric} ({unit}) | {_cells(ours)} | {_cells(paper.get(metric), 3)} | {_cells(ceiling)} |")
    lines += ["", "All families: τ and MAE.", ""]
    lines += ["| metric | " + " | ".join(families) + " |", "|---|" + "---|" * len(families)]
    for metric in metrics:
        cells = [held_out(folder, family, metric) for family in families]
        lines.append(f"| {metric} | " + " | ".join(f"{s.tau:.4f}, {s.mae:.4g}" if s else "" for s in cells) + " |")
    if published:
        lines += ["", "The paper's Table 1: accuracy by family.", ""]
        lines += [f"| family | {_COLUMNS} | paper {_COLUMNS} |", "|---|" + "---|" * 6]
        scores = {family: held_out(folder, family, "accuracy") for family in families}
        lines += [f"| {f} | {_cells(found)} | {_cells(TABLE_1.get(f), 3)} |" for f, found in scores.items()]
    return "\n".join(lines) + "\n"


def noise_ceiling(folder: Path, family: str, metric: str, dataset: Dataset, repeats: int = 20) -> Scores | None:
    """What a perfect predictor would score against the labels of the test records.

    The surrogate's predictions stand for the truth, from which labels are drawn. Where the dataset has the single
    repeats of a device metric, a label's noise is the standard error of its own repeats' mean. Elsewhere it is that
    of one measurement (:mod:`anb_gym.noise`); the published device labels are means of a few, so there the ceiling
    can be exceeded.

    Returns:
        Mean scores over ``repeats`` draws; None for a metric without known noise, or one that was not fitted.
    """
    path = artefact_path(folder, family, metric)
    if metric not in ("accuracy", *DEVICE_CV) or not path.exists():
        return None
    rows = dataset.select(split_of(dataset)["test"])
    if metric not in dataset.repeats:
        truth = load(path).predict(rows.states)
        draws = [score(perturb(metric, truth, rows.index, Noise(0, r)), truth) for r in range(repeats)]
        return Scores(*np.mean(draws, axis=0))
    noise = _standard_error(rows, metric)
    known = np.isfinite(noise)
    truth, rng = load(path).predict(rows.states[known]), np.random.default_rng(0)
    draws = [score(truth * (1.0 + noise[known] * rng.normal(size=len(truth))), truth) for _ in range(repeats)]
    return Scores(*np.mean(draws, axis=0))


def _standard_error(dataset: Dataset, metric: str) -> FloatArray:
    """Standard error of each label relative to the label, ``float64`` (n,): NaN where it was measured once."""
    counts = np.isfinite(dataset.repeats[metric]).sum(axis=1)
    error: FloatArray = dataset.std[metric] / np.sqrt(counts) / dataset.metrics[metric]
    return error


def held_out(folder: Path, family: str, metric: str) -> Scores | None:
    """The scores on the test records that a manifest states; None if there is no such manifest.

    Raises:
        ArtefactError: The manifest is damaged.
    """
    path = artefact_path(folder, family, metric).with_suffix(".json")
    if not path.exists():
        return None
    test = read_manifest(path).get("test", {})
    try:
        return Scores(test["r2"], test["tau"], test["mae"])
    except KeyError as error:
        raise ArtefactError(f"{path} has no held-out scores, expected the field test.{error.args[0]}") from error


def _cells(scores: Scores | None, digits: int = 4) -> str:
    if scores is None:
        return " | | "
    return f"{scores.r2:.{digits}f} | {scores.tau:.{digits}f} | {scores.mae:.{digits}g}"
