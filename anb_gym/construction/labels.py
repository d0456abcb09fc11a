"""Summing up the labels of a dataset for those who have its surrogates only."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.benchmark import PREDICTED, REFERENCE, Benchmark
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.surrogates.labels import FILE, SCHEMA, USEFUL_ACCURACY, Labels, read_labels


def write_labels(dataset: Dataset, folder: Path, trainings: ThreeSeeds | None = None) -> Path:
    """Writes ``labels.json`` of all records of a dataset.

    Args:
        dataset: The dataset.
        folder: That of its surrogates.
        trainings: Those under the reference scheme, where there are any: their means over seeds are labels.

    Returns:
        The file.
    """
    measured = dataset.metrics["accuracy"]
    predicted = Benchmark().query_states(dataset.states, ["accuracy"])["accuracy"]
    useful = np.where(np.isfinite(measured), measured, predicted) >= USEFUL_ACCURACY
    metrics = {
        name: asdict(_labels(values, useful))
        for name in PREDICTED
        if (values := dataset.metrics.get(name)) is not None and np.isfinite(values).any()
    }
    if trainings is not None:
        nowhere = np.zeros(len(trainings), dtype=np.bool_)
        for metric in REFERENCE:
            means = trainings.labels["reference"][metric.partition("/")[0]].mean(axis=1)
            metrics[metric] = asdict(_labels(means, nowhere))
    content = {"schema": SCHEMA, "dataset_sha256": dataset.sha256, "metrics": metrics}
    path = folder / FILE
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    read_labels.cache_clear()
    return path


def _labels(values: FloatArray, useful: NDArray[np.bool_]) -> Labels:
    known = np.isfinite(values)
    among = values[known & useful]
    median = float(np.median(among)) if len(among) else None
    return Labels(int(known.sum()), float(values[known].min()), float(values[known].max()), median)
