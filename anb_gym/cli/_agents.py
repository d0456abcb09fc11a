"""Saved agents that commands load, and settings that they take."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anb_gym._errors import number, one_line
from anb_gym._extras import needing, require
from anb_gym.metrics import DIRECTIONS, choose_metric

if TYPE_CHECKING:
    from anb_gym.agents.agent import Agent
    from anb_gym.agents.saving import Saved
    from anb_gym.problems import AnyProblem, AskPreference, GeneratedProblem, Problem


def add_agent(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    """Adds the saved agent that a command needs, or can do without, and what it has to be."""
    parser.add_argument(
        "agent",
        metavar="DIR|DEVICE",
        help="the folder of a training, a device or metric whose agent ships trained, or generated",
        nargs="?" if optional else None,
    )
    parser.add_argument("--class", dest="found", metavar="AGENT", help="where an agent of one's own is: file.py:Class")
    parser.add_argument("--id", help="the environment that it must have been trained on")
    parser.add_argument(
        "--arg", action="append", default=[], metavar="NAME=VALUE", help="what it must have been trained with"
    )


def load_agent(options: argparse.Namespace, kind: str = "weights") -> tuple[Saved, Agent]:
    """The saved agent that options name, and what its file says.

    Args:
        options: Those of :func:`add_agent`.
        kind: What the agent of a device can be asked for, see :data:`anb_gym.agents.pretraining.KINDS`.

    Raises:
        ValueError: There is none, it is damaged, or another than the options ask for.
    """
    with needing("agents"):
        from anb_gym.agents import AGENTS, AgentError, load, pretraining, saving
    path = Path(options.agent)
    if not path.exists():
        try:
            path = pretraining.pretrained_path(options.agent, kind)
        except ValueError as error:
            raise AgentError(
                f"DIR must be the folder of a training, or a device or metric whose agent ships: {error}"
            ) from None
    saved = saving.read(path)
    if saved.name not in AGENTS and options.found is None:
        raise AgentError(f"name --class to use {path}, whose agent does not ship, such as --class {saved.name}")
    return saved, load(path, options.found, id=options.id, **named_values(options.arg, "--arg"))


def add_request(parser: argparse.ArgumentParser) -> None:
    """Adds what episodes may ask for."""
    parser.add_argument(
        "--preference", metavar="W,W", help="weights of accuracy and the device metric, such as 0.3,0.7"
    )
    parser.add_argument("--at-least", type=float, metavar="X", help="bound of a throughput, in images/s")
    parser.add_argument("--at-most", type=float, metavar="X", help="bound of a latency, in ms")
    parser.add_argument(
        "--device",
        metavar="METRIC",
        help="of an agent for several: a device is its throughput; of generated ones a device or a seed",
    )


def kind_asked_for(options: argparse.Namespace) -> str:
    """What the agent of a device is to be asked for: a bound if one is given, else weights."""
    return "weights" if options.at_least is None and options.at_most is None else "bound"


def asked_for(problem: AnyProblem, options: argparse.Namespace) -> dict[str, Any]:
    """The options of ``reset`` that say what the command line asks for; none if it asks for nothing.

    Raises:
        ValueError: The command line asks for what the episodes of this problem do not, or for the impossible.
    """
    from anb_gym.problems import AskPreference, GeneratedProblem, ProblemSet

    if isinstance(problem, GeneratedProblem):
        return _asked_of_generated(problem, options)
    if isinstance(problem, ProblemSet):
        _refuse(options, ("preference", "at_least", "at_most"), "an agent whose episodes ask for a task")
        if options.device is None:
            return {}
        tasks = {part.metrics[-1]: part.task.name for part in problem}
        return {"task": tasks[choose_metric(options.device, tasks, "--device")]}
    _refuse(options, ("device",), f"an agent for {problem.task.name}")
    if not isinstance(problem.ask, AskPreference):
        _refuse(options, ("preference", "at_least", "at_most"), "an agent whose episodes ask for nothing")
        return {}
    preference = _preference(problem, problem.ask, options)
    return {} if preference is None else {"preference": preference}


def warn_if_unfinished(saved: Saved) -> None:
    """Says that a training is not over, if it is not."""
    if not saved.finished:
        print(f"its training is not over: {saved.done:,} of {saved.assignment.evaluations:,} evaluations")


def named_values(texts: Sequence[str], option: str) -> dict[str, Any]:
    """The values in ``name=value`` texts: YAML, so that 1e-3 is a number, true a truth value and [64, 64] a list.

    Raises:
        ValueError: One has another form, or a name is there twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.isidentifier():
            raise ValueError(f"{option} must be name=value, got {text!r}")
        if name in found:
            raise ValueError(f"{option} must name {name!r} once, got {text!r} as well")
        found[name] = _value(value, text, option)
    return found


