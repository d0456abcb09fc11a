"""The race of schemes: which trainings come next, which schemes are out of it, and which one wins.

A race knows only the outcomes that it was told, so it is a function of them: the same outcomes give the same waves and
the same winner, whatever ran where and in which order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.construction.proxy_search.statistics import Measured
from anb_gym.construction.ranking import tau_bound
from anb_gym.construction.units import Trained


class Standing(StrEnum):
    """A scheme's end in the race, or that it is still in it."""

    COMPLETE = "complete"
    TOO_SLOW = "its mean time must exceed the limit"
    OUTRANKED = "its tau cannot reach the best one's"
    OPEN = "not needed"


@dataclass(frozen=True)
class Goal:
    """Figures that are good enough for the search to stop.

    Attributes:
        tau: The least rank correlation.
        seconds: The largest mean training time.
    """

    tau: float
    seconds: float = np.inf


class Race:
    """Schemes that compete for the highest tau within a limit on the mean training time (equation 1 of the paper).

    The winner is the complete scheme within the limit that has the highest tau; of equals, that with the lowest mean
    time, then the first. With a goal it is the first scheme that reaches the goal, if one does. A scheme is given
    up when its tau must stay below that of a complete scheme within the limit, or when its mean time must exceed the
    limit. Both follow from bounds, so giving up never changes the winner.

    Args:
        schemes: Number of schemes. Their order is that of preference: the cheapest first.
        reference: Accuracies under the reference scheme, ``float64`` (n,).
        seeds: Trainings per architecture and scheme.
        limit: The largest mean training time, in seconds.
        goal: What to stop at.
    """

    def __init__(self, schemes: int, reference: FloatArray, seeds: int, limit: float, goal: Goal | None = None) -> None:
        self.reference = reference
        self.limit = limit
        self.goal = goal
        shape = (len(reference), seeds)
        self.measured = [Measured(np.full(shape, np.nan), np.full(shape, np.nan)) for _ in range(schemes)]
        #: The largest tau that each scheme can still reach; of a complete scheme, its tau.
        self.bounds = [tau_bound(np.full(len(reference), np.nan), reference)] * schemes

    def tell(self, scheme: int, row: int, outcomes: Sequence[Trained]) -> None:
        """Takes the outcomes of one architecture, one per seed."""
        self.measured[scheme].accuracy[row] = [outcome.accuracy for outcome in outcomes]
        self.measured[scheme].seconds[row] = [outcome.seconds for outcome in outcomes]
        self.bounds[scheme] = tau_bound(self.measured[scheme].mean, self.reference)

    def wave(self, size: int) -> list[tuple[int, int]]:
        """The next trainings: pairs of scheme and row of the architecture, at most ``size``; none if the race is over.

        With a goal, schemes have their turns one by one. Otherwise those that can reach the highest tau come first,
        and each gets half of what it lacks before the others have had their turn, so that a bad one does not cost much
        before its bound falls.
        """
        hopeful = self._hopeful()
        if hopeful:
            contenders = list(takewhile(lambda scheme: not self.is_complete(scheme), hopeful))
        else:
            contenders = self._contenders()
        first, rest = [], []
        for scheme in contenders:
            rows = np.flatnonzero(np.isnan(self.measured[scheme].mean)).tolist()
            turn = len(rows) if hopeful else (len(rows) + 1) // 2
            first += [(scheme, row) for row in rows[:turn]]
            rest += [(scheme, row) for row in rows[turn:]]
        return [*first, *rest][:size]

    @property
    def winner(self) -> int | None:
        """The best scheme so far; after the last wave, the winner. None if no complete scheme is within the limit."""
        reached = [scheme for scheme in self._hopeful() if self.is_complete(scheme)]
        return reached[0] if reached else self._best()

    def least_seconds(self, scheme: int) -> float:
        """The least mean training time that a scheme can still have, as no time is below 0."""
        return float(np.nansum(self.measured[scheme].seconds) / self.measured[scheme].seconds.size)

    def is_complete(self, scheme: int) -> bool:
        """Whether all architectures were trained with a scheme."""
        return not np.isnan(self.measured[scheme].accuracy).any()

    def standings(self) -> list[Standing]:
        """Standing of each scheme."""
        best = self._best()
        attained = -np.inf if best is None else self.bounds[best]
        standings = []
        for scheme, bound in enumerate(self.bounds):
            if self.least_seconds(scheme) > self.limit:
                standings.append(Standing.TOO_SLOW)
            elif self.is_complete(scheme):
                standings.append(Standing.COMPLETE)
            else:
                standings.append(Standing.OUTRANKED if bound < attained else Standing.OPEN)
        return standings

    def _contenders(self) -> list[int]:
        """Incomplete schemes that can still have the highest tau, the most promising first."""
        known = [int(np.isfinite(measured.accuracy).sum()) for measured in self.measured]
        schemes = [scheme for scheme, standing in enumerate(self.standings()) if standing is Standing.OPEN]
        return sorted(schemes, key=lambda scheme: (-self.bounds[scheme], -known[scheme]))

    def _hopeful(self) -> list[int]:
        """Schemes that reach the goal or still can."""
        if self.goal is None:
            return []
        seconds = min(self.limit, self.goal.seconds)
        return [
            scheme
            for scheme, bound in enumerate(self.bounds)
            if bound >= self.goal.tau and self.least_seconds(scheme) <= seconds
        ]

    def _best(self) -> int | None:
        """The complete scheme within the limit that has the highest tau."""
        complete = [
            scheme
            for scheme in range(len(self.bounds))
            if self.is_complete(scheme) and self.least_seconds(scheme) <= self.limit
        ]
        return min(complete, key=lambda scheme: (-self.bounds[scheme], self.least_seconds(scheme)), default=None)
