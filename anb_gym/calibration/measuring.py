"""Calibrations of rewards as they are measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from anb_gym._namespace import namespace
from anb_gym._patience import said_if_long
from anb_gym._types import FloatArray
from anb_gym.benchmark import COUNTED, Benchmark
from anb_gym.fronts import CertifiedOptimum, NoFrontError
from anb_gym.rewards import Reward
from anb_gym.space import N_BLOCKS, SPACE, Architecture, States
from anb_gym.surrogates.store import shipped_checksum

#: Random architectures behind the mean, restarts of the ascent, and the seed of both.
N_RANDOM: Final = 100_000
N_RESTARTS: Final = 200
SEED: Final = 0
#: What is said when that takes long.
MEASURING: Final = "measuring random means and optima of rewards, once per process"


class Level(NamedTuple):
    """Raw rewards that are 0 and 1 in unit scale: numbers, or arrays that broadcast against rewards."""

    zero: Any
    one: Any

    def to_unit(self, raw: FloatArray) -> FloatArray:
        """Raw rewards in unit scale."""
        scaled: FloatArray = (raw - self.zero) / (self.one - self.zero)
        return scaled

    def regret(self, raw: FloatArray) -> FloatArray:
        """Distance of raw rewards below 1, in unit scale; never negative."""
        regret: FloatArray = namespace(raw).maximum(0.0, (self.one - raw) / (self.one - self.zero))
        return regret


@dataclass(frozen=True)
class Calibration:
    """Meaning of a reward's numbers.

    Attributes:
        random_mean: Mean reward of uniformly random architectures.
        best: The largest reward known.
        architecture: The architecture that has it, as a string.
        how: How it was found.
        certified: Whether it is proven to be the largest of all.
    """

    random_mean: float
    best: float
    architecture: str
    how: str
    certified: bool

    @property
    def level(self) -> Level:
        """The rewards that are 0 and 1 in unit scale."""
        return Level(self.random_mean, self.best)

    def at(self, request: Any = None) -> Level:
        """The level of episodes, the same whatever they ask for."""
        return self.level

    def to_unit(self, reward: FloatArray) -> FloatArray:
        """Shifts and scales rewards so that the random mean is 0 and the best is 1."""
        return self.level.to_unit(reward)

    def regret(self, reward: FloatArray) -> FloatArray:
        """By how much rewards fall short of the best: 0 for the best, 1 for the random mean."""
        return self.level.regret(reward)


@lru_cache(maxsize=256)
def certified_optimum(reward: Reward, surrogate: str) -> CertifiedOptimum | None:
    """The certified optimum of a reward; None if it is not monotone, or no exact front of its metrics ships."""
    if not reward.monotone:
        return None
    try:
        return Benchmark(surrogate).optimum(reward)
    except NoFrontError:
        return None


@lru_cache(maxsize=256)
def calibrate(reward: Reward, surrogate: str) -> Calibration:
    """Measures a reward's random mean and finds its maximum; remembered for the process.

    Args:
        reward: Any scalar reward.
        surrogate: Family of the surrogates.

    Raises:
        ValueError: All architectures have the same reward, it is not finite, or it claims to be monotone and is not.
    """
    with said_if_long(MEASURING):
        return _calibrate(reward, surrogate)


def _calibrate(reward: Reward, surrogate: str) -> Calibration:
    objective = objective_of(reward, surrogate)
    random = reward(random_metrics(surrogate, reward.metrics))
    optimum = certified_optimum(reward, surrogate)
    if optimum is None:
        states, best = coordinate_ascent(objective, N_RESTARTS, SEED)
        how = f"best of {N_RESTARTS} restarts of block-wise coordinate ascent, seed {SEED}"
    else:
        states = SPACE.index_to_states(optimum.indices[:1])[0]
        best = float(objective(states[None])[0])
        how = f"best on the exact front of {' and '.join(optimum.front.metrics)}, {len(optimum.front)} architectures"
        if random.max() > best:
            raise ValueError(f"reward must be monotone, but a random architecture has {random.max()}, the front {best}")
    mean = float(random.mean())
    if not (np.isfinite(mean) and np.isfinite(best) and best > random.min()):
        raise ValueError(f"reward must be finite and differ between architectures, got mean {mean} and best {best}")
    architecture = str(Architecture.from_choices(SPACE.from_states(states[None])[0]))
    return Calibration(mean, best, architecture, how, certified=optimum is not None)


def random_metrics(surrogate: str, metrics: Sequence[str]) -> dict[str, FloatArray]:
    """Metrics of the uniformly random architectures behind all means, each ``float64`` (N_RANDOM,), fresh arrays."""
    return {name: _random_metric(surrogate, name).copy() for name in metrics}


@lru_cache(maxsize=64)
def _random_metric(surrogate: str, metric: str) -> FloatArray:
    return Benchmark(surrogate).query_states(random_states(), [metric])[metric]


@lru_cache(maxsize=1)
def random_states() -> States:
    """Block states of the uniformly random architectures behind all means, ``int64`` (N_RANDOM, 7)."""
    return SPACE.to_states(SPACE.sample(N_RANDOM, np.random.default_rng(SEED)))


def coordinate_ascent(objective: Callable[[States], FloatArray], restarts: int, seed: int) -> tuple[States, float]:
    """Looks for the maximum by choosing the best state of one block at a time.

    Each restart begins at a random architecture and goes over the blocks in
    order until a whole round changes nothing. All restarts advance together.

    Args:
        objective: From block states (n, 7) to values ``float64`` (n,).
        restarts: How many, at least 1.
        seed: Seed of the random architectures.

    Returns:
        The block states ``int64`` (7,) of the best architecture found, and its value.
    """
    states = SPACE.to_states(SPACE.sample(restarts, np.random.default_rng(seed)))
    values = objective(states)
    best, best_value = states[values.argmax()].copy(), float(values.max())
    while len(states):
        before = values.copy()
        for block in range(N_BLOCKS):
            size = int(SPACE.block_sizes[block])
            candidates = np.repeat(states, size, axis=0)
            candidates[:, block] = np.tile(np.arange(size), len(states))
            scores = objective(candidates).reshape(len(states), size)
            states[:, block] = scores.argmax(axis=1)
            values = scores.max(axis=1)
        if values.max() > best_value:
            best, best_value = states[values.argmax()].copy(), float(values.max())
        # Restarts that have met go on as one.
        _, rows = np.unique(states, axis=0, return_index=True)
        rows = rows[values[rows] > before[rows]]
        states, values = states[rows], values[rows]
    return best, best_value


def describe(reward: Reward) -> dict[str, Any]:
    """A reward as it is recorded: records are older than the field ``accuracy``, and leave out its default."""
    fields = {"name": type(reward).__name__.lower(), **vars(reward)}
    return {key: value for key, value in fields.items() if (key, value) != ("accuracy", "accuracy")}


def checksums(reward: Reward, surrogate: str) -> dict[str, str]:
    """SHA-256 of the tables behind a reward, by metric."""
    return {metric: shipped_checksum(surrogate, metric) for metric in reward.metrics if metric not in COUNTED}


def objective_of(reward: Reward, surrogate: str) -> Callable[[States], FloatArray]:
    """A reward as a function of block states."""
    bench = Benchmark(surrogate)
    return lambda states: reward(bench.query_states(states, reward.metrics))
