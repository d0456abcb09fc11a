"""From measurements to a device's folder, the first step from a collection to an environment id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym.construction.collection import Collection, export
from anb_gym.construction.dataset import Dataset, load_dataset
from anb_gym.devices import KINDS, Device, DeviceError, DeviceMetric, check_names

#: The file of a device's folder that its surrogates are fitted on.
MEASUREMENTS: Final = "measurements.tar.gz"
#: The share of measured architectures that miss the default target, as for the tasks of the dataset.
_MISS: Final = 0.7
#: A coefficient of variation below this cannot be told from none.
_LEAST_CV: Final = 1e-6


def create_device(folder: Path, collections: Sequence[Path], name: str, label: str) -> Device:
    """Writes ``device.json`` and the measurements of a device.

    Args:
        folder: The device's folder, which is made if it is not there.
        collections: Folders of collections of the device's throughput or latency, with the same seed.
        name: Of the device in the collections' metrics, such as ``"cpu"``.
        label: Of the device in the ids of environments, such as ``"CPU"``.

    Returns:
        The device. Each metric's target is the 70th percentile of the measured architectures (for latency the 30th)
        rounded to two significant digits; its noise is that of the repeats.

    Raises:
        DeviceError: A name is malformed or taken, a collection is of another device, or they are of several machines.
        CollectionError: A collection cannot be read, or has no record.
    """
    check_names(name, label)
    manifests = [Collection(path).manifest for path in collections]
    for path, manifest in zip(collections, manifests, strict=True):
        if not {f"{name}/{kind}" for kind in KINDS} & set(manifest["metrics"]):
            raise DeviceError(f"{path} must have measurements of {name!r}, it has {', '.join(manifest['metrics'])}")
        if manifest["machine"] != manifests[0]["machine"]:
            raise DeviceError(f"{path} and {collections[0]} must be of one machine and the same versions")
    archive = folder / MEASUREMENTS
    records = export(collections, archive)
    dataset = load_dataset(archive)
    metrics = {kind: _describe(dataset, f"{name}/{kind}") for kind in KINDS if f"{name}/{kind}" in dataset.metrics}
    description = {
        "protocol": [manifest["protocol"] for manifest in manifests],
        "machine": manifests[0]["machine"],
        "measurements": {"records": records, "seed": manifests[0]["seed"], "sha256": dataset.sha256},
    }
    device = Device(name, label, metrics, folder, description)
    write_atomically(folder / "device.json", (json.dumps(device.to_dict(), indent=2) + "\n").encode())
    return device


def _describe(dataset: Dataset, metric: str) -> DeviceMetric:
    values, repeats = dataset.metrics[metric], dataset.repeats.get(metric)
    maximised = KINDS[metric.partition("/")[2]][1] == "max"
    target = float(f"{np.nanquantile(values, _MISS if maximised else 1.0 - _MISS):.1e}")
    if repeats is None or repeats.shape[1] < 2:
        return DeviceMetric(target)
    variation = dataset.std[metric] / values
    cv = np.nanquantile(variation, [0.5, 0.95, 1.0]).clip(_LEAST_CV)
    return DeviceMetric(target, (float(cv[0]), float(cv[1]), float(cv[2])))
