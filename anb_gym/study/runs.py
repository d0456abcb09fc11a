"""One run: a controller asks to have architectures evaluated until its budget is spent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from reprlib import repr as shorten
from time import perf_counter
from types import TracebackType
from typing import Any

import numpy as np

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.problems import FIDELITIES, Problem, TwoFidelityProblem
from anb_gym.problems.cost import gpu_hours, longest_hours
from anb_gym.space import SPACE, Indices, States
from anb_gym.study.config import Run, TaskEntry, budget
from anb_gym.study.controllers import batch_size, is_agent, load_class, make_controller
from anb_gym.study.problems import brief_of, problem_of
from anb_gym.study.telling import Names, failing, scores_of, told_of


class ControllerError(ValueError):
    """A controller raised, or proposed something that is not architectures; the message says where and when."""

    def __init__(self, run: Run, evaluation: int, what: object) -> None:
        super().__init__(f"{run}, evaluation {evaluation}: {what}")
        self.evaluation = evaluation


class Stopped(Exception):
    """A run ended early because nobody wants its result any more."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Trajectory of a run, n evaluations.

    Attributes:
        index: The architectures, ``int64`` (n,).
        told: The reward that the controller was told, ``float64`` (n,); None for a vector reward.
        reward: The same without noise; on a task with two fidelities that at the one that judges.
        hours: Simulated GPU-hours up to and including each evaluation, ``float64`` (n,).
        seconds: Wall seconds of the controller until it proposed each architecture, ``float64`` (n,).
        fidelity: Names of the fidelities of the evaluations, an array of objects (n,); None where there is one only.
        controller_seconds: Wall seconds of the controller in all: making it, asking and telling.
        benchmark_seconds: Wall seconds of the scores.
        total_seconds: Wall seconds of the run; the rest is the runner's.
    """

    index: Indices
    told: FloatArray | None
    reward: FloatArray | None
    hours: FloatArray
    seconds: FloatArray
    fidelity: Names | None
    controller_seconds: float
    benchmark_seconds: float
    total_seconds: float


def generator(run: Run) -> np.random.Generator:
    """The run's source of randomness: of its seed and the names of its controller and task, and nothing else."""
    digest = hashlib.sha256(f"{run.controller.name}\0{run.task.name}".encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence([run.seed, *words]))


def noise_seed(noise: bool, seed: int) -> Any:
    """The noisy world of a run, that of ``Noise(seed)``: all controllers with one seed meet the same measurements."""
    return np.uint64(seed) if noise else None


def execute(run: Run, stopping: Callable[[], bool] = lambda: False) -> Trajectory:
    """Carries out a run.

    Evaluations are made in the order of the proposals until the budget of evaluations is spent, or until the next
    one would exceed that of hours; the controller is not told of a turn that was cut short so.

    Args:
        run: The run.
        stopping: Asked before every turn whether to stop.

    Raises:
        Stopped: It was stopped.
        ControllerError: The controller raised or proposed something that is not architectures.
    """
    if is_agent(load_class(run.controller.path)):
        return _train(run, stopping)
    begin = perf_counter()
    problem = problem_of(run.task.id, run.arguments)
    noise = noise_seed(run.task.noise, run.seed)
    most = budget(run.evaluations, run.hours)
    turns: list[_Turn] = []
    done, hours, benchmark_seconds = 0, 0.0, 0.0
    with (watch := _Watch(run)):
        brief = brief_of(problem, most, run.hours)
        controller = make_controller(run.controller.path, brief, generator(run), run.controller.settings)
    while done < most:
        if stopping():
            raise Stopped
        watch.evaluation = done + 1
        with watch:
            n = min(most - done, batch_size(controller))
            answer: Any = controller.ask(n)
        choices, fidelity = _with_fidelity(answer, problem, run, done)
        states = _to_states(choices, n, run, done)
        cost = gpu_hours(states, fidelity or "proxy")
        if run.hours is not None:
            spent = np.cumsum(np.append(hours, cost))[1:]
            states, hours = states[: np.searchsorted(spent, run.hours, side="right")], spent[-1]
        start = perf_counter()
        reward = failing(told_of(problem, states, fidelity, noise), states, run.task.failures, run.seed)
        benchmark_seconds += perf_counter() - start
        turns.append(_Turn(states, reward, cost[: len(states)], fidelity, watch.seconds))
        if len(states) < n:
            break
        done += n
        watch.evaluation = done
        objectives = reward.reshape(n, -1).copy()  # the controller may change what it is told
        with watch:
            if isinstance(answer, tuple):
                controller.tell(choices, objectives, fidelity, cost)  # type: ignore[call-arg] # a FidelityController
            else:
                controller.tell(choices, objectives)
    states = np.concatenate([turn.states for turn in turns])
    told = None if problem.n_objectives > 1 else np.concatenate([turn.reward.ravel() for turn in turns])
    numbers = [len(turn.states) for turn in turns]
    fidelities = np.repeat(np.array([turn.fidelity for turn in turns], dtype=object), numbers)
    exact = noise is None and run.task.failures is None and not isinstance(problem, TwoFidelityProblem)
    return Trajectory(
        index=SPACE.states_to_index(states),
        told=told,
        reward=told if told is None or exact else problem.score(problem.measure(states)).ravel(),
        hours=np.cumsum(np.concatenate([turn.cost for turn in turns])),
        seconds=np.repeat([turn.seconds for turn in turns], numbers),
        fidelity=fidelities if isinstance(problem, TwoFidelityProblem) else None,
        controller_seconds=watch.seconds,
        benchmark_seconds=benchmark_seconds,
        total_seconds=perf_counter() - begin,
    )


