"""Local search: walk uphill over neighbours, and start again at the top."""

from __future__ import annotations

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import require_objectives, told


class LocalSearch:
    """First-improvement local search with random restarts. For one objective.

    From a random architecture it evaluates the 43 neighbours, which differ in one choice, in random order, and
    moves to the first that is better. When none is, the architecture is a local optimum and the search starts
    again. As a baseline for architecture search: White et al. 2020 (https://arxiv.org/abs/2005.02960; this is
    their variant that moves as soon as it improves) and Den Ottelander et al. 2020
    (https://arxiv.org/abs/2004.08996; neighbours in random order).

    Within one climb no architecture is evaluated twice: a neighbour that was worse than an earlier place is
    worse than the present one. There are no settings.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
    """

    #: Every evaluation decides which is next.
    batch_size = 1

    def __init__(self, brief: Brief, rng: np.random.Generator) -> None:
        require_objectives(brief, "local_search", 1, 1)
        self._brief = brief
        self._rng = rng
        self._best: float | None = None
        self._queue: list[Choices] = []
        self._visited: set[bytes] = set()

    def ask(self, n: int) -> Choices:
        """Proposes the next neighbour, or where to start again; ``int8`` (1, 28)."""
        if self._queue:
            return self._queue.pop()[None]
        self._best = None
        self._visited.clear()
        return SPACE.sample(n, self._rng)

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Moves to the architecture if it is better.

        Args:
            choices: The evaluated architecture, ``int8`` (1, 28).
            objectives: What it scored, ``float64`` (1, 1).
        """
        score = float(told(choices, objectives, self._brief)[0, 0])
        self._visited.add(choices[0].tobytes())
        if self._best is None or score > self._best:
            self._best = score
            neighbours = self._rng.permutation(SPACE.neighbours(choices[0]))
            self._queue = [row for row in neighbours if row.tobytes() not in self._visited]
