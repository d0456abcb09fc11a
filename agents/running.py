"""Training an agent from a name and an id, into a folder or not, and loading it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from anb_gym._files import create, locked, refusing, remove_temporaries, writing_into
from anb_gym._types import FloatArray
from anb_gym.space import Indices

from . import saving
from .agent import Agent, Assignment
from .evaluations import Evaluations
from .registry import find, make_agent
from .training import BudgetSpent, Training

#: The file that a process locks while it trains in a folder.
LOCK: Final = ".training"


def train(
    agent: str | type[Agent],
    id: str,
    evaluations: int,
    *,
    seed: int,
    arguments: Mapping[str, Any] = MappingProxyType({}),
    settings: Mapping[str, Any] = MappingProxyType({}),
    folder: Path | str | None = None,
    progress: bool = False,
    watch: Callable[[Training], None] | None = None,
) -> tuple[Agent, Evaluations]:
    """Trains an agent on an environment.

    The same arguments give the same agent, to the bit on one machine, whether the training was interrupted or not.

    Args:
        agent: A name in :data:`anb_gym.agents.AGENTS`, ``"module:Class"``, ``"file.py:Class"`` or a class.
        id: Such as ``"AccelNAS-VCK190-v0"``.
        evaluations: The budget: how many architectures may be measured.
        seed: Of all randomness, at least 0.
        arguments: Those of the environment, data as of JSON.
        settings: Those of the agent.
        folder: Where checkpoints go and in the end the agent. A training that was interrupted there goes on, and one
            that is finished is read. None for nowhere.
        progress: Whether to show a progress bar on standard error.
        watch: Called between updates, such as to log.

    Returns:
        The agent, and every architecture that it evaluated, in order.

    Raises:
        ValueError: An argument or a setting is unknown or out of range, the agent does not suit the environment, or
            the folder holds another training.
        AgentError: What the folder holds is damaged.
        InUseError: Another process trains in the folder.
        OSError: A file cannot be written.
        KeyboardInterrupt: It was interrupted; the same call goes on.

    Example:
        >>> agent, evaluations = train("policy_gradient", "AccelNAS-VCK190-v0", 1000, seed=0)
        >>> len(evaluations), agent.design(greedy=True).shape
        (1000, (1, 28))
    """
    assignment = Assignment(id, evaluations, seed, arguments)
    name, _ = find(agent)
    made = make_agent(agent, assignment, settings)
    with ExitStack() as stack:
        save = None
        saved: saving.Saved | None = None
        if folder is not None:
            path = Path(folder)
            told = saving.check(made, name=name)  # now, not when it has learned
            stack.enter_context(writing_into(path))
            if create(path / LOCK, b""):
                stack.callback(_remove_unused, path)
            if stack.enter_context(locked(path / LOCK, "a training")):
                remove_temporaries(path)
            saved = _present(path / saving.FILE, told)

            def save(agent: Agent, training: Training) -> None:
                saving.save(path / saving.FILE, agent, training, name=name)

        training = Training(assignment, save=save, watch=watch, progress=progress)
        if saved is not None:
            assert saved.evaluations is not None
            with refusing(path / saving.FILE, saving.AgentError):
                made.restore(saved.state)
                saving.set_generator(made.rng, saved.generators["agent"])
                saving.set_generator(training.rng, saved.generators["training"])
            training.restore(saved.evaluations)
        if saved is None or not saved.finished:
            learn(made, training)
            if save is not None:
                save(made, training)
        return made, training.evaluations


def load(path: Path | str, agent: str | type[Agent] | None = None, *, id: str | None = None, **arguments: Any) -> Agent:
    """A saved agent, ready to design and to act.

    Args:
        path: Its file, or the folder of its training.
        agent: Its class or where that is, needed for agents that do not ship.
        id: The environment that it is wanted for; None for the one that it was trained on.
        **arguments: Arguments of the environment that it has to have been trained with.

    Raises:
        AgentError: There is none, it is damaged, or it was trained on another environment or with other arguments than
            those asked for; the message names both.
        ValueError: The environment has no such argument.
    """
    saved = saving.read(path)
    assignment = saved.assignment
    if id is not None and assignment.id != id.removeprefix("anb_gym:"):
        raise saving.AgentError(f"id must be {assignment.id!r}, which {path} was trained on, got {id!r}")
    for name, value in arguments.items():
        if _plain(had := assignment.argument(name)) != _plain(value):
            raise saving.AgentError(f"{name} must be {had!r}, which {path} was trained with, got {value!r}")
    return saved.make(agent)


def search(
    agent: type[Agent],
    assignment: Assignment,
    settings: Mapping[str, Any],
    hours: float | None,
    noise_seed: int | None,
    stopping: Callable[[], None] | None,
) -> tuple[Indices, FloatArray]:
    """Trains an agent in a study, see :class:`anb_gym.study.protocol.Searcher`."""
    training = Training(assignment, hours=hours, noise_seed=noise_seed, stopping=stopping)
    try:
        learn(agent(assignment, **settings), training)
    except Exception as error:
        error.add_note(f"evaluation {training.done + 1}")
        raise
    return training.evaluations.index, training.evaluations.seconds


def learn(agent: Agent, training: Training) -> None:
    """Trains an agent until the budget is spent, as :func:`train` does it.

    Raises:
        RuntimeError: The agent stopped before.
    """
    with training.interruptible():
        try:
            agent.train(training)
        except BudgetSpent:
            pass
        finally:
            training.close()
    if not training.over:
        raise RuntimeError(
            f"{type(agent).__name__}.train must go on until the budget is spent, "
            f"it stopped after {training.done} of {training.assignment.evaluations} evaluations"
        )


def _remove_unused(folder: Path) -> None:
    """Removes what a training made that ended before its first checkpoint."""
    if not (folder / saving.FILE).exists():
        (folder / LOCK).unlink(missing_ok=True)


def _present(path: Path, told: Mapping[str, Any]) -> saving.Saved | None:
    """The saved agent that a folder holds, if it holds one, whose manifest has to tell the same of its training."""
    if not path.exists():
        return None
    saved = saving.read(path)
    of, names = saved.assignment, ("id", "arguments", "evaluations", "seed")
    theirs = {"agent": saved.name, "settings": saved.settings, **{name: getattr(of, name) for name in names}}
    for key, value in theirs.items():
        if value != told[key]:
            raise ValueError(
                f"{path.parent} holds another training, whose {key} is {value!r}, not {told[key]!r}: "
                "choose another folder"
            )
    if saved.evaluations is None or "training" not in saved.generators:
        raise saving.AgentError(f"{path} holds no record of its training, so that cannot go on: choose another folder")
    return saved


def _plain(value: Any) -> Any:
    """A value as files have it, so that a tuple equals a list."""
    return list(value) if isinstance(value, tuple) else value
