"""Agents that ship trained: policies for the whole front of every device metric."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from anb_gym._errors import choose
from anb_gym.metrics import DEVICE_METRICS, choose_metric

from .agent import Agent
from .running import load

#: Where their files are. ``scripts/pretrain_agents.py`` makes them, as ``configs/agents/pretrained.yaml`` says.
FOLDER: Final = Path(__file__).parent / "pretrained"
#: What they can be asked for: weights of accuracy and the device metric, or a bound of the metric.
KINDS: Final = ("weights", "bound")


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


def pretrained_path(metric: str, kind: str = "bound") -> Path:
    """The file of an agent that ships, see :func:`load_pretrained`.

    Raises:
        ValueError: As :func:`load_pretrained`.
    """
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
