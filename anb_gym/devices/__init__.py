"""The table of devices: every device is a folder with all that a task on it needs.

``anb-gym device`` makes one from measurements::

    device.json       name, label, metrics with targets and noise, protocol, machine
    surrogates/gp/    tables and manifest of each metric, as `anb-gym fit` writes them
    fronts/gp/        certified fronts, as `anb-gym solve` writes them
    tasks.json        reward scales, as `anb-gym calibrate` writes them

Some ship with the package, in an explicit order that metrics, tasks and ids have as well; those of the published
dataset say so, and their surrogates, fronts and scales lie with that of accuracy. The environment variable
``ANB_GYM_DEVICES`` names more, separated as in ``PATH``. All are read once, when ``anb_gym`` is imported, so every
process of a program knows the same metrics, tasks and ids. A folder that cannot be read is left out with a warning, and
whatever asks for its metrics, tasks or ids gets the reason.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from anb_gym import _ids
from anb_gym._errors import choose, one_line, printable
from anb_gym._files import Fields, read_object

#: Version of the format of ``device.json``.
SCHEMA: Final = 1
#: The environment variable that names folders of devices.
VARIABLE: Final = "ANB_GYM_DEVICES"
#: Where the shipped devices are.
SHIPPED: Final = Path(__file__).parent / "shipped"
#: What can be measured: the unit and which direction is better.
KINDS: Final = {"throughput": ("images/s", "max"), "latency": ("ms", "min")}
#: Metrics of no device: `accuracy` alone must not mean a device's throughput.
_METRICS: Final = ("accuracy", "train_time", "macs", "params")


class DeviceError(ValueError):
    """A device's folder is missing, damaged or in conflict with another."""


class DeviceWarning(UserWarning):
    """Folders of ``ANB_GYM_DEVICES`` are left out, because they are missing, damaged or in conflict."""


@dataclass(frozen=True)
class DeviceMetric:
    """A metric of a device.

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
        folder: Where its surrogates, fronts and scales are, those of the dataset's devices excepted.
        description: Protocol, machine and origin, as recorded.
        order: Its place among the devices that ship; None for one of the user's own.
        dataset: What records of the published dataset call it, such as ``"3090"``; None if it is not in the dataset.
    """

    name: str
    label: str
    # Mappings have no hash; devices that are equal have the same without them.
    metrics: Mapping[str, DeviceMetric] = field(hash=False)
    folder: Path
    description: Mapping[str, Any] = field(default_factory=dict, hash=False)
    order: int | None = None
    dataset: str | None = None

    @property
    def ships(self) -> bool:
        """Whether it is part of the package, where nothing but its maintainers writes."""
        return self.folder.is_relative_to(SHIPPED)

    def to_dict(self) -> dict[str, Any]:
        """The content of ``device.json``."""
        metrics = {kind: {"target": m.target, "cv": m.cv and list(m.cv)} for kind, m in self.metrics.items()}
        place = {"order": self.order, "dataset": self.dataset}
        return {
            "schema": SCHEMA,
            "name": self.name,
            "label": self.label,
            **{key: value for key, value in place.items() if value is not None},
            "metrics": metrics,
            **self.description,
        }


def read_device(folder: Path, *, check: bool = True) -> Device:
    """Reads a device's folder.

    Args:
        folder: The folder.
        check: Whether to refuse what a device of one's own must not have: a name or a label that is taken or
            malformed, and a name in the dataset.

    Raises:
        DeviceError: ``device.json`` is missing, damaged or of another schema; the message names it.
    """
    fields = read_object(folder / "device.json", DeviceError)
    fields.check_schema(SCHEMA)
    name, label, metrics = fields.get("name", str), fields.get("label", str), fields.fields("metrics")
    if not metrics.content or set(metrics.content) - set(KINDS):
        raise fields.refusal(f"metrics must be some of {', '.join(KINDS)}, got {sorted(metrics.content)}")
    known = {kind: _metric(metrics.fields(kind)) for kind in KINDS if kind in metrics}
    order = fields.get("order", int) if "order" in fields else None
    dataset = fields.get("dataset", str) if "dataset" in fields else None
    if check:
        _check_names_of(folder / "device.json", name, label)
        if dataset is not None:
            raise fields.refusal(f"dataset must not be there: the published dataset has no device {name!r}")
    own = ("schema", "name", "label", "order", "dataset", "metrics")
    rest = {key: value for key, value in fields.content.items() if key not in own}
    return Device(name, label, known, folder, rest, order, dataset)


def check_names(name: object, label: object, others: Iterable[Device] = ()) -> None:
    """Checks what a device is to be called.

    Args:
        name: In the names of its metrics.
        label: In the ids of its environments.
        others: Devices whose names and labels are taken, beside those of the dataset.

    Raises:
        DeviceError: A name is malformed or taken, or ids are made of the label.
    """
    if not (isinstance(name, str) and re.fullmatch("[a-z0-9][a-z0-9_]*", name) and re.search("[a-z]", name)):
        raise DeviceError(f"a device's name must be lower-case letters, digits and _, with a letter, got {name!r}")
    if not (isinstance(label, str) and re.fullmatch("[A-Za-z0-9]+", label)):
        raise DeviceError(f"a device's label must be letters and digits, got {label!r}")
    if name in _TAKEN or label.lower() in _TAKEN:
        taken = name if name in _TAKEN else label
        raise DeviceError(f"a device's name must not be one of the dataset's {', '.join(_TAKEN)}, got {taken!r}")
    if name in _METRICS:
        raise DeviceError(f"a device's name must not be that of a metric, {', '.join(_METRICS)}, got {name!r}")
    if _ids.is_word(label):
        raise DeviceError(f"a device's label must not be a word that ids are made of, got {label!r}")
    for other in others:
        if name == other.name:
            raise DeviceError(f"a device's name must not be taken, {name!r} is that of {other.folder}")
        if label.lower() == other.label.lower():
            raise DeviceError(f"a device's label must not be taken, {label!r} is that of {other.folder}")


