"""A factored policy gradient: 28 independent categorical distributions, and no network."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import number, require_objectives, told

#: Decay of Adam's averages, and what it adds to the root of the second.
_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-8


class PolicyGradient:
    """REINFORCE on the probabilities of every choice, which imitates the best it has found more and more.

    The policy chooses each of the 28 options independently, which suits a space whose rewards are nearly additive. Each
    turn is a batch of whole architectures. Its gradient is REINFORCE's (Williams 1992,
    https://doi.org/10.1007/BF00992696) with the mean of the others of the batch as the baseline (Kool et al. 2019) and
    advantages in units of their deviation; an entropy bonus (Williams and Peng 1991) that falls to zero; and the
    likelihood of the best architectures found so far, self-imitation (Oh et al. 2018,
    https://arxiv.org/abs/1806.05635), whose weight grows from zero: at the end only the best one is imitated. Adam
    ascends.

    Args:
        brief: How many objectives and evaluations there will be: the schedules end with the budget.
        rng: Source of all randomness.
        batch_size: Architectures per turn, at least 2; by default 8, and one in 700 of a larger budget, at most 1,024.
        learning_rate: Learning rate of Adam.
        entropy_weight: Weight of the entropy bonus at the start; by default 0.05, and more for larger budgets.
        imitation_weight: Weight of self-imitation at the end.
        n_elites: How many of the best are imitated at the start.

    Raises:
        ValueError: A setting is out of range, or there is more than one objective.

    Example:
        >>> controller = PolicyGradient(Brief(n_objectives=1, budget=1000), np.random.default_rng(0))
        >>> controller.ask(8).shape
        (8, 28)
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        batch_size: int | None = None,
        learning_rate: float = 0.1,
        entropy_weight: float | None = None,
        imitation_weight: float = 2.0,
        n_elites: int = 3,
    ) -> None:
        require_objectives(brief, "policy_gradient", 1, 1)
        default = min(1024, max(8, brief.budget // 700))
        self.batch_size = default if batch_size is None else integer(batch_size, 2, "batch_size")
        self._learning_rate = number("learning_rate", learning_rate, 0.0)
        # Larger budgets can afford to look longer before they settle.
        grown = 0.05 * max(1.0, brief.budget / 1000) ** 0.35
        self._entropy_weight = grown if entropy_weight is None else number("entropy_weight", entropy_weight, 0.0)
        self._imitation_weight = number("imitation_weight", imitation_weight, 0.0)
        self._n_elites = integer(n_elites, 1, "n_elites")
        self._brief, self._rng = brief, rng
        self._valid = np.arange(SPACE.cardinalities.max()) < SPACE.cardinalities[:, None]
        self._logits = np.where(self._valid, 0.0, -np.inf)
        self._average, self._square = np.zeros((2, *self._logits.shape))
        self._turn = self._done = 0
        self._elites: Choices = np.empty((0, SPACE.n_choices), dtype=np.int8)
        self._elite_rewards: FloatArray = np.empty(0)

    @property
    def probabilities(self) -> FloatArray:
        """The policy: the probability of every option of every choice, ``float64`` (28, 4), 0 where there is none."""
        weights = np.exp(self._logits - self._logits.max(axis=1, keepdims=True))
        policy: FloatArray = weights / weights.sum(axis=1, keepdims=True)
        return policy

    def ask(self, n: int) -> Choices:
        """Draws architectures from the policy, ``int8`` (n, 28)."""
        ends = self.probabilities.cumsum(axis=1)
        drawn = (self._rng.random((n, SPACE.n_choices, 1)) * ends[:, -1:] >= ends[:, :-1]).sum(axis=2)
        # A draw at the very end of the last option's interval stays in it.
        choices: Choices = np.minimum(drawn, SPACE.cardinalities - 1).astype(np.int8)
        return choices

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Makes one step of Adam."""
        rewards = told(choices, objectives, self._brief)[:, 0]
        progress = min(1.0, self._done / self._brief.budget)
        self._done += len(rewards)
        self._keep_elites(choices, rewards, max(1, math.ceil(self._n_elites * (1.0 - progress))))
        policy = self.probabilities
        gradient = self._reinforce(choices, rewards, policy)
        gradient += self._imitation_weight * progress * (_frequencies(self._elites) - policy)
        gradient += self._entropy_weight * max(0.0, 1.0 - progress / 0.8) * _entropy_gradient(policy)
        self._ascend(np.where(self._valid, gradient, 0.0))

    def _reinforce(self, choices: Choices, rewards: FloatArray, policy: FloatArray) -> FloatArray:
        """The gradient of the mean reward by the logits."""
        n = len(rewards)
        if n < 2:
            return np.zeros_like(policy)  # there are no others to compare with
        advantages = rewards - (rewards.sum() - rewards) / (n - 1)
        advantages /= advantages.std() + _EPSILON
        gradient: FloatArray = _frequencies(choices, advantages) - advantages.mean() * policy
        return gradient

    def _keep_elites(self, choices: Choices, rewards: FloatArray, n: int) -> None:
        pool, values = np.concatenate([self._elites, choices]), np.concatenate([self._elite_rewards, rewards])
        _, first = np.unique(pool, axis=0, return_index=True)
        best = first[np.argsort(-values[first], kind="stable")][:n]
        self._elites, self._elite_rewards = pool[best], values[best]

    def _ascend(self, gradient: FloatArray) -> None:
        self._turn += 1
        self._average = _DECAY * self._average + (1.0 - _DECAY) * gradient
        self._square = _SQUARE_DECAY * self._square + (1.0 - _SQUARE_DECAY) * gradient**2
        mean = self._average / (1.0 - _DECAY**self._turn)
        deviation = np.sqrt(self._square / (1.0 - _SQUARE_DECAY**self._turn)) + _EPSILON
        self._logits[self._valid] += (self._learning_rate * mean / deviation)[self._valid]


def _frequencies(choices: Choices, weights: FloatArray | None = None) -> FloatArray:
    """The mean of indicators of options, (28, 4), each architecture with its weight."""
    n, options = len(choices), int(SPACE.cardinalities.max())
    cells: NDArray[np.int64] = choices.astype(np.int64) + options * np.arange(SPACE.n_choices)
    of_cells = None if weights is None else np.repeat(weights, SPACE.n_choices)
    sums = np.bincount(cells.ravel(), of_cells, minlength=options * SPACE.n_choices)
    mean: FloatArray = sums.reshape(SPACE.n_choices, options) / n
    return mean


def _entropy_gradient(policy: FloatArray) -> FloatArray:
    """The gradient of the sum of entropies by the logits."""
    logarithm = np.log(np.maximum(policy, 1e-12))
    entropy = -(policy * logarithm).sum(axis=1, keepdims=True)
    gradient: FloatArray = -policy * (logarithm + entropy)
    return gradient
