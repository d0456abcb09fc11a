"""Rewards by name: the table of them, and the one way from what users give as ``reward`` to an object."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from anb_gym._errors import choose, positive
from anb_gym.rewards.accuracy import Accuracy
from anb_gym.rewards.base import Metrics, Reward
from anb_gym.rewards.bounded import Bounded
from anb_gym.rewards.constrained import Constrained
from anb_gym.rewards.custom import Custom
from anb_gym.rewards.objectives import Objectives
from anb_gym.rewards.product import Product
from anb_gym.rewards.scalarisations import Chebyshev, WeightedSum
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
        "bounded": Bounded,
    }
)
#: The names of these.
REWARDS: Final = tuple(CLASSES)
#: The environment variable that gives names to rewards of one's own: ``name=module:Name``, separated by commas. Worker
#: processes inherit it.
VARIABLE: Final = "ANB_GYM_REWARDS"
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
              (:class:`WeightedSum`), ``"chebyshev"`` (:class:`Chebyshev`), ``"bounded"`` (:class:`Bounded`),
              ``"constrained"`` (:class:`Constrained`) or ``"accuracy"`` (:class:`Accuracy`);
            * a name of one's own (:func:`register_reward`), or ``"module:Name"``: a class such as these, or a function
              of metrics, in a module that Python finds, so that other processes understand it too;
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
        found = find_reward(reward)
        if hasattr(found, "for_task"):
            known = inspect.signature(found.for_task).parameters
            _refuse({name: value for name, value in given.items() if name not in known}, reward, task)
            made: Reward = found.for_task(task, **given)
            return made
        if isinstance(found, type):
            raise ValueError(f"reward must have for_task, as anb_gym.rewards.Product has, got {reward!r}")
        reward = found
    _refuse(given, reward, task)
    if isinstance(reward, Mapping):
        reward = _from_fields(reward)
    if hasattr(reward, "metrics") and hasattr(reward, "monotone") and callable(reward):
        return _of_task(reward, task)
    if callable(reward):
        return Custom(reward, task.metrics)
    raise ValueError(
        f"reward must be one of {', '.join(map(repr, reward_names()))}, 'module:Name', an object of anb_gym.rewards or "
        f"a function of metrics, got {reward!r}"
    )


def _refuse(given: Mapping[str, Any], reward: Any, task: Task) -> None:
    """Raises a ``ValueError`` for arguments that a reward has no use for."""
    for name, value in given.items():
        of = f" of task {task.name!r}" if name == "target" else ""
        raise ValueError(f"{name} must be None: the reward {reward!r}{of} has none, got {value!r}")


def _of_task(reward: Any, task: Task) -> Reward:
    """A reward object, if it is a scalar's, can be a part of a problem, and reads metrics that the task has."""
    if isinstance(reward, Objectives):
        raise ValueError(f"reward must be a scalar, got {reward!r}; the ids with -MO have vector rewards")
    try:
        hash(reward)
    except TypeError as error:
        message = f"reward must be hashable, such as a frozen dataclass of plain values, got {reward!r}: {error}"
        raise ValueError(message) from None
    if not set(reward.metrics) <= set(task.metrics):
        raise ValueError(
            f"reward must read the metrics {task.metrics} of task {task.name!r}, got {reward!r}, which reads "
            f"{reward.metrics}"
        )
    found: Reward = reward
    return found


def _from_fields(fields: Mapping[str, Any]) -> Reward:
    """The object that ``EnvSpec.to_json`` wrote as a mapping."""
    if "name" not in fields:
        raise ValueError(f"reward must have a 'name' among its fields, got {dict(fields)!r}")
    name = fields["name"]
    found = find_reward(name, "the name in reward")
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in fields.items() if key != "name"}
    try:
        made: Reward = found(**values)
    except TypeError as error:
        raise ValueError(f"reward must have the fields of {name!r}, got {dict(fields)!r}: {error}") from None
    return made


def register_reward(name: str, path: str) -> None:
    """Gives a reward of one's own a name, in this process and in those that it starts from now on.

    Args:
        name: Letters, digits and ``_``.
        path: ``"module:Name"``, where it is: a class such as those of this package, or a function of metrics.

    Raises:
        ValueError: The name is malformed, or taken by another, or there is no such reward.
    """
    if not (isinstance(name, str) and name.isidentifier() and name.isascii()):
        raise ValueError(f"name must be letters, digits and _, got {name!r}")
    if _own().get(name) == path:
        return  # a worker runs the script's first lines again
    if name in reward_names():
        raise ValueError(f"name must not be taken, {name!r} is a reward already")
    if not isinstance(path, str) or not callable(_load(path)):
        raise ValueError(f"path must be 'module:Name' of a class or a function, got {path!r}")
    known = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = f"{known},{name}={path}" if known else f"{name}={path}"


def reward_names() -> tuple[str, ...]:
    """The names that :func:`make_reward` knows: those of this package, then one's own."""
    return (*REWARDS, *_own())


def find_reward(name: Any, argument: str = "reward") -> Any:
    """The class or function of a name, or of ``"module:Name"``.

    Raises:
        ValueError: There is none.
    """
    if isinstance(name, str) and ":" in name:
        return _load(name)
    if isinstance(name, str) and name in CLASSES:  # whatever is wrong with the variable
        return CLASSES[name]
    own = _own()
    return _load(own[choose(name, (*REWARDS, *own), argument)])


def _own() -> dict[str, str]:
    """From the names of one's own rewards to where they are."""
    entries = [entry.strip().partition("=") for entry in os.environ.get(VARIABLE, "").split(",") if entry.strip()]
    for name, _, path in entries:
        if not name or ":" not in path or name in CLASSES:
            raise ValueError(f"{VARIABLE} must be name=module:Name, with names that are not taken, got {name}={path}")
    return {name: path for name, _, path in entries}


def _load(path: str) -> Any:
    """The object that ``"module:Name"`` names."""
    module, _, name = path.partition(":")
    try:
        if not module or not name:
            raise ValueError("it names no module and no object in it")
        return getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise ValueError(f"reward must be a name or 'module:Name' that Python finds, got {path!r}: {error}") from None
