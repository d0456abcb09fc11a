"""Agents by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from anb_gym._errors import choose
from anb_gym.problems import GeneratedProblem
from anb_gym.study.controllers import check_settings, load_class

from .agent import Agent, Assignment

#: Where the agents that ship are, by name. Their modules are imported when one is made.
AGENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "a2c": "anb_gym.agents.sb3:A2C",
        "autoregressive_policy_gradient": "anb_gym.agents.autoregressive_policy_gradient:AutoregressivePolicyGradient",
        "dqn": "anb_gym.agents.sb3:DQN",
        "gflownet": "anb_gym.agents.gflownet:GFlowNet",
        "maskable_ppo": "anb_gym.agents.sb3:MaskablePPO",
        "policy_gradient": "anb_gym.agents.policy_gradient:PolicyGradient",
        "ppo": "anb_gym.agents.sb3:PPO",
        "ppo_lagrangian": "anb_gym.agents.lagrangian:PPOLagrangian",
        "preference_conditioned": "anb_gym.agents.preference_conditioned:PreferenceConditioned",
        "qr_dqn": "anb_gym.agents.sb3:QRDQN",
        "recurrent_ppo": "anb_gym.agents.sb3:RecurrentPPO",
        "trpo": "anb_gym.agents.sb3:TRPO",
    }
)
#: Agents that are another class, with settings of its own, where devices are generated and known by their probes.
FOR_GENERATED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "policy_gradient": "anb_gym.agents.contextual_policy_gradient:ContextualPolicyGradient",
        "preference_conditioned": "anb_gym.agents.probe_conditioned:ProbeConditioned",
    }
)


def find(agent: str | type[Agent], assignment: Assignment | None = None) -> tuple[str, type[Agent]]:
    """The name of an agent, and its class.

    Args:
        agent: A name in :data:`AGENTS`, ``"module:Class"``, ``"file.py:Class"`` or a class.
        assignment: What it is to learn, which matters to :data:`FOR_GENERATED`.

    Raises:
        ValueError: It is none of these.
        ModuleNotFoundError: An extra is not installed; the message names it.
    """
    if isinstance(agent, type) and issubclass(agent, Agent):
        known = {target: name for table in (AGENTS, FOR_GENERATED) for name, target in table.items()}
        path = f"{agent.__module__}:{agent.__qualname__}"
        return known.get(path, path), agent
    name = agent if isinstance(agent, str) and ":" in agent else choose(agent, AGENTS, "agent")
    found = load_class(_target(name, assignment), "agent")
    if not issubclass(found, Agent):
        raise ValueError(f"agent must be a subclass of anb_gym.agents.Agent, got {name!r}, which is none")
    return name, found


def make_agent(
    agent: str | type[Agent], assignment: Assignment, settings: Mapping[str, Any] = MappingProxyType({})
) -> Agent:
    """Makes an agent that has not learned anything.

    Args:
        agent: As for :func:`find`.
        assignment: What it is to learn.
        settings: Keyword arguments of its class, data as of JSON.

    Raises:
        ValueError: The agent or a setting is unknown, a setting is out of range, or the agent does not suit the
            assignment.
        ModuleNotFoundError: An extra is not installed; the message names it.
    """
    name, found = find(agent, assignment)
    if isinstance(agent, str):
        check_settings(_target(name, assignment), settings)
    return found(assignment, **settings)


def _target(name: str, assignment: Assignment | None) -> str:
    """Where the class of an agent is."""
    generated = assignment is not None and isinstance(assignment.problem, GeneratedProblem)
    return (FOR_GENERATED if generated and name in FOR_GENERATED else AGENTS).get(name, name)
