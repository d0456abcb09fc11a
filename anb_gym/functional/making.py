"""From an environment's id to its rules and scoring."""

from __future__ import annotations

from typing import Any, Final

from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface, Rules
from anb_gym.envs.families import PREFIX, ids, make_problem
from anb_gym.functional.scoring import AnyScoring, scoring_of

#: Arguments that say how an environment is acted on and observed.
_INTERFACE: Final = ("granularity", "observation")


def rules_of(id: str, arguments: dict[str, Any]) -> tuple[Rules, AnyScoring]:
    """The rules of an environment that builds an architecture, and its scoring.

    Args:
        id: An environment id.
        arguments: Those of ``gymnasium.make``, but ``noise`` and ``render_mode``.

    Raises:
        ValueError: The id, an argument or its value is unknown, or there is no such environment on arrays.
    """
    for name in ("noise", "render_mode"):
        if arguments.get(name):
            raise ValueError(f"{name} must not be given: environments on arrays have neither noise nor pictures")
    problem = make_problem(id, **arguments)
    family = ids()[id.removeprefix(PREFIX)]
    scoring = scoring_of(problem) if issubclass(family.load("env"), ArchitectureEnv) else None
    if scoring is None:
        raise ValueError(f"id must be of building an architecture, got {id!r}")
    interface = {name: arguments[name] for name in _INTERFACE if name in arguments}
    return Rules(problem, Interface(**interface)), scoring
