"""Unit scale of accuracy under a bound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from anb_gym._namespace import namespace
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.calibration.measuring import Calibration, Level
from anb_gym.calibration.tail import tail_sample
from anb_gym.fronts import NoFrontError
from anb_gym.rewards import PENALTY, Bounded
from anb_gym.space import Architecture

#: Points of accuracy between 0 and 1 in unit scale at least. Close to the best metric of all, those that meet the bound
#: are alike, and at last one; a unit would be less than what two trainings of one network differ by.
LEAST: Final = 1.0


class BoundedLevel(Level):
    """Raw rewards of :class:`~anb_gym.rewards.Bounded` in unit scale: limited below, regret in points of accuracy."""

    def to_unit(self, raw: FloatArray) -> FloatArray:
        """Unit scale of raw rewards.

        At least -1 where the bound is met, 0 for the mean of those that meet it and 1 for the best of them; where it is
        missed -1 less the relative violation, of which no more than 1 counts.
        """
        xp = namespace(raw)
        scaled: FloatArray = xp.where(raw < 0.0, raw / PENALTY - 1.0, xp.maximum(-1.0, super().to_unit(raw)))
        return scaled

    def regret(self, raw: FloatArray) -> FloatArray:
        """Points of accuracy below the best that meets the bound; infinite where the bound is missed."""
        xp = namespace(raw)
        regret: FloatArray = xp.where(raw < 0.0, np.inf, xp.maximum(0.0, self.one - raw))
        return regret


@dataclass(frozen=True)
class BoundedCalibration(Calibration):
    """Meaning of accuracy under a bound: ``random_mean`` and ``best`` are of the architectures that meet it.

    Attributes:
        share: The part of all architectures that meets it, estimated.
    """

    share: float = 1.0

    @property
    def level(self) -> BoundedLevel:
        """The rewards that are 0 and 1 in unit scale."""
        return BoundedLevel(self.random_mean, self.best)


def bounded_level(surrogate: str, metric: str, bounds: FloatArray, accuracy: str = "accuracy") -> BoundedLevel:
    """The level under bounds of a device metric, arrays as these.

    1 is the certified best accuracy under the bound, and 0 the mean accuracy of random architectures that meet it,
    however few do, but at least :data:`LEAST` below the best.

    Args:
        surrogate: Family of the surrogates.
        metric: The device metric.
        bounds: In its unit, ``float64`` (n,).
        accuracy: The accuracy; ``"accuracy/reference"`` for that under the reference scheme.

    Raises:
        ValueError: No architecture meets a bound.
        NoFrontError: There is no exact front for this surrogate.
    """
    try:
        best = Benchmark(surrogate).front_of((accuracy, metric)).best_under(bounds).accuracy
    except NoFrontError as error:
        raise NoFrontError(f'reward_scale="unit" under a bound needs the exact front: {error}') from None
    mean = tail_sample(surrogate, metric, accuracy).mean_accuracy(bounds)
    return BoundedLevel(np.minimum(mean, best - LEAST), best)


@lru_cache(maxsize=256)
def bounded_calibration(reward: Bounded, surrogate: str) -> BoundedCalibration:
    """The calibration of accuracy under a bound; remembered for the process.

    Raises:
        ValueError: No architecture meets the bound.
        NoFrontError: There is no exact front for this surrogate.
    """
    bounds = np.array([reward.bound])
    (zero,), (one,) = bounded_level(surrogate, reward.performance, bounds, reward.accuracy)
    (share,) = tail_sample(surrogate, reward.performance).share(bounds)
    front = Benchmark(surrogate).front_of(reward.metrics)
    architecture = Architecture.from_index(int(front.best_under(bounds).indices[0]))
    how = f"best on the exact front of {' and '.join(front.metrics)} that meets the bound"
    return BoundedCalibration(float(zero), float(one), str(architecture), how, certified=True, share=float(share))
