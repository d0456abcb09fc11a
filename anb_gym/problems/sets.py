"""Sets of problems, of which every episode asks for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._types import FloatArray, Rows
from anb_gym.benchmark import Benchmark
from anb_gym.problems.asks import Ask, Nothing, Request
from anb_gym.problems.problem import Problem
from anb_gym.tasks import Task


@dataclass(eq=False)
class Selection(Request):
    """The problem of a set that each of n episodes asks for.

    Attributes:
        number: Its number in the set, ``int64`` (n,).
    """

    number: NDArray[np.int64]


@dataclass(frozen=True)
class AskProblem(Ask):
    """Every episode asks for one of several tasks, drawn uniformly, or among those of a device.

    Attributes:
        tasks: The tasks.
    """

    options: ClassVar[tuple[str, ...]] = ("task", "device")

    tasks: tuple[Task, ...]

    @property
    def n_cells(self) -> int:
        return len(self.tasks)

    def blank(self, n: int) -> Selection:
        return Selection(np.zeros(n, dtype=np.int64))

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Selection:
        tasks = self.tasks
        if options.get("device") is not None:
            device = choose(options["device"], sorted({task.device for task in tasks if task.device}), "device")
            tasks = tuple(task for task in tasks if task.device == device)
        if options.get("task") is not None:
            name = choose(options["task"], [task.name for task in tasks], "task")
            tasks = tuple(task for task in tasks if task.name == name)
        # A draw of one would move the generator on for nothing.
        task = tasks[rng.integers(len(tasks))] if len(tasks) > 1 else tasks[0]
        return Selection(np.array([self.tasks.index(task)]))

    def cells(self, request: Selection) -> FloatArray:
        return np.eye(len(self.tasks))[request.number]

    def shown(self, request: Selection) -> dict[str, Any]:
        return {"task": np.array([task.name for task in self.tasks], dtype=object)[request.number]}


@dataclass(frozen=True)
class ProblemSet:
    """Several problems of one kind, such as one on every device; an episode asks for one of them.

    Attributes:
        problems: One or more, with different tasks, whose episodes ask for nothing else.

    Raises:
        ValueError: There is none, two have the same task, one is another kind of problem, or scales or surrogates
            differ.
    """

    is_vector: ClassVar[bool] = False
    n_objectives: ClassVar[int] = 1
    constraint: ClassVar[None] = None

    problems: tuple[Problem, ...]

    def __post_init__(self) -> None:
        names = [problem.task.name for problem in self.problems]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"problems must be one or more with different tasks, got {names}")
        for problem in self.problems:
            if problem.is_vector or problem.constraint is not None or problem.ask.options:
                raise ValueError(f"problems must have one reward that is the same in all episodes, got {problem!r}")
        for what in ("scale", "surrogate"):
            if len(values := {getattr(problem, what) for problem in self.problems}) > 1:
                raise ValueError(f"problems must have the same {what}, got {', '.join(sorted(values))}")

    def __len__(self) -> int:
        return len(self.problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)

    def __getitem__(self, task: str) -> Problem:
        """The problem with a task of this name."""
        names = [problem.task.name for problem in self.problems]
        return self.problems[names.index(choose(task, names, "task"))]

    @property
    def ask(self) -> AskProblem:
        """The kind of requests: every episode asks for one of the tasks."""
        return AskProblem(tuple(problem.task for problem in self.problems))

    @property
    def limit(self) -> Any:
        """The first bound whose violation is a cost; None where there is no cost."""
        return next((problem.limit for problem in self.problems if problem.limit is not None), None)

    @property
    def benchmark(self) -> Benchmark:
        """The source of metrics."""
        return self.problems[0].benchmark

    def parts(self, request: Any) -> Iterator[tuple[Rows, Problem, Any]]:
        """Rows of a batch of episodes with their problem and what they ask of it, in the order of the set."""
        for number in np.unique(request.number):
            yield np.flatnonzero(request.number == number), self.problems[number], Nothing()

    def task_of(self, request: Any) -> Task:
        """The task of the first of some episodes."""
        return self.problems[int(request.number[0])].task
