"""Held-out scores of fitted surrogates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from anb_gym.surrogates.store import ArtefactError, artefact_path, read_manifest


class Scores(NamedTuple):
    """Agreement of predictions with labels.

    Attributes:
        r2: Coefficient of determination.
        tau: Kendall's rank correlation (tau-b).
        mae: Mean absolute error, in the metric's unit.
    """

    r2: float
    tau: float
    mae: float


@dataclass(frozen=True)
class Part:
    """Scores on a part of the held-out records.

    Attributes:
        name: Which part.
        records: How many it has.
        scores: Agreement of predictions with labels.
        low: Lower ends of their 95 % bootstrap intervals over records, each for itself.
        high: Upper ends.
        error: Mean of label less prediction, in the metric's unit.
    """

    name: str
    records: int
    scores: Scores
    low: Scores
    high: Scores
    error: float


class Deviation(NamedTuple):
    """Standard deviation of labels over training seeds, with its confidence interval.

    Attributes:
        std: The estimate.
        low: Lower end of the interval.
        high: Upper end.
        degrees: Degrees of freedom of the estimate.
        architectures: How many were trained.
    """

    std: float
    low: float
    high: float
    degrees: int
    architectures: int


class Calibration(NamedTuple):
    """How well deviations and intervals of a surrogate say what held-out records show.

    Attributes:
        coverage: Share of test records within the intervals of a measurement, by level.
        cross_validated: The same of the fitted records, held out in folds that calibration did not see.
        crps: Mean continuous ranked probability score of test records, in the metric's unit.
        nll: Mean negative log-likelihood of test records, in nats.
    """

    coverage: Mapping[float, float]
    cross_validated: Mapping[float, float]
    crps: float
    nll: float


def held_out(folder: Path, family: str, metric: str) -> Scores | None:
    """The scores on the test records that a manifest states; None if there is no such manifest.

    Args:
        folder: Where fitted surrogates are.
        family: Such as ``"gp"``.
        metric: The fitted metric.

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


def calibration(folder: Path, family: str, metric: str) -> Calibration | None:
    """What a manifest states of the calibration; None if there is no such manifest, or its surrogate is not calibrated.

    Args:
        folder: Where fitted surrogates are.
        family: Such as ``"gp-v1"``.
        metric: The fitted metric.

    Raises:
        ArtefactError: The manifest is damaged.
    """
    path = artefact_path(folder, family, metric).with_suffix(".json")
    std: Mapping[str, Any] = read_manifest(path).get("std", {}) if path.exists() else {}
    if "coverage" not in std:
        return None
    try:
        shares = [
            {float(level): float(x) for level, x in std[name].items()} for name in ("coverage", "cross_validated")
        ]
        return Calibration(shares[0], shares[1], float(std["crps"]), float(std["nll"]))
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path} has a damaged section std, expected coverage, crps and nll: {error}") from error
