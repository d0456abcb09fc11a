"""Evolutionary algorithms of pymoo as controllers: NSGA-II, MOEA/D and SMS-EMOA.

Populations are those of the papers, which had budgets of tens of thousands of evaluations. With 1,000, generations
are few, and ``population_size=20`` does better: NSGA-II then had a median hypervolume regret of 0.05 instead of 0.09
on VCK190, and of 0.07 instead of 0.13 on A100 (ten seeds).
"""

from __future__ import annotations

from copy import deepcopy
from itertools import count
from math import ceil, comb
from typing import Any

import numpy as np

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import number, require_objectives, told

with needing("study"):
    from pymoo.algorithms.moo.moead import MOEAD
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.moo.rvea import RVEA
    from pymoo.algorithms.moo.sms import SMSEMOA
    from pymoo.core.individual import Individual
    from pymoo.core.mutation import Mutation
    from pymoo.core.population import Population
    from pymoo.core.problem import Problem as PymooProblem
    from pymoo.core.termination import NoTermination
    from pymoo.operators.crossover.ux import UX
    from pymoo.termination.max_gen import MaximumGenerationTermination
    from pymoo.util.ref_dirs import get_reference_directions


class PymooController:
    """Any algorithm of pymoo that can be asked and told.

    The 28 choices are integer variables; objectives are negated, because pymoo minimises. A generation of the
    algorithm is handed out over as many turns as it takes. Where it comes out short, for want of children that
    are new, random architectures take part in place of the missing.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness, and of the algorithm's seed.
        algorithm: A pymoo algorithm whose operators make integers, such as those of :func:`operators`; it is copied.
        batch_size: Proposals at a time. Best a divisor of the size of every generation; 1 always is.
    """

    def __init__(self, brief: Brief, rng: np.random.Generator, *, algorithm: Any, batch_size: int = 1) -> None:
        if not (hasattr(algorithm, "setup") and hasattr(algorithm, "ask") and hasattr(algorithm, "tell")):
            raise ValueError(f"algorithm must be an algorithm of pymoo, got {algorithm!r}")
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._brief = brief
        self._rng = rng
        limits = SPACE.cardinalities - 1
        variables = PymooProblem(n_var=SPACE.n_choices, n_obj=brief.n_objectives, xl=0 * limits, xu=limits, vtype=int)
        end = _end(algorithm, brief.budget)
        # A copy, since pymoo's algorithms share their default parts, of which some remember: SPEA2's survival does.
        self._algorithm = deepcopy(algorithm).setup(variables, termination=end, seed=int(rng.integers(2**31)))
        self._generation: Any = Population.empty()
        self._objectives: list[FloatArray] = []
        self._n_asked = 0
        self._single = False
        self._next_generation()

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures, ``int8`` (n, 28)."""
        end = self._n_asked + n
        if (missing := end - len(self._generation)) > 0:
            immigrants = Population.new(X=SPACE.sample(missing, self._rng).astype(int))
            self._generation = Population.merge(self._generation, immigrants)
        members = self._generation[self._n_asked : end]
        self._n_asked = end
        return SPACE.validate_choices(np.stack([member.X for member in members]), "what algorithm proposed")

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Hands evaluations to the algorithm once its generation is complete.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, n_objectives).
        """
        self._objectives.extend(told(choices, objectives, self._brief))
        if len(self._objectives) == len(self._generation):
            self._generation.set("F", -np.array(self._objectives))
            # Loop-wise algorithms, such as MOEA/D, ask for single individuals and want them back as such.
            self._algorithm.tell(infills=self._generation[0] if self._single else self._generation)
            self._next_generation()

    def _next_generation(self) -> None:
        asked = self._algorithm.ask()
        self._single = isinstance(asked, Individual)
        if asked is None:
            asked = Population.empty()
        self._generation = Population.create(asked) if self._single else asked
        self._objectives.clear()
        self._n_asked = 0


def _end(algorithm: Any, budget: int) -> Any:
    """When pymoo is told that the search ends: never, but to algorithms that go by how far it is.

    The runner decides when to stop; criteria of pymoo's would stop early and take time.
    """
    if not isinstance(algorithm, RVEA):
        return NoTermination()
    return MaximumGenerationTermination(max(1, ceil(budget / algorithm.n_offsprings)))


class NSGA2Controller(PymooController):
    """NSGA-II of Deb et al. 2002 (https://doi.org/10.1109/4235.996017). For several objectives.

    Population, crossover probability 0.9 and mutation probability of one in the number of variables are the
    paper's; crossover and mutation are those of :func:`operators`.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
        population_size: Members of the population, and children of a generation, at least 2.
    """

    def __init__(self, brief: Brief, rng: np.random.Generator, *, population_size: int = 100) -> None:
        require_objectives(brief, "nsga2", 2)
        size = integer(population_size, 2, "population_size")
        super().__init__(brief, rng, algorithm=NSGA2(pop_size=size, **operators(size, rng)), batch_size=size)


