"""Reads and checks the YAML file of a study.

Such as ``configs/studies/quick.yaml``::

    name: quick
    evaluations: 200              # budget of every run; `hours`, in simulated GPU-hours, is another
    seeds: 3                      # 0, 1 and 2; or a list such as [7, 8], or {start: 10, count: 20}
    controllers:
      - random_search             # a baseline,
      - {name: small, controller: regularized_evolution, population_size: 20}   # with settings,
      - my_file.py:MyController   # a class in a file beside this one, or `module:Class`
    agents:
      - policy_gradient           # agents, which step the environment by themselves, likewise
    tasks:
      - AccelNAS-VCK190-v0        # an environment id,
      - {name: noisy, id: AccelNAS-VCK190-v0, noise: true}                      # with arguments,
      - {id: AccelNAS-VCK190-MO-v0, controllers: [random_search]}               # for some controllers only

``docs/studies.md`` describes every field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from anb_gym._errors import choose, one_line
from anb_gym._ids import TWO_FIDELITY
from anb_gym.problems.cost import longest_hours
from anb_gym.study import controllers as sources
from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry, budget
from anb_gym.study.problems import (
    arguments_of,
    brief_of,
    check_failures,
    check_worlds,
    choose_id,
    has_fidelities,
    noisy_by_default,
    problem_of,
)
from anb_gym.study.protocol import Brief
from anb_gym.study.runs import assignment
from anb_gym.study.yaml_nodes import Node, read

#: Counts of evaluations are stored as int32, seeds as uint64.
_MOST: Final = 2**31 - 1
_LARGEST_SEED: Final = 2**64 - 1
#: Seeds that a number of them may stand for: they are listed.
_MOST_SEEDS: Final = 100_000
#: Hours of a brief that is only tried.
_SOME_HOURS: Final = 1000.0
#: Runs that a study may have.
_MOST_RUNS: Final = 1_000_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def load_study(
    path: Path | str, baselines: Mapping[str, str], agents: Mapping[str, str] = MappingProxyType({})
) -> StudyConfig:
    """Reads a study's file and checks it: every task is scored, every controller and agent made once.

    Args:
        path: The YAML file.
        baselines: Short names of controllers: from name to ``"module:Class"``.
        agents: Short names of agents.

    Raises:
        OSError: The file cannot be read.
        ConfigError: It is not such a file; the message says where and why.
    """
    root = read(Path(path))
    known = ("name", "controllers", "agents", "tasks", "seeds", "evaluations", "hours")
    fields = root.fields(known, required=("name", "tasks", "seeds"))
    evaluations = hours = None
    if "evaluations" in fields:
        evaluations = fields["evaluations"].integer("evaluations", 1, _MOST)
    if "hours" in fields:  # a run makes at least one evaluation
        hours = fields["hours"].number("hours", longest_hours())
    if evaluations is None and hours is None:
        raise root.error("the field 'evaluations' or 'hours' is missing: a study needs a budget")
    controllers, by_node = searchers(root, fields, baselines, agents)
    nodes = fields["tasks"].items("tasks")
    tasks = _named(nodes, [_task(node, list(controllers)) for node in nodes], "tasks")
    seeds = seeds_of(fields["seeds"])
    for node, task in zip(nodes, tasks.values(), strict=True):
        with node.located():
            check_worlds(task.worlds, task.id, task.arguments, seeds)
        least = longest_hours("reference")
        if has_fidelities(task) and (hours is None or hours < least):
            given = "the study has none" if hours is None else f"got {hours:g}"
            raise node.error(f"task {task.name!r} sells evaluations for 'hours', at least {least:.1f} of them, {given}")
    skipped = _incompatible(controllers, by_node, tasks, evaluations, hours)
    study = StudyConfig(
        name_of(fields["name"]),
        tuple(controllers.values()),
        tuple(tasks.values()),
        seeds,
        evaluations,
        hours,
        skipped,
    )
    if len(controllers) * len(tasks) * len(study.seeds) > _MOST_RUNS:
        raise fields["seeds"].error(
            f"controllers x tasks x seeds must be at most {_MOST_RUNS:,}, "
            f"got {len(controllers)} x {len(tasks)} x {len(study.seeds):,}"
        )
    if not study.runs():
        raise next(iter(by_node.values())).error(f"no controller can run on any task: {'; '.join(skipped.values())}")
    return study


def searchers(
    root: Node, fields: Mapping[str, Node], baselines: Mapping[str, str], agents: Mapping[str, str]
) -> tuple[dict[str, ControllerEntry], dict[str, Node]]:
    """The entries of the fields ``controllers`` and ``agents`` of a file, and where they are, both by name.

    Raises:
        ConfigError: There is none, one has another form, or two have one name.
    """
    nodes, entries = [], []
    for kind, names in (("controller", baselines), ("agent", agents)):
        if f"{kind}s" in fields:
            nodes += (listed := fields[f"{kind}s"].items(f"{kind}s"))
            entries += [_controller(node, kind, names) for node in listed]
    if not nodes:
        raise root.error("the field 'controllers' or 'agents' is missing: somebody has to search")
    found = _named(nodes, entries, "controllers and agents" if "agents" in fields else "controllers")
    return found, dict(zip(found, nodes, strict=True))


def _controller(node: Node, kind: str, names: Mapping[str, str]) -> ControllerEntry:
    """The entry of a ``"controller"`` or an ``"agent"``."""
    fields = {kind: node} if node.is_text else node.fields(required=(kind,))
    where = fields.pop(kind)
    text = where.text(kind)
    with where.located():
        if ":" not in text:
            path, default = names[choose(text, names, kind)], text
        else:
            path, default = text, text.rpartition(":")[2]
            place = text.rpartition(":")[0]
            if place.endswith(".py"):
                path = f"{(node.path.parent / place).resolve()}:{default}"
        try:
            found = sources.load_class(path)
        except ValueError:
            raise
        except (Exception, SystemExit) as error:
            raise ValueError(f"{kind} {text!r} cannot be imported: {type(error).__name__}: {error}") from error
        if sources.is_agent(found) != (kind == "agent"):
            raise ValueError(
                f"{kind} {text!r} is none: list it under '{'controllers' if kind == 'agent' else 'agents'}'"
            )
    name = name_of(fields.pop("name")) if "name" in fields else _checked_name(where, default)
    settings = {key: value.data(key) for key, value in fields.items()}
    with node.located():
        sources.check_settings(path, settings)
    return ControllerEntry(name, path, settings)


def _task(node: Node, controllers: Sequence[str]) -> TaskEntry:
    fields = {"id": node} if node.is_text else node.fields(required=("id",))
    where = fields.pop("id")
    with where.located():
        id = choose_id(where.text("id"))
    name = name_of(fields.pop("name")) if "name" in fields else id
    noise = fields.pop("noise").boolean("noise") if "noise" in fields else None
    worlds = "worlds" in fields and fields.pop("worlds").boolean("worlds")
    failures = fields.pop("failures").number("failures", 0.0) if "failures" in fields else None
    only = None
    if "controllers" in fields:
        listed = fields.pop("controllers").items("controllers")
        for item in listed:
            with item.located():
                choose(item.plain(), controllers, "controllers of a task")
        only = tuple(str(item.plain()) for item in listed)
    for key, value in fields.items():
        with value.located():
            choose(
                key,
                (*arguments_of(id), "name", "id", "noise", "failures", "worlds", "controllers"),
                f"a field of the task {name!r}",
            )
    arguments = {key: value.data(key) for key, value in fields.items()}
    with node.located():
        problem = problem_of(id, arguments)
        check_failures(failures, problem)
    return TaskEntry(name, id, arguments, noisy_by_default(problem) if noise is None else noise, only, failures, worlds)


def _named(nodes: list[Node], entries: list[Any], what: str) -> dict[str, Any]:
    named: dict[str, Any] = {}
    folded: dict[str, str] = {}
    for node, entry in zip(nodes, entries, strict=True):
        if entry.name in named:
            raise node.error(f"{what} must have different names, {entry.name!r} is there twice: give one a 'name'")
        if other := folded.get(entry.name.lower()):
            raise node.error(f"{what} must have names that differ in more than case, got {other!r} and {entry.name!r}")
        named[entry.name] = entry
        folded[entry.name.lower()] = entry.name  # some file systems take both for one
    return named


def seeds_of(node: Node) -> tuple[int, ...]:
    """Seeds: a list of them, their number, or ``{start: 10, count: 20}`` for 10 to 29."""
    if isinstance(node.plain(), int):
        return tuple(range(node.integer("seeds, as a number of seeds,", 1, _MOST_SEEDS)))
    if isinstance(node.plain(), dict):
        fields = node.fields(("start", "count"), required=("start", "count"))
        count = fields["count"].integer("count of seeds", 1, _MOST_SEEDS)
        start = fields["start"].integer("start of seeds", 0, _LARGEST_SEED + 1 - count)
        return tuple(range(start, start + count))
    seeds = tuple(item.integer("seeds", 0, _LARGEST_SEED) for item in node.items("seeds"))
    if len(set(seeds)) < len(seeds):
        raise node.error(f"seeds must differ from each other, got {list(seeds)}")
    return seeds


def _incompatible(
    controllers: Mapping[str, ControllerEntry],
    nodes: Mapping[str, Node],
    tasks: Mapping[str, TaskEntry],
    evaluations: int | None,
    hours: float | None,
) -> dict[tuple[str, str], str]:
    """Pairs whose controller refuses so many objectives, or whose agent refuses the task, with its reason.

    They say so by a ``ValueError`` when they are made. One that refuses whatever the task has bad settings.

    Raises:
        ConfigError: A controller refuses all its tasks, or one that names it, cannot be made, or is none.
    """
    skipped, most = {}, budget(evaluations, hours)
    briefs = {t.name: brief_of(problem_of(t.id, t.arguments), most, hours) for t in tasks.values()}
    others = (Brief(1, most), Brief(2, most), brief_of(problem_of(TWO_FIDELITY, {}), most, hours or _SOME_HOURS))
    for name, entry in controllers.items():
        mine = [task for task in tasks.values() if task.controllers is None or name in task.controllers]
        agent = sources.is_agent(sources.load_class(entry.path))
        with nodes[name].located():
            if agent:
                by_task = {task.name: _refusal_of_agent(entry, task, most) for task in mine}
            else:
                refusals = {brief: _refusal(entry, brief) for brief in {briefs[task.name] for task in mine}}
                by_task = {task.name: refusals[briefs[task.name]] for task in mine}
        hopeless = all(by_task.values())
        if hopeless and not agent:
            hopeless = not any(_takes(entry, brief) for brief in others if brief not in refusals)
        for task in mine:
            reason = by_task[task.name]
            if reason is not None and (task.controllers is not None or hopeless):
                raise nodes[name].error(f"controller {name!r} cannot run on task {task.name!r}: {reason}")
            if reason is not None:
                skipped[task.name, name] = reason
    return skipped


def _refusal(entry: ControllerEntry, brief: Brief) -> str | None:
    """Why a controller does not take a problem; None if it does.

    Raises:
        ValueError: It cannot be made for another reason, or is no controller.
    """
    try:
        controller = sources.make_controller(entry.path, brief, np.random.default_rng(0), entry.settings)
    except ValueError as error:
        return one_line(str(error))
    except (Exception, SystemExit) as error:
        raise ValueError(f"controller {entry.name!r} cannot be made: {_what(error)}") from error
    try:
        sources.check_protocol(controller)
    except (Exception, SystemExit) as error:  # properties are code of its own
        what = str(error) if isinstance(error, ValueError) else _what(error)
        raise ValueError(f"controller {entry.name!r} is none: {what}") from error
    return None


def _refusal_of_agent(entry: ControllerEntry, task: TaskEntry, budget: int) -> str | None:
    """Why an agent does not take a task; None if it does.

    Raises:
        ValueError: It cannot be made for another reason.
    """
    if task.failures is not None:
        return "its measurements can fail, which only controllers are told"
    if has_fidelities(task):
        return "its evaluations are bought at fidelities, which only controllers do"
    try:
        sources.make_agent(entry.path, assignment(task, budget, 0), entry.settings)
    except ValueError as error:
        return one_line(str(error))
    except (Exception, SystemExit) as error:
        raise ValueError(f"agent {entry.name!r} cannot be made: {_what(error)}") from error
    return None


def _what(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def _takes(entry: ControllerEntry, brief: Brief) -> bool:
    """Whether a controller takes a problem that the study does not have."""
    try:
        return _refusal(entry, brief) is None
    except ValueError:
        return False


def name_of(node: Node) -> str:
    """A name that folders can have."""
    return _checked_name(node, node.text("name"))


def _checked_name(node: Node, text: str) -> str:
    if not _NAME.fullmatch(text):
        raise node.error(f"name must be up to 100 letters, digits and . _ + - (folders are named so), got {text!r}")
    return text
