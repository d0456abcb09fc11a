"""The protocol of devices to measure on, and clocks for a machine that others use as well."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from anb_gym.space import Architecture


class MeasuringDevice(Protocol):
    """Something that architectures can be measured on.

    Attributes:
        metrics: What it measures, such as ``("cpu/throughput",)``.
    """

    @property
    def metrics(self) -> tuple[str, ...]: ...

    def protocol(self) -> dict[str, Any]:
        """The conditions, as JSON: all that changes values. Collections with other protocols do not mix."""
        ...

    def machine(self) -> dict[str, Any]:
        """The machine, as JSON, with the versions of the software that runs the network."""
        ...

    def measure(self, architecture: Architecture) -> Mapping[str, float]:
        """One repeat of every metric, in images/s or ms, from building the network on.

        Raises:
            Exception: The network cannot be measured; any error of the tools below.
        """
        ...


def best_time(run: Callable[[], object], seconds: float, warm_up: int = 5, at_least: int = 10) -> float:
    """The time of the fastest of many calls, in seconds.

    Other programs, interrupts and the clock's changes only ever make a call slower, so the fastest of many short ones
    is what the machine does undisturbed. On two shared cores, between two passes over 40 random networks (ONNX
    Runtime, 96 px, 0.4 s per network), the fastest call had a rank correlation of 0.97, the median 0.95, the mean 0.45.
    It was 0.96 when three processes wanted these cores, and 0.89 when eleven did: a quiet machine is worth waiting for.
    The budget is processor time, so that a busy machine does not leave time for fewer calls.

    Args:
        run: What is timed.
        seconds: Processor time of this process for which it is called again and again.
        warm_up: Calls before that.
        at_least: Number of timed calls, however long they take.
    """
    for _ in range(warm_up):
        run()
    best, calls = float("inf"), 0
    end = time.process_time() + seconds
    while time.process_time() < end or calls < at_least:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        calls += 1
    return best


def host() -> dict[str, Any]:
    """This machine: processor, number of cores, operating system."""
    return {"processor": _processor(), "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"}


def check_positive(**values: float) -> None:
    """Raises a ``ValueError`` that names the first argument that is not above 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise ValueError(f"{name} must be above 0, got {value!r}")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
