"""What of a design, a front or an optimum is left in other worlds."""

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
from anb_gym.rewards import Bounded, Constrained, Metrics, Reward, relative_violation
from anb_gym.space import SPACE, Indices, States
from anb_gym.surrogates.worlds import in_world

#: The worlds that are looked at by default.
WORLDS: Final = range(100)
#: Random architectures behind the mean of a world's rewards.
_N_RANDOM: Final = 1000


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
    reward, numbers = scalar_reward(problem), tuple(worlds)
    values = rewards_in(problem.benchmark, reward, archs, numbers)
    known = [calibration(reward, in_world(problem.surrogate, world)) for world in numbers]
    regrets = np.stack([level.regret(row) for level, row in zip(known, values, strict=True)])
    return WorldRegrets(numbers, regrets, all(level.certified for level in known))


def violation_in_worlds(problem: Problem, archs: Any, worlds: Iterable[int] = WORLDS) -> FloatArray:
    """The relative violation of the bound that a problem asks for over worlds, ``float64`` (worlds, n), 0 where met.

    Designs that a search found under a bound lie close to it, as the surrogate's mean sees it: in about half of the
    worlds they miss it.

    Args:
        problem: Its limit, or its reward, is a bound of a device metric; its surrogate has worlds.
        archs: As for :meth:`anb_gym.Benchmark.query`.
        worlds: Numbers of worlds.

    Raises:
        ValueError: There is no bound, or episodes ask for it; or the surrogate has no worlds.
    """
    bound = problem.limit or problem.reward
    if not isinstance(bound, Bounded | Constrained) or problem.ask != NOTHING:
        raise ValueError(f"problem must have one bound for all episodes, got {problem!r}")
    values = problem.benchmark.query_worlds(archs, bound.performance, worlds)
    return relative_violation(bound.performance, values, bound.asked if isinstance(bound, Bounded) else bound.bound)


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
    others = np.setdiff1d(SPACE.states_to_index(changed(states, 1)), front.indices)
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
    reward, numbers = scalar_reward(problem), tuple(worlds)
    best = first_optimum(problem)
    near = SPACE.states_to_index(changed(SPACE.index_to_states(best), 2))
    rewards = reward(problem.benchmark.query(near, reward.metrics))
    hundredth = near[np.argsort(-rewards, kind="stable")[99:100]]
    indices = np.concatenate([best, hundredth, SPACE.states_to_index(random_states()[:_N_RANDOM])])

    def differences(values: FloatArray) -> FloatArray:
        return np.stack([values[..., 0] - values[..., 2:].mean(axis=-1), values[..., 0] - values[..., 1]])

    mean = differences(reward(problem.benchmark.query(indices, reward.metrics)))
    shares = differences(rewards_in(problem.benchmark, reward, indices, numbers)) / mean[:, None]
    families = {f: differences(reward(Benchmark(f).query(indices, reward.metrics))) / mean for f in problem.judges}
    return [
        Audit(over, float(mean[i]), shares[i], {family: float(values[i]) for family, values in families.items()})
        for i, over in enumerate(("random mean", "hundredth best"))
    ]


def scalar_reward(problem: Problem) -> Reward:
    """The reward of a problem, if there is one for all episodes."""
    if problem.is_vector or problem.limit is not None or problem.ask != NOTHING:
        raise ValueError(f"problem must have one scalar reward for all episodes and no bound, got {problem!r}")
    return problem.reward


def first_optimum(problem: Problem) -> Indices:
    """The first certified optimum, ``int64`` (1,)."""
    optimum = problem.optimum
    if optimum is None:
        raise ValueError(f"problem must have a certified optimum, got {problem!r}")
    return optimum.indices[:1]


def rewards_in(benchmark: Benchmark, reward: Reward, archs: Any, worlds: Sequence[int]) -> FloatArray:
    """Raw rewards, ``float64`` (worlds, n)."""
    metrics: Metrics = {name: benchmark.query_worlds(archs, name, worlds) for name in reward.metrics}
    return np.stack([reward({name: rows[w] for name, rows in metrics.items()}) for w in range(len(worlds))])


def changed(states: States, blocks: int) -> States:
    """All architectures that differ from some in at most one or two blocks, ``int64`` (n, 7), each once."""
    for _ in range(blocks):
        changed = []
        for block, size in enumerate(SPACE.block_sizes):
            copies = np.repeat(states, size, axis=0)
            copies[:, block] = np.tile(np.arange(size), len(states))
            changed.append(copies)
        states = np.unique(np.concatenate(changed), axis=0)
    return states
