"""Labels of the metrics: how many were measured, and between which values they lie.

A prediction beyond all labels is an extrapolation. ``labels.json``, beside the surrogates of the dataset and of each
device, says where that begins; ``anb-gym fit`` writes it, with the checksum of the records that it sums up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from anb_gym._files import read_object
from anb_gym.devices import folder_of
from anb_gym.surrogates.store import ARTEFACTS, ArtefactError

#: The name of the file, and the version of its format.
FILE: Final = "labels.json"
SCHEMA: Final = 1
#: Accuracy in percent from which a network is of practical use: 3,013 of the dataset's 5,138 records reach it.
USEFUL_ACCURACY: Final = 60.0


@dataclass(frozen=True)
class Labels:
    """Labels of a metric.

    Attributes:
        records: How many records have one.
        least: The smallest, in the metric's unit.
        most: The largest.
        useful_median: Their median over the records with an accuracy of :data:`USEFUL_ACCURACY` or more, as the default
            surrogate predicts it where it was not measured; None if there is no such record.
    """

    records: int
    least: float
    most: float
    useful_median: float | None


def labels_of(metric: str) -> Labels | None:
    """The labels of a metric; None where nothing says what was measured, as with surrogates from elsewhere.

    Raises:
        ArtefactError: The file is damaged.
    """
    folder = folder_of(metric)
    return read_labels((folder / "surrogates" if folder else ARTEFACTS) / FILE).get(metric)


@cache
def read_labels(path: Path) -> dict[str, Labels]:
    """The labels by metric that a file states; nothing if it is not there. Read once per process.

    Raises:
        ArtefactError: It is damaged or of another schema.
    """
    try:
        fields = read_object(path, ArtefactError, optional=True)
    except FileNotFoundError:
        return {}
    fields.check_schema(SCHEMA)
    fields.get("dataset_sha256", str)
    metrics, found = fields.fields("metrics"), {}
    for name in metrics.content:
        entry = metrics.fields(name)
        median = None if entry.content.get("useful_median") is None else entry.get("useful_median", float)
        labels = Labels(entry.get("records", int), entry.get("least", float), entry.get("most", float), median)
        if not (labels.records > 0 and labels.least <= labels.most):
            raise entry.refusal(f"records must be positive and least at most most, got {labels}")
        found[name] = labels
    return found
