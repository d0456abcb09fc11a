"""The names of metrics, their units, and whether more or less of each is better."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from anb_gym import devices
from anb_gym._errors import choose
from anb_gym._namespace import namespace
from anb_gym._types import FloatArray

Direction = Literal["max", "min"]

#: Unit and direction of every metric, in the order of results.
_TABLE: Final[dict[str, Any]] = {
    "accuracy": ("%", "max"),
    **{name: devices.KINDS[kind] for name, (_, kind) in devices.metrics().items()},
    "train_time": ("s", "min"),
    "macs": ("1", "min"),
    "params": ("1", "min"),
    "accuracy/reference": ("%", "max"),
    "train_time/reference": ("s", "min"),
}
#: The unit of every metric; that of counts is 1.
UNITS: Final[Mapping[str, str]] = MappingProxyType({name: unit for name, (unit, _) in _TABLE.items()})
#: The metrics of devices that do not exist, which no benchmark knows: they differ from episode to episode.
GENERATED: Final[Mapping[str, str]] = MappingProxyType({kind: f"generated/{kind}" for kind in devices.KINDS})
#: The direction of every metric. It belongs to the metric, whatever the task.
DIRECTIONS: Final[Mapping[str, Direction]] = MappingProxyType(
    {name: best for name, (_, best) in _TABLE.items()}
    | {GENERATED[kind]: best for kind, (_, best) in devices.KINDS.items()}
)
#: The metrics of devices: each has a front with accuracy.
DEVICE_METRICS: Final = tuple(devices.metrics())
#: Accuracy by fidelity: under the proxy scheme (16 epochs), and under the reference scheme (50 epochs at 224 px).
ACCURACIES: Final[Mapping[str, str]] = MappingProxyType({"proxy": "accuracy", "reference": "accuracy/reference"})


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
        if separator and device in devices.DEVICES:
            by_device.setdefault(device, []).append(metric)
    if isinstance(value, str) and (known := by_device.get(value)):
        return known[0] if len(known) == 1 else f"{value}/throughput"
    with devices.explained(value):
        return choose(value, options, argument, by_device)


def readable(metric: str, value: float) -> str:
    """A value as a text: two decimals of an accuracy, six digits of a device metric, as of bounds beside it."""
    return f"{value:,.2f}" if metric in ACCURACIES.values() else f"{value:,.6g}"


def relative_violation(metric: str, values: FloatArray, bound: FloatArray | float) -> FloatArray:
    """By what part of the bound a metric misses it, 0 where it is met: 0.1 for 90 images/s of 100, or 110 ms of 100."""
    excess: FloatArray = (values - bound) / bound
    violation: FloatArray = namespace(excess).maximum(0.0, -excess if DIRECTIONS[metric] == "max" else excess)
    return violation
