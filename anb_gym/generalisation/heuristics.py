"""Heuristics for ``AccelNAS-Probe-v0``: what to measure next, and what to submit, as an engineer would decide it.

They see what an agent sees, observations, and know what anybody can know beforehand: accuracies, the fronts of devices
for training, and what generated devices have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import erf
from types import MappingProxyType
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.calibration.bounded import LEAST
from anb_gym.hardware import N_PROBES, TRAIN_SEEDS, probe_states
from anb_gym.hardware.estimation import Estimate, estimate
from anb_gym.problems import MeasuredProblem
from anb_gym.problems.target_devices import target_device
from anb_gym.space import SPACE, States
from anb_gym.surrogates.store import FAMILIES

#: Devices for training whose fronts are known, and whose networks are measured and submitted.
N_FRONTS: Final = 15
#: Devices for training that averages are of.
N_AVERAGED: Final = 200
#: Networks among which the next to be measured is chosen.
N_CANDIDATES: Final = 300
#: Bounds of each of these devices under which a network is tried that is submitted without a measurement.
N_BOUNDS: Final = 20
#: Seconds that a bound is taken to allow: only ratios matter.
_UNIT: Final = 1e-3
_CERTAIN: Final = 1e-9
#: Chances to meet the bound below which a network is not asked about, nor above one less this.
_LEAST: Final = 0.01
_ERF: Final = np.frompyfunc(erf, 1, 1)


@dataclass(frozen=True, eq=False)
class Pool:
    """Networks that can be worth submitting on some device, with what is known of them.

    Attributes:
        kind: ``"throughput"`` or ``"latency"``.
        states: Block states, ``int64`` (n, 7), the most accurate first.
        accuracy: In percent, ``float64`` (n,).
    """

    kind: str
    states: States
    accuracy: FloatArray

    @cached_property
    def log_times(self) -> FloatArray:
        """Logarithms of seconds on devices for training, less their mean on each, ``float64`` (devices, n)."""
        devices = (target_device(seed, self.kind, None, FAMILIES[0]) for seed in TRAIN_SEEDS[:N_AVERAGED])
        logs = np.log(np.stack([device.performance(self.states) for device in devices]))
        logs = -logs if self.kind == "throughput" else logs
        relative: FloatArray = logs - logs.mean(axis=1, keepdims=True)
        return relative

    @cached_property
    def ladder(self) -> States:
        """The front of the average device for training, the fastest first, ``int64`` (n, 7)."""
        times = self.log_times.mean(axis=0)
        first = times < np.concatenate([[np.inf], np.minimum.accumulate(times)[:-1]])
        found: States = self.states[first][::-1]
        return found

    @cached_property
    def constant(self) -> States:
        """The network to submit when nothing is measured: the one with the best mean reward, ``int64`` (7,)."""
        problem = MeasuredProblem(self.kind)
        total = np.zeros(len(self.states))
        indices = SPACE.states_to_index(self.states)
        for seed in TRAIN_SEEDS[:N_FRONTS]:
            (_, ideal), (_, nadir) = problem.on(seed).extent
            for bound in np.geomspace(nadir, ideal, 2 * N_BOUNDS + 1)[1::2].tolist():
                total += problem.evaluate(indices, device=seed, preference=bound).reward
        best: States = self.states[int(total.argmax())]
        return best

    def thinned(self, n: int) -> Pool:
        """Some of them, evenly spaced in accuracy's order."""
        rows = np.linspace(0, len(self.states) - 1, n).round().astype(np.int64)
        return Pool(self.kind, self.states[rows], self.accuracy[rows])


@lru_cache(maxsize=2)
def load_pool(kind: str) -> Pool:
    """The members of the fronts of the first devices for training."""
    fronts = [target_device(seed, kind, None, FAMILIES[0]).front.indices for seed in TRAIN_SEEDS[:N_FRONTS]]
    states = SPACE.index_to_states(np.unique(np.concatenate(fronts)))
    accuracy = target_device(0, kind, None, FAMILIES[0]).accuracy(states)
    order = np.argsort(-accuracy, kind="stable")
    return Pool(kind, states[order], accuracy[order])


