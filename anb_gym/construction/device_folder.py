"""From measurements to a device's folder, the first step from a collection to an environment id."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import Fields, read_archive, read_json, refusing, write_atomically, writing_into
from anb_gym._ids import REFERENCE_TASK
from anb_gym.construction.collection import Collection, export
from anb_gym.construction.collection.export import pack
from anb_gym.construction.collection.records import decode, encode, renamed
from anb_gym.construction.dataset import Dataset, DatasetError, load_dataset
from anb_gym.devices import DEVICES, KINDS, Device, DeviceError, DeviceMetric, check_names, read_device
from anb_gym.fronts.store import rename_metrics
from anb_gym.surrogates.labels import FILE
from anb_gym.tasks import device_task

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
        collections: Folders of collections of one device's throughput or latency, with the same seed.
        name: Of the device in its metrics, such as ``"my_cpu"``, whatever the collections call it.
        label: Of the device in the ids of environments, such as ``"MyCPU"``.

    Returns:
        The device. Each metric's target is the 70th percentile of the measured architectures (for latency the 30th)
        rounded to two significant digits; its noise is that of the repeats.

    Raises:
        DeviceError: A name is malformed or taken, the collections are of several devices or machines, or the folder
            has another device.
        CollectionError: A collection cannot be read, or has no record.
    """
    _check(folder, name, label)
    order = None
    if (folder / "device.json").exists():
        there = read_device(folder, check=False)
        order = there.order
        if (there.name, there.label) != (name, label):
            raise DeviceError(
                f"{folder} has the device {there.name!r} with the label {there.label!r}, got {name!r} and {label!r}; "
                f"rename it into another folder, or name another folder"
            )
    old = measured_device(collections)
    manifests = [Collection(path).manifest for path in collections]
    for path, manifest in zip(collections, manifests, strict=True):
        if manifest["machine"] != manifests[0]["machine"]:
            raise DeviceError(f"{path} and {collections[0]} must be of one machine and the same versions")
    archive = folder / MEASUREMENTS
    records = export(collections, archive, _new_names(old, name))
    dataset = load_dataset(archive)
    metrics = {kind: _describe(dataset, f"{name}/{kind}") for kind in KINDS if f"{name}/{kind}" in dataset.metrics}
    description = {
        "protocol": [manifest["protocol"] for manifest in manifests],
        "machine": manifests[0]["machine"],
        "measurements": {"records": records, "seed": manifests[0]["seed"], "sha256": dataset.sha256},
    }
    device = Device(name, label, metrics, folder, description, order)
    _write_json(folder / "device.json", device.to_dict())
    return device


def measured_device(collections: Sequence[Path]) -> str:
    """The name that collections give to the device that was measured.

    Raises:
        DeviceError: One is not of a device, or they are of several.
        CollectionError: A collection cannot be read.
    """
    measured: dict[str, str] = {}
    for path in collections:
        for metric in Collection(path).manifest["metrics"]:
            measured[metric], _, kind = metric.partition("/")
            if kind not in KINDS:
                raise DeviceError(f"{path} must have measurements of a device, it has {metric}")
    if len(set(measured.values())) != 1:
        raise DeviceError(f"collections must be of one device, got {', '.join(measured)}")
    return next(iter(measured.values()))


def rename_device(source: Path, folder: Path, name: str, label: str) -> Device:
    """Copies a device's folder under another name or label: description, measurements, surrogates, fronts and scales.

    Args:
        source: The device's folder, which stays.
        folder: The new folder, which must not be there.
        name: The new name.
        label: The new label.

    Returns:
        The renamed device.

    Raises:
        DeviceError: A name is malformed or taken, the folder is there, or the source is not a device's folder.
    """
    device = read_device(source, check=False)
    if device.dataset:
        raise DeviceError(f"{device.name} cannot be renamed: its measurements are those of the dataset")
    # A renamed device replaces the one in the source, which may keep one of its names, unless that ships.
    _check(folder, name, label, None if device.ships else source)
    if folder.exists():
        raise DeviceError(f"{folder} must not be there: the renamed device gets a new folder")
    # Complete or not there: a kill leaves no folder that is half renamed.
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    with writing_into(folder.parent):
        try:
            made = _write_renamed(device, temporary, name, label)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return replace(made, folder=folder)


