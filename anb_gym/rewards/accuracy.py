"""The accuracy alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from anb_gym._types import FloatArray
from anb_gym.rewards.base import Metrics
from anb_gym.tasks import Task


@dataclass(frozen=True)
class Accuracy:
    """The accuracy alone, in percent."""

    monotone: ClassVar[bool] = True

    name: str = field(default="accuracy", init=False, repr=False)

    @classmethod
    def for_task(cls, task: Task) -> Accuracy:
        """The reward of a task."""
        return cls()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The accuracy."""
        return ("accuracy",)

    def __call__(self, values: Metrics) -> FloatArray:
        """The reward ``float64`` (n,) of metrics, each ``float64`` (n,)."""
        return values["accuracy"]
