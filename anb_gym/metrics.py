"""Whether more or less of a metric is better."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, cast

from anb_gym import devices

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