def _metric(fields: Fields) -> DeviceMetric:
    target = fields.get("target", float)
    cv = None if fields.content.get("cv") is None else fields.items("cv", float)  # null if it was measured once
    if not all(x > 0.0 for x in (target, *(cv or ()))) or (cv is not None and (len(cv) != 3 or cv != sorted(cv))):
        raise fields.refusal(f"target must be positive, cv three positive numbers in order, got {target} and {cv}")
    return DeviceMetric(target, None if cv is None else (cv[0], cv[1], cv[2]))


def _check_names_of(path: Path, name: object, label: object, others: Iterable[Device] = ()) -> None:
    """:func:`check_names`, with the file in the message."""
    try:
        check_names(name, label, others)
    except DeviceError as error:
        raise DeviceError(f"{printable(str(path))}: {error}") from None


@dataclass(frozen=True)
class LeftOut:
    """A folder that ``ANB_GYM_DEVICES`` names and that is no device.

    Attributes:
        folder: The folder.
        reason: What is wrong with it.
        name: What the device wants to be called in metrics; None if that cannot be read.
        label: The same in ids.
    """

    folder: Path
    reason: str
    name: str | None = None
    label: str | None = None


def _load(folders: Iterable[Path]) -> tuple[Mapping[str, Device], tuple[LeftOut, ...]]:
    """The shipped devices and those in folders, by name, and the folders that cannot be used."""
    found = {device.name: device for device in _PUBLISHED}
    left_out = []
    for folder in folders:
        device = None
        try:
            device = read_device(folder)
            _check_names_of(folder, device.name, device.label, found.values())
            found[device.name] = device
        except DeviceError as error:
            names = (device.name, device.label) if device else _names(folder)
            left_out.append(LeftOut(folder, one_line(str(error)), *names))
    return MappingProxyType(found), tuple(left_out)


def _names(folder: Path) -> tuple[str | None, str | None]:
    """Name and label in a ``device.json`` that is not good otherwise, as far as they can be read."""
    try:
        fields = read_object(folder / "device.json", DeviceError)
        name, label = fields.get("name", str), fields.get("label", str)
        check_names(name, label)
    except DeviceError:
        return None, None
    return name, label


def _place(device: Device) -> tuple[float, str]:
    return math.inf if device.order is None else device.order, device.name


_FILES: Final = SHIPPED.glob("*/device.json")
#: The devices that ship, in their order.
_PUBLISHED: Final = sorted((read_device(file.parent, check=False) for file in _FILES), key=_place)
#: What the dataset's devices are called by us and in records, so no other device is.
_TAKEN: Final = tuple(dict.fromkeys(name for d in _PUBLISHED if d.dataset for name in (d.name, d.dataset)))
_FOLDERS: Final = [Path(part).absolute() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
_LOADED: Final = _load(dict.fromkeys(_FOLDERS))
#: All devices by name: those that ship in their order, then those of ``ANB_GYM_DEVICES``.
DEVICES: Final[Mapping[str, Device]] = _LOADED[0]
#: What ``ANB_GYM_DEVICES`` names in vain.
LEFT_OUT: Final[tuple[LeftOut, ...]] = _LOADED[1]
if LEFT_OUT:
    # Under the variable's name: a line of this file says nothing to whoever set it.
    warnings.warn_explicit(
        f"left out: {'; '.join(device.reason for device in LEFT_OUT)}", DeviceWarning, filename=VARIABLE, lineno=1
    )


@contextmanager
def explained(value: object) -> Iterator[None]:
    """Makes the error of an unknown metric, task or id say that a device was left out, if it can be that device's.

    Args:
        value: What is asked for.

    Raises:
        DeviceError: Instead of a ``ValueError``, with the reason why the folder was left out.
    """
    try:
        yield
    except ValueError as error:
        words = set(re.split("[-/:]", str(value).lower()))
        for device in LEFT_OUT:
            if device.name is None or words & {device.name, str(device.label).lower()}:
                raise DeviceError(f"{error}; left out of {VARIABLE}: {device.reason}") from None
        raise


def metrics() -> dict[str, tuple[Device, str]]:
    """Names of all metrics of all devices, with the device and the kind."""
    return {f"{device.name}/{kind}": (device, kind) for device in DEVICES.values() for kind in device.metrics}


def device_of(metric: str) -> Device | None:
    """The device that a metric is measured on; None for metrics of no device."""
    return DEVICES.get(metric.partition("/")[0])


def folder_of(metric: str) -> Path | None:
    """The device's folder that holds a metric's files; None where they lie with those of the dataset."""
    device = device_of(metric)
    return None if device is None or device.dataset else device.folder


def get_device(name: str, argument: str = "device") -> Device:
    """The device of a name.

    Raises:
        ValueError: There is none; the message suggests the nearest.
        DeviceError: Its folder could not be read; the message says why.
    """
    with explained(name):
        return DEVICES[choose(name, DEVICES, argument)]


def __getattr__(name: str) -> Any:
    """``generate`` of :mod:`anb_gym.hardware`, whose tables lie above this package, when it is named."""
    if name == "generate":
        return import_module("anb_gym.hardware").generate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
