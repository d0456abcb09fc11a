"""The protocols of controllers, which propose architectures and are told what these score, and of agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from anb_gym._types import FloatArray
from anb_gym.space import Choices, Indices


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A way to evaluate an architecture.

    Attributes:
        name: ``"proxy"`` or ``"reference"``: the scheme of the training.
        hours: What it costs, in simulated GPU-hours: the mean of random architectures.
    """

    name: str
    hours: float


@dataclass(frozen=True, slots=True)
class Brief:
    """Facts about the problem that a controller may know before it starts.

    Attributes:
        n_objectives: How many objectives it will be told, 1 or more.
        budget: How many evaluations there will be at most.
        hours: How many simulated GPU-hours they may cost; None for no limit.
        fidelities: The ways to evaluate, the cheapest first; the last one judges. Empty where there is one way only.
    """

    n_objectives: int
    budget: int
    hours: float | None = None
    fidelities: tuple[Fidelity, ...] = ()


class Controller(Protocol):
    """Proposes architectures and is told their objectives, in turns.

    The runner asks for ``batch_size`` proposals at a time, or for fewer when less of the budget is left, evaluates
    them and tells all of them at once, in the same order. Objectives are always to be maximised; on tasks with one
    objective, random architectures have mean 0 and the optimum has 1; with several, the ideal of each is 1 and the
    nadir 0. A controller is made as ``Class(brief, rng, **settings)`` and takes all its randomness from ``rng``. A
    class may name, in ``packages``, distributions whose versions can change what it does; studies record those.

    Attributes:
        batch_size: How many evaluations it wants at a time.
    """

    batch_size: int

    def ask(self, n: int) -> Choices:
        """Proposes exactly ``n`` architectures, ``int8`` (n, 28), ``1 <= n <= batch_size``."""

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Learns from evaluations.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: ``float64`` (n, n_objectives), larger is better.
        """


class FidelityController(Protocol):
    """Proposes architectures and says at which fidelity they are to be evaluated, in turns.

    The runner asks and tells it as every :class:`Controller`. Evaluations are made in order until the next one would
    exceed the hours that are left. What it finds is judged at the last fidelity of its brief: the architecture that
    looked best there, or, until one was evaluated there, at the best fidelity so far. A plain controller on such a
    task is evaluated at the last fidelity.

    Attributes:
        batch_size: How many evaluations it wants at a time, asked anew before every turn.
    """

    batch_size: int

    def ask(self, n: int) -> tuple[Choices, str]:
        """Proposes exactly ``n`` architectures, ``int8`` (n, 28), and the name of the fidelity of all of them."""

    def tell(self, choices: Choices, objectives: FloatArray, fidelity: str, hours: FloatArray) -> None:
        """Learns from evaluations.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: ``float64`` (n, 1), larger is better: at every fidelity random architectures have mean 0 and
                the optimum has 1.
            fidelity: The name of the fidelity that was asked for.
            hours: What each evaluation cost, in simulated GPU-hours, ``float64`` (n,).
        """


class Searcher(Protocol):
    """A class whose objects search by themselves, as agents do that step an environment: nobody asks them.

    Making one is quick and refuses with a ``ValueError`` what it does not suit. It takes settings by its class's
    arguments after the first. What it found is scored again from the architectures, in their order.
    """

    @classmethod
    def make(cls, assignment: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        """Makes one, to see that it can be made; the arguments are those of :meth:`search`."""

    @classmethod
    def search(
        cls,
        assignment: Mapping[str, Any],
        settings: Mapping[str, Any],
        hours: float | None = None,
        noise_seed: int | None = None,
        stopping: Callable[[], None] | None = None,
    ) -> tuple[Indices, FloatArray]:
        """Searches until the budget is spent.

        Args:
            assignment: ``id``, ``arguments``, ``evaluations`` and ``seed``: the environment, the budget and the source
                of all randomness.
            settings: Its settings.
            hours: Simulated GPU-hours that may be spent beside; None for no limit.
            noise_seed: Seed of the measurement noise, where the arguments have ``noise``: all that search with the same
                one meet the same measurements.
            stopping: Asked now and then whether to stop, by raising.

        Returns:
            The architectures that were evaluated, in order, ``int64`` (n,), and the wall seconds until each, (n,).
        """


#: The name that :class:`Brief` had before problems had one of their own.
Problem = Brief
