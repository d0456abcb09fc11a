"""Trainings: what an agent may spend, the record of what it spent it on, and the checkpoints."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from types import FrameType
from typing import Any, Final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from anb_gym._extras import require
from anb_gym._types import FloatArray
from anb_gym.envs.core.copies import CopiesVectorEnv
from anb_gym.envs.families import PREFIX
from anb_gym.problems import AskPreference, AskProblem, Evaluation, ProblemSet, Request, Selection
from anb_gym.problems.cost import gpu_hours
from anb_gym.space import SPACE, Choices, Indices, States

from .agent import Agent, Assignment, every_row, requests
from .evaluations import Evaluations, joined

#: Seconds between two checkpoints.
_INTERVAL: Final = 20.0
#: The last evaluations whose mean reward the progress bar shows.
_RECENT: Final = 1000


class BudgetSpent(Exception):
    """The budget is spent in the middle of a batch, whose rest is not evaluated; agents let it pass."""


class Training:
    """One training of an agent: evaluates architectures, counts and records them, and keeps checkpoints.

    Args:
        assignment: What the agent is to learn.
        hours: Simulated GPU-hours that may be spent beside, see :func:`anb_gym.problems.cost.gpu_hours`; None for no
            limit.
        noise_seed: Seed of the measurement noise of all evaluations, if the environment is noisy: that of a
            :class:`~anb_gym.Noise`; None for a seed for each.
        save: Writes a checkpoint of the agent and of this; None for no checkpoints.
        watch: Called between updates, such as to log.
        stopping: Asked between updates whether to stop, by raising.
        progress: Whether to show a progress bar on standard error.

    Attributes:
        assignment: The same.
        problem: What architectures are worth.
        rng: Source of what environments draw: what episodes ask for, and measurement noise.
        done: How many evaluations were made.
        over: Whether the budget is spent.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        hours: float | None = None,
        noise_seed: int | None = None,
        save: Callable[[Agent, Training], None] | None = None,
        watch: Callable[[Training], None] | None = None,
        stopping: Callable[[], None] | None = None,
        progress: bool = False,
    ) -> None:
        self.assignment = assignment
        self.problem = assignment.problem
        self.rng = np.random.default_rng([assignment.seed, 1])
        self.done = 0
        self.over = False
        self._hours, self._noise_seed = hours, noise_seed
        self._save, self._watch, self._stopping = save, watch, stopping
        self._saved = self._began = perf_counter()
        self._before = 0.0
        self._parts: list[Evaluations] = []
        self._interrupted = False
        self._bar = _bar(self, progress)

    @property
    def n_objectives(self) -> int | None:
        """Number of objectives of a vector reward; None for a scalar reward."""
        return self.problem.n_objectives if self.problem.is_vector else None

    @property
    def remaining(self) -> int:
        """How many evaluations are left."""
        return self.assignment.evaluations - self.done

    @property
    def is_noisy(self) -> bool:
        """Whether measuring an architecture again tells more: every evaluation has measurement noise of its own."""
        return self.assignment.noisy and self._noise_seed is None

    @property
    def seconds(self) -> float:
        """Wall seconds of the training so far, those before it was restored included."""
        return self._before + perf_counter() - self._began

    @property
    def evaluations(self) -> Evaluations:
        """The record so far."""
        whole = joined(self._parts, self.n_objectives, self.problem.ask.n_cells)
        self._parts = [whole] if len(whole) else []
        return whole

    def draw(self, n: int) -> Request:
        """What n new episodes ask for, drawn as the environment draws it."""
        ask = self.problem.ask
        if isinstance(ask, AskPreference):
            return ask.at(self.rng.random(n))
        if isinstance(ask, AskProblem):
            return Selection(self.rng.integers(len(ask.tasks), size=n))
        return requests(self.problem, [{}] * n, self.rng)

    def evaluate(self, choices: Choices, request: Request | None = None) -> Evaluation:
        """Evaluates architectures, which costs one evaluation each.

        Args:
            choices: ``int8`` (n, 28).
            request: What the episodes ask for; None where they ask for nothing.

        Returns:
            What they are worth, a row each. For a set of problems it has no metrics.

        Raises:
            ValueError: The choices are no architectures.
            BudgetSpent: The budget does not cover all of them; it is spent on the first.
        """
        states = SPACE.to_states(choices)
        n = self._affordable(states)
        if n < len(states):
            states, request = states[:n], None if request is None else request[slice(n)]
        evaluation = self._assess(states, request, self._noise(n) if self.assignment.noisy else None)
        cells = self.problem.ask.cells(request) if self.problem.ask.n_cells else np.empty((n, 0))
        regret = np.full(n, np.nan) if evaluation.regret is None else evaluation.regret
        self._record(SPACE.states_to_index(states), evaluation.reward, regret, cells)
        self._end_if(n < len(choices))
        return evaluation

    def record(self, index: Indices, reward: FloatArray, regret: FloatArray | None, cells: FloatArray) -> None:
        """Records evaluations that an environment made; the observer of one, see :class:`CopiesVectorEnv`.

        Args:
            index: The architectures, ``int64`` (n,).
            reward: What the agent was told, ``float64`` (n,) or (n, objectives).
            regret: Without noise, ``float64`` (n,); None where no optimum is certified.
            cells: What the episodes asked for, as observations show it, ``float64`` (n, cells).

        Raises:
            BudgetSpent: There are more than the budget covers; the first of them are recorded.
        """
        n = self._affordable(SPACE.index_to_states(index))
        regret = np.full(len(index), np.nan) if regret is None else regret
        self._record(index[:n], reward[:n], regret[:n], cells[:n])
        self._end_if(n < len(index))

    def make_vec_env(self, num_envs: int, **arguments: Any) -> CopiesVectorEnv:
        """The environment with many copies that step together, whose evaluations are counted and recorded.

        Args:
            num_envs: How many copies.
            **arguments: More arguments of :func:`gymnasium.make_vec`, such as ``autoreset_mode``.

        Returns:
            The vector environment; a step beyond the budget raises :class:`BudgetSpent`.
        """
        made = gymnasium.make_vec(PREFIX + self.assignment.id, num_envs, **self.assignment.arguments, **arguments)
        envs = made.unwrapped
        assert isinstance(envs, CopiesVectorEnv)
        envs.observer, envs.noise_seed = self.record, self._noise_seed
        return envs

    def checkpoint(self, agent: Agent, force: bool = False) -> None:
        """To be called between two updates: saves if it is time, and stops here if it was interrupted.

        Args:
            agent: The agent.
            force: Whether to save in any case.

        Raises:
            KeyboardInterrupt: The training was interrupted; the checkpoint is written.
        """
        if self._watch is not None:
            self._watch(self)
        due = force or self._interrupted or perf_counter() - self._saved > _INTERVAL
        if due and self._save is not None:
            self._save(agent, self)
            self._saved = perf_counter()
        if self._interrupted:
            raise KeyboardInterrupt
        if self._stopping is not None:
            self._stopping()

    def restore(self, evaluations: Evaluations) -> None:
        """Goes on from the record of an earlier process; :attr:`rng` is restored apart."""
        self._parts = [evaluations] if len(evaluations) else []
        self.done = len(evaluations)
        self._before = float(evaluations.seconds[-1]) if len(evaluations) else 0.0
        self._began = perf_counter()
        self._bar.restore(self)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Puts a first Ctrl-C off until the next checkpoint; a second one has its usual effect."""

        def note(number: int, frame: FrameType | None) -> None:
            signal.signal(signal.SIGINT, before)
            self._interrupted = True

        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as of programs in the background
        if self._save is None or ignored or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def close(self) -> None:
        """Ends the progress bar."""
        self._bar.close()

    def _end_if(self, cut: bool) -> None:
        self.over = cut or not self.remaining
        if cut:
            raise BudgetSpent

    def _affordable(self, states: States) -> int:
        """How many of these evaluations the budget covers."""
        n = min(len(states), self.remaining)
        if self._hours is None or n == 0:
            return n
        spent = np.cumsum(gpu_hours(states))
        self._hours, affordable = self._hours - float(spent[-1]), int(np.searchsorted(spent, self._hours, side="right"))
        return min(n, affordable)

    def _noise(self, n: int) -> NDArray[np.uint64]:
        """The noise seeds of n evaluations."""
        if self._noise_seed is not None:
            return np.full(n, self._noise_seed, dtype=np.uint64)
        return self.rng.integers(2**63, size=n, dtype=np.int64).astype(np.uint64)

    def _assess(self, states: States, request: Request | None, noise: NDArray[np.uint64] | None) -> Evaluation:
        if not isinstance(self.problem, ProblemSet):
            asked: Any = request
            return self.problem.assess(states, asked, noise)
        reward, regret = np.empty(len(states)), np.full(len(states), np.nan)
        for rows, problem, of in self.problem.parts(request):
            of_rows = problem.assess(states[rows], of, None if noise is None else noise[rows])
            reward[rows] = of_rows.reward
            if of_rows.regret is not None:
                regret[rows] = of_rows.regret
        return Evaluation({}, {}, reward, None, regret)

    def _record(self, index: Indices, reward: FloatArray, regret: FloatArray, cells: FloatArray) -> None:
        n = len(index)
        if n == 0:
            return
        seconds = np.full(n, self.seconds)
        part = Evaluations(
            index.astype(np.int64),
            np.array(reward, dtype=np.float64),
            np.array(regret),
            every_row(cells, n).astype(np.float64),
            seconds,
        )
        self._parts.append(part)
        self.done += n
        self._bar.add(part)


class _NoBar:
    """No progress bar."""

    def add(self, part: Evaluations) -> None:
        pass

    def restore(self, training: Training) -> None:
        pass

    def close(self) -> None:
        pass


class _Bar(_NoBar):
    """Progress bar with the best regret and the mean reward of the last evaluations."""

    def __init__(self, training: Training) -> None:
        tqdm = require("tqdm", "agents").tqdm
        budget = training.assignment.evaluations
        self._tqdm = tqdm(
            total=budget, desc=training.assignment.id, unit=" evaluations", mininterval=0.5, file=sys.stderr
        )
        self._regret, self._rewards = np.inf, np.empty(0)

    def add(self, part: Evaluations) -> None:
        self._regret = np.fmin(self._regret, np.fmin.reduce(part.regret))
        if part.reward.ndim == 1:
            self._rewards = np.concatenate([self._rewards, part.reward])[-_RECENT:]
        shown = [f"best regret {self._regret:.4f}"] if np.isfinite(self._regret) else []
        shown += [f"mean reward {self._rewards.mean():.3f}"] if len(self._rewards) else []
        self._tqdm.set_postfix_str(", ".join(shown), refresh=False)
        self._tqdm.update(len(part))

    def restore(self, training: Training) -> None:
        self._tqdm.reset(total=training.assignment.evaluations)
        if training.done:
            self.add(training.evaluations)

    def close(self) -> None:
        self._tqdm.close()


def _bar(training: Training, visible: bool) -> _NoBar:
    return _Bar(training) if visible else _NoBar()
