"""Held-out scores of fitted surrogates beside what the noise of the labels allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.benchmark import DATASET_METRICS
from anb_gym.construction.dataset import SHA256, Dataset
from anb_gym.construction.families import FAMILIES
from anb_gym.construction.splits import split_of
from anb_gym.construction.targets import score
from anb_gym.noise import DEVICE_CV, Noise, perturb
from anb_gym.reports.surrogates import page
from anb_gym.surrogates.scores import Scores
from anb_gym.surrogates.store import artefact_path, load


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
    if dataset is None:
        return page(folder, families, metrics)
    ceilings = {metric: noise_ceiling(folder, families[0], metric, dataset) for metric in metrics}
    return page(folder, families, metrics, ceilings, published=dataset.sha256 == SHA256)


def noise_ceiling(folder: Path, family: str, metric: str, dataset: Dataset, repeats: int = 20) -> Scores | None:
    """Scores of a perfect predictor against the labels of the test records.

    The surrogate's predictions stand for the truth, from which labels are drawn. Where the dataset has the single
    repeats of a device metric, a label's noise is the standard error of its own repeats' mean. Elsewhere it is that
    of one measurement (:mod:`anb_gym.noise`); the published device labels are means of a few, so there the ceiling
    can be exceeded.

    Returns:
        Mean scores over ``repeats`` draws; None for a metric without known noise, one that was not fitted, or fewer
        than two test records.
    """
    path = artefact_path(folder, family, metric)
    if metric not in ("accuracy", *DEVICE_CV) or not path.exists():
        return None
    rows = dataset.select(split_of(dataset)["test"])
    if len(rows.states) < 2:
        return None
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
