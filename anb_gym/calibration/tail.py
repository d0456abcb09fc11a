"""Random architectures that meet a bound, however few of all do: their share of the space and their mean accuracy.

One in 10^11 architectures may meet a tight bound, so uniform samples do not show them. The cross-entropy method does
(Rubinstein and Kroese 2004, "The Cross-Entropy Method", chapter 3): sample, take the best part, fit the frequencies of
every block's states to it, sample from these, and so on until the best part has the best metric of all. All samples
together, each weighted by the ratio of its probability under uniform sampling to that under the mixture of all
distributions sampled from (Owen and Zhou 2000, "Safe and effective importance sampling"), stand for the whole space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

import numpy as np

from anb_gym._patience import said_if_long
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.calibration.measuring import MEASURING, N_RANDOM, SEED, random_metrics, random_states
from anb_gym.metrics import DIRECTIONS
from anb_gym.space import N_BLOCKS, SPACE, Indices, States

#: Architectures sampled from every fitted distribution, after those of all means, which are uniform.
N_SAMPLES: Final = 16_384
#: The part of a sample to which the next distribution is fitted, and how much of that is uniform: nothing is excluded.
_PART: Final = 0.15
_UNIFORM: Final = 0.03
#: Distributions at most; thirteen are needed at most for the metrics of the dataset.
_MOST: Final = 40
#: Points of accuracy to which :class:`MeanAccuracy` is rounded: far less than the sample tells.
STEP: Final = 0.01


@dataclass(frozen=True, eq=False)
class TailSample:
    """Weighted sample of the whole space that has many architectures wherever a bound of a metric may lie.

    Attributes:
        metric: The metric.
        quality: Values of the metric, negative if less is better, ascending, ``float64`` (n,).
        weight: Sum of the weights of all that are as good or better, ``float64`` (n + 1,), 0 at the end.
        accuracy: The same of weight times accuracy.
        squares: The same of squared weights.
    """

    metric: str
    quality: FloatArray
    weight: FloatArray
    accuracy: FloatArray
    squares: FloatArray

    def share(self, bounds: FloatArray) -> FloatArray:
        """The part of all architectures that meets bounds, ``float64`` (n,), estimated."""
        shares: FloatArray = self.weight[self._first(bounds)] / self.weight[0]
        return shares

    def mean_accuracy(self, bounds: FloatArray) -> FloatArray:
        """Mean accuracy in percent of the architectures that meet bounds, ``float64`` (n,); -inf if none is known."""
        first = self._first(bounds)
        weight = self.weight[first]
        unknown: FloatArray = np.full(weight.shape, -np.inf)
        return np.divide(self.accuracy[first], weight, where=weight > 0.0, out=unknown)

    def effective(self, bounds: FloatArray) -> FloatArray:
        """How many equally weighted architectures would tell as much of those that meet bounds, ``float64`` (n,)."""
        first = self._first(bounds)
        squares = self.squares[first]
        none: FloatArray = np.zeros(squares.shape)
        return np.divide(self.weight[first] ** 2, squares, where=squares > 0.0, out=none)

    def means(self, bounds: tuple[float, float]) -> MeanAccuracy:
        """What :meth:`mean_accuracy` says between two bounds, the worst first, in steps of :data:`STEP`."""
        first, last = self._first(np.array(bounds)).tolist()
        means = self.accuracy[first : last + 1] / self.weight[first : last + 1]
        rounded = STEP * np.round(means / STEP)
        steps = np.flatnonzero(np.diff(rounded))
        return MeanAccuracy(self.metric, self.quality[first:last][steps], rounded[np.append(steps, last - first)])

    def _first(self, bounds: FloatArray) -> Indices:
        """The first of the sample, in its order, that meets bounds."""
        return _first(self.metric, self.quality, bounds)


@dataclass(frozen=True, eq=False)
class MeanAccuracy:
    """Mean accuracy of the architectures that meet a bound, between two bounds, as a function of steps.

    Attributes:
        metric: The metric.
        quality: Where it steps, as of :class:`TailSample`, ``float64`` (n,).
        means: In percent, ``float64`` (n + 1,).
    """

    metric: str
    quality: FloatArray
    means: FloatArray

    def __call__(self, bounds: FloatArray) -> FloatArray:
        """In percent, ``float64`` (n,), under bounds ``float64`` (n,)."""
        return self.means[_first(self.metric, self.quality, bounds)]


@lru_cache(maxsize=32)
def tail_sample(surrogate: str, metric: str, accuracy: str = "accuracy") -> TailSample:
    """The sample of a surrogate, a device metric and an accuracy; remembered for the process.

    Raises:
        NoFrontError: There is no exact front, which tells when the best metric is reached.
    """
    bench = Benchmark(surrogate)
    ideal = bench.front_of((accuracy, metric)).ideal[1]
    with said_if_long(MEASURING):
        names = (metric, accuracy)
        known = tuple(random_metrics(surrogate, names).values())
        return sample_tail(metric, ideal, known, *(partial(_query, bench, name) for name in names))


def _query(bench: Benchmark, metric: str, states: States) -> FloatArray:
    return bench.query_states(states, [metric])[metric]


def sample_tail(
    metric: str,
    ideal: float,
    known: tuple[FloatArray, ...],
    performance: Callable[[States], FloatArray],
    accuracy: Callable[[States], FloatArray],
) -> TailSample:
    """The sample of a device metric that a function tells.

    Args:
        metric: Its name, which tells its direction.
        ideal: Its best value over the space.
        known: Its values at the uniformly random architectures behind all means, and their accuracy, ``float64``
            (N_RANDOM,) each.
        performance: From block states (n, 7) to the metric.
        accuracy: The same of accuracy.
    """
    sign = _sign(metric)
    rng, aim = np.random.default_rng(SEED), sign * ideal
    states, latest = random_states(), sign * known[0]
    quality, density = latest, np.full(N_RANDOM, float(N_RANDOM))
    ratios: list[list[FloatArray]] = []
    threshold = -np.inf
    for _ in range(_MOST):
        threshold = max(threshold, float(np.quantile(latest, 1.0 - _PART, method="lower")))
        if threshold >= aim:
            break
        best = quality >= threshold
        ratios.append(_fit(states[best], 1.0 / density[best]))
        density += N_SAMPLES * _ratio(ratios[-1], states)
        drawn = _draw(ratios[-1], rng)
        latest = sign * performance(drawn)
        states, quality = np.concatenate([states, drawn]), np.concatenate([quality, latest])
        of_drawn = N_RANDOM + N_SAMPLES * sum(_ratio(ratio, drawn) for ratio in ratios)
        density = np.concatenate([density, of_drawn])
    order = np.argsort(quality, kind="stable")
    weights = 1.0 / density[order]
    accuracies = np.concatenate([known[1], accuracy(states[N_RANDOM:])])[order]
    return TailSample(metric, quality[order], *(_from_best(x) for x in (weights, weights * accuracies, weights**2)))


def _fit(states: States, weights: FloatArray) -> list[FloatArray]:
    """Weighted frequencies of the states of every block, relative to uniform ones."""
    ratios = []
    for block in range(N_BLOCKS):
        size = int(SPACE.block_sizes[block])
        counts = np.bincount(states[:, block], weights=weights, minlength=size)
        ratios.append((1.0 - _UNIFORM) * counts / counts.sum() * size + _UNIFORM)
    return ratios


def _draw(ratios: list[FloatArray], rng: np.random.Generator) -> States:
    """Architectures whose blocks have these frequencies, independently."""
    columns = []
    for ratio in ratios:
        steps = np.cumsum(ratio)
        columns.append(np.searchsorted(steps[:-1], steps[-1] * rng.random(N_SAMPLES), side="right"))
    return np.stack(columns, axis=1)


def _ratio(ratios: list[FloatArray], states: States) -> FloatArray:
    """Probabilities of architectures relative to uniform sampling."""
    product = np.ones(len(states))
    for block, ratio in enumerate(ratios):
        product *= ratio[states[:, block]]
    return product


def _from_best(values: FloatArray) -> FloatArray:
    """Sums of all values from each on, and 0."""
    return np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])


def _first(metric: str, quality: FloatArray, bounds: FloatArray) -> Indices:
    first: Indices = np.searchsorted(quality, _sign(metric) * np.asarray(bounds), side="left")
    return first


def _sign(metric: str) -> float:
    return 1.0 if DIRECTIONS[metric] == "max" else -1.0
