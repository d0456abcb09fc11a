"""A problem of this package as one of pymoo's."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from anb_gym._errors import shown
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import SPACE

with needing("pareto"):
    from pymoo.core.problem import Problem as _PymooProblem


class Scored(Protocol):
    """What a problem has for pymoo, such as an :class:`anb_gym.problems.Problem`."""

    ask: Any
    limit: Any

    @property
    def n_objectives(self) -> int: ...

    @property
    def is_vector(self) -> bool: ...

    @property
    def optimum(self) -> Any: ...

    @property
    def front_rewards(self) -> FloatArray: ...

    @property
    def reference_point(self) -> FloatArray: ...

    def assess(self, states: Any) -> Any: ...


class ArchitectureProblem(_PymooProblem):  # type: ignore[misc] # pymoo has no types
    """The search for architectures, as pymoo sees it: 28 integers, objectives to be minimised.

    Variable i is choice i, in ``0 .. SPACE.cardinalities[i] - 1``; objectives are rewards with the sign changed. A
    bound whose violation is a cost is pymoo's one inequality constraint, met where it is at most 0.

    Attributes:
        problem: What is asked.
        reference_point: The worst objectives that count for a hypervolume, ``float64`` (objectives,), to be minimised
            like them; None for one objective.
    """

    def __init__(self, problem: Scored) -> None:
        self.problem = problem
        self.reference_point = -problem.reference_point if problem.n_objectives > 1 else None
        super().__init__(
            n_var=SPACE.n_choices,
            n_obj=problem.n_objectives,
            n_ieq_constr=int(problem.limit is not None),
            xl=0,
            xu=SPACE.cardinalities - 1,
            vtype=int,
        )

    def _evaluate(self, x: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        found = self.problem.assess(SPACE.to_states(np.asarray(x).round().astype(np.int64)))
        out["F"] = -found.reward.reshape(len(x), self.n_obj)
        if found.cost is not None:
            out["G"] = found.cost[:, None]

    def _calc_pareto_front(self, *args: Any, **kwargs: Any) -> FloatArray | None:
        """The certified front, ``float64`` (n, objectives), to be minimised; None where none is known."""
        try:
            if self.problem.is_vector:
                return -self.problem.front_rewards.reshape(-1, self.n_obj)
        except ValueError:  # no front of so many metrics, or of this surrogate
            return None
        optimum = self.problem.optimum
        if optimum is None:
            return None
        best: FloatArray = self.problem.assess(SPACE.index_to_states(optimum.indices[:1])).reward
        return -best.reshape(1, 1)


def as_pymoo(problem: Any) -> ArchitectureProblem:
    """A problem as one of pymoo's, for its algorithms, indicators and plots.

    Its ``pareto_front()`` is the certified front, or the certified optimum, and ``reference_point`` what hypervolumes
    are measured from; both have the sign of pymoo's objectives, which are minimised. Operators that respect the space
    are :func:`anb_gym.baselines.pymoo_algorithms.operators`.

    Args:
        problem: What :func:`anb_gym.make_problem` makes, where episodes ask for nothing.

    Raises:
        ValueError: ``problem`` is something else, or its episodes ask for weights, a bound or a device.
        ModuleNotFoundError: The extra ``pareto`` is not installed.

    Example:
        >>> import anb_gym
        >>> problem = as_pymoo(anb_gym.make_problem("AccelNAS-VCK190-MO-v0"))
        >>> problem.n_obj, problem.pareto_front().shape, problem.reference_point.round(2).tolist()
        (2, (138, 2), [0.1, 0.1])
    """
    if not hasattr(type(problem), "front_rewards") or problem.ask.options:
        raise ValueError(
            "problem must be what anb_gym.make_problem makes, of an id whose episodes ask for no weights, bound or "
            f"device of their own, got {shown(problem)}"
        )
    return ArchitectureProblem(problem)
