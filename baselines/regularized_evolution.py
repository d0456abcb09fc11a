"""Regularized evolution: tournaments in a population whose oldest member dies."""

from __future__ import annotations

from collections import deque

import numpy as np

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import require_objectives, told


class RegularizedEvolution:
    """Aging evolution of Real et al. 2019 (https://arxiv.org/abs/1802.01548, algorithm 1). For one objective.

    The population starts with random architectures. From then on the best of a random sample is the parent of
    one child, which differs from it in one of the 28 choices; the child joins the population and the oldest
    member leaves it, however good it is. The sample is drawn with replacement, as in the paper.

    Their space has other mutations (of a hidden state, of an operation); one changed choice is the counterpart
    here. Their third mutation, the identity, has none: to evaluate the parent again would tell nothing new.
    Population and sample size are the paper's.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
        population_size: Members of the population, at least 1.
        sample_size: Members of a tournament, at least 1.
        batch_size: Children made at a time. The paper's workers run in parallel; 1 is the sequential algorithm.
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        population_size: int = 100,
        sample_size: int = 25,
        batch_size: int = 1,
    ) -> None:
        require_objectives(brief, "regularized_evolution", 1, 1)
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._population_size = integer(population_size, 1, "population_size")
        self._sample_size = integer(sample_size, 1, "sample_size")
        self._brief = brief
        self._rng = rng
        # Oldest first; a deque that is full drops its first member when another is added.
        self._members: deque[Choices] = deque(maxlen=population_size)
        self._scores: deque[float] = deque(maxlen=population_size)

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures, ``int8`` (n, 28): random ones until the population is full, then children."""
        n_random = min(n, self._population_size - len(self._members)) if self._members else n
        proposals = SPACE.sample(n, self._rng)
        for row in range(n_random, n):
            proposals[row] = mutate(self._parent(), self._rng)
        return proposals

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Adds evaluated architectures to the population, and drops the oldest.

        Args:
            choices: Evaluated architectures, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, 1).
        """
        self._scores.extend(told(choices, objectives, self._brief)[:, 0].tolist())
        self._members.extend(choices)

    def _parent(self) -> Choices:
        sample = self._rng.integers(len(self._members), size=self._sample_size)
        return self._members[max(sample.tolist(), key=self._scores.__getitem__)]


def mutate(choices: Choices, rng: np.random.Generator) -> Choices:
    """A copy of an architecture's choices, ``int8`` (28,), with one of them changed to another option."""
    child = choices.copy()
    position = rng.integers(SPACE.n_choices)
    options = SPACE.cardinalities[position]
    child[position] = (child[position] + rng.integers(1, options)) % options
    return child
