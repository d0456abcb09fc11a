"""Rewards by name: the table of them, and the one way from what users give as ``reward`` to an object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from anb_gym._errors import choose, positive
from anb_gym.rewards.objects import Accuracy, Chebyshev, Constrained, Custom, Metrics, Product, Reward, WeightedSum
from anb_gym.tasks import Task

#: The rewards by name. A reward is a frozen dataclass with such a name, and with ``for_task``, whose arguments are
#: those of ``make_reward`` that it has a use for.
CLASSES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "product": Product,
        "weighted": WeightedSum,
        "chebyshev": Chebyshev,
        "constrained": Constrained,
        "accuracy": Accuracy,
    }
)
#: Names that :func:`make_reward` knows.
REWARDS: Final = tuple(CLASSES)
#: Those that weigh normalised objectives.
SCALARISATIONS: Final = ("weighted", "chebyshev")


def make_reward(
    reward: str | Mapping[str, Any] | Reward | Callable[[Metrics], Any],
    task: Task,
    target: float | None = None,
    weights: Sequence[float] | None = None,
) -> Reward:
    """The reward that a name, an object or a function means on a task.

    Args:
        reward: One of

            * ``"product"`` (:class:`Product`; plain accuracy when the task has no other metric), ``"weighted"``
              (:class:`WeightedSum`), ``"chebyshev"`` (:class:`Chebyshev`), ``"constrained"`` (:class:`Constrained`) or
              ``"accuracy"`` (:class:`Accuracy`);
            * ``"module:Name"``, a class such as these, or a function of metrics, in a module that Python finds: a name
              that other processes understand too;
            * an object of these classes, or of another with ``metrics`` and ``monotone``, which is taken as it is;
            * a mapping with the fields of such an object and its ``name``, as ``EnvSpec.to_json`` writes it;
            * a function of metrics (see :class:`Custom`).
        task: The task.
        target: Target of the product, or bound of the constrained reward, in the unit of the task's second metric; by
            default the task's.
        weights: Weights of ``"weighted"`` and ``"chebyshev"``, one per metric, accuracy first; by default equal ones.
            Objectives are scaled by ideal and nadir of the default surrogate's exact front, whatever the surrogate.

    Raises:
        ValueError: The name is unknown, an argument has an impossible value or no use for this reward and task, or the
            object reads metrics that the task has not.
        NoFrontError: A weighted reward needs the exact front of the task's metrics, and there is none.
    """
    if target is not None:
        positive(target, "target")
    if isinstance(reward, type):
        raise ValueError(f"reward must be a name, a function or an object, got the class {reward!r}")
    given = {name: value for name, value in (("target", target), ("weights", weights)) if value is not None}
    if isinstance(reward, str):
        found = _load(reward) if ":" in reward else CLASSES[choose(reward, REWARDS, "reward")]
        if hasattr(found, "for_task"):
            known = inspect.signature(found.for_task).parameters
            _refuse({name: value for name, value in given.items() if name not in known}, reward, task)
            made: Reward = found.for_task(task, **given)
            return made
        reward = found
    _refuse(given, reward, task)
    if isinstance(reward, Mapping):
        reward = _from_fields(reward)
    if hasattr(reward, "metrics") and hasattr(reward, "monotone") and callable(reward):
        return _of_task(reward, task)
    if callable(reward):
        return Custom(reward, task.metrics)
    raise ValueError(
        f"reward must be one of {', '.join(map(repr, REWARDS))}, 'module:Name', an object of anb_gym.rewards or a "
        f"function of metrics, got {reward!r}"
    )


def _refuse(given: Mapping[str, Any], reward: Any, task: Task) -> None:
    """Raises a ``ValueError`` for arguments that a reward has no use for."""
    for name, value in given.items():
        of = f" of task {task.name!r}" if name == "target" else ""
        raise ValueError(f"{name} must be None: the reward {reward!r}{of} has none, got {value!r}")


def _of_task(reward: Any, task: Task) -> Reward:
    """A reward object, if the task has the metrics that it reads."""
    if not set(reward.metrics) <= set(task.metrics):
        raise ValueError(
            f"reward must read the metrics {task.metrics} of task {task.name!r}, got {reward!r}, which reads "
            f"{reward.metrics}"
        )
    found: Reward = reward
    return found


def _from_fields(fields: Mapping[str, Any]) -> Reward:
    """The object that ``EnvSpec.to_json`` wrote as a mapping."""
    name = choose(fields.get("name"), REWARDS, "the name in reward")
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in fields.items() if key != "name"}
    try:
        made: Reward = CLASSES[name](**values)
    except TypeError as error:
        raise ValueError(
            f"reward must have the fields of {CLASSES[name].__name__}, got {dict(fields)!r}: {error}"
        ) from None
    return made


def _load(path: str) -> Any:
    """What ``"module:Name"`` names."""
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise ValueError(f"reward must be a name or 'module:Name' that Python finds, got {path!r}: {error}") from None
