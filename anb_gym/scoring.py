"""Scores of complete architectures: the one way from block states to metrics to reward.

Environments of every form, vector environments and studies all score through a
:class:`Scorer`: a batch of architectures in, arrays out; a single architecture is
the batch of one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import Calibration, calibration, certified_calibration
from anb_gym.fronts import NoFrontError, load_front
from anb_gym.noise import perturb
from anb_gym.rewards import Accuracy, Constrained, FloatArray, Metrics, Reward, make_reward
from anb_gym.rewards.formulas import relative_violation
from anb_gym.space import SPACE, States
from anb_gym.tasks import Task

#: Scales of rewards.
REWARD_SCALES: Final = ("unit", "raw")


@dataclass(frozen=True, eq=False)
class Scores:
    """What n architectures score.

    Attributes:
        metrics: The task's metrics as the reward saw them, each ``float64`` (n,).
        exact: The same without noise.
        reward: In the scorer's scale: ``float64`` (n,), or (n, objectives) for a vector reward.
        raw: The scalar reward before scaling, ``float64`` (n,); None for a vector reward.
        regret: Of the reward without noise, ``float64`` (n,); None where no optimum is certified.
    """

    metrics: Metrics
    exact: Metrics
    reward: FloatArray
    raw: FloatArray | None = None
    regret: FloatArray | None = None


class Scorer:
    """Scores architectures on a task with a scalar reward.

    Args:
        task: The task.
        surrogate: Family of the surrogates; None for the default.
        reward: A name in :data:`anb_gym.rewards.REWARDS` or a function, see :func:`~anb_gym.rewards.make_reward`.
        scale: ``"unit"``: random architectures have mean 0, the optimum has 1; ``"raw"``: the formula's own number.
        target: Target or bound of the reward in the device metric's unit; None for the task's.
        weights: Weights of ``"weighted"`` and ``"chebyshev"``, one per metric; None for equal ones.

    Attributes:
        task: The task.
        benchmark: Where metrics come from.
        n_objectives: 1.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """

    def __init__(
        self,
        task: Task,
        surrogate: str | None = None,
        reward: str | Callable[[Metrics], Any] = "product",
        scale: str = "unit",
        target: float | None = None,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.task = task
        self.benchmark = Benchmark(surrogate)
        self.n_objectives = 1
        self.reward: Reward = make_reward(reward, task, target, weights)
        family = self.benchmark.surrogate
        if isinstance(self.reward, Constrained):
            warn_if_unmet(self.reward, family)
        #: What zero and one mean, None for the raw scale; and what regret is measured against, None if not certified.
        self._unit: Calibration | None = None
        if choose(scale, REWARD_SCALES, "reward_scale") == "unit":
            self._unit = calibration(self.reward, family)
            self._certified: Calibration | None = self._unit if self._unit.certified else None
        else:
            self._certified = certified_calibration(self.reward, family)

    def __call__(self, states: States, noise_seeds: NDArray[np.uint64] | None = None) -> Scores:
        """Scores architectures.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            noise_seeds: Seeds of their measurement noise, ``uint64`` (n,) or (); None for no noise.
        """
        metrics, exact = measure(self.benchmark, self.task.metrics, states, noise_seeds)
        raw = self.reward(metrics)
        reward = raw if self._unit is None else self._unit.to_unit(raw)
        if self._certified is None:
            return Scores(metrics, exact, reward, raw)
        return Scores(
            metrics, exact, reward, raw, self._certified.regret(raw if exact is metrics else self.reward(exact))
        )


class VectorScorer:
    """Scores architectures on a task with one objective per metric, larger is better.

    With the scale ``"unit"`` 1 is the ideal, the best value of the metric on the exact front, and 0 the nadir, the
    worst on the front; a single objective is 0 for the mean of random architectures and 1 for the optimum. With more
    than two metrics, a device metric's front is that with accuracy, and accuracy is scaled by all these fronts. With
    ``"raw"`` objectives are the metrics in their units, negative where less is better.

    Args:
        task: The task.
        surrogate: Family of the surrogates; None for the default.
        scale: ``"unit"`` or ``"raw"``.

    Attributes:
        task: The task.
        benchmark: Where metrics come from.
        n_objectives: How many metrics the task has.

    Raises:
        ValueError: An argument has an unknown value.
        NoFrontError: The unit scale needs the exact front, and there is none for this surrogate.
    """

    def __init__(self, task: Task, surrogate: str | None = None, scale: str = "unit") -> None:
        self.task = task
        self.benchmark = Benchmark(surrogate)
        self.n_objectives = len(task.metrics)
        self._signs = np.where(np.array(task.directions) == "max", 1.0, -1.0)
        #: The objectives, before scaling, that are 0 and 1 in the reward.
        self._zero, self._one = np.zeros(self.n_objectives), np.ones(self.n_objectives)
        if choose(scale, REWARD_SCALES, "reward_scale") == "raw":
            return
        try:
            fronts = [self.benchmark.front(metric) for metric in task.metrics[1:] or task.metrics]
        except NoFrontError as error:
            raise NoFrontError(f'reward_scale="unit" of a vector reward needs the exact front: {error}') from None
        if self.n_objectives == 1:
            known = calibration(Accuracy(), self.benchmark.surrogate)
            self._zero[:], self._one[:] = known.random_mean, known.best
            return
        self._zero[0] = min(front.nadir[0] for front in fronts)
        self._one[0] = max(front.ideal[0] for front in fronts)
        self._zero[1:] = self._signs[1:] * [front.nadir[1] for front in fronts]
        self._one[1:] = self._signs[1:] * [front.ideal[1] for front in fronts]

    def __call__(self, states: States, noise_seeds: NDArray[np.uint64] | None = None) -> Scores:
        """As :meth:`Scorer.__call__`; rewards are ``float64`` (n, objectives)."""
        metrics, exact = measure(self.benchmark, self.task.metrics, states, noise_seeds)
        return Scores(metrics, exact, self.scale(np.stack([metrics[name] for name in self.task.metrics], axis=1)))

    def scale(self, columns: FloatArray) -> FloatArray:
        """The objectives of metrics in the task's order, both ``float64`` (n, objectives)."""
        scaled: FloatArray = (columns * self._signs - self._zero) / (self._one - self._zero)
        return scaled


def warn_if_unmet(constraint: Constrained, surrogate: str) -> None:
    """Warns of a bound that no architecture of the space meets, where the exact front tells."""
    try:
        best = load_front(surrogate, constraint.performance).ideal[-1]
    except NoFrontError:
        return
    if relative_violation(constraint.performance, np.array(best), constraint.bound) > 0.0:
        warnings.warn(
            f"target: no architecture meets the bound {constraint.bound:,g} of {constraint.performance}; "
            f"the best has {best:,.2f}",
            stacklevel=3,
        )


def measure(
    benchmark: Benchmark, names: tuple[str, ...], states: States, noise_seeds: NDArray[np.uint64] | None
) -> tuple[Metrics, Metrics]:
    """Metrics as one measurement shows them, and without noise: the same object when ``noise_seeds`` is None."""
    exact = benchmark.query_states(states, names)
    if noise_seeds is None:
        return exact, exact
    index = SPACE.states_to_index(states)
    return {name: perturb(name, column, index, noise_seeds) for name, column in exact.items()}, exact
