"""Held-out scores of fitted surrogates beside what the noise of the labels allows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from scipy.stats import chi2

from anb_gym._types import FloatArray
from anb_gym.benchmark import DATASET_METRICS, REFERENCE
from anb_gym.construction.dataset import SHA256, Dataset
from anb_gym.construction.deviations import standard_error
from anb_gym.construction.families import FAMILIES
from anb_gym.construction.splits import split_of
from anb_gym.construction.targets import score
from anb_gym.construction.thin import BLOCK_METRICS, block_parts, thin_parts
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.construction.tuning import validation_scores
from anb_gym.noise import DEVICE_CV, Noise, perturb
from anb_gym.reports.surrogates import block_section, page, reference_section, seeds_section, thin_section
from anb_gym.surrogates.scores import Deviation, Scores
from anb_gym.surrogates.store import artefact_path, is_there, load

#: Accuracies, in percent, at which architectures are divided to see where seeds matter.
_SEED_PARTS: Final = (57, 60, 62)


def report(
    folder: Path,
    dataset: Dataset | None = None,
    families: Sequence[str] = FAMILIES,
    metrics: Sequence[str] = DATASET_METRICS,
    blocks: bool = False,
    three_seeds: ThreeSeeds | None = None,
) -> str:
    """Markdown tables of what ``folder`` holds: every metric by family, the paper's Table 1, coverage, and thin data.

    Args:
        folder: Where :func:`anb_gym.construction.fitting.fit_all` wrote.
        dataset: What it was fitted on, needed for the noise ceiling and for scores where data are thin. These and the
            paper's scores stand there for the published dataset only, which it is by default.
        families: Those to report, as far as they are there; the first is put beside the paper's XGBoost.
        metrics: Those to report.
        blocks: Whether to fit without each block of records as well: some ten minutes on one core.
        three_seeds: Trainings with several seeds, for how far accuracy varies over them.

    Raises:
        ValueError: The folder has none of them.
        ArtefactError: A manifest is damaged.
    """
    families = [f for f in families if any(is_there(artefact_path(folder, f, m)) for m in metrics)]
    if not families:
        raise ValueError(f"folder must hold fitted surrogates, found none in {folder}")
    scarce = reference_section(folder, families, [metric for metric in metrics if metric in REFERENCE])
    if three_seeds is not None and "accuracy" in metrics:
        scarce += seeds_section(_by_accuracy(three_seeds.labels["proxy"]["accuracy"]))
    metrics, tuned = [metric for metric in metrics if metric not in REFERENCE], validation_scores(folder)
    if dataset is None or not metrics:
        return (page(folder, families, metrics, validation=tuned) if metrics else "") + scarce
    ceilings = {metric: noise_ceiling(folder, families[0], metric, dataset) for metric in metrics}
    text = page(folder, families, metrics, ceilings, published=dataset.sha256 == SHA256, validation=tuned)
    if dataset.sha256 == SHA256:
        known = [m for m in metrics if m in dataset.metrics and is_there(artefact_path(folder, families[0], m))]
        text += thin_section({metric: thin_parts(dataset, folder, families[0], metric) for metric in known})
        if blocks:
            wanted = [metric for metric in known if metric in BLOCK_METRICS]
            text += block_section(
                {metric: list(block_parts(dataset, folder, families[0], metric)) for metric in wanted}
            )
    return text + scarce


def noise_ceiling(folder: Path, family: str, metric: str, dataset: Dataset, repeats: int = 20) -> Scores | None:
    """Scores of a perfect predictor against the labels of the test records.

    The surrogate's predictions stand for the truth, from which labels are drawn. A label of a device metric varies by
    the standard error of its own repeats' mean: the deviation of the record's repeats, by the square root of their
    number. The published dataset has no single repeats; its labels are the means of as many as the device's protocol
    says, two on GPUs and four on TPUs. Accuracy varies by the deviation over training seeds (:mod:`anb_gym.noise`).

    Returns:
        Mean scores over ``repeats`` draws; None for a metric without known noise, one that was not fitted, or fewer
        than two test records whose noise is known.
    """
    path = artefact_path(folder, family, metric)
    if metric not in ("accuracy", *DEVICE_CV) or not is_there(path):
        return None
    rows = dataset.select(split_of(dataset)["test"])
    if len(rows.states) < 2:
        return None
    if metric == "accuracy":
        truth = load(path).predict(rows.states)
        draws = [score(perturb(metric, truth, rows.index, Noise(0, r)), truth) for r in range(repeats)]
        return Scores(*np.mean(draws, axis=0))
    if metric not in rows.std:
        return None
    noise = standard_error(rows, metric)
    known = np.isfinite(noise)
    if np.count_nonzero(known) < 2:
        return None
    truth, rng = load(path).predict(rows.states[known]), np.random.default_rng(0)
    draws = [score(truth * (1.0 + noise[known] * rng.normal(size=len(truth))), truth) for _ in range(repeats)]
    return Scores(*np.mean(draws, axis=0))


def _by_accuracy(accuracies: FloatArray) -> dict[str, Deviation]:
    """Deviations over training seeds of all architectures, and of parts of them by their mean."""
    part, bounds = np.digitize(accuracies.mean(axis=1), _SEED_PARTS), _SEED_PARTS
    names = (f"below {bounds[0]}", *(f"{low} to {high}" for low, high in pairwise(bounds)), f"above {bounds[-1]}")
    parts = {name: accuracies[part == number] for number, name in enumerate(names)}
    return {name: pooled_deviation(rows) for name, rows in {"all": accuracies, **parts}.items() if len(rows)}


def pooled_deviation(accuracies: FloatArray, level: float = 0.95) -> Deviation:
    """Standard deviation of accuracy over training seeds, pooled over architectures.

    Args:
        accuracies: In percent, ``float64`` (architectures, seeds), with two seeds or more.
        level: Of the interval, which is that of normal deviations with one variance (chi-square).

    Raises:
        ValueError: There are fewer than two seeds, or no architecture.
    """
    if accuracies.ndim != 2 or accuracies.shape[0] < 1 or accuracies.shape[1] < 2:
        raise ValueError(f"accuracies must have shape (architectures, seeds >= 2), got {accuracies.shape}")
    degrees = accuracies.shape[0] * (accuracies.shape[1] - 1)
    variance = float(accuracies.var(axis=1, ddof=1).mean())
    low, high = degrees * variance / chi2.ppf([(1.0 + level) / 2.0, (1.0 - level) / 2.0], degrees)
    return Deviation(float(np.sqrt(variance)), float(np.sqrt(low)), float(np.sqrt(high)), degrees, len(accuracies))
