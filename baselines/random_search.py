"""Random search: the controller that every other has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from anb_gym.space import SPACE, Choices


class RandomSearch:
    """Proposes uniformly random architectures, with replacement, whatever it is told.

    Args:
        rng: Source of randomness. The sequence of proposals depends on it alone,
            not on how many are asked for at a time.

    Example:
        >>> import numpy as np
        >>> controller = RandomSearch(np.random.default_rng(0))
        >>> controller.ask(3).shape
        (3, 28)
    """

    def __init__(self, rng: np.random.Generator) -> None:
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
