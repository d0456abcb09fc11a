"""The protocol of agents: they learn from an environment, act in it, and design architectures."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose, integer
from anb_gym._types import FloatArray
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface, Rules
from anb_gym.envs.families import PREFIX, Family, ids, make_problem
from anb_gym.problems import AnyProblem, MeasuredProblem, Request, TwoFidelityProblem
from anb_gym.space import SPACE, Choices, Indices

if TYPE_CHECKING:
    from .training import Training

#: Episodes that are designed together.
_TOGETHER: Final = 1024


@dataclass(frozen=True)
class Assignment:
    """What an agent is to learn: an environment, a budget and a seed.

    Attributes:
        id: Such as ``"AccelNAS-VCK190-v0"``.
        evaluations: The budget: how many architectures may be measured. An episode that builds one costs one, a step
            that edits one costs one.
        seed: Of all randomness, at least 0.
        arguments: Those of the environment, data as of JSON.

    Raises:
        ValueError: One of them is unknown or out of range.
    """

    id: str
    evaluations: int
    seed: int
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "evaluations", integer(self.evaluations, 1, "evaluations"))
        object.__setattr__(self, "seed", integer(self.seed, 0, "seed"))
        if not isinstance(self.arguments, Mapping):
            raise ValueError(f"arguments must be a dict, got {self.arguments!r}")
        object.__setattr__(self, "id", self.id.removeprefix(PREFIX) if isinstance(self.id, str) else self.id)
        object.__setattr__(self, "arguments", dict(self.arguments))
        if isinstance(self.problem, MeasuredProblem):
            raise ValueError(f"id must be of an environment whose episodes do not measure first, got {self.id!r}")
        if isinstance(self.problem, TwoFidelityProblem):
            raise ValueError(f"id must be of an environment whose episodes do not buy evaluations, got {self.id!r}")
        _ = self.rules

    @cached_property
    def problem(self) -> AnyProblem:
        """The problem behind the environment."""
        return make_problem(self.id, **self.arguments)

    @property
    def family(self) -> Family:
        """The environment's family."""
        return ids()[self.id]

    @cached_property
    def rules(self) -> Rules | None:
        """The rules of an environment whose episodes build an architecture; None for other environments."""
        if not issubclass(self.family.load("env"), ArchitectureEnv):
            return None
        shown = {
            name: self.arguments[name] for name in ("granularity", "observation", "noise") if name in self.arguments
        }
        return Rules(self.problem, Interface(**shown))

    def argument(self, name: str) -> Any:
        """The value of one of the environment's arguments, which may be its default.

        Raises:
            ValueError: There is no such argument.
        """
        parameters = inspect.signature(self.family.load("env").__init__).parameters
        choose(name, [known for known in parameters if known != "self"], f"an argument of {self.id}")
        return {**self.family.ids()[self.id], **self.arguments}.get(name, parameters[name].default)

    @property
    def noisy(self) -> bool:
        """Whether metrics show measurement noise."""
        return bool(self.arguments.get("noise", False))


