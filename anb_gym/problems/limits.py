"""Checks of the bounds of problems."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from anb_gym.fronts import NoFrontError
from anb_gym.fronts.limits import check_met
from anb_gym.problems.asks import NOTHING, AskBound
from anb_gym.rewards import Accuracy, Bounded, Constrained, relative_violation

if TYPE_CHECKING:
    from anb_gym.problems.problem import Problem


def check_bounded(problem: Problem, limit: Bounded) -> None:
    """Checks a problem whose scale is that of the architectures that meet a bound.

    Raises:
        ValueError: The bound is not the only one, the reward is not of accuracy alone, or no architecture meets the
            bound, if the exact front tells; the message names the nearest that can be met.
    """
    if problem.constraint is not None and not isinstance(problem.reward, Accuracy):
        raise ValueError(
            f"reward must be the accuracy under the constraint {problem.constraint!r}, got {problem.reward!r}"
        )
    if isinstance(problem.ask, AskBound) and problem.ask.metric == limit.performance:
        return
    if problem.ask != NOTHING:
        raise ValueError(f"ask must be nothing, or a bound of {limit.performance}, with {limit!r}, got {problem.ask!r}")
    try:
        front = problem.benchmark.front(limit.performance)
    except NoFrontError:
        return
    check_met(front, np.array([limit.bound]), "target")


def warn_if_unmet(problem: Problem, bounded: Constrained) -> None:
    """Warns of a bound that no architecture of the space meets, where the exact front tells."""
    try:
        best = problem.benchmark.front(bounded.performance).ideal[-1]
    except NoFrontError:
        return
    if relative_violation(bounded.performance, np.array(best), bounded.bound) > 0.0:
        warnings.warn(
            f"target: no architecture meets the bound {bounded.bound:,g} of {bounded.performance}; "
            f"the best has {best:,.2f}",
            stacklevel=4,
        )
