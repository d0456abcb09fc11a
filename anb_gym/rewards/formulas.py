"""The formulas of rewards, on arrays of one shape or that broadcast: weights and bounds may differ from row to row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.metrics import DIRECTIONS


def normalise(columns: Sequence[FloatArray], ideal: Sequence[float], nadir: Sequence[float]) -> list[FloatArray]:
    """Objectives of metrics, one array each: 1 at the ideal, 0 at the nadir, whether more or less is better."""
    return [(column - low) / (high - low) for column, high, low in zip(columns, ideal, nadir, strict=True)]


def weighted_sum(objectives: Sequence[FloatArray], weights: Sequence[FloatArray | float] | FloatArray) -> FloatArray:
    """The sum of weight times objective; arrays of one shape, or that broadcast."""
    first, *others = (weight * objective for weight, objective in zip(weights, objectives, strict=True))
    total: FloatArray = sum(others, start=first)
    return total


def chebyshev(objectives: Sequence[FloatArray], weights: Sequence[FloatArray | float] | FloatArray) -> FloatArray:
    """Minus the largest of weight times (1 - objective); arrays of one shape, or that broadcast."""
    first, *others = (weight * (objective - 1.0) for weight, objective in zip(weights, objectives, strict=True))
    smallest: FloatArray = reduce(np.minimum, others, first)
    return smallest


def relative_violation(metric: str, values: FloatArray, bound: FloatArray | float) -> FloatArray:
    """By what part of the bound a metric misses it, 0 where it is met: 0.1 for 90 images/s of 100, or 110 ms of 100."""
    excess: FloatArray = (values - bound) / bound
    return np.maximum(0.0, -excess if DIRECTIONS[metric] == "max" else excess)


def constrained(accuracy: FloatArray, violation: FloatArray, penalty: float) -> FloatArray:
    """The accuracy where the violation is 0, elsewhere minus the penalty times the violation."""
    return np.where(violation > 0.0, -penalty * violation, accuracy)