class Agent(ABC):
    """Learns to design architectures.

    An agent is made as ``Class(assignment, **settings)``, which is quick; then it is trained, see
    :func:`anb_gym.agents.train`, or restored. A class of one's own implements :meth:`train`, :meth:`act`,
    :meth:`state` and :meth:`restore`; all randomness comes from :attr:`rng`.

    Args:
        assignment: What it is to learn.
        **settings: All its settings with the values that it uses, data as of JSON: saved agents are made with them.

    Attributes:
        assignment: The same.
        settings: The same.
        rng: Source of all its randomness while it trains.

    Raises:
        ValueError: A setting is unknown or out of range, or the agent does not suit the assignment.
    """

    def __init__(self, assignment: Assignment, **settings: Any) -> None:
        self.assignment = assignment
        self.settings = settings
        self.rng = np.random.default_rng(assignment.seed)

    @classmethod
    def make(cls, assignment: Mapping[str, Any], settings: Mapping[str, Any]) -> Agent:
        """Makes an agent in a study, see :class:`anb_gym.study.protocol.Searcher`."""
        return cls(Assignment(**assignment), **settings)

    @classmethod
    def search(
        cls,
        assignment: Mapping[str, Any],
        settings: Mapping[str, Any],
        hours: float | None = None,
        noise_seed: int | None = None,
        stopping: Callable[[], None] | None = None,
    ) -> tuple[Indices, FloatArray]:
        """Trains an agent in a study, see :class:`anb_gym.study.protocol.Searcher`."""
        from .running import search

        return search(cls, Assignment(**assignment), settings, hours, noise_seed, stopping)

    @classmethod
    def settings_file(cls) -> Path | None:
        """The file that its default settings are in; None where its class has them."""
        return None

    @property
    def problem(self) -> AnyProblem:
        """The problem that it learns."""
        return self.assignment.problem

    @abstractmethod
    def train(self, training: Training) -> None:
        """Learns until the budget is spent, also if it has been restored in between.

        Args:
            training: Evaluates architectures and counts; ``training.checkpoint(self)`` belongs between two updates.
        """

    @abstractmethod
    def act(
        self, observations: NDArray[Any], masks: NDArray[Any], *, rng: np.random.Generator, greedy: bool = False
    ) -> NDArray[np.int64]:
        """Actions for a batch of observations.

        Args:
            observations: Of the environment, (n, cells).
            masks: Which actions are valid, (n, actions).
            rng: Source of what is sampled.
            greedy: Whether to take the most probable actions, not to sample.

        Returns:
            ``int64`` (n,), or (n, 28) for the granularity ``"network"``.

        Raises:
            ValueError: The observations or masks have another shape than those that it has learned with.
        """

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """All that it goes on from but :attr:`rng`: arrays of numbers by name."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes back to a state.

        Raises:
            ValueError: An array is missing, or of another shape or dtype.
        """

    def design(
        self,
        n: int = 1,
        *,
        preference: Any = None,
        device: str | int | None = None,
        task: str | None = None,
        greedy: bool | None = None,
        seed: int = 0,
    ) -> Choices:
        """Designs architectures.

        Args:
            n: How many.
            preference: What they are for, where episodes ask for a preference: weights (2,) or a bound, the same for
                all or one each, (n, 2) or (n,); None draws them.
            device: The device that they are for, where episodes ask for one, of generated ones also a seed; None draws
                it.
            task: The task that they are for, where episodes ask for one; None draws it, among those of the device.
            greedy: Whether to make the most probable choices, not to sample; by default just if ``n`` is 1 or each
                has a preference of its own.
            seed: Of what is drawn.

        Returns:
            Choices ``int8`` (n, 28).

        Raises:
            ValueError: An argument has an impossible value, or episodes do not ask for it.
        """
        n, rng = integer(n, 1, "n"), np.random.default_rng(integer(seed, 0, "seed"))
        options = _options(self.problem, n, preference, device=device, task=task)
        if greedy is None:
            greedy = n == 1 or any(of != options[0] for of in options)
        parts = [options[start : start + _TOGETHER] for start in range(0, n, _TOGETHER)]
        return np.concatenate([self._design(part, greedy, rng) for part in parts])

    def _design(self, options: Sequence[Mapping[str, Any]], greedy: bool, rng: np.random.Generator) -> Choices:
        """Designs by acting in the environment: builds as its rules say, or steps it."""
        n, rules = len(options), self.assignment.rules
        if rules is None:
            return self._edit(options, greedy, rng)
        request = requests(self.problem, options, rng)
        observations = rules.first(request, n)
        choices: Choices = np.empty((n, 0), dtype=np.int8)
        for step in range(rules.transition.n_steps):
            masks = np.repeat(rules.transition.masks[step : step + 1], n, axis=0)
            actions = self.act(observations, masks, rng=rng, greedy=greedy)
            chosen = rules.transition.choose(step, actions)
            rules.encoding.write(observations, choices.shape[1], chosen)
            choices = np.concatenate([choices, chosen], axis=1)
        return choices

    def _edit(self, options: Sequence[Mapping[str, Any]], greedy: bool, rng: np.random.Generator) -> Choices:
        """Designs by stepping copies of an environment whose last info tells the architecture."""
        if any(options):
            raise ValueError(f"what designs are for must be None: episodes of {self.assignment.id} ask for nothing")
        envs = gymnasium.make_vec(
            PREFIX + self.assignment.id, len(options), autoreset_mode="Disabled", **self.assignment.arguments
        )
        observations, infos = envs.reset(seed=int(rng.integers(2**31)))
        over = False
        while not over:
            actions = self.act(observations, infos["action_mask"], rng=rng, greedy=greedy)
            observations, _, terminated, truncated, infos = envs.step(actions)
            over = bool((terminated | truncated).all())
        envs.close()
        return SPACE.from_index(infos["index"])


