"""The worth of an answer on its device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.generalisation.devices import Device, accuracy
from anb_gym.generalisation.protocol import Answer
from anb_gym.hardware.units import in_unit
from anb_gym.space import SPACE

#: Bounds, at even ratios between nadir and ideal of the exact front's metric, both excluded: so the bounds of a
#: device's throughput and of a latency that is its reciprocal are the same.
N_BOUNDS: Final = 50


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

    Raises:
        ModuleNotFoundError: The extra ``pareto`` is not installed.
    """
    return device.target.coverage(points[:, 0], in_unit(device.kind, points[:, 1]))


def under_bounds(answer: Answer, points: FloatArray, device: Device, margin: float = 0.0) -> UnderBounds:
    """The most accurate design that is predicted to keep each bound; the fastest where none is.

    Args:
        answer: The answer.
        points: True accuracy and seconds of its designs, ``float64`` (k, 2).
        device: The device.
        margin: Standard deviations by which a prediction must be below the bound.
    """
    bounds, best = limits(device)
    order = np.argsort(-points[:, 0], kind="stable")
    accuracies, logs = points[order, 0], np.log(points[order, 1])
    predicted = (answer.log_seconds + margin * answer.std)[order]
    # The first that keeps a bound is the first at which the least time so far does.
    chosen = np.searchsorted(-np.minimum.accumulate(predicted), -bounds, side="left")
    chosen = np.where(chosen < len(predicted), chosen, predicted.argmin())
    over = logs[chosen] - bounds
    broken = over > 1e-9
    loss = (best - accuracies[chosen])[~broken]
    return UnderBounds(
        loss=float(loss.mean()) if len(loss) else float("nan"),
        violations=float(broken.mean()),
        excess=float(np.expm1(over[broken]).mean()) if broken.any() else 0.0,
    )


@lru_cache(maxsize=64)
def limits(device: Device) -> tuple[FloatArray, FloatArray]:
    """Bounds as logarithms of seconds, and the largest accuracy under each, ``float64`` (N_BOUNDS,) both."""
    accuracies, seconds = device.front.T
    bounds = np.linspace(np.log(seconds[0]), np.log(seconds[-1]), N_BOUNDS + 2)[1:-1]
    best = np.maximum.accumulate(accuracies)
    return bounds, best[np.searchsorted(np.log(seconds), bounds + 1e-12, side="right") - 1]


def regret(answer: Answer, points: FloatArray, device: Device) -> float:
    """Regret, in unit scale, of the design whose predicted product reward is the largest."""

    def product(seconds: FloatArray) -> FloatArray:
        return device.target.product(points[:, 0], in_unit(device.kind, seconds))

    zero, best = device.target.product_level
    chosen = product(np.exp(answer.log_seconds)).argmax()
    return float((best - product(points[:, 1])[chosen]) / (best - zero))


def true_points(answer: Answer, device: Device) -> FloatArray:
    """Accuracy and seconds of the designs on the device, ``float64`` (k, 2)."""
    states = SPACE.index_to_states(answer.indices)
    return np.stack([accuracy(states), device.seconds(states)], axis=1)
