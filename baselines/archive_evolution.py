"""Archive evolution: mutate what is best under a random weighting of the objectives."""

from __future__ import annotations

import numpy as np

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import require_objectives, told
from .regularized_evolution import mutate


class ArchiveEvolution:
    """An evolutionary algorithm whose population is the archive of the best so far. For several objectives.

    The archive holds every evaluated architecture that no other dominates. Each turn draws weights uniformly from
    the simplex, takes the member whose largest weighted distance from the ideal point is smallest (the Tchebycheff
    distance), changes one of its 28 choices, and evaluates the child.

    This is SEMO of Laumanns et al. 2004 (https://doi.org/10.1109/TEVC.2004.823470), whose parents are drawn
    uniformly from the archive, with the random weights by which ParEGO (Knowles 2006,
    https://doi.org/10.1109/TEVC.2005.851274) chooses. Not the algorithm of one paper, but with small budgets stronger
    here than those that are: it needs no large population, and the weights spread parents over the whole front.

    No architecture is evaluated twice: a child that is known is mutated again.

    Args:
        brief: Its brief. Objectives must be scaled so that 1 is the ideal of each.
        rng: Source of randomness.
        n_random: Random architectures to start with, at least 1.
    """

    #: Every evaluation decides which is next.
    batch_size = 1

    def __init__(self, brief: Brief, rng: np.random.Generator, *, n_random: int = 10) -> None:
        require_objectives(brief, "archive_evolution", 2)
        self._n_random = integer(n_random, 1, "n_random")
        self._brief = brief
        self._rng = rng
        self._choices = np.empty((0, SPACE.n_choices), dtype=np.int8)
        self._objectives = np.empty((0, brief.n_objectives))
        self._known: set[bytes] = set()

    def ask(self, n: int) -> Choices:
        """Proposes a random architecture or a child of the archive; ``int8`` (1, 28)."""
        if len(self._known) < self._n_random:
            return SPACE.sample(n, self._rng)
        weights = self._rng.dirichlet(np.ones(self._brief.n_objectives))
        distance = (weights * (1.0 - self._objectives)).max(axis=1)
        child = mutate(self._choices[distance.argmin()], self._rng)
        while child.tobytes() in self._known:
            child = mutate(child, self._rng)
        return child[None]

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Adds the architecture to the archive if nothing in it is as good, and drops what it dominates.

        Args:
            choices: The evaluated architecture, ``int8`` (1, 28).
            objectives: What it scored, ``float64`` (1, n_objectives).
        """
        scores = told(choices, objectives, self._brief)
        self._known.add(choices[0].tobytes())
        if not (self._objectives >= scores).all(axis=1).any():
            keep = ~(self._objectives <= scores).all(axis=1)
            self._choices = np.concatenate([self._choices[keep], choices])
            self._objectives = np.concatenate([self._objectives[keep], scores])