class MOEADController(PymooController):
    """MOEA/D of Zhang and Li 2007 (https://doi.org/10.1109/TEVC.2007.892759). For several objectives.

    Sequential, as in the paper, with its 20 neighbours and, for two objectives, its 100 subproblems and Tchebycheff
    decomposition; pymoo takes penalty boundary intersection for more. Parents come from the neighbourhood with
    probability 0.9 (Li and Zhang 2009, https://doi.org/10.1109/TEVC.2008.925798).

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
        population_size: Subproblems at most, at least as many as objectives; see :func:`reference_directions`.
        n_neighbours: Subproblems that share solutions, at least 2.
        neighbour_mating: Probability that parents come from the neighbourhood, in [0, 1].
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        population_size: int = 100,
        n_neighbours: int = 20,
        neighbour_mating: float = 0.9,
    ) -> None:
        require_objectives(brief, "moead", 2)
        directions = reference_directions(brief.n_objectives, population_size)
        algorithm = MOEAD(
            directions,
            n_neighbors=integer(n_neighbours, 2, "n_neighbours"),
            prob_neighbor_mating=number("neighbour_mating", neighbour_mating, 0.0, 1.0),
            **operators(len(directions), rng),
        )
        super().__init__(brief, rng, algorithm=algorithm)


class SMSEMOAController(PymooController):
    """SMS-EMOA of Beume et al. 2007 (https://doi.org/10.1016/j.ejor.2006.08.008). For 2 to 5 objectives.

    Steady state: one child at a time, and the member that adds least to the hypervolume leaves. Its population
    is 100, as in the paper. With six objectives each child would take a fifth of a second, with more minutes.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
        population_size: Members of the population, at least 2.
    """

    def __init__(self, brief: Brief, rng: np.random.Generator, *, population_size: int = 100) -> None:
        require_objectives(brief, "sms_emoa", 2, 5)
        size = integer(population_size, 2, "population_size")
        super().__init__(brief, rng, algorithm=SMSEMOA(pop_size=size, n_offsprings=1, **operators(size, rng)))


def operators(population_size: int, rng: np.random.Generator) -> dict[str, Any]:
    """Variation of architectures, as arguments of pymoo's algorithms.

    Choices have no order to respect, so crossover is uniform (with probability 0.9), and mutation gives each choice
    another of its options with probability 1/28.

    Args:
        population_size: Architectures to start with.
        rng: Draws these, uniformly.
    """
    start = SPACE.sample(population_size, rng).astype(int)
    return {"sampling": start, "crossover": UX(prob=0.9), "mutation": AnotherOption()}


class AnotherOption(Mutation):  # type: ignore[misc] # pymoo has no types
    """Gives each choice another of its options with a small probability, by default 1/28."""

    def _do(self, problem: Any, X: Any, random_state: Any = None, **_: Any) -> Any:
        options = SPACE.cardinalities
        changed = random_state.random(X.shape) < self.get_prob_var(problem, size=(len(X), 1))
        return np.where(changed, (X + random_state.integers(1, options, size=X.shape)) % options, X)


def reference_directions(n_objectives: int, most: int) -> FloatArray:
    """Weights spread evenly over the simplex: as many as can be, up to a number.

    They form the grid of Das and Dennis 1998 (https://doi.org/10.1137/S1052623496307510). With many objectives a
    grid that is small enough lies on the boundary alone, so a second one, of half the size, is put inside
    (Deb and Jain 2014, https://doi.org/10.1109/TEVC.2013.2281535).

    Args:
        n_objectives: At least 2.
        most: The largest number of weights, at least ``n_objectives``.

    Returns:
        Weights ``float64`` (k, n_objectives); each row's sum is 1.

    Raises:
        ValueError: ``most`` is too small.

    Example:
        >>> [len(reference_directions(m, 100)) for m in (2, 3, 9)]
        [100, 91, 90]
    """
    integer(most, n_objectives, "population_size")

    def finest(room: int) -> int:
        """The number of partitions of the finest grid with no more than ``room`` points."""
        return next(p for p in count() if comb(n_objectives + p, p + 1) > room)

    outer = finest(most)
    layers = [get_reference_directions("das-dennis", n_objectives, n_partitions=outer)]
    inner = finest(most - len(layers[0]))
    if outer < n_objectives and inner:
        layers.append(get_reference_directions("das-dennis", n_objectives, n_partitions=inner, scaling=0.5))
    return np.concatenate(layers)
