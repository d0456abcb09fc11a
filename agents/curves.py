"""Learning curves: how good an agent was after so many evaluations, from the record of its training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray

from .evaluations import Evaluations


@dataclass(frozen=True, eq=False)
class Curves:
    """An agent at any time of its training.

    Attributes:
        evaluations: After how many evaluations, ``int64`` (k,), ascending.
        window: The evaluations before each over which rewards are averaged.
        reward: Their mean reward, ``float64`` (k,), or (k, objectives) for a vector reward.
        regret: ``float64`` (k,): the smallest regret so far where all episodes ask for the same, else the median of
            those in the window that are finite, as that of an architecture that breaks a bound need not be; NaN if
            there is none.
        unique: Different architectures so far, ``int64`` (k,).
        seconds: Wall seconds of the training, ``float64`` (k,).
    """

    evaluations: NDArray[np.int64]
    window: int
    reward: FloatArray
    regret: FloatArray
    unique: NDArray[np.int64]
    seconds: FloatArray


def window_of(budget: int) -> int:
    """The evaluations over which the curves of a training with a budget average."""
    return min(1000, max(10, budget // 20))


def grid(budget: int, points: int) -> NDArray[np.int64]:
    """At most so many evaluations of a budget, evenly spaced, the last among them, ``int64`` (k,)."""
    step = -(-budget // points)
    return np.append(np.arange(step, budget, step), budget)


def curves(record: Evaluations, evaluations: NDArray[np.int64], window: int) -> Curves:
    """The curves of a training at some evaluations.

    Args:
        record: Of the training.
        evaluations: After how many evaluations, ``int64`` (k,), ascending, in 1..len(record).
        window: The evaluations over which to average.
    """
    first = np.maximum(0, evaluations - window)
    sums = np.concatenate([np.zeros((1, *record.reward.shape[1:])), np.cumsum(record.reward, axis=0)])
    counts = (evaluations - first).reshape(-1, *[1] * (record.reward.ndim - 1))
    if record.cells.shape[1]:
        windows = [record.regret[start:stop] for start, stop in zip(first, evaluations, strict=True)]
        regret = np.array([_median(values[np.isfinite(values)]) for values in windows])
    else:
        regret = record.regret_so_far[evaluations - 1]
    new = np.zeros(len(record), dtype=np.int64)
    new[np.unique(record.index, return_index=True)[1]] = 1
    return Curves(
        evaluations=evaluations,
        window=window,
        reward=(sums[evaluations] - sums[first]) / counts,
        regret=regret,
        unique=np.cumsum(new)[evaluations - 1],
        seconds=record.seconds[evaluations - 1],
    )


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if len(values) else np.nan