@dataclass(frozen=True, eq=False)
class Seen:
    """What was measured in an episode.

    Attributes:
        pool: What is known beforehand.
        states: The networks, ``int64`` (m, 7).
        logs: Logarithms of their times, relative to what the bound allows, ``float64`` (m,).
    """

    pool: Pool
    states: States
    logs: FloatArray

    @cached_property
    def estimate(self) -> Estimate:
        """The device as the measurements and the generated devices tell it."""
        return estimate(self.states, _UNIT * np.exp(self.logs), self.pool.kind)

    def chances(self, states: States) -> tuple[FloatArray, FloatArray]:
        """How probable it is that networks meet the bound, and by what part they are expected to miss it otherwise.

        Of what was measured both are certain.
        """
        mean, std = self.estimate.predict(states)
        mean, std = mean - np.log(_UNIT), np.maximum(std, _CERTAIN)
        indices, measured = SPACE.states_to_index(states), SPACE.states_to_index(self.states)
        for index, log in zip(measured, self.logs, strict=True):
            known = indices == index
            mean[known], std[known] = log, _CERTAIN
        z = mean / std
        chance = 0.5 * (1.0 - _ERF(z / np.sqrt(2.0)).astype(np.float64))
        # The mean of a normal distribution above 0, in logarithms.
        excess = mean + std * np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi) / np.maximum(1.0 - chance, 1e-12)
        return chance, 1.0 - np.exp(-np.maximum(excess, 0.0))

    def rewards(self, accuracy: FloatArray) -> FloatArray:
        """The rewards of networks that meet the bound, as far as is known: 1 for what is thought to just meet it."""
        chance, _ = self.of_pool
        worst, likely = float(self.pool.accuracy[-1]), self.pool.accuracy[chance >= 0.5]
        best = max(float(likely.max()) if len(likely) else worst, worst + LEAST)
        found: FloatArray = (accuracy - worst) / (best - worst)
        return found

    @cached_property
    def of_pool(self) -> tuple[FloatArray, FloatArray]:
        """The :meth:`chances` of the pool."""
        return self.chances(self.pool.states)

    @cached_property
    def expected(self) -> FloatArray:
        """The rewards that the networks of the pool can be expected to have when they are submitted."""
        chance, violation = self.of_pool
        return chance * self.rewards(self.pool.accuracy) - (1.0 - chance) * violation

    @cached_property
    def gains(self) -> FloatArray:
        """What is gained by measuring a network of the pool, and submitting it if it meets the bound.

        Otherwise what would be submitted now is. So this is expected improvement (Mockus 1975) over that, times the
        chance to keep the bound (Gardner et al. 2014, "Bayesian optimization with inequality constraints").
        """
        chance, _ = self.of_pool
        better: FloatArray = np.maximum(0.0, self.rewards(self.pool.accuracy) - self.expected.max())
        return chance * better

    def design(self) -> States:
        """The network with the largest expected reward, ``int64`` (7,)."""
        if not len(self.states):
            return self.pool.constant
        best: States = self.pool.states[int(self.expected.argmax())]
        return best


@dataclass(frozen=True)
class Heuristic:
    """A way to play an episode.

    Attributes:
        about: What it does, in one line.
        measure: The network to measure next, ``int64`` (7,), from what was seen and a generator.
        design: The network to submit.
    """

    about: str
    measure: Callable[[Seen, np.random.Generator], States]
    design: Callable[[Seen], States] = Seen.design


def _random(seen: Seen, rng: np.random.Generator) -> States:
    found: States = SPACE.index_to_states(rng.integers(SPACE.size, size=1))[0]
    return found


def _probe(seen: Seen, rng: np.random.Generator) -> States:
    if len(seen.states) == N_PROBES:
        return _random(seen, rng)
    found: States = probe_states()[len(seen.states)]
    return found


def _most_telling(seen: Seen, rng: np.random.Generator) -> States:
    return _of(seen.pool.thinned(N_CANDIDATES).states, seen)


def _at_the_bound(seen: Seen, rng: np.random.Generator) -> States:
    """What tells most of the networks that may be the best: the most accurate at each chance to meet the bound."""
    if not len(seen.states):
        return _most_telling(seen, rng)
    chance, _ = seen.of_pool
    first = chance > np.concatenate([[-1.0], np.maximum.accumulate(chance)[:-1]])
    rows = np.flatnonzero(first & (chance > _LEAST) & (chance < 1.0 - _LEAST))
    if len(rows) < 2:
        return _most_telling(seen, rng)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), N_CANDIDATES)).astype(np.int64)]
    return _of(seen.pool.states[rows], seen)


def _of(candidates: States, seen: Seen) -> States:
    """The candidate whose measurement leaves the least unknown of all of them."""
    found: States = candidates[seen.estimate.next_probe(candidates)]
    return found


def _improving(seen: Seen, rng: np.random.Generator) -> States:
    if not len(seen.states):
        return seen.pool.constant
    found: States = seen.pool.states[int(seen.gains.argmax())]
    return found


def _rung(seen: Seen) -> tuple[int, int]:
    """The last rung of the ladder that was measured to meet the bound, and the first that was to miss it."""
    ladder = SPACE.states_to_index(seen.pool.ladder).tolist()
    low, high = -1, len(ladder)
    for index, log in zip(SPACE.states_to_index(seen.states).tolist(), seen.logs.tolist(), strict=True):
        place = ladder.index(index)
        low, high = (max(low, place), high) if log <= 0.0 else (low, min(high, place))
    return low, high


def _bisecting(seen: Seen, rng: np.random.Generator) -> States:
    low, high = _rung(seen)
    found: States = seen.pool.ladder[max(0, (low + high) // 2)]
    return found


def _last_rung(seen: Seen) -> States:
    found: States = seen.pool.ladder[max(0, _rung(seen)[0])] if len(seen.states) else seen.pool.constant
    return found


#: The heuristics, by name.
HEURISTICS: Final[Mapping[str, Heuristic]] = MappingProxyType(
    {
        "random": Heuristic("random networks", _random),
        "probes": Heuristic("the ten fixed probes", _probe),
        "telling": Heuristic("what leaves the least unknown of all networks that may be best somewhere", _most_telling),
        "bound": Heuristic("what leaves the least unknown of the networks that may be best here", _at_the_bound),
        "improving": Heuristic("what may be better than the present design: expected improvement", _improving),
        "bisection": Heuristic(
            "without a model: halves the front of the average device, submits the best that met the bound",
            _bisecting,
            _last_rung,
        ),
    }
)