class ArchitectureAgent(Agent):
    """An agent that makes whole architectures, and can complete one of which some choices are made.

    A class of this kind implements :meth:`complete` in place of :meth:`act`. It suits environments whose episodes
    build an architecture, with any granularity and observation.
    """

    def __init__(self, assignment: Assignment, **settings: Any) -> None:
        super().__init__(assignment, **settings)
        if assignment.rules is None:
            raise ValueError(f"id must be of an environment that builds architectures, got {assignment.id!r}")

    @abstractmethod
    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        """Makes the open choices of architectures.

        Args:
            choices: ``int8`` (n, 28), -1 where a choice is open.
            cells: What the architectures are for, as observations show it, ``float64`` (n, cells), see
                :meth:`anb_gym.problems.Ask.cells`.
            rng: Source of what is sampled.
            greedy: Whether to make the most probable choices, not to sample.

        Returns:
            Choices ``int8`` (n, 28) that agree with those that were made.
        """

    def act(
        self, observations: NDArray[Any], masks: NDArray[Any], *, rng: np.random.Generator, greedy: bool = False
    ) -> NDArray[np.int64]:
        rules = self.assignment.rules
        assert rules is not None
        observations = rows(observations, rules.encoding.space.shape, "observations")
        rows(masks, rules.transition.masks.shape[1:], "masks")
        made, n_cells = rules.encoding.read(observations), self.problem.ask.n_cells
        cells = observations[:, observations.shape[1] - n_cells :].astype(np.float64)
        choices = self.complete(made, cells, rng, greedy)
        if rules.interface.granularity == "network":
            return choices.astype(np.int64)
        # The next choice of each, or the state of its next block; nothing matters once all are made.
        steps = np.minimum((made >= 0).sum(axis=1) // rules.transition.choices_per_step, rules.transition.n_steps - 1)
        by_step = choices if rules.interface.granularity == "choice" else SPACE.to_states(choices)
        actions: NDArray[np.int64] = by_step[np.arange(len(made)), steps].astype(np.int64)
        return actions

    def design_for(self, cells: FloatArray, *, greedy: bool = True, seed: int = 0) -> Choices:
        """Designs for what observations show, such as a device of one's own whose probes were measured.

        Args:
            cells: Cells of what episodes ask for, see :meth:`anb_gym.problems.Ask.cells`, ``float64`` (n, cells).
            greedy: Whether to make the most probable choices, not to sample.
            seed: Of what is drawn.

        Returns:
            Choices ``int8`` (n, 28).

        Raises:
            ValueError: The cells have another shape.
        """
        cells = rows(cells, (self.problem.ask.n_cells,), "cells").astype(np.float64)
        return self.complete(blank(len(cells)), cells, np.random.default_rng(integer(seed, 0, "seed")), greedy)

    def _design(self, options: Sequence[Mapping[str, Any]], greedy: bool, rng: np.random.Generator) -> Choices:
        request = requests(self.problem, options, rng)
        return self.complete(blank(len(options)), every_row(self.problem.ask.cells(request), len(options)), rng, greedy)


def rows(array: NDArray[Any], shape: tuple[int, ...], argument: str) -> NDArray[Any]:
    """An array whose rows have a shape.

    Raises:
        ValueError: They have another: it is of one episode, or of an environment with another interface.
    """
    array = np.asarray(array)
    if array.ndim == 0 or array.shape[1:] != shape:
        wanted = ", ".join(["n", *map(str, shape)])
        raise ValueError(f"{argument} must be of shape ({wanted}), as the agent has learned with, got {array.shape}")
    return array


def blank(n: int) -> Choices:
    """Choices of n architectures of which none is made, ``int8`` (n, 28)."""
    return np.full((n, SPACE.n_choices), -1, dtype=np.int8)


def every_row(cells: FloatArray, n: int) -> FloatArray:
    """Cells with a row per architecture; where episodes ask for nothing there is one row for all."""
    return np.broadcast_to(cells, (n, cells.shape[1]))


def requests(problem: AnyProblem, options: Sequence[Mapping[str, Any]], rng: np.random.Generator) -> Request:
    """The requests of episodes that reset with these options.

    Raises:
        ValueError: An option has an impossible value.
    """
    request = problem.ask.blank(len(options))
    if problem.ask.n_cells:
        for row, of_row in enumerate(options):
            request[row : row + 1] = problem.ask.draw(rng, of_row)
    return request


def _options(problem: AnyProblem, n: int, preference: Any, **others: str | int | None) -> list[dict[str, Any]]:
    """The options of ``reset`` of n episodes."""
    given = {name: value for name, value in others.items() if value is not None}
    for name, value in {**given, **({} if preference is None else {"preference": preference})}.items():
        if name not in problem.ask.options:
            known = ", ".join(map(repr, problem.ask.options)) or "nothing"
            raise ValueError(f"{name} must be None: episodes ask for {known}, got {value!r}")
    if preference is None:
        return [given] * n
    try:
        array = np.asarray(preference)
    except ValueError:  # rows of different lengths
        raise ValueError(f"preference must be one, or {n} of them, got {preference!r}") from None
    one = 1 if problem.ask.weighs else 0
    if array.ndim == one:
        return [{"preference": preference, **given}] * n
    if array.ndim != one + 1 or len(array) != n:
        raise ValueError(f"preference must be one, or {n} of them, got an array of shape {array.shape}")
    return [{"preference": row, **given} for row in array.tolist()]
