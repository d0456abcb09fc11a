"""Regression targets of metrics: their transform, their link back, and scores of predictions.

Devices spend time block by block, so throughput is close to additive in its
reciprocal: surrogates are fitted to seconds per image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.benchmark import PREDICTED
from anb_gym.surrogates.links import Identity, Link, Reciprocal
from anb_gym.surrogates.scores import Scores
from anb_gym.surrogates.tables import BlockTables


def link_of(metric: str) -> Link:
    """The link that a metric is fitted through: throughput is additive in its reciprocal."""
    return Reciprocal() if metric.endswith("/throughput") else Identity()


@dataclass(frozen=True)
class RegressionTarget:
    """A metric's labels as a regression target of mean 0 and standard deviation 1.

    Attributes:
        link: From the table sum, in the metric's unit or in seconds per image, to the metric.
        shift: Mean of the table sum over the fitted labels.
        scale: Its standard deviation.
    """

    link: Link
    shift: float
    scale: float

    @classmethod
    def of(cls, metric: str, labels: FloatArray) -> RegressionTarget:
        """The target of a metric, standardised on its labels, ``float64`` (n,).

        Raises:
            ValueError: The metric is unknown, or its labels are fewer than two different, positive, finite numbers.
        """
        choose(metric, PREDICTED, "metric")
        if not (np.isfinite(labels).all() and (labels > 0).all() and len(np.unique(labels)) > 1):
            raise ValueError(f"labels of {metric} must be positive, finite and not all equal, got {labels!r}")
        link = link_of(metric)
        score = link.inverse(labels)
        return cls(link, float(score.mean()), float(score.std()))

    def forward(self, labels: FloatArray) -> FloatArray:
        """Targets of labels, ``float64`` (n,)."""
        return (self.link.inverse(labels) - self.shift) / self.scale

    def backward(self, target: FloatArray) -> FloatArray:
        """Metric of predicted targets, ``float64`` (n,)."""
        return self.link.value(target * self.scale + self.shift)

    def tables(self, folded: BlockTables) -> BlockTables:
        """Tables of the target as tables of the sum that the link takes."""
        count = len(folded.layout.blocks)
        return BlockTables(folded.order, folded.values * self.scale + self.shift / count)


def score(labels: FloatArray, predictions: FloatArray) -> Scores:
    """Scores predictions against labels, both ``float64`` (n,), as in the paper's Tables 1 and 2.

    Predictions that are all the same rank nothing: their tau is 0.
    """
    residual = labels - predictions
    r2 = 1.0 - np.square(residual).sum() / np.square(labels - labels.mean()).sum()
    tau = kendalltau(labels, predictions).statistic
    return Scores(float(r2), float(np.nan_to_num(tau)), float(np.abs(residual).mean()))
