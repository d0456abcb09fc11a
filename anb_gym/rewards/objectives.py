"""The vector reward: every metric is an objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anb_gym._namespace import namespace
from anb_gym._types import FloatArray
from anb_gym.metrics import DIRECTIONS
from anb_gym.rewards.base import Metrics, check_metrics, keep


@dataclass(frozen=True)
class Objectives:
    """A vector reward: every metric is an objective, negative where less is better.

    Attributes:
        metrics: The metrics.

    Raises:
        ValueError: There is no metric, or one is unknown.
    """

    monotone: ClassVar[bool] = True

    metrics: tuple[str, ...]

    def __post_init__(self) -> None:
        keep(self, metrics=check_metrics(self.metrics))

    @property
    def signs(self) -> FloatArray:
        """1 for each metric that is to be maximised, -1 for the others, ``float64`` (metrics,)."""
        return np.where([DIRECTIONS[name] == "max" for name in self.metrics], 1.0, -1.0)

    def __call__(self, values: Metrics) -> FloatArray:
        """The objectives ``float64`` (n, metrics) of metrics, each ``float64`` (n,)."""
        columns = [values[name] * sign for name, sign in zip(self.metrics, self.signs.tolist(), strict=True)]
        objectives: FloatArray = namespace(columns[0]).stack(columns, -1)
        return objectives
