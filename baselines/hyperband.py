"""Successive halving and Hyperband: many architectures at a cheap fidelity, the best of them at the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from math import ceil
from typing import ClassVar

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import number, require_fidelities, told


class Hyperband:
    """Hyperband, Li et al. 2018 (https://jmlr.org/papers/v18/16-558.html), over the fidelities of a task.

    A bracket of successive halving evaluates random architectures at its first fidelity and promotes the best one in
    ``eta`` to the next, up to the last. Brackets differ in where they begin, and in how many architectures with: as
    many as cost about the same. They take turns until the hours are spent. With two fidelities and their ratio of costs
    as ``eta`` there are two brackets: six architectures at the proxy of which one goes on, and two at the reference.

    Args:
        brief: What the problem is; of one objective and several fidelities.
        rng: Source of randomness.
        eta: One in so many is promoted, at least 2; None for the ratio of the costs of the last two fidelities.
    """

    _name: ClassVar[str] = "hyperband"

    def __init__(self, brief: Brief, rng: np.random.Generator, *, eta: float | None = None) -> None:
        require_fidelities(brief, self._name)
        self._brief, self._rng = brief, rng
        costs = [fidelity.hours for fidelity in brief.fidelities]
        self._eta = costs[-1] / costs[-2] if eta is None else number("eta", eta, 2.0)
        self._brackets = cycle(self._order(len(costs)))
        #: The present rung: its fidelity, what is to be evaluated, and what was.
        self._at = 0
        self._left: Choices
        self._done: list[Choices]
        self._values: list[FloatArray]
        self._begin()

    @staticmethod
    def _order(n_fidelities: int) -> Sequence[int]:
        """How many promotions the brackets have, in their turn."""
        return range(n_fidelities - 1, -1, -1)

    @property
    def batch_size(self) -> int:
        """What is left of the rung."""
        return len(self._left)

    def ask(self, n: int) -> tuple[Choices, str]:
        """Proposes ``n`` architectures of the rung, ``int8`` (n, 28), and its fidelity."""
        return self._left[:n], self._brief.fidelities[self._at].name

    def tell(self, choices: Choices, objectives: FloatArray, fidelity: str, hours: FloatArray) -> None:
        """Notes evaluations, and promotes the best of a rung that is complete.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, 1).
            fidelity: The fidelity.
            hours: What they cost, ``float64`` (n,).
        """
        self._done.append(choices)
        self._values.append(told(choices, objectives, self._brief)[:, 0])
        self._left = self._left[len(choices) :]
        if len(self._left):
            return
        if self._at + 1 == len(self._brief.fidelities):
            self._begin()
            return
        rung, values = np.concatenate(self._done), np.concatenate(self._values)
        promoted = max(1, int(len(rung) / self._eta))
        self._enter(self._at + 1, rung[np.argsort(-values, kind="stable")[:promoted]])

    def _begin(self) -> None:
        """Begins the next bracket."""
        promotions, last = next(self._brackets), len(self._brief.fidelities) - 1
        n = ceil((last + 1) / (promotions + 1) * self._eta**promotions)
        self._enter(last - promotions, SPACE.sample(n, self._rng))

    def _enter(self, at: int, rung: Choices) -> None:
        self._at, self._left = at, rung
        self._done, self._values = [], []


class SuccessiveHalving(Hyperband):
    """Successive halving, Jamieson and Talwalkar 2016 (https://proceedings.mlr.press/v51/jamieson16.html).

    The most aggressive bracket of :class:`Hyperband`, again and again: all architectures begin at the cheapest
    fidelity.

    Args:
        brief: What the problem is; of one objective and several fidelities.
        rng: Source of randomness.
        eta: One in so many is promoted, at least 2; None for the ratio of the costs of the last two fidelities.
    """

    _name: ClassVar[str] = "successive_halving"

    @staticmethod
    def _order(n_fidelities: int) -> Sequence[int]:
        return (n_fidelities - 1,)
