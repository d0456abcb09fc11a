"""Accuracy under bounds of several metrics, whose violation costs a limited amount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import ClassVar

from anb_gym._errors import choose, positive
from anb_gym._namespace import namespace
from anb_gym._types import FloatArray
from anb_gym.metrics import ACCURACIES, DEVICE_METRICS, choose_metric, relative_violation
from anb_gym.rewards.base import Metrics, keep
from anb_gym.rewards.constrained import PENALTY, constrained


@dataclass(frozen=True)
class ManyBounds:
    """Accuracy under bounds of several metrics, such as throughput and latency on several devices at once.

    As :class:`~anb_gym.rewards.Bounded` with one: the accuracy in percent where all bounds are met; elsewhere minus the
    percent of a bound by which it is missed, of the bound that is missed by most, at most 100, whatever the accuracy.

    Attributes:
        bounds: The metrics and their bounds, in their units; a device alone is its throughput. A mapping is taken too.
        accuracy: The accuracy; ``"accuracy/reference"`` for that under the reference scheme.

    Raises:
        ValueError: A metric is unknown or there twice, a bound is not positive and finite, or there is none.
    """

    monotone: ClassVar[bool] = True

    bounds: tuple[tuple[str, float], ...]
    accuracy: str = "accuracy"
    name: str = field(default="bounds", init=False, repr=False)

    def __post_init__(self) -> None:
        choose(self.accuracy, ACCURACIES.values(), "accuracy")
        given = tuple(self.bounds.items()) if isinstance(self.bounds, Mapping) else self.bounds
        if not isinstance(given, tuple) or not given:
            raise ValueError(f"bounds must map one or more metrics to numbers, got {self.bounds!r}")
        pairs = tuple(
            (name := choose_metric(metric, DEVICE_METRICS, "a metric of bounds"), positive(bound, f"bounds[{name!r}]"))
            for metric, bound in given
        )
        if len(dict(pairs)) < len(pairs):
            raise ValueError(f"bounds must be of different metrics, got {self.bounds!r}")
        # The same bounds in another order are the same reward.
        keep(self, bounds=tuple(sorted(pairs, key=lambda pair: DEVICE_METRICS.index(pair[0]))))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accuracy and the bounded metrics."""
        return (self.accuracy, *dict(self.bounds))

    def violation(self, values: Metrics) -> FloatArray:
        """The largest relative violation of a bound, ``float64`` (n,), 0 where all are met."""
        of_each = [relative_violation(metric, values[metric], bound) for metric, bound in self.bounds]
        return reduce(namespace(of_each[0]).maximum, of_each)

    def __call__(self, values: Metrics) -> FloatArray:
        """The reward, as for every reward."""
        violation = self.violation(values)
        return constrained(values[self.accuracy], namespace(violation).minimum(1.0, violation), PENALTY)
