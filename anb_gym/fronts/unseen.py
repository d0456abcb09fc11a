"""Designs for a device that was estimated from measured times of a few networks. Needs the extra ``exact``."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.exact import pareto_front
from anb_gym.hardware.estimation import Estimate
from anb_gym.space import SPACE, Indices, States
from anb_gym.surrogates.store import load_shipped
from anb_gym.surrogates.tables import BlockTables

#: Probability with which designs keep their bound. On 30 generated devices, 10 probes each and 50 bounds a device, the
#: search chose networks of which 4.1 % broke it (throughput; latency, 15 devices: 2.9 %), without margin 38 % (45 %).
LEVEL: Final = 0.95


@dataclass(frozen=True, eq=False)
class EstimatedFront:
    """The exact front of predicted accuracy and expected time over the whole space.

    Attributes:
        indices: The architectures, ``int64`` (n,), the most accurate first.
        accuracy: Predicted accuracy in percent, ``float64`` (n,).
        mean: Mean of the natural logarithm of seconds, ``float64`` (n,).
        std: Its standard deviation, what the measurements leave unknown.
    """

    indices: Indices
    accuracy: FloatArray
    mean: FloatArray
    std: FloatArray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def states(self) -> States:
        """Block states, ``int64`` (n, 7)."""
        return SPACE.as_states(self.indices)

    def upper(self, level: float = LEVEL) -> FloatArray:
        """Seconds that a network does not exceed with this probability, ``float64`` (n,)."""
        return np.exp(self.mean + NormalDist().inv_cdf(level) * self.std)

    def best_within(self, seconds: float, level: float = LEVEL) -> int | None:
        """Position of the most accurate that keeps a bound with this probability; None if there is none."""
        kept = np.flatnonzero(self.upper(level) <= seconds)
        return int(kept[self.accuracy[kept].argmax()]) if len(kept) else None

    def spread(self, n: int) -> list[int]:
        """Positions of n members whose times lie evenly on a logarithmic scale, or of all if there are fewer."""
        aims = np.linspace(self.mean.min(), self.mean.max(), max(n, 1))
        chosen: list[int] = []
        for aim in aims[: len(self)]:
            free = np.setdiff1d(np.arange(len(self)), chosen)
            chosen.append(int(free[np.abs(self.mean[free] - aim).argmin()]))
        return sorted(chosen)


def solve_estimate(
    estimate: Estimate, accuracy: BlockTables | None = None, workers: int | None = None
) -> EstimatedFront:
    """The front of an estimated device, in seconds of computing.

    Args:
        estimate: The device.
        accuracy: Tables of accuracy, by default those of the default surrogate.
        workers: Threads; by default one per available core.
    """
    tables = load_shipped("gp", "accuracy").mean if accuracy is None else accuracy
    front = pareto_front(tables, estimate.tables, (True, False), workers=workers)
    mean, std = estimate.predict(SPACE.as_states(front.indices))
    return EstimatedFront(front.indices, front.objectives[:, 0], mean, std)
