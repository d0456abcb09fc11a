"""Rewards: small objects from metrics to numbers, arrays in, arrays out.

A reward maps ``{metric: float64 (n,)}`` to ``float64 (n,)``, larger is better.
:func:`make_reward` makes one from a name. A new one is a file with a frozen dataclass, and a line in
:data:`anb_gym.rewards.names.CLASSES`; one of your own is a class that ``"module:Name"`` finds.
"""

from anb_gym.metrics import relative_violation
from anb_gym.rewards.accuracy import Accuracy
from anb_gym.rewards.base import Metrics, Reward, check_weights, front_extent
from anb_gym.rewards.bounded import Bounded
from anb_gym.rewards.constrained import PENALTY, Constrained
from anb_gym.rewards.custom import Custom
from anb_gym.rewards.many_bounds import ManyBounds
from anb_gym.rewards.names import REWARDS, SCALARISATIONS, find_reward, make_reward, register_reward, reward_names
from anb_gym.rewards.objectives import Objectives
from anb_gym.rewards.product import Product
from anb_gym.rewards.scalarisations import Chebyshev, WeightedSum, chebyshev, normalise

__all__ = [
    "PENALTY",
    "REWARDS",
    "SCALARISATIONS",
    "Accuracy",
    "Bounded",
    "Chebyshev",
    "Constrained",
    "Custom",
    "ManyBounds",
    "Metrics",
    "Objectives",
    "Product",
    "Reward",
    "WeightedSum",
    "chebyshev",
    "check_weights",
    "find_reward",
    "front_extent",
    "make_reward",
    "normalise",
    "register_reward",
    "relative_violation",
    "reward_names",
]
