"""Agents that ship trained: policies for the whole front of every device metric."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from anb_gym._errors import choose
from anb_gym.hardware import FAMILIES
from anb_gym.metrics import DEVICE_METRICS, choose_metric

from .agent import Agent
from .running import load

#: Where their files are. ``scripts/pretrain_agents.py`` makes them, as ``configs/agents/pretrained.yaml`` says.
FOLDER: Final = Path(__file__).parent / "pretrained"
#: What they can be asked for: weights of accuracy and the device metric, or a bound of the metric.
KINDS: Final = ("weights", "bound")

#: The agents that read probes: with all that is known, and those that have seen none of a family.
PROBE_AGENTS: Final = ("generated", *(f"generated_without_{family}" for family in FAMILIES))


def load_pretrained(metric: str, kind: str = "bound") -> Agent:
    """An agent that ships trained on the front of accuracy and a device metric.

    It has learned from noiseless queries of the default surrogate, which needs neither torch nor another extra.

    Args:
        metric: Such as ``"vck190/latency"``; a device alone is its throughput.
        kind: One of :data:`KINDS`.

    Raises:
        ValueError: The kind is unknown, or no agent ships for the metric.

    Example:
        >>> agent = load_pretrained("vck190", "bound")
        >>> agent.design(preference=3000.0).shape  # at least so many images/s
        (1, 28)
    """
    return load(pretrained_path(metric, kind))


def load_probe_agent(leave_out: str | None = None) -> Agent:
    """The agent that ships for devices nobody has seen: it reads the times of ten probes.

    ``scripts/pretrain_probe_policies.py`` makes it. It has learned from the throughputs of generated devices; its
    policy serves latency as well.

    Args:
        leave_out: A family of real devices, see :data:`anb_gym.hardware.FAMILIES`, that nothing in its training has
            seen; None for the agent that may know all.

    Raises:
        ValueError: There is no such family.

    Example:
        >>> import numpy as np
        >>> agent = load_probe_agent("fpga")
        >>> agent.design(device="vck190", preference=[0.5, 0.5]).shape
        (1, 28)
        >>> agent.policy.design(np.zeros(10), 5).shape  # block states, along the whole front
        (5, 7)
    """
    return load(FOLDER / f"{probe_agent_name(leave_out)}.npz")


def probe_agent_name(leave_out: str | None = None) -> str:
    """The name of the agent that reads probes, see :func:`load_probe_agent`."""
    first = PROBE_AGENTS[0]
    return first if leave_out is None else f"{first}_without_{choose(leave_out, FAMILIES, 'leave_out')}"


def pretrained_path(metric: str, kind: str = "bound") -> Path:
    """The file of an agent that ships, see :func:`load_pretrained`.

    Args:
        metric: As there, or a name of :func:`probe_agent_name`.
        kind: As there.

    Raises:
        ValueError: As :func:`load_pretrained`.
    """
    if metric.startswith(PROBE_AGENTS[0]):
        return FOLDER / f"{choose(metric, PROBE_AGENTS, 'an agent that reads probes')}.npz"
    choose(kind, KINDS, "kind")
    known = {path.stem.removesuffix(f"-{kind}").replace("-", "/", 1) for path in FOLDER.glob(f"*-{kind}.npz")}
    name = choose_metric(metric, sorted({*known, *DEVICE_METRICS}), "metric")
    if name not in known:  # a device of one's own
        example = "anb-gym train preference_conditioned ID --evaluations 200000 --out DIR"
        raise ValueError(f"metric must be one whose agent ships, got {name!r}, for which you can train one: {example}")
    return FOLDER / f"{stem(name, kind)}.npz"


def stem(metric: str, kind: str) -> str:
    """The name of a file, without its ending."""
    return f"{metric.replace('/', '-')}-{kind}"
