"""What labels.json says, and what stands in it for the shipped surrogates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym import Benchmark
from anb_gym.benchmark import COUNTED, DATASET_METRICS, METRICS
from anb_gym.construction.dataset import SHA256, Dataset, load_dataset
from anb_gym.construction.device_folder import MEASUREMENTS
from anb_gym.construction.labels import write_labels
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.devices import DEVICES
from anb_gym.surrogates.labels import FILE, USEFUL_ACCURACY, Labels, labels_of, read_labels
from anb_gym.surrogates.store import ARTEFACTS, ArtefactError


def test_the_shipped_labels_are_those_of_the_dataset(dataset: Dataset, three_seeds: ThreeSeeds, tmp_path: Path) -> None:
    """A failure means: run ``anb-gym fit --labels --out anb_gym/surrogates/artefacts``."""
    written = write_labels(dataset, tmp_path, three_seeds)
    assert written.read_text() == (ARTEFACTS / FILE).read_text()
    assert json.loads((ARTEFACTS / FILE).read_text())["dataset_sha256"] == SHA256
    accuracy = dataset.metrics["accuracy"]
    for metric in DATASET_METRICS:
        values, known = dataset.metrics[metric], labels_of(metric)
        assert known == Labels(
            int(np.isfinite(values).sum()),
            np.nanmin(values),
            np.nanmax(values),
            np.nanmedian(values[accuracy >= USEFUL_ACCURACY]),
        )


def test_the_labels_of_a_device_whose_networks_were_not_trained(tmp_path: Path) -> None:
    """A failure means: run ``anb-gym fit --device cpu --labels --out anb_gym/devices/shipped/cpu/surrogates``."""
    folder = DEVICES["cpu"].folder
    dataset = load_dataset(folder / MEASUREMENTS)
    assert write_labels(dataset, tmp_path).read_text() == (folder / "surrogates" / FILE).read_text()
    predicted = Benchmark().query(dataset.index, ["accuracy"])["accuracy"]
    known = labels_of("cpu/throughput")
    assert known is not None
    assert known.records == 600
    assert known.useful_median == np.median(dataset.metrics["cpu/throughput"][predicted >= USEFUL_ACCURACY])


def test_what_is_counted_has_no_labels() -> None:
    assert [metric for metric in METRICS if labels_of(metric) is None] == list(COUNTED)


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert read_labels(tmp_path / FILE) == {}


def test_networks_none_of_which_is_of_use(dataset: Dataset, tmp_path: Path) -> None:
    poor = dataset.select(dataset.records[dataset.metrics["accuracy"] < 55.0])
    found = read_labels(write_labels(poor, tmp_path))
    assert found["a100/throughput"].useful_median is None
    assert found["accuracy"].most < 55.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"records": 0}, "records must be positive"),
        ({"least": 100.0}, "least at most most"),
        ({"most": "much"}, "'most' must be a number"),
        ({"useful_median": "none"}, "'useful_median' must be a number"),
    ],
)
def test_labels_that_cannot_be(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    content = json.loads((ARTEFACTS / FILE).read_text())
    content["metrics"]["accuracy"] |= change
    path = tmp_path / FILE
    path.write_text(json.dumps(content))
    with pytest.raises(ArtefactError, match=message):
        read_labels(path)
