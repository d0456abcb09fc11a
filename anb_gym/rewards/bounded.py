"""Accuracy under a bound whose violation costs a limited amount."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

from anb_gym._errors import choose, fraction, positive
from anb_gym._namespace import namespace
from anb_gym._types import FloatArray
from anb_gym.metrics import ACCURACIES, DIRECTIONS, choose_metric, relative_violation
from anb_gym.rewards.base import OTHERS, Metrics, check_two_metrics, keep, target_of
from anb_gym.rewards.constrained import PENALTY, constrained
from anb_gym.tasks import Task


@dataclass(frozen=True)
class Bounded:
    """Accuracy under a bound: at least so much throughput, or at most so much latency.

    The accuracy in percent where the bound is met; elsewhere minus the percent of the bound by which it is missed, at
    most 100, whatever the accuracy. So every architecture that meets the bound is better than every one that
    does not, as with :class:`~anb_gym.rewards.Constrained`, and the optimum is the constrained optimum.

    The two differ in what unit scale means. Here 1 is the constrained optimum and 0 the mean accuracy of random
    architectures that meet the bound; one that misses it has -1 less the relative violation, so from -1 down to -2. See
    :class:`anb_gym.calibration.BoundedLevel`. Regret is in points of accuracy.

    Attributes:
        performance: The bounded metric; a device alone is its throughput.
        bound: Its bound, in its unit.
        accuracy: The accuracy; ``"accuracy/reference"`` for that under the reference scheme.
        margin: By which part the bound is tighter than the one that is :attr:`asked` for, in 0..1 without 1: what a
            search finds under a bound lies close to it, and misses it where the surrogate is wrong.

    Raises:
        ValueError: A metric is unknown, the bound is not positive and finite, or the margin is no part.
    """

    monotone: ClassVar[bool] = True

    performance: str
    bound: float
    accuracy: str = "accuracy"
    margin: float = 0.0
    name: str = field(default="bounded", init=False, repr=False)

    @classmethod
    def for_task(cls, task: Task, target: float | None = None) -> Self:
        """The reward of a task with two metrics, with a bound of its own, or the task's target.

        Raises:
            ValueError: The task has another number of metrics, or the bound is not positive and finite.
        """
        accuracy, metric = check_two_metrics(cls, task)
        return cls(metric, target_of(cls, task, target), accuracy)

    def __post_init__(self) -> None:
        performance = choose_metric(self.performance, OTHERS, "performance")
        choose(self.accuracy, ACCURACIES.values(), "accuracy")
        if (margin := fraction(self.margin, "margin")) == 1.0:
            raise ValueError("margin must be below 1, got 1.0")
        keep(self, performance=performance, bound=positive(self.bound, "bound"), margin=margin)

    @property
    def asked(self) -> float:
        """The bound that is asked for: :attr:`bound` without its margin."""
        sign = 1.0 if DIRECTIONS[self.performance] == "max" else -1.0
        return self.bound / (1.0 + sign * self.margin)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accuracy and the bounded metric."""
        return (self.accuracy, self.performance)

    def __call__(self, values: Metrics, bound: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with bounds ``float64`` (n,) a row may have its own."""
        bounds = self.bound if bound is None else bound
        violation = relative_violation(self.performance, values[self.performance], bounds)
        return constrained(values[self.accuracy], namespace(violation).minimum(1.0, violation), PENALTY)
