"""Robustness: what of a design, a front or an optimum is left in other worlds, and which differences are ties.

The surrogate's mean is one guess of nature; its worlds (:mod:`anb_gym.surrogates.worlds`) are what nature could be
given the data. An optimum of the mean is partly an optimum of its errors, which worlds and other families show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import calibration
from anb_gym.calibration.measuring import random_states
from anb_gym.exact.dominance import non_dominated
from anb_gym.fronts import CertifiedFront
from anb_gym.metrics import DIRECTIONS
from anb_gym.problems import Problem
from anb_gym.problems.asks import NOTHING
from anb_gym.rewards import Metrics, Reward
from anb_gym.space import SPACE, Indices, States
from anb_gym.surrogates.worlds import in_world

#: The worlds that are looked at by default.
WORLDS: Final = range(100)
#: Designs whose regret is at most this are near the optimum, :data:`N_PAIRS` pairs of them are compared, and their
#: differences are ties where they are at most :data:`_Z` deviations: the 97.5th percentile of the normal distribution.
NEAR: Final = 0.05
N_PAIRS: Final = 200
_Z: Final = 1.959963984540054
#: Random architectures behind the mean of a world's rewards.
_N_RANDOM: Final = 1000
_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class WorldRegrets:
    """Regrets of n designs, in each of several worlds below the optimum of that world.

    Attributes:
        worlds: The worlds.
        regret: In unit scale of each world, ``float64`` (worlds, n).
        certified: Whether the optima of all these worlds are certified; otherwise regrets may be larger.
    """

    worlds: tuple[int, ...]
    regret: FloatArray
    certified: bool

    @property
    def mean(self) -> FloatArray:
        """Mean over worlds, ``float64`` (n,)."""
        return np.asarray(self.regret.mean(axis=0))

    @property
    def high(self) -> FloatArray:
        """95th percentile over worlds, ``float64`` (n,)."""
        return np.asarray(np.quantile(self.regret, 0.95, axis=0))


def regret_in_worlds(problem: Problem, archs: Any, worlds: Iterable[int] = WORLDS) -> WorldRegrets:
    """The regrets of designs over worlds, exact in each of them.

    Random mean and optimum of a world are taken from ``worlds.json``; what it does not have is searched for, in some
    five seconds a world, with the extra ``exact``.

    Args:
        problem: One scalar reward for all episodes, on a surrogate that has worlds.
        archs: As for :meth:`anb_gym.Benchmark.query`.
        worlds: Numbers of worlds.

    Raises:
        ValueError: The problem has a bound, sampled preferences or a vector reward, or its surrogate has no worlds.
    """
    reward, numbers = _scalar(problem), tuple(worlds)
    values = _rewards(problem.benchmark, reward, archs, numbers)
    known = [calibration(reward, in_world(problem.surrogate, world)) for world in numbers]
    regrets = np.stack([level.regret(row) for level, row in zip(known, values, strict=True)])
    return WorldRegrets(numbers, regrets, all(level.certified for level in known))


def front_in_worlds(front: CertifiedFront, worlds: Iterable[int] = WORLDS) -> FloatArray:
    """The share of worlds in which each member of a front is still non-dominated, ``float64`` (n,).

    Members are compared with each other and with all architectures that differ from a member in one block. What lies
    further off could dominate a member as well, so these are upper bounds; ``Benchmark(world=7).front(metric)`` is the
    exact front of one world.

    Raises:
        ValueError: The front's surrogate has no worlds.
    """
    numbers, n = tuple(worlds), len(front)
    states = SPACE.index_to_states(front.indices)
    others = np.setdiff1d(SPACE.states_to_index(_changed(states, 1)), front.indices)
    indices = np.concatenate([front.indices, others])
    bench = Benchmark(front.surrogate)
    signs = [1.0 if DIRECTIONS[metric] == "max" else -1.0 for metric in front.metrics]
    values = [sign * bench.query_worlds(indices, m, numbers) for sign, m in zip(signs, front.metrics, strict=True)]
    stays = [non_dominated(np.stack([values[0][w], values[-1][w]], axis=1))[:n] for w in range(len(numbers))]
    return np.asarray(np.mean(stays, axis=0))


@dataclass(frozen=True, eq=False)
class Audit:
    """Advantage of a certified optimum, and what of it is left where the surrogate could be wrong.

    Attributes:
        over: What the optimum is compared with: the mean of random architectures, or the hundredth best of those
            within two blocks of it.
        advantage: The difference of rewards, as the surrogate's mean sees it.
        worlds: The difference in each world, relative to :attr:`advantage`, ``float64`` (worlds,).
        families: The same for other families, by name.
    """

    over: str
    advantage: float
    worlds: FloatArray
    families: dict[str, float]


def audit(problem: Problem, worlds: Iterable[int] = WORLDS) -> list[Audit]:
    """Exploitation audit: how much of the optimum's advantage survives in worlds and under other families.

    Args:
        problem: As for :func:`regret_in_worlds`, with a certified optimum.
        worlds: Numbers of worlds.

    Raises:
        ValueError: As :func:`regret_in_worlds`, or the optimum is not certified.
    """
    reward, numbers = _scalar(problem), tuple(worlds)
    best = _optimum(problem)
    near = SPACE.states_to_index(_changed(SPACE.index_to_states(best), 2))
    rewards = reward(problem.benchmark.query(near, reward.metrics))
    hundredth = near[np.argsort(-rewards, kind="stable")[99:100]]
    indices = np.concatenate([best, hundredth, SPACE.states_to_index(random_states()[:_N_RANDOM])])

    def differences(values: FloatArray) -> FloatArray:
        return np.stack([values[..., 0] - values[..., 2:].mean(axis=-1), values[..., 0] - values[..., 1]])

    mean = differences(reward(problem.benchmark.query(indices, reward.metrics)))
    shares = differences(_rewards(problem.benchmark, reward, indices, numbers)) / mean[:, None]
    families = {f: differences(reward(Benchmark(f).query(indices, reward.metrics))) / mean for f in problem.judges}
    return [
        Audit(over, float(mean[i]), shares[i], {family: float(values[i]) for family, values in families.items()})
        for i, over in enumerate(("random mean", "hundredth best"))
    ]


def resolution(problem: Problem, worlds: Iterable[int] = WORLDS) -> float:
    """The band of regrets below which differences between designs near the optimum are ties.

    For random pairs of designs within two blocks of the optimum whose regret is at most :data:`NEAR`: 1.96 times the
    standard deviation over worlds of the difference of their regrets, in the unit scale of the mean; the median over
    pairs. A difference as large as the band has the other sign in one world of forty.

    Args:
        problem: As for :func:`audit`.
        worlds: Numbers of worlds.

    Raises:
        ValueError: As :func:`audit`.
    """
    reward, numbers = _scalar(problem), tuple(worlds)
    near = SPACE.states_to_index(_changed(SPACE.index_to_states(_optimum(problem)), 2))
    level = calibration(reward, problem.surrogate)
    near = near[level.regret(reward(problem.benchmark.query(near, reward.metrics))) <= NEAR]
    rng = np.random.default_rng(_SEED)
    first, second = rng.integers(len(near), size=(2, N_PAIRS))
    second = np.where(first == second, (second + 1) % len(near), second)
    values = level.to_unit(_rewards(problem.benchmark, reward, np.concatenate([near[first], near[second]]), numbers))
    spread = (values[:, :N_PAIRS] - values[:, N_PAIRS:]).std(axis=0, ddof=1)
    return float(_Z * np.median(spread))


def _scalar(problem: Problem) -> Reward:
    """The reward of a problem, if there is one for all episodes."""
    if problem.is_vector or problem.limit is not None or problem.ask != NOTHING:
        raise ValueError(f"problem must have one scalar reward for all episodes and no bound, got {problem!r}")
    return problem.reward


def _optimum(problem: Problem) -> Indices:
    """The first certified optimum, ``int64`` (1,)."""
    optimum = problem.optimum
    if optimum is None:
        raise ValueError(f"problem must have a certified optimum, got {problem!r}")
    return optimum.indices[:1]


def _rewards(benchmark: Benchmark, reward: Reward, archs: Any, worlds: Sequence[int]) -> FloatArray:
    """Raw rewards, ``float64`` (worlds, n)."""
    metrics: Metrics = {name: benchmark.query_worlds(archs, name, worlds) for name in reward.metrics}
    return np.stack([reward({name: rows[w] for name, rows in metrics.items()}) for w in range(len(worlds))])


def _changed(states: States, blocks: int) -> States:
    """All architectures that differ from some in at most one or two blocks, ``int64`` (n, 7), each once."""
    for _ in range(blocks):
        changed = []
        for block, size in enumerate(SPACE.block_sizes):
            copies = np.repeat(states, size, axis=0)
            copies[:, block] = np.tile(np.arange(size), len(states))
            changed.append(copies)
        states = np.unique(np.concatenate(changed), axis=0)
    return states
