"""A function of the user's own as a reward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.rewards.base import Metrics, check_metrics, keep


@dataclass(frozen=True, eq=False)
class Custom:
    """A user's function of the task's metrics, checked at every call.

    Two are equal if they hold the same function.

    Attributes:
        function: From ``{metric: float64 (n,)}`` to ``(n,)`` finite numbers.
        metrics: The metrics that it is given.
        monotone: Whether you vouch that it never falls when a metric improves and the others stay.

    Raises:
        ValueError: The function cannot be called, there is no metric, or one is unknown.
    """

    function: Callable[[Metrics], Any]
    metrics: tuple[str, ...]
    monotone: bool = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ValueError(f"function must be a function of metrics, got {self.function!r}")
        if not isinstance(self.monotone, bool):
            raise ValueError(f"monotone must be True or False, got {self.monotone!r}")
        keep(self, metrics=check_metrics(self.metrics))

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
            KeyError: It reads a metric that the task does not have; the message lists those that it has.
        """
        n = len(values[self.metrics[0]])
        returned = self.function(_Given(values))
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


class _Given(dict[str, FloatArray]):
    """The metrics that a user's function is given: asking for another one tells which there are."""

    def __missing__(self, name: object) -> FloatArray:
        try:
            return self[choose(name, self, "the metric that reward reads")]
        except ValueError as error:
            raise KeyError(str(error)) from None
