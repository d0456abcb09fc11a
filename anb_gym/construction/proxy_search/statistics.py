"""Agreement of a proxy's ranking with the reference's: its uncertainty, and what the noise of seeds allows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from anb_gym._types import FloatArray
from anb_gym.construction.ranking import tau

#: Resamples of a bootstrap interval, and pairs of draws of a noise ceiling.
RESAMPLES: Final = 2000
#: Confidence level of the intervals.
LEVEL: Final = 0.95
#: Resamples that are in memory at once.
_BATCH: Final = 100


@dataclass(frozen=True)
class Measured:
    """Trainings of some architectures with one scheme, each with the same number of seeds.

    Attributes:
        accuracy: Top-1 accuracy in percent, ``float64`` (n, seeds); NaN where a training is missing.
        seconds: Training time, ``float64`` (n, seeds).
    """

    accuracy: FloatArray
    seconds: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Mean accuracy over seeds, (n,); NaN where a seed is missing."""
        # Rounded, so that equal means of different numbers stay ties.
        mean: FloatArray = np.round(self.accuracy.mean(axis=1), 9)
        return mean

    @property
    def std(self) -> FloatArray | None:
        """Standard deviation of each architecture's accuracy over seeds, (n,); None with a single seed."""
        if self.accuracy.shape[1] < 2:
            return None
        std: FloatArray = self.accuracy.std(axis=1, ddof=1)
        return std

    @property
    def pooled_std(self) -> float | None:
        """Root mean square of :attr:`std`."""
        return None if self.std is None else float(np.sqrt(np.mean(np.square(self.std))))


@dataclass(frozen=True)
class Comparison:
    """Architectures under the reference scheme and under a proxy.

    Attributes:
        architectures: Their indices, ``int64`` (n,).
        reference: Trainings with the reference scheme.
        proxy: Trainings with the proxy.
    """

    architectures: NDArray[np.int64]
    reference: Measured
    proxy: Measured

    @property
    def tau(self) -> float:
        """Kendall's tau between the mean accuracies."""
        return float(tau(self.proxy.mean, self.reference.mean))

    @property
    def time_ratio(self) -> float:
        """Ratio of the reference's time to the proxy's, t_r / t_p."""
        return float(self.reference.seconds.mean() / self.proxy.seconds.mean())

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The bootstrap interval of tau at :data:`LEVEL`: percentiles over resampled architectures."""
        result = bootstrap(
            (self.proxy.mean, self.reference.mean),
            lambda proxy, reference, axis: tau(np.moveaxis(proxy, axis, -1), np.moveaxis(reference, axis, -1)),
            paired=True,
            n_resamples=RESAMPLES,
            batch=_BATCH,
            confidence_level=LEVEL,
            method="percentile",
            rng=np.random.default_rng(0),
        )
        low, high = result.confidence_interval
        return float(low), float(high)

    @cached_property
    def ceiling(self) -> float | None:
        """Tau of a perfect proxy; None if the reference has a single seed."""
        return noise_ceiling(self.reference, self.proxy.accuracy.shape[1])


def noise_ceiling(reference: Measured, proxy_seeds: int, seed: int = 0) -> float | None:
    """Tau between two independent draws of the reference accuracies: what the noise of seeds leaves to a perfect proxy.

    The standard deviation over seeds is pooled, ``s² = mean of s_i²``. The truth is estimated by shrinking the mean
    accuracies ``m_i`` of ``k`` seeds, which spread too far by their own noise: ``t_i = m + sqrt(r) (m_i - m)`` with
    ``r = max(0, 1 - s² / (k v))``, the reliability of means with variance ``v``. A draw is the truth plus normal noise
    of standard deviation ``s / sqrt(k)`` for the reference and ``s / sqrt(proxy_seeds)`` for the proxy. The noise of
    the proxy scheme may differ, so this is the ceiling of a proxy that is as noisy as the reference.

    Args:
        reference: Trainings with the reference scheme.
        proxy_seeds: Number of seeds that a proxy accuracy is the mean of.
        seed: Of the draws.

    Returns:
        The mean of tau over :data:`RESAMPLES` pairs of draws; None if the reference has a single seed.
    """
    if reference.pooled_std is None:
        return None
    n, seeds = reference.accuracy.shape
    variance = reference.pooled_std**2
    mean, spread = reference.mean, float(np.var(reference.mean, ddof=1))
    reliability = max(0.0, 1 - variance / seeds / spread) if spread > 0 else 0.0
    truth = mean.mean() + np.sqrt(reliability) * (mean - mean.mean())
    rng = np.random.default_rng(seed)
    std = np.sqrt(variance / np.array([seeds, proxy_seeds]))
    batches = (truth + std[:, None, None] * rng.normal(size=(2, _BATCH, n)) for _ in range(RESAMPLES // _BATCH))
    return float(np.mean([tau(first, second) for first, second in batches]))
