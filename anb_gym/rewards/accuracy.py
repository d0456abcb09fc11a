"""The accuracy alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.metrics import ACCURACIES
from anb_gym.rewards.base import Metrics
from anb_gym.tasks import Task


@dataclass(frozen=True)
class Accuracy:
    """The accuracy alone, in percent.

    Attributes:
        accuracy: The metric; ``"accuracy/reference"`` for that under the reference scheme.

    Raises:
        ValueError: It is no accuracy.
    """

    monotone: ClassVar[bool] = True

    accuracy: str = "accuracy"
    name: str = field(default="accuracy", init=False, repr=False)

    @classmethod
    def for_task(cls, task: Task) -> Accuracy:
        """The reward of a task."""
        return cls(task.metrics[0])

    def __post_init__(self) -> None:
        choose(self.accuracy, ACCURACIES.values(), "accuracy")

    @property
    def metrics(self) -> tuple[str, ...]:
        """The accuracy."""
        return (self.accuracy,)

    def __call__(self, values: Metrics) -> FloatArray:
        """The reward ``float64`` (n,) of metrics, each ``float64`` (n,)."""
        return values[self.accuracy]
