"""Local search at the cheapest fidelity, whose best are then evaluated at the one that judges."""

from __future__ import annotations

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import number, require_fidelities, told
from .local_search import LocalSearch


class ProxyLocalSearch:
    """What is usually done: search under a proxy scheme, then train the best of what was found in earnest.

    Until a share of the hours is spent it is :class:`~anb_gym.baselines.local_search.LocalSearch` at the cheapest
    fidelity; then the different architectures that looked best are evaluated at the last one, the best first.

    Args:
        brief: What the problem is; of one objective and several fidelities.
        rng: Source of randomness.
        share: The part of the hours that goes into the search.
    """

    batch_size = 1

    def __init__(self, brief: Brief, rng: np.random.Generator, *, share: float = 0.7) -> None:
        require_fidelities(brief, "proxy_local_search")
        assert brief.hours is not None
        self._brief = brief
        self._left = number("share", share, 0.0, 1.0) * brief.hours
        self._search = LocalSearch(brief, rng)
        self._found: dict[bytes, float] = {}

    def ask(self, n: int) -> tuple[Choices, str]:
        """Proposes the search's next, or the best that was not evaluated in earnest; ``int8`` (1, 28)."""
        if self._left > 0.0 or not self._found:
            return self._search.ask(n), self._brief.fidelities[0].name
        best = max(self._found, key=self._found.__getitem__)
        return np.frombuffer(best, dtype=np.int8).reshape(1, SPACE.n_choices), self._brief.fidelities[-1].name

    def tell(self, choices: Choices, objectives: FloatArray, fidelity: str, hours: FloatArray) -> None:
        """Goes on with the search, or to the next best.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (1, 28).
            objectives: What it scored, ``float64`` (1, 1).
            fidelity: The fidelity.
            hours: What it cost, ``float64`` (1,).
        """
        value = float(told(choices, objectives, self._brief)[0, 0])
        if fidelity != self._brief.fidelities[0].name:
            del self._found[choices[0].tobytes()]
            return
        self._left -= float(hours[0])
        self._found[choices[0].tobytes()] = value
        self._search.tell(choices, objectives)
