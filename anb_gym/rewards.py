"""Rewards: small objects from metrics to numbers, arrays in, arrays out.

A reward maps ``{metric: float64 (n,)}`` to ``float64 (n,)``, larger is better.
It is a frozen dataclass of plain values, so equal rewards compare equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym.metrics import DIRECTIONS
from anb_gym.tasks import EXPONENT, Task

FloatArray = NDArray[np.float64]
Metrics: TypeAlias = Mapping[str, FloatArray]

#: Names that :func:`make_reward` knows.
REWARDS: Final = ("product", "accuracy")


class Reward(Hashable, Protocol):
    """What every reward is.

    Attributes:
        metrics: The metrics that it reads.
        monotone: Whether it is known never to fall when a metric improves and the others stay:
            then its optimum lies on the exact Pareto front of its metrics, and is certified.
    """

    @property
    def metrics(self) -> tuple[str, ...]: ...

    @property
    def monotone(self) -> bool: ...

    def __call__(self, values: Metrics) -> FloatArray:
        """The reward ``float64`` (n,) of metrics, each ``float64`` (n,)."""


@dataclass(frozen=True)
class Accuracy:
    """The accuracy alone, in percent."""

    monotone: ClassVar[bool] = True

    @property
    def metrics(self) -> tuple[str, ...]:
        """The accuracy."""
        return ("accuracy",)

    def __call__(self, values: Metrics) -> FloatArray:
        """The reward ``float64`` (n,) of metrics, each ``float64`` (n,)."""
        return values["accuracy"]


@dataclass(frozen=True)
class Product:
    """Accuracy times a weak power of the performance relative to a target.

    ``accuracy * (throughput / target) ** exponent``, and
    ``accuracy * (target / latency) ** exponent``: the reward of Accel-NASBench's
    bi-objective searches (section 4), after MnasNet (Tan et al. 2019,
    https://arxiv.org/abs/1807.11626, section 3). Accuracy is in percent, so values
    lie near 60.

    Attributes:
        performance: The metric beside accuracy.
        target: Its target, in its unit.
        exponent: How much performance weighs.
    """

    performance: str
    target: float
    exponent: float = EXPONENT

    @property
    def monotone(self) -> bool:
        """Whether better performance means more reward."""
        return self.exponent >= 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accuracy and the performance metric."""
        return ("accuracy", self.performance)

    def __call__(self, values: Metrics) -> FloatArray:
        """The reward ``float64`` (n,) of metrics, each ``float64`` (n,)."""
        performance = values[self.performance]
        maximised = DIRECTIONS[self.performance] == "max"
        ratio = performance / self.target if maximised else self.target / performance
        result: FloatArray = values["accuracy"] * ratio**self.exponent
        return result


@dataclass(frozen=True, eq=False)
class Custom:
    """A user's function of the task's metrics, checked at every call.

    Two are equal if they hold the same function.

    Attributes:
        function: From ``{metric: float64 (n,)}`` to ``(n,)`` finite numbers.
        metrics: The metrics that it is given.
        monotone: Whether you vouch that it never falls when a metric improves and the others stay.
    """

    function: Callable[[Metrics], Any]
    metrics: tuple[str, ...]
    monotone: bool = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Custom):
            return NotImplemented
        same = self.function is other.function and self.metrics == other.metrics
        return same and self.monotone == other.monotone

    def __hash__(self) -> int:
        return hash((id(self.function), self.metrics, self.monotone))

    def __call__(self, values: Metrics) -> FloatArray:
        """The reward ``float64`` (n,) of metrics, each ``float64`` (n,).

        Raises:
            ValueError: The function returned another shape, something that is not a number, NaN or infinity.
        """
        n = len(values[self.metrics[0]])
        returned = self.function(values)
        try:
            result = np.asarray(returned, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"reward must return numbers of shape ({n},), got {returned!r}") from None
        if result.shape != (n,):
            raise ValueError(f"reward must return shape ({n},) for {n} architectures, got {result.shape}")
        if not np.isfinite(result).all():
            row = int(np.argmin(np.isfinite(result)))
            given = {name: float(column[row]) for name, column in values.items()}
            raise ValueError(f"reward must return finite numbers, got {result[row]} for {given}")
        return result


def make_reward(reward: str | Callable[[Metrics], Any], task: Task, target: float | None = None) -> Reward:
    """The reward of a name or a callable.

    Args:
        reward: ``"product"`` (:class:`Product`; plain accuracy when the task has no
            other metric), ``"accuracy"``, or a callable (see :class:`Custom`).
        task: The task.
        target: Target of the product, in the unit of the task's second metric; by default the task's.

    Raises:
        ValueError: The name is unknown, the target is not a positive number, or the reward has no target.
    """
    if target is not None and (isinstance(target, bool) or not isinstance(target, Real)):
        raise ValueError(f"target must be a positive number or None, got {target!r}")
    if target is not None and not (math.isfinite(target) and target > 0):
        raise ValueError(f"target must be positive and finite, got {target!r}")
    name = None if callable(reward) else choose(reward, REWARDS, "reward")
    if name == "product" and task.target is not None:
        return Product(task.metrics[1], float(task.target if target is None else target))
    if target is not None:
        raise ValueError(f"target must be None: the reward {reward!r} of task {task.name!r} has none, got {target!r}")
    return Custom(reward, task.metrics) if callable(reward) else Accuracy()
