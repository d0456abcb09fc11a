"""Random search: the controller that every other has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from anb_gym._errors import integer
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief


class RandomSearch:
    """Proposes uniformly random architectures, with replacement, whatever it is told.

    That it is a baseline to take seriously in architecture search: Li and Talwalkar 2019,
    https://arxiv.org/abs/1902.07638. For any number of objectives.

    Args:
        brief: Its brief, of which random search needs to know nothing.
        rng: Source of randomness. The sequence of proposals depends on it alone,
            not on how many are asked for at a time.
        batch_size: Proposals at a time, at least 1.

    Example:
        >>> import numpy as np
        >>> controller = RandomSearch(Brief(n_objectives=1, budget=3), np.random.default_rng(0))
        >>> controller.ask(3).shape
        (3, 28)
    """

    def __init__(self, brief: Brief, rng: np.random.Generator, *, batch_size: int = 100) -> None:
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._rng = rng

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures.

        Returns:
            Choices, ``int8`` (n, 28).

        Raises:
            ValueError: ``n`` is not a non-negative integer, or ``rng`` is not a generator.
        """
        return SPACE.sample(n, self._rng)

    def tell(self, choices: Choices, objectives: Any) -> None:
        """Takes note of nothing: random search does not learn.

        Args:
            choices: Evaluated architectures, ``int8`` (n, 28).
            objectives: What they scored.
        """
