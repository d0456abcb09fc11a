"""What every reward is, and the checks that they share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from anb_gym._errors import number, positive
from anb_gym._types import FloatArray
from anb_gym.fronts import load_front
from anb_gym.fronts.store import front_key
from anb_gym.metrics import ACCURACIES, DIRECTIONS, choose_metric
from anb_gym.surrogates.store import FAMILIES
from anb_gym.tasks import Task

Metrics: TypeAlias = Mapping[str, FloatArray]

#: Metrics that can stand beside accuracy.
OTHERS: Final = tuple(name for name in DIRECTIONS if name not in ACCURACIES.values())


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


def front_extent(task: Task) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Ideal and nadir, in the metrics' units, of a task's exact front on the default surrogate."""
    front = load_front(FAMILIES[0], *front_key(task.metrics))
    return front.ideal, front.nadir


def check_two_metrics(reward: Any, task: Task) -> tuple[str, ...]:
    """The metrics of a task that has two.

    Raises:
        ValueError: It has another number of them.
    """
    if len(task.metrics) != 2:
        raise ValueError(f"reward {reward.name!r} needs a task with two metrics, {task.name!r} has {task.metrics}")
    return task.metrics


def check_bounded(reward: Any, task: Task) -> str:
    """The metric that a bound of a task is on, for a reward of proxy accuracy.

    Raises:
        ValueError: The task has not two metrics, or another accuracy than that of the proxy scheme.
    """
    accuracy, metric = check_two_metrics(reward, task)
    if accuracy != "accuracy":
        raise ValueError(f"reward {reward.name!r} needs a task with 'accuracy', {task.name!r} has {accuracy!r}")
    return metric


def target_of(reward: Any, task: Task, target: float | None) -> float:
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


def check_metrics(metrics: Any) -> tuple[str, ...]:
    """One or more different names of metrics."""
    names = () if isinstance(metrics, str) or not isinstance(metrics, Sequence) else tuple(metrics)
    names = tuple(choose_metric(name, DIRECTIONS, "metrics") for name in names)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"metrics must be one or more different names, got {metrics!r}")
    return names


def check_values(values: Any, n: int, argument: str) -> tuple[float, ...]:
    """One finite number per metric."""
    given = () if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) else tuple(values)
    if len(given) != n:
        raise ValueError(f"{argument} must be {n} numbers, one per metric, got {values!r}")
    return tuple(number(value, argument) for value in given)


def keep(reward: Any, **fields: Any) -> None:
    """Sets checked fields of a frozen reward, as plain values: what compares equal has the same type."""
    for name, value in fields.items():
        object.__setattr__(reward, name, value)
