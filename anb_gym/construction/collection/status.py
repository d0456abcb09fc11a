"""Progress of a collection, and its records that look wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from anb_gym._files import read_bytes
from anb_gym._types import FloatArray
from anb_gym.complexity import macs, params
from anb_gym.construction.collection.folder import Collection
from anb_gym.construction.ranking import tau
from anb_gym.construction.record_format import DatasetError, read_record
from anb_gym.space import SPACE, Architecture

#: Robust z-scores beyond this are outliers. Of normal residuals, one in 1.7 million is.
LIMIT: Final = 5.0
#: Fewer records than this say too little about what is normal.
_ENOUGH: Final = 20
#: Repeats that agree to this are never outliers, however well the others agree.
_TOLERANCE: Final = 0.01


class Outlier(NamedTuple):
    """A record that does not look like the others.

    Attributes:
        number: Record number.
        metric: Which of its values.
        value: That value.
        score: How many robust standard deviations it lies off.
        reason: From what.
    """

    number: int
    metric: str
    value: float
    score: float
    reason: str


@dataclass(frozen=True)
class Status:
    """Progress of a collection.

    Attributes:
        n: Architectures.
        passes: How often each is measured.
        records: Architectures with a record.
        values: Values per metric, counting repeats.
        failures: Errors by record number.
        seconds: Median time between one value and the next; NaN with fewer than two.
        outliers: Records to look at.
        agreement: By metric, Kendall's tau between the first two repeats; the mean of more repeats agrees better.
    """

    n: int
    passes: int
    records: int
    values: dict[str, int]
    failures: dict[int, str]
    seconds: float
    outliers: tuple[Outlier, ...]
    agreement: dict[str, float]

    @property
    def eta(self) -> float:
        """Seconds until the collection is complete, as fast as so far; NaN where that is not known."""
        missing = (self.n - len(self.failures)) * self.passes - min(self.values.values())
        return self.seconds * max(0, missing)


def status(folder: Path) -> Status:
    """Reads a collection.

    Values are compared with a linear fit of their logarithms to MACs, parameters, layers and squeeze-and-excitations,
    and repeats with each other.

    Raises:
        CollectionError: The folder has no collection.
        DatasetError: A record is damaged.
    """
    collection = Collection(folder)
    numbers = range(len(collection.architectures))
    paths = {number: path for number in numbers if (path := collection.record_path(number)).exists()}
    rows = {number: read_record(read_bytes(path, DatasetError), str(path)) for number, path in paths.items()}
    failures = {number: error for number in numbers if (error := collection.failure(number))}
    values: dict[str, int] = {}
    outliers: list[Outlier] = []
    agreement: dict[str, float] = {}
    for metric in collection.manifest["metrics"]:
        known = [number for number, row in rows.items() if not math.isnan(row.metrics.get(metric, math.nan))]
        column = np.array([rows[number].metrics[metric] for number in known])
        repeats = {
            number: rows[number].repeats.get(metric, [value]) for number, value in zip(known, column, strict=True)
        }
        values[metric] = sum(map(len, repeats.values()))
        outliers += _unlike_others(metric, known, column, [collection.architectures[number] for number in known])
        outliers += _unlike_themselves(metric, repeats)
        twice = np.array([pair[:2] for pair in repeats.values() if len(pair) > 1])
        if len(twice) > 1:
            agreement[metric] = float(tau(*twice.T))
    times = sorted(path.stat().st_mtime for path in paths.values())
    return Status(
        n=len(numbers),
        passes=collection.manifest["passes"],
        records=len(rows),
        values=values,
        failures=failures,
        seconds=float(np.median(np.diff(times))) if len(times) > 1 else math.nan,
        outliers=tuple(outliers),
        agreement=agreement,
    )


def _unlike_others(metric: str, numbers: list[int], values: FloatArray, archs: list[Architecture]) -> list[Outlier]:
    """Values that a simple fit misses by far."""
    if len(numbers) < _ENOUGH:
        return []
    choices = SPACE.from_states(SPACE.as_states(archs)).reshape(len(archs), -1, 4)
    features = [np.log(macs(archs)), np.log(params(archs)), choices[:, :, 2].sum(axis=1), choices[:, :, 3].sum(axis=1)]
    inputs = np.stack([np.ones(len(archs)), *features], axis=1)
    target = np.log(values)
    residual = target - inputs @ np.linalg.lstsq(inputs, target)[0]
    scores = _robust_scores(residual)
    rows = np.flatnonzero(np.abs(scores) > LIMIT)
    return [Outlier(numbers[i], metric, float(values[i]), float(scores[i]), "architectures alike") for i in rows]


def _unlike_themselves(metric: str, measured: dict[int, list[float]]) -> list[Outlier]:
    """Repeats that agree far less than those of other records do."""
    several = {number: np.array(values) for number, values in measured.items() if len(values) > 1}
    if len(several) < _ENOUGH:
        return []
    spread = np.array([values.std(ddof=1) / values.mean() for values in several.values()])
    scores = _robust_scores(np.log(np.maximum(spread, 1e-6)))
    return [
        Outlier(number, metric, float(values.mean()), float(score), f"its repeats, which vary by {cv:.1%}")
        for (number, values), score, cv in zip(several.items(), scores, spread, strict=True)
        if cv > _TOLERANCE and score > LIMIT
    ]


def _robust_scores(values: FloatArray) -> FloatArray:
    """Distances from the median in units of the standard deviation that the median distance stands for."""
    distance = values - np.median(values)
    scale = 1.4826 * float(np.median(np.abs(distance)))
    return distance / max(scale, 1e-12)
