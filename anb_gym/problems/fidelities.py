"""The problem whose architectures can be evaluated under two schemes, at two prices, and are judged under one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.metrics import ACCURACIES
from anb_gym.problems.asks import NOTHING
from anb_gym.problems.cost import gpu_hours
from anb_gym.problems.problem import Problem
from anb_gym.space import States

#: The fidelities, the cheapest first: the schemes under which a network can be trained.
FIDELITIES: Final = tuple(ACCURACIES)


@dataclass(frozen=True)
class TwoFidelityProblem(Problem):
    """A problem under the reference scheme whose architectures can be evaluated under the proxy scheme too.

    It is the problem under the reference scheme: reward, regret and optimum are those of a reference training. An
    evaluation is bought, at one fidelity, for the simulated GPU-hours of one training, see
    :func:`anb_gym.problems.cost.gpu_hours`.

    Attributes:
        proxy: The same problem under the proxy scheme, with an optimum and a scale of its own.

    Raises:
        ValueError: It is not a scalar problem under the reference scheme, or ``proxy`` not one under the proxy scheme.
    """

    proxy: Problem = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for argument, fidelity, problem in (("task", "reference", self), ("proxy", "proxy", self.proxy)):
            if problem.task.fidelity != fidelity or problem.is_vector or problem.ask != NOTHING:
                raise ValueError(f"{argument} must be scalar and under the {fidelity} scheme, got {problem.task!r}")

    def at(self, fidelity: str) -> Problem:
        """The problem at a fidelity.

        Raises:
            ValueError: There is no such fidelity; the message suggests the nearest.
        """
        return self if choose(fidelity, FIDELITIES, "fidelity") == "reference" else self.proxy

    def told(self, states: States, fidelity: str, noise: Any = None) -> FloatArray:
        """What an evaluation tells: the reward in the scale of its own fidelity, ``float64`` (n,).

        In unit scale random architectures have the mean 0 and the optimum 1 at both fidelities; the two optima are
        different networks.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            fidelity: A name in :data:`FIDELITIES`.
            noise: Seeds of the noise of one training each, ``uint64`` (n,) or (); None for no noise.

        Raises:
            ValueError: There is no such fidelity.
        """
        problem = self.at(fidelity)
        return problem.score(problem.measure(states, noise))

    def hours(self, states: States, fidelity: str) -> FloatArray:
        """Simulated GPU-hours of evaluations at a fidelity, ``float64`` (n,).

        Raises:
            ValueError: There is no such fidelity.
        """
        return gpu_hours(states, choose(fidelity, FIDELITIES, "fidelity"))
