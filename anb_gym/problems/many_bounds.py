"""The problem of accuracy under bounds of several metrics at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.calibration import LEAST, BoundedCalibration, Level, random_metrics
from anb_gym.fronts.many_bounds import ManyBoundsOptimum, best_under_bounds
from anb_gym.problems.asks import NOTHING
from anb_gym.problems.problem import Problem
from anb_gym.rewards import ManyBounds, Metrics

#: Of the random architectures behind all means so many must meet the bounds, or their mean accuracy is not told; it is
#: then taken to lie so many points below the best.
_FEWEST: Final = 100
_BELOW: Final = 5.0


@dataclass(frozen=True)
class ManyBoundsProblem(Problem):
    """The most accurate architecture that meets bounds of several metrics.

    As under one bound, :class:`~anb_gym.rewards.Bounded`, 0 in unit scale is the mean accuracy of random architectures
    that meet all bounds and 1 the certified best; what misses a bound has -1 less its relative violation. Regret is in
    points of accuracy and infinite where a bound is missed. Too few of 100,000 random architectures may meet tight
    bounds, fewer than 100; then 0 lies 5 points of accuracy below the best.

    Raises:
        ValueError: As of :class:`Problem`, the reward is another, or no architecture meets all bounds.
        NoFrontError: The optimum does not ship, and the extra ``exact``, which searches for it, is not installed.
    """

    def __post_init__(self) -> None:
        if not isinstance(self.reward, ManyBounds) or self.constraint is not None or self.ask != NOTHING:
            raise ValueError(f"reward must be an anb_gym.rewards.ManyBounds, and nothing asked, got {self.reward!r}")
        super().__post_init__()
        _ = self.optimum

    @cached_property
    def gauge(self) -> BoundedCalibration:
        metrics = random_metrics(self.surrogate, self.metrics)
        meets = self._violation(metrics) == 0.0
        best = self.optimum
        below = float(metrics[self.metrics[0]][meets].mean()) if meets.sum() >= _FEWEST else best.value - _BELOW
        how = "best of all architectures that meet the bounds, by exact search"
        zero = min(below, best.value - LEAST)
        return BoundedCalibration(
            zero, best.value, str(best.architecture), how, certified=True, share=float(meets.mean())
        )

    @cached_property
    def optimum(self) -> ManyBoundsOptimum:  # type: ignore[override] # it is on no front
        assert isinstance(self.reward, ManyBounds)
        return best_under_bounds(self.surrogate, self.metrics[0], self.reward.bounds)

    @property
    def limit(self) -> Any:
        """The reward: its violation is a cost."""
        return self.reward

    def cost(self, metrics: Metrics, request: Any = None) -> FloatArray:
        return self._violation(metrics)

    def _violation(self, metrics: Metrics) -> FloatArray:
        assert isinstance(self.reward, ManyBounds)
        return self.reward.violation(metrics)

    def _regret(self, exact: Metrics, raw: FloatArray, level: Level | None, request: Any) -> FloatArray:
        below = np.maximum(0.0, self.optimum.value - exact[self.metrics[0]])
        return np.where(self._violation(exact) > 0.0, np.inf, below)
