"""Any function as a controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import told


class FunctionController:
    """Proposes what a function makes of everything evaluated so far. For any number of objectives.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness, handed to the function.
        propose: ``propose(rng, choices, objectives, n)`` returns ``n`` architectures as choices (n, 28);
            ``choices`` are those evaluated so far, ``int8`` (k, 28), and ``objectives`` what they scored,
            ``float64`` (k, n_objectives), larger is better.
        batch_size: Proposals at a time, at least 1.

    Raises:
        ValueError: A setting is out of range; later, the function proposes something else.

    Example:
        >>> import numpy as np
        >>> def best_or_random(rng, choices, objectives, n):
        ...     proposals = SPACE.sample(n, rng)
        ...     if len(choices):
        ...         best = choices[objectives[:, 0].argmax()]
        ...         proposals = np.where(rng.random(proposals.shape) < 0.9, best, proposals)
        ...     return proposals
        >>> controller = FunctionController(Brief(1, budget=100), np.random.default_rng(0), propose=best_or_random)
        >>> controller.ask(1).shape
        (1, 28)
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        propose: Callable[[np.random.Generator, Choices, FloatArray, int], Any],
        batch_size: int = 1,
    ) -> None:
        if not callable(propose):
            raise ValueError(f"propose must be a function of (rng, choices, objectives, n), got {propose!r}")
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._brief = brief
        self._rng = rng
        self._propose = propose
        self._choices = np.empty((0, SPACE.n_choices), dtype=np.int8)
        self._objectives = np.empty((0, brief.n_objectives))

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures, ``int8`` (n, 28).

        Raises:
            ValueError: The function returned too few or too many, or architectures outside the space.
        """
        # Copies: what the function does to its arguments must not change the record.
        returned = self._propose(self._rng, self._choices.copy(), self._objectives.copy(), n)
        proposals = SPACE.validate_choices(returned, "what propose returned")
        if len(proposals) != n:
            raise ValueError(f"propose must return {n} architectures, got {len(proposals)}")
        return proposals

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Adds evaluations to what the function is given.

        Args:
            choices: Evaluated architectures, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, n_objectives).
        """
        values = told(choices, objectives, self._brief)
        self._choices = np.concatenate([self._choices, choices])
        self._objectives = np.concatenate([self._objectives, values])
