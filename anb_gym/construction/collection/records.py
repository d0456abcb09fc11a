"""Records in the dataset's own format, and what a collection adds to them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from anb_gym._files import parse_json
from anb_gym.complexity import dataset_macs, params
from anb_gym.construction.record_format import DatasetError, device_field, empty_measurements, read_record
from anb_gym.space import Architecture

#: A record as its JSON file has it: ``architecture``, ``metrics``, ``model_info`` and ``platform_perf``.
RawRecord: TypeAlias = dict[str, Any]


def new_record(architecture: Architecture) -> RawRecord:
    """A record of an architecture of which nothing is known but its size."""
    return {
        "architecture": architecture.to_dict(),
        "metrics": {"val_top1": None, "val_top5": None, "train_time": None},
        "model_info": {
            "macs": int(dataset_macs(architecture)[0]) / 1e6,
            "params": int(params(architecture)[0]) / 1e6,
        },
        "platform_perf": empty_measurements(),
    }


def with_training(record: RawRecord, top1: float, top5: float, seconds: float) -> RawRecord:
    """A record with the result of a training: accuracies in percent, and time in seconds."""
    return {**record, "metrics": {"val_top1": top1, "val_top5": top5, "train_time": seconds}}


def with_repeat(record: RawRecord, metric: str, value: float) -> RawRecord:
    """A record with one more repeat of a device's metric: mean and sample standard deviation are those of all.

    Args:
        record: The record so far.
        metric: Such as ``"cpu/throughput"``.
        value: In images/s or ms.
    """
    kind, device = device_field(metric)
    values = [*repeats(record, metric), value]
    measurement = {
        f"{kind}_mean": statistics.fmean(values),
        f"{kind}_std": statistics.stdev(values) if len(values) > 1 else None,
        f"{kind}_repeats": values,
    }
    return {**record, "platform_perf": {**record["platform_perf"], f"{kind}_{device}": measurement}}


def repeats(record: RawRecord, metric: str) -> list[float]:
    """All repeats of a device's metric, in the order in which they were measured."""
    kind, device = device_field(metric)
    values: list[float] = record["platform_perf"].get(f"{kind}_{device}", {}).get(f"{kind}_repeats", [])
    return values


def merge(records: Sequence[RawRecord]) -> RawRecord:
    """One record of all that several records of the same architecture have.

    Raises:
        ValueError: They are of different architectures, or two of them have a value of the same metric.
    """
    first, *others = records
    result: RawRecord = {**first, "metrics": dict(first["metrics"]), "platform_perf": dict(first["platform_perf"])}
    for other in others:
        if other["architecture"] != result["architecture"]:
            raise ValueError("records to merge must be of the same architecture")
        for part in ("metrics", "platform_perf"):
            for name, value in other[part].items():
                if not _is_missing(value):
                    if not _is_missing(result[part].get(name)):
                        raise ValueError(f"two collections have values of {part}.{name}, expected one")
                    result[part][name] = value
                result[part].setdefault(name, value)
    return result


def renamed(record: RawRecord, names: Mapping[str, str]) -> RawRecord:
    """A record whose device metrics have other names.

    Args:
        record: The record.
        names: From old to new name of a metric, such as ``{"cpu/throughput": "my_cpu/throughput"}``.
    """
    fields = {"{}_{}".format(*device_field(old)): "{}_{}".format(*device_field(new)) for old, new in names.items()}
    platform = {fields.get(field, field): value for field, value in record["platform_perf"].items()}
    return {**record, "platform_perf": empty_measurements() | platform}


def encode(record: RawRecord) -> bytes:
    """A record as its file has it."""
    return (json.dumps(record) + "\n").encode()


def decode(text: bytes, where: str) -> RawRecord:
    """Reads and checks the file of a record.

    Raises:
        DatasetError: It is not in the dataset's format; the message has ``where`` and the field.
    """
    read_record(text, where)
    record: RawRecord = parse_json(text, where, DatasetError)
    return record


def _is_missing(value: Any) -> bool:
    """Whether there is no value: null, or a measurement of nulls."""
    return value is None or (isinstance(value, dict) and all(part is None for part in value.values()))
