"""Configurations of studies: controllers × tasks × seeds, and a budget for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from anb_gym.problems.cost import most_evaluations
from anb_gym.study.controllers import place_of


@dataclass(frozen=True)
class ControllerEntry:
    """A controller of a study.

    Attributes:
        name: What the study calls it; its random numbers depend on the name.
        path: Where its class is, see :func:`anb_gym.study.controllers.load_class`.
        settings: Keyword arguments of the class, data as of JSON.
    """

    name: str
    path: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskEntry:
    """A task of a study.

    Attributes:
        name: What the study calls it; random numbers depend on the name.
        id: The environment id.
        arguments: Arguments of the environment that bear on scores, data as of JSON.
        noise: Whether controllers are told noisy measurements: those of the noisy world of the run's seed.
        controllers: Names of the controllers that run on it; None for all that can.
        failures: The part of the architectures whose measurement fails, see :mod:`anb_gym.study.failures`; None for
            none.
        worlds: Whether a run is played on the world of its seed (:mod:`anb_gym.surrogates.worlds`), and judged there.
    """

    name: str
    id: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    noise: bool = False
    controllers: tuple[str, ...] | None = None
    failures: float | None = None
    worlds: bool = False


@dataclass(frozen=True)
class Run:
    """One controller on one task with one seed, and its budget."""

    controller: ControllerEntry
    task: TaskEntry
    seed: int
    evaluations: int | None
    hours: float | None

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of its environment: those of the task, in the world of its seed if the task is played on worlds."""
        return in_world_of(self.task.arguments, self.task.worlds, self.seed)

    def __str__(self) -> str:
        return f"controller {self.controller.name!r} on task {self.task.name!r} with seed {self.seed}"


@dataclass(frozen=True)
class StudyConfig:
    """A study. :func:`anb_gym.study.study_file.load_study` checks what it reads; made by hand it is taken as it is.

    Attributes:
        name: Name of the study.
        controllers: The controllers.
        tasks: The tasks.
        seeds: The seeds, each not negative.
        evaluations: How many evaluations a run may make; None for no limit.
        hours: How many simulated GPU-hours a run may take, see :mod:`anb_gym.problems.cost`; None for no limit.
        skipped: Pairs of task and controller that do not run, with the reason: the controller is for other
            numbers of objectives.
    """

    name: str
    controllers: Sequence[ControllerEntry]
    tasks: Sequence[TaskEntry]
    seeds: Sequence[int]
    evaluations: int | None = None
    hours: float | None = None
    skipped: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def runs(self) -> list[Run]:
        """All runs; one seed of every pair comes before the next seed of any, so that early results are broad."""
        pairs = [
            (controller, task)
            for task in self.tasks
            for controller in self.controllers
            if (task.controllers is None or controller.name in task.controllers)
            and (task.name, controller.name) not in self.skipped
        ]
        return [Run(*pair, seed, self.evaluations, self.hours) for seed in self.seeds for pair in pairs]

    def to_dict(self) -> dict[str, Any]:
        """The configuration as data of JSON; entries by name."""
        return {
            "name": self.name,
            "evaluations": self.evaluations,
            "hours": self.hours,
            "seeds": list(self.seeds),
            "controllers": {entry.name: _without_name(entry) for entry in self.controllers},
            "tasks": {entry.name: _without_name(entry) for entry in self.tasks},
        }


def in_world_of(arguments: Mapping[str, Any], worlds: bool, seed: int) -> dict[str, Any]:
    """Arguments of an environment as a run with a seed meets it."""
    return {**arguments, **({"world": seed} if worlds else {})}


def budget(evaluations: int | None, hours: float | None) -> int:
    """Largest number of evaluations of a run."""
    return min([limit for limit in (evaluations, most_evaluations(hours) if hours else None) if limit is not None])


def file_name(name: str) -> str:
    """The name of a controller or a task as part of a file's name or of an address in a page; different ones differ."""
    text = quote(name, safe="+")
    return f"%2E{text[1:]}" if text.startswith(".") else text  # neither hidden nor another folder


def _without_name(entry: ControllerEntry | TaskEntry) -> dict[str, Any]:
    values = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(entry).items() if key != "name"}
    if not values.get("worlds", True):
        del values["worlds"]  # folders of earlier versions do not have it
    return {**values, "path": place_of(entry.path)} if isinstance(entry, ControllerEntry) else values