def _check(folder: Path, name: str, label: str, source: Path | None = None) -> None:
    """Raises a :class:`DeviceError` if names are malformed, or taken by a device in neither of these folders."""
    own = [path.absolute() for path in (folder, source) if path is not None]
    others = [device for device in DEVICES.values() if device.folder not in own]
    check_names(name, label, others)


def _new_names(old: str, new: str) -> dict[str, str]:
    """From the old to the new names of a device's metrics; empty if they stay."""
    return {f"{old}/{kind}": f"{new}/{kind}" for kind in KINDS} if old != new else {}


def _write_renamed(device: Device, folder: Path, name: str, label: str) -> Device:
    names = _new_names(device.name, name)
    description, checksum = dict(device.description), {}
    if (archive := device.folder / MEASUREMENTS).exists():
        before = load_dataset(archive).sha256
        texts = read_archive(archive, DatasetError)
        if names:
            texts = {member: encode(renamed(decode(text, member), names)) for member, text in texts.items()}
        write_atomically(folder / MEASUREMENTS, pack(texts))
        checksum[before] = load_dataset(folder / MEASUREMENTS).sha256
    made = Device(name, label, device.metrics, folder, _replace(description, checksum))
    _write_json(folder / "device.json", made.to_dict())
    manifests = device.folder / "measurements.json"
    if manifests.exists():
        _write_json(folder / manifests.name, _read_renamed(manifests, names))
    for kind in device.metrics:
        old, new = f"{device.name}-{kind}", f"{name}-{kind}"
        for path in device.folder.glob(f"surrogates/*/{old}.json"):
            family = folder / "surrogates" / path.parent.name
            _write_json(family / f"{new}.json", _read_renamed(path, {**names, **checksum}))
            if path.with_suffix(".npz").exists():
                write_atomically(family / f"{new}.npz", path.with_suffix(".npz").read_bytes())
        for path in device.folder.glob(f"surrogates/*/posterior/{old}.npz"):
            write_atomically(folder / path.relative_to(device.folder).with_name(f"{new}.npz"), path.read_bytes())
        for fidelity in ("", "reference-"):
            for path in device.folder.glob(f"fronts/*/{fidelity}{old}.json"):
                rename_metrics(path, folder / "fronts" / path.parent.name / f"{fidelity}{new}.json", names)
    if (path := device.folder / "surrogates" / FILE).exists():
        _write_json(folder / "surrogates" / FILE, _read_renamed(path, {**names, **checksum}))
    if (path := device.folder / "tasks.json").exists():
        fields = Fields(_read_renamed(path, names), path, DeviceError)
        tasks = {device_task(device.label, kind).name: device_task(label, kind).name for kind in KINDS}
        tasks |= {REFERENCE_TASK.format(task=old): REFERENCE_TASK.format(task=new) for old, new in tasks.items()}
        records = {tasks.get(task, task): record for task, record in fields.fields("tasks").content.items()}
        _write_json(folder / path.name, {**fields.content, "tasks": records})
    return made


def _read_renamed(path: Path, texts: Mapping[str, str]) -> Any:
    """A file of JSON in which texts stand for others."""
    content = read_json(path, DeviceError)
    with refusing(path, DeviceError):
        return _replace(content, texts)


def _replace(value: Any, texts: Mapping[str, str]) -> Any:
    """JSON in which texts stand for others, wherever they occur in keys and values."""
    if isinstance(value, dict):
        return {_replace(key, texts): _replace(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, texts) for item in value]
    if isinstance(value, str):
        for old, new in texts.items():
            value = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, value)
    return value


def _write_json(path: Path, content: Any) -> None:
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def _describe(dataset: Dataset, metric: str) -> DeviceMetric:
    values, repeats = dataset.metrics[metric], dataset.repeats.get(metric)
    maximised = KINDS[metric.partition("/")[2]][1] == "max"
    target = float(f"{np.nanquantile(values, _MISS if maximised else 1.0 - _MISS):.1e}")
    if repeats is None or repeats.shape[1] < 2:
        return DeviceMetric(target)
    variation = dataset.std[metric] / values
    cv = np.nanquantile(variation, [0.5, 0.95, 1.0]).clip(_LEAST_CV)
    return DeviceMetric(target, (float(cv[0]), float(cv[1]), float(cv[2])))
