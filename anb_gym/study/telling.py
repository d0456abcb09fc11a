"""What controllers are told of architectures: at a fidelity, with noise, and where measurements fail."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.problems import Problem, TwoFidelityProblem
from anb_gym.problems.cost import gpu_hours
from anb_gym.space import States
from anb_gym.study.failures import FAILED, fails

#: Names, an array of objects.
Names: TypeAlias = NDArray[np.object_]


def told_of(problem: Problem, states: States, fidelity: str | None, noise: Any) -> FloatArray:
    """What a controller is told of architectures."""
    if isinstance(problem, TwoFidelityProblem) and fidelity is not None:
        return problem.told(states, fidelity, noise)
    return problem.score(problem.measure(states, noise))


def told_at(problem: Problem, states: States, fidelity: Names, noise: Any) -> dict[str, FloatArray]:
    """``told`` and ``hours``, as of :class:`~anb_gym.study.runs.Trajectory`, of evaluations at several fidelities.

    Args:
        problem: What was evaluated.
        states: Block states, ``int64`` (n, 7).
        fidelity: The fidelity of each, (n,).
        noise: See :func:`anb_gym.study.runs.noise_seed`.
    """
    told, cost = np.empty((2, len(states)))
    for name in set(fidelity.tolist()):
        rows = fidelity == name
        told[rows] = told_of(problem, states[rows], name, noise)
        cost[rows] = gpu_hours(states[rows], name)
    return {"told": told, "hours": np.cumsum(cost)}


def failing(told: FloatArray, states: States, failures: float | None, seed: int) -> FloatArray:
    """What is told where measurements can fail.

    Args:
        told: What is told of those that do not, ``float64`` (n,) or (n, 1).
        states: Block states, ``int64`` (n, 7).
        failures: The part that fails, see :mod:`anb_gym.study.failures`; None for none.
        seed: That of the run.
    """
    if failures is None:
        return told
    failed: FloatArray = np.where(fails(states, failures, seed).reshape(-1, *[1] * (told.ndim - 1)), FAILED, told)
    return failed


def scores_of(
    problem: Problem, states: States, noise: Any, failures: float | None, seed: int, fidelity: Names | None = None
) -> dict[str, FloatArray | None]:
    """``told``, ``reward`` and ``hours`` of a run's evaluations, as of :class:`~anb_gym.study.runs.Trajectory`.

    Args:
        problem: What was evaluated.
        states: Block states, ``int64`` (n, 7), in order.
        noise: See :func:`anb_gym.study.runs.noise_seed`.
        failures: The part that fails; None for none.
        seed: That of the run.
        fidelity: The fidelity of each, (n,); None on a task with one.
    """
    if fidelity is not None:
        at = told_at(problem, states, fidelity, noise)
        told = failing(at["told"], states, failures, seed)
        return {"told": told, "reward": problem.score(problem.measure(states)), "hours": at["hours"]}
    if problem.n_objectives > 1:
        return {"told": None, "reward": None, "hours": np.cumsum(gpu_hours(states))}
    told = reward = problem.score(problem.measure(states)).ravel()
    if noise is not None:
        told = problem.score(problem.measure(states, noise)).ravel()
    return {"told": failing(told, states, failures, seed), "reward": reward, "hours": np.cumsum(gpu_hours(states))}
