"""The validation of the training proxy, Figure 3 of Accel-NASBench, with intervals.

Does a cheap training rank as an expensive one does, and does the surrogate rank better than one more cheap training?

Intervals come from a bootstrap over architectures and seeds. Each resample draws the seeds of each architecture anew
and then the architectures, with replacement, so that copies of an architecture are ties. For means of seeds, seeds are
drawn with replacement, independently under both schemes; for single trainings they are permuted, so that no training
is compared with itself. Drawn seeds are noisier than those that were trained, which lowers rank correlations:
intervals are percentiles shifted by the mean of the resamples less the estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.construction.ranking import tau
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.study.analysis.statistics import COVERAGE, RESAMPLES, Interval

#: Shares of the architectures, those with the highest reference accuracy, among which ranks are compared too.
UPPER: Final = {"upper third": 1 / 3, "upper quarter": 1 / 4}
#: Resamples that are worked on at a time.
_CHUNK: Final = 100


@dataclass(frozen=True)
class Trainings:
    """Accuracies and times of the same architectures under both schemes, each ``float64`` (..., n, seeds)."""

    proxy: FloatArray
    reference: FloatArray
    proxy_time: FloatArray
    reference_time: FloatArray

    @classmethod
    def of(cls, data: ThreeSeeds) -> Trainings:
        """Those of a table."""
        proxy, reference = data.labels["proxy"], data.labels["reference"]
        return cls(proxy["accuracy"], reference["accuracy"], proxy["train_time"], reference["train_time"])

    def take(self, rows: NDArray[np.intp], proxy: NDArray[np.intp], reference: NDArray[np.intp]) -> Trainings:
        """Resamples: rows ``(m, n)``; the seeds of each architecture under both schemes, ``(m, n, seeds)``."""

        def taken(values: FloatArray, seeds: NDArray[np.intp]) -> FloatArray:
            drawn = np.take_along_axis(np.broadcast_to(values, seeds.shape), seeds, axis=-1)
            return np.take_along_axis(drawn, rows[..., None], axis=-2)

        return Trainings(
            taken(self.proxy, proxy),
            taken(self.reference, reference),
            taken(self.proxy_time, proxy),
            taken(self.reference_time, reference),
        )


def validate(
    data: ThreeSeeds,
    predictions: Mapping[str, FloatArray],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """Statistics of Figure 3 with their intervals, by name.

    Args:
        data: The trainings.
        predictions: Held-out predictions of some surrogates by name, ``float64`` (n,), or (repeats, n) of which the
            mean rank correlation counts.
        rng: Source of the resamples.
        resamples: How many.
    """
    trainings, n = Trainings.of(data), len(data)
    columns = {name: np.atleast_2d(values) for name, values in predictions.items()}
    every = np.arange(n)[None]
    seeds = np.broadcast_to(np.arange(trainings.proxy.shape[1]), (1, *trainings.proxy.shape))
    whole = trainings.take(every, seeds, seeds)
    estimates = _of_means(whole) | _of_single(whole, every, columns)
    drawn: dict[str, list[FloatArray]] = {name: [] for name in estimates}
    for size in _sizes(resamples):
        rows = rng.integers(n, size=(size, n))
        shape = (size, *trainings.proxy.shape)
        means = trainings.take(rows, rng.integers(shape[-1], size=shape), rng.integers(shape[-1], size=shape))
        orders = np.broadcast_to(seeds, shape)
        single = trainings.take(rows, rng.permuted(orders, axis=-1), rng.permuted(orders, axis=-1))
        for name, values in (_of_means(means) | _of_single(single, rows, columns)).items():
            drawn[name].append(values)
    tail = 100 * (1 - COVERAGE) / 2
    result = {}
    for name, (estimate,) in estimates.items():
        values = np.concatenate(drawn[name])
        low, high = np.percentile(values - values.mean() + estimate, [tail, 100 - tail])
        result[name] = Interval(float(estimate), float(low), float(high))
    return result


def _of_means(trainings: Trainings) -> dict[str, FloatArray]:
    """Statistics ``float64`` (m,) of means of seeds."""
    proxy, reference = trainings.proxy.mean(axis=-1), trainings.reference.mean(axis=-1)
    result = {"proxy against reference": tau(proxy, reference)}
    best = np.argsort(-reference, axis=-1, kind="stable")
    for name, share in UPPER.items():
        kept = best[..., : round(share * reference.shape[-1])]
        result[f"the same, {name}"] = tau(np.take_along_axis(proxy, kept, -1), np.take_along_axis(reference, kept, -1))
    times, proxy_times = trainings.reference_time.mean(axis=-1), trainings.proxy_time.mean(axis=-1)
    result["time ratio, of means"] = times.mean(axis=-1) / proxy_times.mean(axis=-1)
    result["time ratio, median"] = np.median(times / proxy_times, axis=-1)
    return result


def _of_single(
    trainings: Trainings, rows: NDArray[np.intp], predictions: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Statistics ``float64`` (m,) of single trainings, and of surrogates beside them."""
    seeds = range(trainings.proxy.shape[-1])
    reference = trainings.reference.mean(axis=-1)

    def mean_tau(pairs: Iterator[tuple[FloatArray, FloatArray]]) -> FloatArray:
        return np.asarray(np.mean([tau(first, second) for first, second in pairs], axis=0), dtype=np.float64)

    one = mean_tau((trainings.proxy[..., s], reference) for s in seeds)
    result = {
        "one training against one": mean_tau(
            (trainings.proxy[..., a], trainings.reference[..., b]) for a, b in product(seeds, seeds)
        ),
        "reference against itself": mean_tau(
            (trainings.reference[..., a], trainings.reference[..., b]) for a, b in combinations(seeds, 2)
        ),
        "proxy against itself": mean_tau(
            (trainings.proxy[..., a], trainings.proxy[..., b]) for a, b in combinations(seeds, 2)
        ),
        "one proxy training against reference": one,
    }
    for name, values in predictions.items():
        ranks = mean_tau((row[rows], reference) for row in values)
        result |= {f"{name} against reference": ranks, f"{name} less one proxy training": ranks - one}
    return result


def _sizes(resamples: int) -> Iterator[int]:
    return (min(_CHUNK, resamples - start) for start in range(0, resamples, _CHUNK))
