"""A factored policy gradient: a few policies of 28 independent categorical distributions each, and no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, non_negative
from anb_gym._files import take_array
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from .agent import ArchitectureAgent, Assignment

if TYPE_CHECKING:
    from .training import Training

_N: Final = SPACE.n_choices
_OPTIONS: Final = int(SPACE.cardinalities.max())
#: What options there are, (28, 4), and the policy that takes all of them alike.
_EXISTS: Final = np.arange(_OPTIONS) < SPACE.cardinalities[:, None]
_UNIFORM: Final = _EXISTS / SPACE.cardinalities[:, None]
#: Decay of Adam's averages, and what it adds to the root of the second.
_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-8
#: Share of the budget after which one policy goes on alone, and share of that after which entropy has no weight.
_TOGETHER, _EXPLORING = 0.85, 0.8
#: How often an architecture that was evaluated before is drawn again, and how much more uniformly each time.
_DRAWS, _UNIFORMITY = 10, 0.01
#: The reward of an elite that is not there yet.
_NONE: Final = float(np.finfo(np.float64).min)


class PolicyGradientController:
    """REINFORCE on the probabilities of every choice, by a few policies which imitate the best that they have found.

    A policy chooses each of the 28 options independently, which suits a space whose rewards are nearly additive, and
    steps whole architectures: Adam ascends the gradient of REINFORCE (Williams 1992,
    https://doi.org/10.1007/BF00992696), with the batch's mean as the baseline and advantages in units of the batch's
    deviation; an entropy bonus (Williams and Peng 1991) that falls to zero; and the likelihood of the best
    architectures that the policy has found, self-imitation (Oh et al. 2018, https://arxiv.org/abs/1806.05635), whose
    weight grows from zero while fewer are imitated, at the end the best alone. Three things more:

    * Several policies learn side by side, each from its own draws, because which local optimum one settles on is
      decided early and by chance. After 85 % of the budget only the policy that has found the best goes on, from the
      mean of all: it is certain of the choices on which they agree, and tries the others' where they do not.
    * A policy makes about 140 steps with any budget and the batches are as large as that leaves, at least two
      architectures: with two hundred draws or more, many small steps learn more than a few certain ones.
    * What was evaluated before is drawn again, more uniformly each time, since without noise to measure it twice
      tells nothing. A policy that has converged so looks at the neighbours of its best.

    The settings were chosen on the CPU's task, on its product with other exponents, and on weighted sums with random
    weights of all devices' metrics, with seeds that no reported figure uses; the ten tasks themselves were looked at
    to compare.

    Args:
        brief: How many objectives and evaluations there will be: the schedules end with the budget.
        rng: Source of all randomness.
        n_policies: How many policies; by default one for each 333 evaluations, at most 32.
        batch_size: Architectures per turn, of all policies together, at least two for each; by default one in 166
            evaluations, and no fewer than that.
        learning_rate: Learning rate of Adam.
        entropy_weight: Weight of the entropy bonus at the start.
        imitation_weight: Weight of self-imitation at the end.
        n_elites: How many of the best are imitated at the start.

    Raises:
        ValueError: A setting is out of range, or there is more than one objective.

    Example:
        >>> controller = PolicyGradientController(Brief(n_objectives=1, budget=1000), np.random.default_rng(0))
        >>> controller.batch_size, controller.settings["n_policies"]
        (6, 3)
        >>> controller.ask(6).shape
        (6, 28)
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        n_policies: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.25,
        entropy_weight: float = 0.05,
        imitation_weight: float = 3.0,
        n_elites: int = 5,
    ) -> None:
        if brief.n_objectives != 1:
            raise ValueError(f"n_objectives of the problem must be 1 for policy_gradient, got {brief.n_objectives}")
        default = min(32, max(1, brief.budget // 333))
        self._n = n = default if n_policies is None else integer(n_policies, 1, "n_policies")
        default = max(2 * n, brief.budget // 166)
        self.batch_size = default if batch_size is None else integer(batch_size, 2 * n, "batch_size")
        self._learning_rate = non_negative(learning_rate, "learning_rate")
        self._entropy_weight = non_negative(entropy_weight, "entropy_weight")
        self._imitation_weight = non_negative(imitation_weight, "imitation_weight")
        self._n_elites = integer(n_elites, 1, "n_elites")
        self._brief, self._rng = brief, rng
        self._logits, self._average, self._square = np.zeros((3, n, _N, _OPTIONS))
        self._steps: NDArray[np.int64] = np.zeros(n, dtype=np.int64)
        self._done = 0
        self._elites = Elites(n, self._n_elites)
        self._drawn_by = np.empty(0, dtype=np.int64)
        #: Indices of the architectures that were evaluated.
        self.seen: set[int] = set()

    @property
    def settings(self) -> dict[str, Any]:
        """All settings with the values that it uses."""
        names = ("learning_rate", "entropy_weight", "imitation_weight", "n_elites")
        others = {name: getattr(self, f"_{name}") for name in names}
        return {"n_policies": self._n, "batch_size": self.batch_size, **others}

    @property
    def best(self) -> int:
        """The policy that has found the best architecture."""
        return int(self._elites.rewards[:, 0].argmax())

    @property
    def probabilities(self) -> FloatArray:
        """The policies: probabilities of the options of every choice, ``float64`` (n_policies, 28, 4)."""
        weights = np.where(_EXISTS, np.exp(self._logits - self._logits.max(axis=2, keepdims=True)), 0.0)
        policies: FloatArray = weights / weights.sum(axis=2, keepdims=True)
        return policies

    def ask(self, n: int) -> Choices:
        """Draws architectures, ``int8`` (n, 28), in turns from each policy, or all from the best."""
        together = self._done < _TOGETHER * self._brief.budget
        self._drawn_by = np.arange(n) % self._n if together else np.full(n, self.best)
        policies = self.probabilities

        def draw(rows: NDArray[np.int64], times: int) -> Choices:
            share = times * _UNIFORMITY
            return draw_from((1.0 - share) * policies + share * _UNIFORM, self._drawn_by[rows], self._rng)

        return draw_unseen(n, draw, self.seen)

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Makes one step of Adam of each policy that has drawn some of them."""
        rewards, by, policies = np.asarray(objectives, dtype=np.float64)[:, 0], self._drawn_by, self.probabilities
        progress = min(1.0, self._done / (_TOGETHER * self._brief.budget))
        self._done += len(rewards)
        self._elites.keep(choices, rewards, by)
        gradient = self._reinforce(choices, rewards)
        gradient += self._imitation_weight * progress * (self._imitated(progress) - policies)
        gradient += self._entropy_weight * max(0.0, 1.0 - progress / _EXPLORING) * entropy_gradient(policies)
        self._ascend(gradient, np.unique(by))
        if self._done - len(rewards) < _TOGETHER * self._brief.budget <= self._done:
            self._unite()

    def state(self) -> dict[str, NDArray[Any]]:
        """All that it goes on from but the generator and :attr:`seen`, arrays by name."""
        return {
            "logits": self._logits,
            "average": self._average,
            "square": self._square,
            "steps": self._steps,
            "done": np.array(self._done),
            **self._elites.state(),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes back to a state.

        Raises:
            ValueError: An array is missing, or of another shape or dtype.
        """
        arrays, own = dict(state), self.state()
        taken = {name: take_array(arrays, name, str(array.dtype), array.shape) for name, array in own.items()}
        self._logits, self._average, self._square = (taken[name].copy() for name in ("logits", "average", "square"))
        self._steps, self._done = taken["steps"].copy(), int(taken["done"])
        self._elites.restore(state)

    def _unite(self) -> None:
        """Lets the best policy go on from the mean of all."""
        best, mean = self.best, self.probabilities.mean(axis=0)
        self._logits[best] = np.log(np.maximum(mean, 1e-6))
        self._average[best] = self._square[best] = self._steps[best] = 0

    def _reinforce(self, choices: Choices, rewards: FloatArray) -> FloatArray:
        """The gradient of each policy's mean reward by its logits, in units of its batch's deviation."""
        by, count = self._drawn_by, np.maximum(1, np.bincount(self._drawn_by, minlength=self._n))
        advantages = rewards - (np.bincount(by, rewards, minlength=self._n) / count)[by]
        deviation = np.sqrt(np.bincount(by, advantages**2, minlength=self._n) / count)
        # They sum to zero, so that the policy's own probabilities drop out of the gradient.
        return self._sum_by_option(choices, by, advantages / (deviation[by] + _EPSILON) / count[by])

    def _imitated(self, progress: float) -> FloatArray:
        """How often each option is among the elites that are imitated, (n_policies, 28, 4)."""
        by, choices = self._elites.first(progress)
        return self._sum_by_option(choices, by, 1.0 / np.bincount(by)[by])

    def _sum_by_option(self, choices: Choices, by: NDArray[np.int64], weights: FloatArray) -> FloatArray:
        """The sum of weights of the architectures that have an option, by policy, (n_policies, 28, 4)."""
        cells = (by[:, None] * _N + np.arange(_N)) * _OPTIONS + choices
        sums = np.bincount(cells.ravel(), np.repeat(weights, _N), minlength=self._logits.size)
        return np.asarray(sums.reshape(self._logits.shape), dtype=np.float64)

    def _ascend(self, gradient: FloatArray, policies: NDArray[np.int64]) -> None:
        """Makes one step of Adam."""
        self._steps[policies] += 1
        steps, of = self._steps[policies][:, None, None], gradient[policies]
        self._average[policies] += (1.0 - _DECAY) * (of - self._average[policies])
        self._square[policies] += (1.0 - _SQUARE_DECAY) * (of**2 - self._square[policies])
        deviation = np.sqrt(self._square[policies] / (1.0 - _SQUARE_DECAY**steps)) + _EPSILON
        self._logits[policies] += self._learning_rate * self._average[policies] / (1.0 - _DECAY**steps) / deviation


class PolicyGradient(ArchitectureAgent):
    """The factored policy gradient as an agent: it answers with the policy that has found the best architecture.

    See :class:`PolicyGradientController` for what it does and for its settings; batches are its turns.

    Args:
        assignment: What it is to learn: a problem with a scalar reward, whose episodes ask for nothing.
        **settings: Those of the controller.

    Raises:
        ValueError: A setting is out of range, or the agent does not suit the assignment.

    Example:
        >>> agent = PolicyGradient(Assignment("AccelNAS-VCK190-v0", evaluations=1000, seed=0))
        >>> agent.settings["batch_size"]
        6
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        n_policies: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.25,
        entropy_weight: float = 0.05,
        imitation_weight: float = 3.0,
        n_elites: int = 5,
    ) -> None:
        super().__init__(assignment)
        refuse_contexts(assignment, "policy_gradient")
        self._controller = PolicyGradientController(
            Brief(1, assignment.evaluations),
            self.rng,
            n_policies=n_policies,
            batch_size=batch_size,
            learning_rate=learning_rate,
            entropy_weight=entropy_weight,
            imitation_weight=imitation_weight,
            n_elites=n_elites,
        )
        self.settings = self._controller.settings

    @property
    def probabilities(self) -> FloatArray:
        """The policy: the probability of every option of every choice, ``float64`` (28, 4), 0 where there is none."""
        best: FloatArray = self._controller.probabilities[self._controller.best]
        return best

    def train(self, training: Training) -> None:
        self._controller.seen.update(training.evaluations.index.tolist())
        while training.remaining:
            choices = self._controller.ask(min(self._controller.batch_size, training.remaining))
            self._controller.tell(choices, training.evaluate(choices).reward[:, None])
            training.checkpoint(self)

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        policy, rows = self.probabilities, np.zeros(len(choices), dtype=np.int64)
        made = policy.argmax(axis=1)[None].astype(np.int8) if greedy else draw_from(policy[None], rows, rng)
        return np.where(choices < 0, made, choices)

    def state(self) -> dict[str, NDArray[Any]]:
        return self._controller.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._controller.restore(state)


class Elites:
    """The best architectures that each of some policies has drawn.

    Args:
        n_policies: How many policies.
        n_elites: How many of each are kept.

    Attributes:
        choices: ``int8`` (n_policies, n_elites, 28), the best first.
        rewards: ``float64`` (n_policies, n_elites); the least number of all for those that are not there yet.
    """

    def __init__(self, n_policies: int, n_elites: int) -> None:
        self.choices: Choices = np.zeros((n_policies, n_elites, _N), dtype=np.int8)
        self.rewards = np.full((n_policies, n_elites), _NONE)

    def keep(self, choices: Choices, rewards: FloatArray, by: NDArray[np.int64]) -> None:
        """Keeps the best of the old and of new ones.

        Args:
            choices: ``int8`` (n, 28).
            rewards: ``float64`` (n,).
            by: The policy that has drawn each, ``int64`` (n,).
        """
        n_policies, n_elites = self.rewards.shape
        by = np.concatenate([np.repeat(np.arange(n_policies), n_elites), by])
        pool = np.concatenate([self.choices.reshape(-1, _N), choices])
        values = np.concatenate([self.rewards.ravel(), rewards])
        order = np.lexsort((-values, by))
        rows = order[np.searchsorted(by[order], np.arange(n_policies))[:, None] + np.arange(n_elites)]
        self.choices, self.rewards = pool[rows], values[rows]

    def first(self, progress: float) -> tuple[NDArray[np.int64], Choices]:
        """Those that are imitated: all to begin with, the best of each policy at the end.

        Returns:
            The policies ``int64`` (n,) and their choices ``int8`` (n, 28).
        """
        k = max(1, math.ceil(self.rewards.shape[1] * (1.0 - progress)))
        by, rank = np.nonzero(self.rewards[:, :k] > _NONE)
        return by, self.choices[by, rank]

    def state(self) -> dict[str, NDArray[Any]]:
        """Both arrays by name."""
        return {"elites": self.choices, "elite_rewards": self.rewards}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes back to a state.

        Raises:
            ValueError: An array is missing, or of another shape or dtype.
        """
        arrays = dict(state)
        self.choices = take_array(arrays, "elites", "int8", self.choices.shape)
        self.rewards = take_array(arrays, "elite_rewards", "float64", self.rewards.shape)


def draw_unseen(n: int, draw: Callable[[NDArray[np.int64], int], Choices], seen: set[int]) -> Choices:
    """Draws architectures, and those that were seen before again, a few times.

    Args:
        n: How many.
        draw: Draws the architectures of these rows; the second argument is how often they were drawn before.
        seen: Indices of those that were seen, to which these are added.

    Returns:
        Choices ``int8`` (n, 28).
    """
    choices: Choices = np.empty((n, _N), dtype=np.int8)
    rows = np.arange(n)
    for times in range(1 + _DRAWS):
        choices[rows] = draw(rows, times)
        again = []
        for row, index in zip(rows.tolist(), SPACE.to_index(choices[rows]).tolist(), strict=True):
            if index in seen:
                again.append(row)
            seen.add(index)
        if not again:
            break
        rows = np.array(again)
    return choices


def draw_from(policies: FloatArray, by: NDArray[np.int64], rng: np.random.Generator) -> Choices:
    """Architectures drawn from factored policies.

    Args:
        policies: ``float64`` (k, 28, 4), probabilities.
        by: The policy of each architecture, ``int64`` (n,).
        rng: Source of randomness.

    Returns:
        Choices ``int8`` (n, 28).
    """
    # Without the last end, a draw at the very end of the last interval stays in it.
    ends = policies.cumsum(axis=2)[by, :, :-1]
    drawn = (rng.random((len(by), _N, 1)) >= ends).sum(axis=2)
    choices: Choices = np.minimum(drawn, SPACE.cardinalities - 1).astype(np.int8)
    return choices


def refuse_contexts(assignment: Assignment, agent: str) -> None:
    """Raises a ``ValueError`` for problems with a vector reward or whose episodes ask for something."""
    problem = assignment.problem
    if problem.is_vector:
        raise ValueError(f"{agent} takes a scalar reward, id {assignment.id!r} has a vector")
    if problem.ask.n_cells:
        asked = ", ".join(problem.ask.options)
        raise ValueError(f"{agent} designs for one purpose, episodes of id {assignment.id!r} ask for a {asked}")


def entropy_gradient(policies: FloatArray) -> FloatArray:
    """The gradient of the sum of entropies by the logits."""
    logarithm = np.log(np.maximum(policies, 1e-12))
    entropy = -(policies * logarithm).sum(axis=-1, keepdims=True)
    gradient: FloatArray = -policies * (logarithm + entropy)
    return gradient
