"""Evaluations of batches of architectures on a problem."""

from __future__ import annotations

from dataclasses import dataclass

from anb_gym._types import FloatArray
from anb_gym.rewards import Metrics


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Worth of n architectures.

    Attributes:
        metrics: The task's metrics as the reward saw them, with noise if there is any, each ``float64`` (n,).
        exact: The same without noise.
        reward: In the problem's scale: ``float64`` (n,), or (n, objectives) for a vector reward.
        raw: The scalar reward before scaling, ``float64`` (n,); None for a vector reward.
        regret: How far the reward without noise is below the certified optimum, ``float64`` (n,), see
            :meth:`anb_gym.problems.Problem.regret`; None where no optimum is certified.
        cost: The relative violation of the problem's constraint, ``float64`` (n,), 0 where it is met; None without one.
    """

    metrics: Metrics
    exact: Metrics
    reward: FloatArray
    raw: FloatArray | None = None
    regret: FloatArray | None = None
    cost: FloatArray | None = None
