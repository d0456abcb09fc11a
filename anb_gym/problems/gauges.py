"""Gauges: which raw rewards are 0 and 1 in unit scale, and whether 1 is certified.

There are four. A fixed scalar reward has 0 at the measured mean of random architectures and 1 at its optimum: its
gauge is its :class:`~anb_gym.calibration.Calibration`. A reward
whose weights or bound differ from episode to episode has the same for each of them; the mean is measured at 129
places and interpolated linearly. Accuracy under a bound has 0 at the mean of random architectures that meet the bound
and 1 at the best of these, for each bound without interpolation. The objectives of a vector reward have 0 at the nadir
and 1 at the ideal of the exact front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol, cast

import numpy as np

from anb_gym._patience import said_if_long
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import MEASURING, Level, bounded_level, calibration, random_metrics
from anb_gym.fronts import NoFrontError
from anb_gym.problems.asks import NOTHING, Ask, AskBound, AskPreference, Request
from anb_gym.rewards import Accuracy, Bounded, Metrics, Objectives, Reward

#: Scales of rewards.
SCALES: Final = ("unit", "raw")
#: Places at which the mean of random architectures is measured; it is interpolated between them.
N_MEANS: Final = 129
#: Rows whose optima are looked for at a time: rows times members of the front stay in cache.
_CHUNK: Final = 64


class Gauge(Protocol):
    """Meaning of the raw rewards of a problem.

    Attributes:
        certified: Whether 1 is proven to be the largest reward of all architectures, as the surrogate sees it.
    """

    @property
    def certified(self) -> bool: ...

    def at(self, request: Any) -> Level:
        """The level of episodes with these requests."""


@dataclass(frozen=True)
class FixedGauge:
    """The gauge of a vector reward: all episodes have the same level."""

    level: Level
    certified: bool

    def at(self, request: Any = None) -> Level:
        return self.level


@dataclass(frozen=True, eq=False)
class AskedGauge:
    """The gauge of a problem of which every episode asks for weights or a bound.

    Attributes:
        reward: The reward.
        ask: What episodes ask for.
        means: Mean of random architectures at evenly spaced places, ``float64`` (N_MEANS,).
        front: The metrics of the members of the exact front.
    """

    reward: Reward
    ask: AskPreference
    means: FloatArray
    front: Metrics
    certified: bool = True

    def at(self, request: Request) -> Level:
        place = self.ask.place(request)
        reward: Callable[..., FloatArray] = self.reward
        mean = np.interp(place, np.linspace(0.0, 1.0, N_MEANS), self.means)
        best = np.empty(len(place))
        for start in range(0, len(place), _CHUNK):
            rows = slice(start, start + _CHUNK)
            parameters = {name: p[..., None] for name, p in self.ask.parameters(request[rows]).items()}
            best[rows] = reward(self.front, **parameters).max(axis=1)
        return Level(mean, best)


@lru_cache(maxsize=64)
def asked_gauge(reward: Reward, ask: AskPreference, surrogate: str) -> AskedGauge:
    """The gauge of a reward of which every episode sets weights or a bound; remembered for the process.

    Raises:
        NoFrontError: There is no exact front for this surrogate.
    """
    benchmark, with_own = Benchmark(surrogate), cast("Callable[..., FloatArray]", reward)
    members = benchmark.front_of(reward.metrics).objectives
    places = np.linspace(0.0, 1.0, N_MEANS)[:, None]
    with said_if_long(MEASURING):
        values = random_metrics(surrogate, reward.metrics)
        means = [with_own(values, **ask.parameters(ask.at(place))).mean() for place in places]
    front = dict(zip(reward.metrics, np.ascontiguousarray(members.T), strict=True))
    return AskedGauge(reward, ask, np.array(means), front)


@dataclass(frozen=True)
class BoundGauge:
    """The gauge of accuracy under a bound.

    Attributes:
        limit: The bound.
        ask: What episodes ask for: a bound of their own, or nothing.
        surrogate: Family of the surrogates.
        limited: Whether the reward is :class:`~anb_gym.rewards.Bounded`, whose unit scale is limited below; otherwise
            it is the accuracy, whether the bound is met or not.
    """

    limit: Bounded
    ask: Ask
    surrogate: str
    limited: bool
    certified: bool = True

    def at(self, request: Any = None) -> Level:
        bounds = np.array([self.limit.bound]) if self.ask == NOTHING else self.ask.parameters(request)["bound"]
        level = bounded_level(self.surrogate, self.limit.performance, bounds, self.limit.accuracy)
        return level if self.limited else Level(*level)


def bound_gauge(limit: Bounded, ask: Ask, surrogate: str, limited: bool) -> BoundGauge:
    """The gauge of accuracy under a bound, measured; arguments as those of :class:`BoundGauge`.

    Raises:
        NoFrontError: There is no exact front for this surrogate.
    """
    gauge = BoundGauge(limit, ask, surrogate, limited)
    gauge.at(ask.at(np.zeros(1)) if isinstance(ask, AskBound) else None)
    return gauge


def vector_gauge(reward: Objectives, surrogate: str) -> FixedGauge:
    """The gauge of a vector reward: 0 is the nadir of each objective on the exact front, 1 its ideal.

    With more than two metrics, a device metric's front is that with accuracy, and accuracy is scaled by all these
    fronts. A single objective is 0 for the mean of random architectures and 1 for the optimum.

    Raises:
        NoFrontError: There is no exact front for this surrogate.
    """
    benchmark, signs = Benchmark(surrogate), reward.signs
    try:
        accuracy, *others = reward.metrics
        fronts = [benchmark.front_of((accuracy, metric)) for metric in others] or [benchmark.front_of((accuracy,))]
    except NoFrontError as error:
        raise NoFrontError(f'reward_scale="unit" of a vector reward needs the exact front: {error}') from None
    if len(reward.metrics) == 1:
        known = calibration(Accuracy(accuracy), surrogate)
        return FixedGauge(Level(np.array([known.random_mean]), np.array([known.best])), known.certified)
    nadirs = [min(front.nadir[0] for front in fronts), *(front.nadir[1] for front in fronts)]
    ideals = [max(front.ideal[0] for front in fronts), *(front.ideal[1] for front in fronts)]
    return FixedGauge(Level(signs * nadirs, signs * ideals), certified=True)
