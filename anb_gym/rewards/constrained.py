"""Accuracy subject to a bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from anb_gym._errors import number, positive
from anb_gym._namespace import namespace
from anb_gym._types import FloatArray
from anb_gym.metrics import choose_metric, relative_violation
from anb_gym.rewards.base import OTHERS, Metrics, check_bounded, keep, target_of
from anb_gym.tasks import Task

#: Points that a violation of 100 % costs: a percent of violation weighs as much as a point of accuracy.
PENALTY: Final = 100.0


@dataclass(frozen=True)
class Constrained:
    """Accuracy subject to a bound: at least so much throughput, or at most so much latency.

    The accuracy in percent where the bound is met; elsewhere ``-penalty`` times the
    :func:`~anb_gym.metrics.relative_violation`, whatever the accuracy. So every architecture that meets the bound is
    better than every one that does not, and these are ranked by violation alone: the feasibility rules of Deb 2000
    (https://doi.org/10.1016/S0045-7825(99)00389-8). The optimum is the constrained optimum. Random architectures break
    bounds, so a unit is many points of accuracy; :class:`~anb_gym.rewards.Bounded` has a scale without violations.

    Attributes:
        performance: The bounded metric; a device alone is its throughput.
        bound: Its bound, in its unit.
        penalty: Points for a violation of 100 %, non-negative.

    Raises:
        ValueError: The metric is unknown, the bound is not positive and finite, or the penalty not finite, or negative.
    """

    monotone: ClassVar[bool] = True

    performance: str
    bound: float
    penalty: float = PENALTY
    name: str = field(default="constrained", init=False, repr=False)

    @classmethod
    def for_task(cls, task: Task, target: float | None = None) -> Self:
        """The reward of a task with two metrics, with a bound of its own, or the task's target.

        Raises:
            ValueError: The task has another number of metrics, or the bound is not positive and finite.
        """
        return cls(check_bounded(cls, task), target_of(cls, task, target))

    def __post_init__(self) -> None:
        performance = choose_metric(self.performance, OTHERS, "performance")
        if (penalty := number(self.penalty, "penalty")) < 0:
            raise ValueError(f"penalty must not be negative, got {self.penalty!r}")
        keep(self, performance=performance, bound=positive(self.bound, "bound"), penalty=penalty)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accuracy and the bounded metric."""
        return ("accuracy", self.performance)

    def __call__(self, values: Metrics, bound: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with bounds ``float64`` (n,) a row may have its own."""
        bounds = self.bound if bound is None else bound
        violation = relative_violation(self.performance, values[self.performance], bounds)
        return constrained(values["accuracy"], violation, self.penalty)


def constrained(accuracy: FloatArray, violation: FloatArray, penalty: float) -> FloatArray:
    """The accuracy where the violation is 0, elsewhere minus the penalty times the violation."""
    found: FloatArray = namespace(violation).where(violation > 0.0, -penalty * violation, accuracy)
    return found
