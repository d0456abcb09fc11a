"""Rewards as frozen dataclasses of plain values, checked when they are made, so that equal rewards compare equal."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol, Self, TypeAlias

import numpy as np

from anb_gym._errors import choose, number, positive
from anb_gym._types import FloatArray
from anb_gym.fronts import load_front
from anb_gym.metrics import DIRECTIONS, choose_metric
from anb_gym.rewards.formulas import chebyshev, constrained, normalise, relative_violation, weighted_sum
from anb_gym.surrogates.store import FAMILIES
from anb_gym.tasks import EXPONENT, Task

Metrics: TypeAlias = Mapping[str, FloatArray]

#: Metrics that can stand beside accuracy.
_OTHERS: Final = tuple(name for name in DIRECTIONS if name != "accuracy")

#: Points that a violation of 100 % costs: a percent of violation weighs as much as a point of accuracy.
PENALTY: Final = 100.0


class Reward(Hashable, Protocol):
    """The protocol of rewards.

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
        """The reward ``float64`` (n,) of metrics, each ``float64`` (n,); (n, objectives) of a vector reward.

        Where rows may have a target, a bound or weights of their own, these are given by name, as arrays whose last
        axis is the row.
        """


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


@dataclass(frozen=True)
class Product:
    """Accuracy times a weak power of the performance relative to a target.

    ``accuracy * (throughput / target) ** exponent``, and
    ``accuracy * (target / latency) ** exponent``: the reward of Accel-NASBench's
    bi-objective searches (section 4), after MnasNet (Tan et al. 2019,
    https://arxiv.org/abs/1807.11626, section 3). Accuracy is in percent, so values
    lie near 60.

    Attributes:
        performance: The metric beside accuracy; a device alone is its throughput.
        target: Its target, in its unit.
        exponent: How much performance weighs.

    Raises:
        ValueError: The metric is unknown, the target is not positive and finite, or the exponent is not finite.
    """

    performance: str
    target: float
    exponent: float = EXPONENT
    name: str = field(default="product", init=False, repr=False)

    @classmethod
    def for_task(cls, task: Task, target: float | None = None) -> Product | Accuracy:
        """The reward of a task with a target of its own, or its default; accuracy alone where there is nothing else.

        Raises:
            ValueError: The task has more than two metrics, or a target is given where it has none.
        """
        if len(task.metrics) > 2:
            raise ValueError(
                f"reward 'product' needs a task with at most two metrics, {task.name!r} has {task.metrics}"
            )
        if len(task.metrics) == 2:
            return cls(task.metrics[1], _target(cls, task, target))
        if target is not None:
            raise ValueError(f"target must be None: the task {task.name!r} has none, got {target!r}")
        return Accuracy()

    def __post_init__(self) -> None:
        performance = choose_metric(self.performance, _OTHERS, "performance")
        target, exponent = positive(self.target, "target"), number(self.exponent, "exponent")
        _keep(self, performance=performance, target=target, exponent=exponent)

    @property
    def monotone(self) -> bool:
        """Whether better performance means more reward."""
        return self.exponent >= 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accuracy and the performance metric."""
        return ("accuracy", self.performance)

    def __call__(self, values: Metrics, target: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with targets ``float64`` (n,) a row may have its own."""
        performance, aim = values[self.performance], self.target if target is None else target
        ratio = performance / aim if DIRECTIONS[self.performance] == "max" else aim / performance
        result: FloatArray = values["accuracy"] * ratio**self.exponent
        return result


@dataclass(frozen=True)
class _Scalarisation:
    """Base of weighted rewards: objectives that are 1 at the front's ideal and 0 at its nadir.

    Attributes:
        metrics: The metrics.
        weights: One per metric, non-negative, their sum is 1.
        ideal: The value of each metric, in its unit, that is 1 as an objective.
        nadir: The value that is 0, worse than the ideal.

    Raises:
        ValueError: A metric is unknown, there is not one finite value per metric, weights are negative or their sum is
            not 1, or an ideal is not better than its nadir.
    """

    monotone: ClassVar[bool] = True

    metrics: tuple[str, ...]
    weights: tuple[float, ...]
    ideal: tuple[float, ...]
    nadir: tuple[float, ...]

    @classmethod
    def for_task(cls, task: Task, weights: Sequence[float] | None = None) -> Self:
        """The reward of a task with two metrics; without weights they are equal.

        Objectives are scaled by the exact front of the default surrogate, whatever the surrogate.

        Raises:
            ValueError: The task has another number of metrics, or the weights are impossible.
            NoFrontError: There is no exact front of the task's metrics.
        """
        n = len(check_two_metrics(cls, task))
        simplex = tuple([1.0 / n] * n) if weights is None else check_weights(weights, n, "weights")
        return cls(task.metrics, simplex, *front_extent(task))

    def __post_init__(self) -> None:
        names = _check_metrics(self.metrics)
        ideal, nadir = (_check_values(getattr(self, name), len(names), name) for name in ("ideal", "nadir"))
        for name, best, worst in zip(names, ideal, nadir, strict=True):
            if not (best > worst if DIRECTIONS[name] == "max" else best < worst):
                raise ValueError(f"ideal must be better than nadir in {name!r}, got {best} and {worst}")
        _keep(self, metrics=names, weights=check_weights(self.weights, len(names), "weights"), ideal=ideal, nadir=nadir)

    def objectives(self, values: Metrics) -> list[FloatArray]:
        """The objectives of metrics, one ``float64`` (n,) per metric."""
        return normalise([values[name] for name in self.metrics], self.ideal, self.nadir)


