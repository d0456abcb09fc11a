"""The worth of an answer on its device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.generalisation.devices import Device, accuracy, product
from anb_gym.generalisation.protocol import Answer
from anb_gym.hardware.units import in_unit
from anb_gym.space import SPACE

#: Bounds, at even ratios between nadir and ideal of the exact front's metric, both excluded: so the bounds of a
#: device's throughput and of a latency that is its reciprocal are the same.
N_BOUNDS: Final = 50
#: The reference point is the nadir made worse by this share of the front's extent, see :mod:`anb_gym.calibration`.
_BEYOND: Final = 0.1


@dataclass(frozen=True)
class UnderBounds:
    """Designs chosen for bounds.

    Attributes:
        loss: Mean points of accuracy below the certified optimum, over the bounds that are kept; NaN if none is.
        violations: Share of the bounds that are broken.
        excess: Mean relative amount by which they are, over those broken; 0 if none is.
    """

    loss: float
    violations: float
    excess: float


def coverage(points: FloatArray, device: Device) -> float:
    """Share of the exact front's hypervolume, in percent times the metric's unit, that designs cover.

    Args:
        points: Accuracy and seconds of the designs, ``float64`` (k, 2).
        device: The device.
    """
    whole, part = (_performance(device, p) for p in (device.front, points))
    low, high = whole.min(axis=0), whole.max(axis=0)
    reference = low - _BEYOND * (high - low)
    if device.kind == "throughput":
        reference = np.maximum(reference, 0.0)
    return _volume(part - reference) / _volume(whole - reference)


def under_bounds(answer: Answer, points: FloatArray, device: Device, margin: float = 0.0) -> UnderBounds:
    """The most accurate design that is predicted to keep each bound; the fastest where none is.

    Args:
        answer: The answer.
        points: True accuracy and seconds of its designs, ``float64`` (k, 2).
        device: The device.
        margin: Standard deviations by which a prediction must be below the bound.
    """
    bounds, best = limits(device)
    predicted = answer.log_seconds + margin * answer.std
    accuracies, logs = points[:, 0], np.log(points[:, 1])
    keeps = predicted[None, :] <= bounds[:, None]
    chosen = np.where(keeps.any(axis=1), np.where(keeps, accuracies, -np.inf).argmax(axis=1), predicted.argmin())
    over = logs[chosen] - bounds
    broken = over > 1e-9
    loss = (best - accuracies[chosen])[~broken]
    return UnderBounds(
        loss=float(loss.mean()) if len(loss) else float("nan"),
        violations=float(broken.mean()),
        excess=float(np.expm1(over[broken]).mean()) if broken.any() else 0.0,
    )


def limits(device: Device) -> tuple[FloatArray, FloatArray]:
    """Bounds as logarithms of seconds, and the largest accuracy under each, ``float64`` (N_BOUNDS,) both."""
    accuracies, seconds = device.front.T
    bounds = np.linspace(np.log(seconds[0]), np.log(seconds[-1]), N_BOUNDS + 2)[1:-1]
    best = np.maximum.accumulate(accuracies)
    return bounds, best[np.searchsorted(np.log(seconds), bounds + 1e-12, side="right") - 1]


def regret(answer: Answer, points: FloatArray, device: Device) -> float:
    """Regret, in unit scale, of the design whose predicted product reward is the largest."""
    chosen = product(points[:, 0], np.exp(answer.log_seconds - answer.log_seconds.mean())).argmax()
    best, zero = product(*device.front.T).max(), product(*device.random.T).mean()
    return float((best - product(*points[chosen])) / (best - zero))


def true_points(answer: Answer, device: Device) -> FloatArray:
    """Accuracy and seconds of the designs on the device, ``float64`` (k, 2)."""
    states = SPACE.index_to_states(answer.indices)
    return np.stack([accuracy(states), device.seconds(states)], axis=1)


def _performance(device: Device, points: FloatArray) -> FloatArray:
    """Accuracy, and the metric with more being better."""
    metric = in_unit(device.kind, points[:, 1])
    return np.stack([points[:, 0], metric if device.kind == "throughput" else -metric], axis=1)


def _volume(gains: FloatArray) -> float:
    """The area that points dominate above the origin, ``float64`` (n, 2)."""
    gains = gains[(gains > 0.0).all(axis=1)]
    gains = gains[np.argsort(-gains[:, 0], kind="stable")]
    seen = np.concatenate([[0.0], np.maximum.accumulate(gains[:, 1])])
    return float((gains[:, 0] * np.diff(seen)).sum())
