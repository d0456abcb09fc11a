"""Rewards: small objects from metrics to numbers, arrays in, arrays out.

A reward maps ``{metric: float64 (n,)}`` to ``float64 (n,)``, larger is better.
:func:`make_reward` makes one from a name.
"""

from anb_gym.rewards.names import REWARDS, SCALARISATIONS, make_reward
from anb_gym.rewards.objects import (
    PENALTY,
    Accuracy,
    Chebyshev,
    Constrained,
    Custom,
    FloatArray,
    Metrics,
    Objectives,
    Product,
    Reward,
    WeightedSum,
    check_weights,
    front_extent,
)

__all__ = [
    "PENALTY",
    "REWARDS",
    "SCALARISATIONS",
    "Accuracy",
    "Chebyshev",
    "Constrained",
    "Custom",
    "FloatArray",
    "Metrics",
    "Objectives",
    "Product",
    "Reward",
    "WeightedSum",
    "check_weights",
    "front_extent",
    "make_reward",
]
