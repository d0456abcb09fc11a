"""From the id of an environment and its arguments to the problem that a study searches."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from anb_gym._errors import choose, number, one_line
from anb_gym._extras import require
from anb_gym.devices import explained
from anb_gym.envs.families import PREFIX, Family, ids, make_problem
from anb_gym.problems import FIDELITIES, Problem, TwoFidelityProblem
from anb_gym.problems.cost import typical_hours
from anb_gym.rewards.names import VARIABLE
from anb_gym.study.config import TaskEntry
from anb_gym.study.protocol import Brief, Fidelity
from anb_gym.surrogates.worlds import FAMILIES_WITH_WORLDS, N_WORLDS, has_worlds


def searched() -> dict[str, Family]:
    """The ids that a study can search, each with its family: every architecture has one worth there."""
    return {id: family for id, family in ids().items() if family.searched}


def arguments_of(id: str) -> list[str]:
    """Names of the arguments that :func:`problem_of` takes for an id, such as ``surrogate`` and ``reward``."""
    parameters = inspect.signature(searched()[id].load("problem")).parameters
    # Controllers are always told the unit scale, of one problem.
    told = ("reward_scale", "preference", *(("task",) if searched()[id].tasks else ()))
    return [name for name in parameters if name not in told]


def choose_id(id: object) -> str:
    """The id of an environment that a study can search, without ``anb_gym:`` before it.

    Raises:
        ValueError: It is unknown.
    """
    with explained(id):
        return choose(id.removeprefix(PREFIX) if isinstance(id, str) else id, searched(), "id")


def problem_of(id: str, arguments: Mapping[str, Any]) -> Problem:
    """The problem of an environment id in unit scale; made once per process.

    Args:
        id: An environment id.
        arguments: Arguments of the environment that bear on the problem, see :func:`arguments_of`; data as of JSON.

    Raises:
        ValueError: The id, an argument or its value is unknown.
    """
    id = choose_id(id)
    known = arguments_of(id)
    for name in arguments:
        choose(name, known, f"an argument of {id}")
    check_reward(arguments.get("reward"))
    return _problem_of(id, json.dumps(arguments, sort_keys=True))


def brief_of(problem: Problem, evaluations: int, hours: float | None) -> Brief:
    """The brief of a run on a problem.

    Args:
        problem: The problem.
        evaluations: Its largest number of evaluations.
        hours: Its simulated GPU-hours; None for no limit.
    """
    if not isinstance(problem, TwoFidelityProblem):
        return Brief(problem.n_objectives, evaluations, hours)
    fidelities = tuple(Fidelity(name, typical_hours(name)) for name in FIDELITIES)
    return Brief(problem.n_objectives, evaluations, hours, fidelities)


def has_fidelities(task: TaskEntry) -> bool:
    """Whether a task of a study sells evaluations at several fidelities."""
    return isinstance(problem_of(task.id, task.arguments), TwoFidelityProblem)


def noisy_by_default(problem: Problem) -> bool:
    """Whether controllers are told noisy measurements where nobody says: what is bought is one training."""
    return isinstance(problem, TwoFidelityProblem)


def check_failures(failures: Any, problem: Problem) -> None:
    """Raises a ``ValueError`` if a part of the architectures cannot fail on a problem; None is no part."""
    if failures is None:
        return
    if not 0.0 < number(failures, "failures") < 1.0:
        raise ValueError(f"failures must be a part of all architectures, above 0 and below 1, got {failures!r}")
    if problem.n_objectives > 1:
        raise ValueError(f"failures need one objective, the task has {problem.n_objectives}, got {failures!r}")


def check_worlds(worlds: bool, id: str, arguments: Mapping[str, Any], seeds: Iterable[int] = ()) -> None:
    """Raises unless runs of a task can be played on the worlds of their seeds, where they are to be.

    Args:
        worlds: Whether they are to be.
        id: The task's environment id.
        arguments: Its arguments.
        seeds: Seeds of the runs.

    Raises:
        ValueError: The task's surrogate has no worlds, or one is given; the exact front that it is judged by is not
            known; or a seed is no number of a world.
        ModuleNotFoundError: A world's exact front is needed, and the extra ``exact`` is not installed.
    """
    if not worlds:
        return
    problem = problem_of(id, arguments)
    if "world" not in arguments_of(id) or "world" in arguments:
        remedy = "leave out 'world'" if "world" in arguments else f"{id} has none"
        raise ValueError(f"worlds must be false where runs have no world of their own: {remedy}")
    if problem.n_objectives > 2:
        raise ValueError(f"worlds must be false with more than two objectives, got {problem.n_objectives}")
    if not has_worlds(problem.surrogate):
        raise ValueError(
            f"worlds must be false: only {', '.join(FAMILIES_WITH_WORLDS)} has worlds, got {problem.surrogate!r}"
        )
    if problem.n_objectives > 1 or problem.limit is not None:
        require("numba", "exact")
    if (largest := max(seeds, default=0)) >= N_WORLDS:
        raise ValueError(f"seeds must be numbers of worlds, below {N_WORLDS:,}, where a task has worlds, got {largest}")


def described(
    id: str, noise: bool, arguments: Mapping[str, Any], failures: float | None = None, worlds: bool = False
) -> str:
    """A task of a study in one line: its id, its noise, its worlds and its arguments."""
    given = {**arguments, **({} if failures is None else {"failures": failures})}
    parts = [f", {name}={json.dumps(value)}" for name, value in given.items()]
    return one_line(f"{id}{' with noise' if noise else ''}{' in worlds' if worlds else ''}{''.join(parts)}")


def check_reward(reward: Any) -> None:
    """Raises if a reward is to be found in a module: files that others wrote would say what code is run here."""
    name = reward.get("name") if isinstance(reward, Mapping) else reward
    if isinstance(name, str) and ":" in name:
        remedy = f"set {VARIABLE}=NAME=module:Name to give one of your own a name"
        raise ValueError(f"reward must be a name in files, got {name!r}: {remedy}")


@lru_cache(maxsize=64)
def _problem_of(id: str, arguments: str) -> Problem:
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in json.loads(arguments).items()}
    problem = make_problem(id, **values)
    assert isinstance(problem, Problem)
    return problem
