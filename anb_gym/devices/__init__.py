"""Devices beyond those of the dataset: folders with all that a task on a device needs.

A device is a folder that ``anb-gym device`` makes from measurements::

    device.json       name, label, targets, noise, protocol, machine
    surrogates/gp/    tables and manifest of each metric, as `anb-gym fit` writes them
    fronts/gp/        certified fronts, as `anb-gym solve` writes them
    tasks.json        reward scales, as `anb-gym calibrate` writes them

The package ships some; the environment variable ``ANB_GYM_DEVICES`` names more, separated as in ``PATH``. They are
read once, when ``anb_gym`` is imported, so every process of a program knows the same metrics, tasks and ids.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

#: Version of the format of ``device.json``.
SCHEMA: Final = 1
#: The environment variable that names folders of devices.
VARIABLE: Final = "ANB_GYM_DEVICES"
#: Where the shipped devices are.
SHIPPED: Final = Path(__file__).parent / "shipped"
#: What can be measured: the unit and which direction is better.
KINDS: Final = {"throughput": ("images/s", "max"), "latency": ("ms", "min")}
#: Devices of the dataset, whose names are taken.
_TAKEN: Final = ("zcu102", "vck190", "tpuv2", "tpuv3", "a100", "rtx3090")


class DeviceError(ValueError):
    """A device's folder is missing, damaged or in conflict with another."""


@dataclass(frozen=True)
class DeviceMetric:
    """What is known of a metric of a device.

    Attributes:
        target: Default target of its task, in images/s or ms.
        cv: Median, 95th percentile and largest coefficient of variation of repeats; None if it was measured once.
    """

    target: float
    cv: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Device:
    """A device that a folder describes.

    Attributes:
        name: In the names of its metrics, such as ``"cpu"`` in ``"cpu/throughput"``.
        label: In the ids of its environments, such as ``"CPU"``.
        metrics: By kind, ``"throughput"`` or ``"latency"``.
        folder: Where its surrogates, fronts and scales are.
        description: Protocol, machine and origin, as recorded.
    """

    name: str
    label: str
    metrics: Mapping[str, DeviceMetric]
    folder: Path
    description: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The content of ``device.json``."""
        metrics = {kind: {"target": m.target, "cv": m.cv and list(m.cv)} for kind, m in self.metrics.items()}
        return {"schema": SCHEMA, "name": self.name, "label": self.label, "metrics": metrics, **self.description}


def read_device(folder: Path) -> Device:
    """Reads a device's folder.

    Raises:
        DeviceError: ``device.json`` is missing, damaged or of another schema; the message names it.
    """
    path = folder / "device.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeviceError(f"cannot read the device {path}: {error}") from error
    if not isinstance(content, dict) or content.pop("schema", None) != SCHEMA:
        raise DeviceError(f"{path} must be an object of schema {SCHEMA}")
    try:
        name, label, metrics = content.pop("name"), content.pop("label"), content.pop("metrics")
        known = {kind: _metric(metrics[kind], f"{path}: {kind}") for kind in KINDS if kind in metrics}
        unknown = set(metrics) - set(KINDS)
    except (KeyError, TypeError, AttributeError) as error:
        raise DeviceError(f"{path} must have name, label and metrics of the kinds {', '.join(KINDS)}") from error
    if unknown or not known:
        raise DeviceError(f"{path}: metrics must be some of {', '.join(KINDS)}, got {sorted(metrics)}")
    check_names(name, label)
    return Device(name, label, known, folder, content)


def check_names(name: object, label: object) -> None:
    """Raises a :class:`DeviceError` if a device cannot be called so."""
    if not (isinstance(name, str) and re.fullmatch("[a-z0-9][a-z0-9_]*", name)):
        raise DeviceError(f"a device's name must be lower-case letters, digits and _, got {name!r}")
    if not (isinstance(label, str) and re.fullmatch("[A-Za-z0-9]+", label)):
        raise DeviceError(f"a device's label must be letters and digits, got {label!r}")
    if name in _TAKEN or label.lower() in _TAKEN:
        raise DeviceError(f"a device's name must not be one of the dataset's {', '.join(_TAKEN)}, got {name!r}")


def _metric(content: Mapping[str, Any], where: str) -> DeviceMetric:
    target, cv = content["target"], content.get("cv")
    numbers = [target, *(cv or [])]
    if any(isinstance(x, bool) or not isinstance(x, int | float) or not 0 < x < math.inf for x in numbers):
        raise DeviceError(f"{where} must have a positive target and cv, got {dict(content)}")
    if cv is None:
        return DeviceMetric(float(target))
    median, percentile, largest = map(float, cv)
    return DeviceMetric(float(target), (median, percentile, largest))


def _find() -> Iterator[Device]:
    folders = sorted(path for path in SHIPPED.glob("*") if (path / "device.json").exists())
    folders += [Path(part).absolute() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    for folder in folders:
        yield read_device(folder)


def _load() -> Mapping[str, Device]:
    found: dict[str, Device] = {}
    for device in _find():
        for other in found.values():
            if device.name == other.name or device.label.lower() == other.label.lower():
                raise DeviceError(f"{device.folder} and {other.folder} have the same name {device.name!r} or label")
        found[device.name] = device
    return MappingProxyType(found)


#: The devices by name, shipped ones first.
DEVICES: Final[Mapping[str, Device]] = _load()


def metrics() -> dict[str, tuple[Device, str]]:
    """Names of all metrics of all devices, with the device and the kind."""
    return {f"{device.name}/{kind}": (device, kind) for device in DEVICES.values() for kind in device.metrics}


def device_of(metric: str) -> Device | None:
    """The device whose folder holds a metric's files; None for metrics of the dataset."""
    found = metrics().get(metric)
    return found[0] if found else None