def assignment(
    task: TaskEntry, evaluations: int, seed: int, arguments: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What an agent is to learn on a task of a study, see :class:`anb_gym.study.protocol.Searcher`.

    Args:
        task: The task.
        evaluations: The budget.
        seed: Of the agent's randomness.
        arguments: Those of the run's environment; by default the task's.
    """
    arguments, noise = task.arguments if arguments is None else arguments, {"noise": True} if task.noise else {}
    return {"id": task.id, "arguments": {**arguments, **noise}, "evaluations": evaluations, "seed": seed}


def _train(run: Run, stopping: Callable[[], bool]) -> Trajectory:
    """Carries out the run of an agent, which steps the environment by itself; what it found is scored again.

    Raises:
        Stopped: It was stopped.
        ControllerError: The agent raised, or did not spend its budget.
    """

    def stop() -> None:
        if stopping():
            raise Stopped

    begin = perf_counter()
    most = budget(run.evaluations, run.hours)
    given = assignment(run.task, most, int(generator(run).integers(2**63)), run.arguments)
    noise_seed = run.seed if run.task.noise else None
    with (watch := _Watch(run)):
        index, seconds = load_class(run.controller.path).search(
            given, run.controller.settings, run.hours, noise_seed, stop
        )
    start = perf_counter()
    scores = recompute(run, index)
    hours = scores["hours"]
    assert hours is not None
    left_over = run.hours is not None and len(hours) and hours[-1] + longest_hours() > run.hours
    if len(index) > most or not (len(index) == most or left_over) or (run.hours is not None and hours[-1] > run.hours):
        raise ControllerError(run, len(index), "an agent must spend its budget, no more and no less")
    return Trajectory(
        index=index,
        told=scores["told"],
        reward=scores["reward"],
        hours=hours,
        seconds=seconds,
        fidelity=None,
        controller_seconds=watch.seconds,
        benchmark_seconds=perf_counter() - start,
        total_seconds=perf_counter() - begin,
    )


def recompute(run: Run, index: Indices, fidelity: Names | None = None) -> dict[str, FloatArray | None]:
    """``told``, ``reward`` and ``hours`` of a run, as those of :class:`Trajectory`, from its architectures.

    Args:
        run: The run.
        index: Its architectures, ``int64`` (n,).
        fidelity: As of :class:`Trajectory`.
    """
    problem, states = problem_of(run.task.id, run.task.arguments), SPACE.index_to_states(index)
    if problem.n_objectives == 1:  # nothing is recorded of vector rewards, and a world's exact front takes seconds
        problem = problem_of(run.task.id, run.arguments)
    noise = noise_seed(run.task.noise, run.seed)
    return scores_of(problem, states, noise, run.task.failures, run.seed, fidelity)


@dataclass(frozen=True, eq=False)
class _Turn:
    """Evaluations that were asked for together: their states, rewards, hours and fidelity, and the seconds so far."""

    states: States
    reward: FloatArray
    cost: FloatArray
    fidelity: str | None
    seconds: float


def _with_fidelity(answer: Any, problem: Problem, run: Run, done: int) -> tuple[Any, str | None]:
    """Proposals, and the fidelity at which they are evaluated; None on a task with one fidelity."""
    several = isinstance(problem, TwoFidelityProblem)
    if not isinstance(answer, tuple):
        return answer, FIDELITIES[-1] if several else None
    if not several or len(answer) != 2:
        wanted = "architectures and the name of a fidelity" if several else "architectures: the task has one fidelity"
        raise ControllerError(run, done + 1, f"ask must return {wanted}, got a tuple of {len(answer)}")
    try:
        return answer[0], choose(answer[1], FIDELITIES, "fidelity")
    except ValueError as error:
        raise ControllerError(run, done + 1, error) from None


class _Watch:
    """Takes the time of a controller, and says where it was when it raised.

    Attributes:
        seconds: Wall seconds inside ``with`` so far.
        evaluation: Where it is.
    """

    def __init__(self, run: Run) -> None:
        self.seconds = 0.0
        self.evaluation = 0
        self._run = run

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        self.seconds += perf_counter() - self._start
        if isinstance(error, Exception | SystemExit) and not isinstance(error, Stopped):
            for note in getattr(error, "__notes__", ()):  # an agent knows where it was
                if note.startswith("evaluation "):
                    self.evaluation = int(note.removeprefix("evaluation "))
            raise ControllerError(self._run, self.evaluation, f"{type(error).__name__}: {error}") from error


def _to_states(choices: Any, n: int, run: Run, done: int) -> States:
    """Block states of proposals, which are checked."""
    shape = (n, SPACE.n_choices)
    if not isinstance(choices, np.ndarray) or choices.dtype != np.int8 or choices.shape != shape:
        got = f"{choices.dtype} of shape {choices.shape}" if isinstance(choices, np.ndarray) else shorten(choices)
        raise ControllerError(run, done + 1, f"ask({n}) must return an array int8 of shape {shape}, got {got}")
    try:
        return SPACE.to_states(choices)
    except ValueError as error:
        outside = ((choices < 0) | (choices >= SPACE.cardinalities)).any(axis=1)
        raise ControllerError(run, done + 1 + int(outside.argmax()), error) from None
