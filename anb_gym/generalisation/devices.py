"""Devices that designs are judged on: the truth about each, which no method may see but through measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.hardware import FAMILIES
from anb_gym.hardware.units import to_seconds
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.problems import TargetDevice
from anb_gym.problems.target_devices import device_number, target_device
from anb_gym.space import States

#: Surrogate of accuracy, and of the real devices.
SURROGATE: Final = "gp"


@dataclass(frozen=True)
class Device:
    """A device that nobody has seen.

    Attributes:
        name: Such as ``"generated/2000000"`` or ``"vck190/throughput"``.
        target: The device itself, with its front.
        unseen: The family of real devices that methods must not have seen; None for generated devices.
    """

    name: str
    target: TargetDevice
    unseen: str | None

    @property
    def kind(self) -> str:
        """``"throughput"`` or ``"latency"``."""
        return self.target.kind

    def seconds(self, states: States) -> FloatArray:
        """Seconds per image at throughput, or of latency, ``float64`` (n,)."""
        return to_seconds(self.kind, self.target.performance(states))

    @cached_property
    def front(self) -> FloatArray:
        """Accuracy and seconds of the front, ``float64`` (k, 2), fastest first."""
        front = self.target.front
        return np.stack([front.accuracy, to_seconds(self.kind, front.performance)], axis=1)[::-1]


def accuracy(states: States) -> FloatArray:
    """Accuracy in percent, ``float64`` (n,)."""
    return Benchmark(SURROGATE).load("accuracy").predict(states)


def real_devices() -> Iterator[Device]:
    """The nine metrics of the real devices, each with its family unseen."""
    families = {name: family for family, names in FAMILIES.items() for name in names}
    for metric in DEVICE_METRICS:
        name, kind = metric.split("/")
        if name in families:
            yield Device(metric, target_device(device_number(name, kind), kind, None, SURROGATE), families[name])


def generated_device(seed: int, kind: str = "throughput", unseen: str | None = None) -> Device:
    """A generated device; its front is exact where it ships, see :attr:`anb_gym.problems.TargetDevice.front`.

    Args:
        seed: The device's.
        kind: ``"throughput"`` or ``"latency"``.
        unseen: A family of real devices that neither the generator nor the methods have seen.
    """
    target = target_device(device_number(integer(seed, 0, "seed"), kind), kind, unseen, SURROGATE)
    return Device(f"generated/{seed}", target, unseen)
