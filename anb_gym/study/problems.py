"""From the id of an environment and its arguments to the scorer that judges architectures there."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from anb_gym._errors import choose
from anb_gym.devices import explained
from anb_gym.envs import vector_reward_id
from anb_gym.scoring import Scorer, VectorScorer
from anb_gym.tasks import ALL_DEVICES, TASKS, Task

AnyScorer: TypeAlias = Scorer | VectorScorer


#: What Gymnasium puts before the id of an environment to say which module registers it.
PREFIX: Final = "anb_gym:"


def problems() -> dict[str, tuple[Task, type[AnyScorer]]]:
    """The task and the kind of scorer behind every environment id: one reward, or one objective per metric."""
    scalar: dict[str, tuple[Task, type[AnyScorer]]] = {task.id: (task, Scorer) for task in TASKS.values()}
    vector = {vector_reward_id(task): (task, VectorScorer) for task in (*TASKS.values(), ALL_DEVICES)}
    return {**scalar, **vector}


def arguments_of(id: str) -> list[str]:
    """Names of the arguments that :func:`make_scorer` takes for an id, such as ``surrogate`` and ``reward``."""
    _, scorer = problems()[id]
    # Controllers are always told the unit scale.
    return [name for name in inspect.signature(scorer).parameters if name not in ("task", "scale")]


def choose_id(id: object) -> str:
    """The id of an environment that has scores, without ``anb_gym:`` before it.

    Raises:
        ValueError: It is unknown.
    """
    with explained(id):
        return choose(id.removeprefix(PREFIX) if isinstance(id, str) else id, problems(), "id")


def make_scorer(id: str, arguments: Mapping[str, Any]) -> AnyScorer:
    """The scorer of an environment id in unit scale; made once per process.

    Args:
        id: An environment id.
        arguments: Arguments of the environment that bear on scores, see :func:`arguments_of`; data as of JSON.

    Raises:
        ValueError: The id, an argument or its value is unknown.
    """
    id = choose_id(id)
    known = arguments_of(id)
    for name in arguments:
        choose(name, known, f"an argument of {id}")
    return _make_scorer(id, json.dumps(arguments, sort_keys=True))


def is_vector(scorer: AnyScorer) -> bool:
    """Whether a scorer has several objectives; a vector of one is as good as a number."""
    return scorer.n_objectives > 1


@lru_cache(maxsize=64)
def _make_scorer(id: str, arguments: str) -> AnyScorer:
    task, scorer = problems()[id]
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in json.loads(arguments).items()}
    return scorer(task, **values)
