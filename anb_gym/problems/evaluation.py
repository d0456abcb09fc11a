"""Evaluations of batches of architectures on a problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anb_gym._types import FloatArray
from anb_gym.noise import perturb
from anb_gym.rewards import Metrics
from anb_gym.space import SPACE, States


def measured(metrics: Metrics, states: States, noise: Any) -> Metrics:
    """Metrics as one measurement shows them: the same object without noise.

    Args:
        metrics: Exact ones, each ``float64`` (n,).
        states: Block states, ``int64`` (n, 7).
        noise: Seeds of the noise, ``uint64`` (n,) or (), or a key; None for no noise.
    """
    if noise is None:
        return metrics
    index = SPACE.states_to_index(states)
    return {name: perturb(name, column, index, noise) for name, column in metrics.items()}


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