@dataclass(frozen=True)
class WeightedSum(_Scalarisation):
    """The weighted sum of the objectives; its optima are the convex part of the front. See :class:`_Scalarisation`."""

    name: str = field(default="weighted", init=False, repr=False)

    def __call__(self, values: Metrics, weights: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with weights ``float64`` (objectives, n) a row may have its own."""
        return weighted_sum(self.objectives(values), self.weights if weights is None else weights)


@dataclass(frozen=True)
class Chebyshev(_Scalarisation):
    """Minus the largest weighted distance of an objective from its ideal; see :class:`_Scalarisation`.

    Every member of the front is the optimum for some weights, unlike with the sum (Bowman 1976, "On the relationship
    of the Tchebycheff norm and the efficient frontier of multiple-criteria objectives").
    """

    name: str = field(default="chebyshev", init=False, repr=False)

    def __call__(self, values: Metrics, weights: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with weights ``float64`` (objectives, n) a row may have its own."""
        return chebyshev(self.objectives(values), self.weights if weights is None else weights)


@dataclass(frozen=True)
class Constrained:
    """Accuracy subject to a bound: at least so much throughput, or at most so much latency.

    The accuracy in percent where the bound is met; elsewhere ``-penalty`` times the
    :func:`relative_violation`, whatever the accuracy. So every architecture that meets the bound is better than
    every one that does not, and these are ranked by violation alone: the feasibility rules of Deb 2000
    (https://doi.org/10.1016/S0045-7825(99)00389-8). The optimum is the constrained optimum.

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
        return cls(check_two_metrics(cls, task)[1], _target(cls, task, target))

    def __post_init__(self) -> None:
        performance = choose_metric(self.performance, _OTHERS, "performance")
        if (penalty := number(self.penalty, "penalty")) < 0:
            raise ValueError(f"penalty must not be negative, got {self.penalty!r}")
        _keep(self, performance=performance, bound=positive(self.bound, "bound"), penalty=penalty)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Accuracy and the bounded metric."""
        return ("accuracy", self.performance)

    def __call__(self, values: Metrics, bound: FloatArray | None = None) -> FloatArray:
        """The reward, as for every reward; with bounds ``float64`` (n,) a row may have its own."""
        bounds = self.bound if bound is None else bound
        violation = relative_violation(self.performance, values[self.performance], bounds)
        return constrained(values["accuracy"], violation, self.penalty)


@dataclass(frozen=True)
class Objectives:
    """A vector reward: every metric is an objective, negative where less is better.

    Attributes:
        metrics: The metrics.

    Raises:
        ValueError: There is no metric, or one is unknown.
    """

    monotone: ClassVar[bool] = True

    metrics: tuple[str, ...]

    def __post_init__(self) -> None:
        _keep(self, metrics=_check_metrics(self.metrics))

    @property
    def signs(self) -> FloatArray:
        """1 for each metric that is to be maximised, -1 for the others, ``float64`` (metrics,)."""
        return np.where([DIRECTIONS[name] == "max" for name in self.metrics], 1.0, -1.0)

    def __call__(self, values: Metrics) -> FloatArray:
        """The objectives ``float64`` (n, metrics) of metrics, each ``float64`` (n,)."""
        return np.stack([values[name] for name in self.metrics], axis=1) * self.signs


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
        _keep(self, metrics=_check_metrics(self.metrics))

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


def front_extent(task: Task) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Ideal and nadir, in the metrics' units, of a task's exact front on the default surrogate."""
    front = load_front(FAMILIES[0], task.metrics[-1])
    return front.ideal, front.nadir


def check_two_metrics(reward: Any, task: Task) -> tuple[str, ...]:
    """The metrics of a task that has two.

    Raises:
        ValueError: It has another number of them.
    """
    if len(task.metrics) != 2:
        raise ValueError(f"reward {reward.name!r} needs a task with two metrics, {task.name!r} has {task.metrics}")
    return task.metrics


def _target(reward: Any, task: Task, target: float | None) -> float:
    """A target of one's own, or the task's."""
    if target is None and task.target is None:
        raise ValueError(f"reward {reward.name!r} needs a target, the task {task.name!r} has none")
    return positive(task.target if target is None else target, "target")


def check_weights(weights: Any, n: int, argument: str) -> tuple[float, ...]:
    """Weights of ``n`` objectives.

    Raises:
        ValueError: They are not ``n`` non-negative finite numbers with the sum 1 (to a millionth).
    """
    try:
        given = np.asarray(weights)
        values = np.empty(0) if given.dtype.kind in "SUb" else given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.empty(0)
    if values.shape != (n,) or not (values >= 0).all() or not abs(values.sum() - 1.0) <= 1e-6:
        raise ValueError(f"{argument} must be {n} non-negative numbers with the sum 1, got {weights!r}")
    return tuple(values.tolist())


def _check_metrics(metrics: Any) -> tuple[str, ...]:
    """One or more different names of metrics."""
    names = () if isinstance(metrics, str) or not isinstance(metrics, Sequence) else tuple(metrics)
    names = tuple(choose_metric(name, DIRECTIONS, "metrics") for name in names)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"metrics must be one or more different names, got {metrics!r}")
    return names


def _check_values(values: Any, n: int, argument: str) -> tuple[float, ...]:
    """One finite number per metric."""
    given = () if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) else tuple(values)
    if len(given) != n:
        raise ValueError(f"{argument} must be {n} numbers, one per metric, got {values!r}")
    return tuple(number(value, argument) for value in given)


def _keep(reward: Any, **fields: Any) -> None:
    """Sets checked fields of a frozen reward, as plain values: what compares equal has the same type."""
    for name, value in fields.items():
        object.__setattr__(reward, name, value)