def _value(value: str, text: str, option: str) -> Any:
    try:
        return json.loads(value)  # YAML takes numbers such as 1e-3, which have no dot, for text
    except ValueError:
        pass
    yaml = require("yaml", "agents")
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ValueError(f"{option} must have a value in YAML, got {text!r}: {one_line(str(error))}") from None


def _preference(problem: Problem, ask: AskPreference, options: argparse.Namespace) -> Any:
    """The preference that options name; None if they name none."""
    from anb_gym.fronts.limits import check_met
    from anb_gym.problems import AskBound

    if not isinstance(ask, AskBound):
        _refuse(options, ("at_least", "at_most"), "an agent whose episodes ask for weights: give --preference")
        return None if options.preference is None else _weights(options.preference)
    _refuse(options, ("preference",), f"an agent whose episodes ask for a bound of {ask.metric}")
    good, bad = ("at_least", "at_most") if DIRECTIONS[ask.metric] == "max" else ("at_most", "at_least")
    _refuse(options, (bad,), f"{ask.metric}, of which a bound is --{good.replace('_', '-')}")
    bound = getattr(options, good)
    if bound is None:
        return None
    option = f"--{good.replace('_', '-')}"
    check_met(problem.front, np.array([number(bound, option)]), option)
    # Any bound beyond the nadir is met by the most accurate architecture of all.
    return max(bound, ask.nadir) if good == "at_least" else min(bound, ask.nadir)


def _asked_of_generated(problem: GeneratedProblem, options: argparse.Namespace) -> dict[str, Any]:
    """What episodes with generated devices are asked for: a device by its name or seed, and perhaps a preference."""
    ask = problem.ask
    asked: dict[str, Any] = {}
    if options.device is not None:
        asked["device"] = int(options.device) if options.device.isdecimal() else options.device
        ask.number(asked["device"])
    good, bad = ("at_least", "at_most") if ask.kind == "throughput" else ("at_most", "at_least")
    what = {"weights": "weights: give --preference", "bound": f"a bound: give {_flag(good)}", None: "a device alone"}
    if ask.preference != "weights":
        _refuse(options, ("preference",), f"an agent whose episodes ask for {what[ask.preference]}")
    if ask.preference != "bound":
        _refuse(options, (good,), f"an agent whose episodes ask for {what[ask.preference]}")
    _refuse(options, (bad,), f"an agent for {ask.kind}")
    if options.preference is not None:
        asked["preference"] = _weights(options.preference)
    elif (bound := getattr(options, good)) is not None:
        asked["preference"] = bound
        if "device" in asked:
            ask.position(ask.number(asked["device"]), bound)
    return asked


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _weights(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--preference must be weights such as 0.3,0.7, got {text!r}") from None


def _refuse(options: argparse.Namespace, names: tuple[str, ...], of: str) -> None:
    """Raises for options that this agent has no use for."""
    for name in names:
        if (value := getattr(options, name)) is not None:
            raise ValueError(f"--{name.replace('_', '-')} has no meaning for {of}, got {value}")
