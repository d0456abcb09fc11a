"""The format of the dataset's records: one JSON object per architecture.

Records of one's own (:mod:`anb_gym.construction.collection`) may hold
measurements on devices that the published dataset does not have:
``throughput_<name>`` and ``latency_<name>`` become the metrics
``<name>/throughput`` and ``<name>/latency``. Beside the mean and the standard
deviation of any measurement there may be the single repeats, as
``throughput_repeats`` or ``latency_repeats``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as shorten
from typing import Any, Final

from anb_gym import devices
from anb_gym._files import parse_json
from anb_gym.space import SPACE, Architecture, States

#: Training results: our name -> the field of a record's ``metrics``.
_TRAINING: Final = {"accuracy": "val_top1", "accuracy_top5": "val_top5", "train_time": "train_time"}
#: Device measurements: our name -> the kind of measurement and the dataset's name of the device.
_DEVICES: Final = {name: (kind, d.dataset) for name, (d, kind) in devices.metrics().items() if d.dataset}
_COUNTS: Final = {"dataset_macs": "macs", "params": "params"}
#: A measurement on a device that the published dataset does not have.
_OWN_FIELD: Final = re.compile(r"(throughput|latency)_([a-z0-9][a-z0-9_]*)")
#: Names of the published devices, the dataset's and ours. They have the published measurements and no others.
_PUBLISHED: Final = frozenset({*(device for _, device in _DEVICES.values()), *(m.split("/")[0] for m in _DEVICES)})

#: Bytes that a record may have; those of the published dataset have some 1,500.
_LIMIT: Final = 2**20
#: Repeats of a measurement that a record may have.
_MOST_REPEATS: Final = 1_000
#: Counts are kept in 64 bits.
_MOST_MILLIONS: Final = 1e12

#: The unit of every column of the published dataset; throughput and latency on other devices have the same units.
UNITS: Final[Mapping[str, str]] = {
    "accuracy": "%",
    "accuracy_top5": "%",
    "train_time": "s",
    **{name: devices.KINDS[kind][0] for name, (kind, _) in _DEVICES.items()},
    "dataset_macs": "1",
    "params": "1",
}


class DatasetError(ValueError):
    """An archive cannot be had, is damaged, or holds something that is not in the dataset's format."""


def device_field(metric: str) -> tuple[str, str]:
    """The kind of a device's metric and the dataset's name of the device.

    Args:
        metric: Such as ``"rtx3090/throughput"``, which is ``("throughput", "3090")``.

    Raises:
        ValueError: It is not a name and a kind, or a published device has no such metric.
    """
    if metric in _DEVICES:
        return _DEVICES[metric]
    name, _, kind = metric.partition("/")
    if not _OWN_FIELD.fullmatch(f"{kind}_{name}") or name in _PUBLISHED:
        raise ValueError(
            f"metric must be <name>/throughput or <name>/latency, the name of lower-case letters, digits and _, or one "
            f"of the published {', '.join(_DEVICES)}; got {metric!r}"
        )
    return kind, name


def empty_measurements() -> dict[str, dict[str, float | None]]:
    """``platform_perf`` of a record before anything is measured: every published device, no values."""
    return {f"{kind}_{device}": {f"{kind}_mean": None, f"{kind}_std": None} for kind, device in _DEVICES.values()}


@dataclass(frozen=True, slots=True)
class Record:
    """One checked record: the values of a row of :class:`Dataset`."""

    states: States
    metrics: dict[str, float]
    std: dict[str, float]
    counts: dict[str, int]
    repeats: dict[str, list[float]]


def read_record(text: bytes, where: str) -> Record:
    """Reads and checks one record.

    Args:
        text: The content of its file.
        where: What errors call it.

    Raises:
        DatasetError: It is not in the dataset's format; the message names the field.
    """
    record = parse_json(text, where, DatasetError, limit=_LIMIT)
    top = _fields(record, ("architecture", "metrics", "model_info", "platform_perf"), where, "")
    training = _fields(top["metrics"], _TRAINING.values(), where, "metrics")
    info = _fields(top["model_info"], _COUNTS.values(), where, "model_info")
    measured = {**_DEVICES, **_own_devices(top["platform_perf"])}
    platform = _fields(
        top["platform_perf"], [f"{kind}_{device}" for kind, device in measured.values()], where, "platform_perf"
    )
    if not isinstance(top["architecture"], dict):
        raise DatasetError(f"{where}: architecture must be an object, got {shorten(top['architecture'])}")
    try:
        states = SPACE.as_states(Architecture.from_dict(top["architecture"]))[0]
    except ValueError as error:
        raise DatasetError(f"{where}: architecture is not in the search space: {error}") from error

    metrics = {name: _number(training[key], where, f"metrics.{key}") for name, key in _TRAINING.items()}
    std, repeats = {}, {}
    for name, (kind, device) in measured.items():
        place = f"platform_perf.{kind}_{device}"
        values = _fields(
            platform[f"{kind}_{device}"], (f"{kind}_mean", f"{kind}_std"), where, place, optional=(f"{kind}_repeats",)
        )
        metrics[name] = _number(values[f"{kind}_mean"], where, f"{place}.{kind}_mean")
        std[name] = _number(values[f"{kind}_std"], where, f"{place}.{kind}_std", zero=True)
        if f"{kind}_repeats" in values:
            repeats[name] = _numbers(values[f"{kind}_repeats"], where, f"{place}.{kind}_repeats")
    counts = {}
    for name, key in _COUNTS.items():
        millions = _number(info[key], where, f"model_info.{key}")
        if math.isnan(millions):
            raise DatasetError(f"{where}: model_info.{key} must be a number, got null")
        if millions > _MOST_MILLIONS:
            raise DatasetError(f"{where}: model_info.{key} must be at most {_MOST_MILLIONS:g} millions, got {millions}")
        counts[name] = round(millions * 1e6)
    return Record(states, metrics, std, counts, repeats)


def _own_devices(platform: Any) -> dict[str, tuple[str, str]]:
    """Measurements on devices that are not the published ones: our name -> kind and name of the device."""
    matches = [
        match for key in (platform if isinstance(platform, dict) else ()) if (match := _OWN_FIELD.fullmatch(key))
    ]
    return {f"{match[2]}/{match[1]}": (match[1], match[2]) for match in matches if match[2] not in _PUBLISHED}


def _fields(value: Any, expected: Any, where: str, place: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """A JSON object with exactly the expected fields, and perhaps the optional ones."""
    name = place or "the record"
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: {name} must be an object, got {shorten(value)}")
    expected = list(expected)
    if unknown := [key for key in value if key not in (*expected, *optional)]:
        raise DatasetError(f"{where}: {name} has the unknown fields {shorten(unknown)}, expected {expected}")
    if missing := [key for key in expected if key not in value]:
        raise DatasetError(f"{where}: {name} lacks the fields {missing}, expected {expected}")
    return value


def _number(value: Any, where: str, place: str, *, zero: bool = False) -> float:
    """A measurement; null is a missing one, NaN."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DatasetError(f"{where}: {place} must be a number or null, got {shorten(value)}")
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise DatasetError(
            f"{where}: {place} must be finite and {'not negative' if zero else 'positive'}, got {shorten(value)}"
        )
    return float(value)


def _numbers(value: Any, where: str, place: str) -> list[float]:
    """Single repeats, at least one; none of them may be missing."""
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_REPEATS or None in value:
        raise DatasetError(
            f"{where}: {place} must be a list of numbers, {_MOST_REPEATS:,} at most, got {shorten(value)}"
        )
    return [_number(item, where, place) for item in value]
