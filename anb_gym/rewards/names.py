"""Rewards by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from anb_gym._errors import choose, positive
from anb_gym.fronts import load_front
from anb_gym.rewards.objects import (
    Accuracy,
    Chebyshev,
    Constrained,
    Custom,
    Metrics,
    Product,
    Reward,
    WeightedSum,
    check_weights,
)
from anb_gym.surrogates.store import FAMILIES
from anb_gym.tasks import Task

#: Names that :func:`make_reward` knows.
REWARDS: Final = ("product", "weighted", "chebyshev", "constrained", "accuracy")
#: Classes whose objects are rewards as they are.
OBJECTS: Final = (Accuracy, Product, WeightedSum, Chebyshev, Constrained, Custom)
#: Those that weigh normalised objectives.
SCALARISATIONS: Final = ("weighted", "chebyshev")


def make_reward(
    reward: str | Callable[[Metrics], Any],
    task: Task,
    target: float | None = None,
    weights: Sequence[float] | None = None,
) -> Reward:
    """The reward of a name or a callable.

    Args:
        reward: ``"product"`` (:class:`Product`; plain accuracy when the task has no other metric), ``"weighted"``
            (:class:`WeightedSum`), ``"chebyshev"`` (:class:`Chebyshev`), ``"constrained"`` (:class:`Constrained`),
            ``"accuracy"`` (:class:`Accuracy`), an object of these classes, or a callable (see :class:`Custom`).
        task: The task.
        target: Target of the product, or bound of the constrained reward, in the unit of the task's second metric; by
            default the task's.
        weights: Weights of ``"weighted"`` and ``"chebyshev"``, one per metric, accuracy first; by default equal ones.
            Objectives are scaled by ideal and nadir of the default surrogate's exact front, whatever the surrogate.

    Raises:
        ValueError: The name is unknown, or an argument has an impossible value or no use for this reward and task.
        NoFrontError: A weighted reward needs the exact front of the task's metrics, and there is none.
    """
    if target is not None:
        positive(target, "target")
    if isinstance(reward, type):
        raise ValueError(f"reward must be a name, a function or an object, got the class {reward!r}")
    if isinstance(reward, OBJECTS) and not set(reward.metrics) <= set(task.metrics):
        raise ValueError(f"reward must read the metrics {task.metrics} of task {task.name!r}, got {reward!r}")
    name = None if callable(reward) else choose(reward, REWARDS, "reward")
    if name in (*SCALARISATIONS, "constrained") and len(task.metrics) != 2:
        raise ValueError(f"reward {name!r} needs a task with two metrics, {task.name!r} has {task.metrics}")
    if name == "product" and len(task.metrics) > 2:
        raise ValueError(f"reward 'product' needs a task with at most two metrics, {task.name!r} has {task.metrics}")
    if target is not None and (name not in ("product", "constrained") or task.target is None):
        raise ValueError(f"target must be None: the reward {reward!r} of task {task.name!r} has none, got {target!r}")
    if weights is not None and name not in SCALARISATIONS:
        raise ValueError(f"weights must be None: the reward {reward!r} has none, got {weights!r}")
    bound = task.target if target is None else target
    if name == "product" and bound is not None:
        return Product(task.metrics[1], bound)
    if name == "constrained" and bound is not None:
        return Constrained(task.metrics[1], bound)
    if name in SCALARISATIONS:
        n = len(task.metrics)
        simplex = tuple([1.0 / n] * n) if weights is None else check_weights(weights, n, "weights")
        ideal, nadir = front_extent(task)
        return (WeightedSum if name == "weighted" else Chebyshev)(task.metrics, simplex, ideal, nadir)
    if isinstance(reward, OBJECTS):
        return reward
    return Custom(reward, task.metrics) if callable(reward) else Accuracy()


def front_extent(task: Task) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Ideal and nadir, in the metrics' units, of a task's exact front on the default surrogate."""
    front = load_front(FAMILIES[0], task.metrics[-1])
    return front.ideal, front.nadir
