"""Seconds and what is told of them: images/s of throughput, ms of latency."""

from __future__ import annotations

import numpy as np

from anb_gym._types import FloatArray


def to_seconds(kind: str, values: FloatArray) -> FloatArray:
    """Seconds of images/s or ms; ``kind`` is ``"throughput"`` or ``"latency"``."""
    return 1.0 / values if kind == "throughput" else values / 1e3


def in_unit(kind: str, seconds: FloatArray) -> FloatArray:
    """Images/s or ms of seconds."""
    return 1.0 / seconds if kind == "throughput" else 1e3 * seconds


def log_seconds_of(kind: str, values: FloatArray) -> FloatArray:
    """Natural logarithms of the seconds of images/s or ms."""
    logs: FloatArray = -np.log(values) if kind == "throughput" else np.log(values / 1e3)
    return logs
