"""The names of metrics, and whether more or less of each is better."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, Literal, cast

from anb_gym import devices
from anb_gym._errors import choose

Direction = Literal["max", "min"]

#: The direction of every metric. It belongs to the metric, whatever the task.
DIRECTIONS: Final[Mapping[str, Direction]] = MappingProxyType(
    {
        "accuracy": "max",
        "zcu102/throughput": "max",
        "zcu102/latency": "min",
        "vck190/throughput": "max",
        "vck190/latency": "min",
        "tpuv2/throughput": "max",
        "tpuv3/throughput": "max",
        "a100/throughput": "max",
        "rtx3090/throughput": "max",
        **{name: cast(Direction, devices.KINDS[kind][1]) for name, (_, kind) in devices.metrics().items()},
        "train_time": "min",
        "macs": "min",
        "params": "min",
    }
)
#: The metrics of devices: each has a front with accuracy.
DEVICE_METRICS: Final = tuple(name for name in DIRECTIONS if "/" in name)


def choose_metric(value: object, options: Collection[str], argument: str) -> str:
    """One of some metrics, by its name or by that of its device.

    Args:
        value: Such as ``"vck190/throughput"``. A device alone, such as ``"vck190"``, is its throughput, or the one
            metric that it has among the options.
        options: The metrics that may be meant.
        argument: What errors call the value.

    Raises:
        ValueError: It is none of them; the message suggests the nearest.
        DeviceError: It is of a device that could not be read; the message says why.
    """
    if isinstance(value, str) and value in options:
        return value
    by_device: dict[str, list[str]] = {}
    for metric in options:
        device, separator, _ = metric.partition("/")
        if separator:
            by_device.setdefault(device, []).append(metric)
    if isinstance(value, str) and (known := by_device.get(value)):
        return known[0] if len(known) == 1 else f"{value}/throughput"
    with devices.explained(value):
        return choose(value, options, argument, by_device)
