"""Campaigns: what the measuring host added to labels, fitted beside the architectures and taken off again.

The published dataset was measured in three campaigns. The host that feeds a TPU slows down within each of them, and
the host of the last one is slower from its start. A label in seconds per image is modelled as

    label = max(device, host) + offset,

where ``device`` belongs to the architecture, and ``host`` and ``offset`` belong to the record: both are piecewise
linear in the record number within a campaign. ``device`` is a Gaussian process additive over blocks
(:mod:`anb_gym.construction.families.gp`); the host's terms enter its likelihood as linear features, so that one
Cholesky factor gives the joint estimate of all (Rasmussen and Williams 2006, section 2.7), and the maximum is
linearised round by round.

*Without the campaign* means: measured by the fastest host that was seen, as it was then. No label of a faster host
exists, so a network that is faster than this host could be told from another only by extrapolation; and against it
every other record's host is at least as slow, so that what a campaign shows follows from what the fastest host shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from anb_gym._types import FloatArray
from anb_gym.construction.dataset import SHA256, Dataset
from anb_gym.construction.families.gp import AdditiveGP
from anb_gym.space import States

#: First records of the campaigns of the published dataset, and one past its last. The labels of the TPUs jump there,
#: and so does the choice of architectures (``docs/surrogates.md``).
STARTS: Final = (0, 1806, 3722, 5138)
#: Metrics whose labels depend on the campaign, and whether its host limits them.
AFFECTED: Final = {"tpuv2/throughput": False, "tpuv3/throughput": True}
#: Where the host's times are free, as shares of a campaign: they change most at its start.
_KNOTS: Final = (0.0, 0.15, 0.5, 1.0)
#: Prior standard deviations of offsets and of one round's change of the host's times, in seconds per image: several
#: times what is found.
_OFFSET_STD: Final = 5e-5
_HOST_STD: Final = 3e-4
#: Share of the fastest labels near a knot that show its host at the start.
_HOST_QUANTILE: Final = 0.12
#: Softness of the maximum in seconds per image: wide at first, so that records find their side, then a thousandth of
#: a label. Hard is right: a softness of 10, 20 or 30 microseconds ranks validation records worse.
_SOFTNESS: Final = tuple(np.geomspace(2e-5, 2e-6, 12))
#: Degrees of freedom of the labels' noise, Student's t: measurements have outliers.
_DEGREES: Final = 8.0
_GP: Final = {"order": 2, "subset": 1000, "iterations": 40}


@dataclass(frozen=True)
class Campaigns:
    """What campaigns did to the labels of one metric, in seconds per image.

    Attributes:
        starts: First record of each campaign, and one past the last.
        offset: What each knot adds, ``float64`` (campaigns, knots).
        host: The least time that each knot allows, ``float64`` (campaigns, knots); 0 where the host is no limit.
    """

    starts: tuple[int, ...]
    offset: FloatArray
    host: FloatArray

    @property
    def reference(self) -> tuple[int, int]:
        """Campaign and knot of the fastest host: the least of its times, or of its offsets where it is no limit."""
        slowness = self.host if self.host.any() else self.offset
        campaign, knot = np.unravel_index(np.argmin(slowness), slowness.shape)
        return int(campaign), int(knot)

    def free(self, device: FloatArray) -> FloatArray:
        """What the fastest host shows of architectures that take the device these seconds, ``float64`` (n,)."""
        shown: FloatArray = np.maximum(device, self.host[self.reference]) + self.offset[self.reference]
        return shown

    def measured(self, free: FloatArray, records: NDArray[np.int64]) -> FloatArray:
        """What the campaign of each record shows of an architecture, in seconds per image.

        Args:
            free: What the fastest host shows, ``float64`` (n,).
            records: Record numbers, ``int64`` (n,).

        Raises:
            ValueError: A record belongs to no campaign.
        """
        weights = knot_weights(records, self.starts)
        shown: FloatArray = np.maximum(free - self.offset[self.reference], weights @ self.host.ravel())
        return shown + weights @ self.offset.ravel()

    def shows(self, expected: FloatArray, records: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the host of each record was fast enough to show an architecture, ``bool`` (n,).

        Args:
            expected: What the fastest host is expected to show, ``float64`` (n,).
            records: As for :meth:`measured`.
        """
        limit = knot_weights(records, self.starts) @ self.host.ravel()
        shown: NDArray[np.bool_] = expected - self.offset[self.reference] > limit
        return shown

    def taken_off(self, seconds: FloatArray, expected: FloatArray, records: NDArray[np.int64]) -> FloatArray:
        """Labels as the fastest host shows them: each keeps the share by which it differs from what is expected.

        Args:
            seconds: Labels in seconds per image, ``float64`` (n,).
            expected: What the fastest host is expected to show, ``float64`` (n,).
            records: As for :meth:`measured`.
        """
        return expected * seconds / self.measured(expected, records)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Campaigns:
        """The campaigns of the published dataset that a manifest states."""
        offset = 1e-6 * np.array(values["offset_us"])
        host = 1e-6 * np.array(values["host_us"]) if values["host_us"] else np.zeros_like(offset)
        return cls(STARTS, offset, host)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form, in microseconds per image."""
        campaign, knot = self.reference
        knots = _knots(self.starts)
        return {
            "model": "seconds per image = max(device, host) + offset",
            "reference_record": round(float(knots[campaign, knot])),
            "knots": np.round(knots).astype(int).tolist(),
            "offset_us": np.round(1e6 * self.offset, 2).tolist(),
            "host_us": np.round(1e6 * self.host, 2).tolist() if self.host.any() else None,
        }


def has_campaigns(dataset: Dataset, metric: str) -> bool:
    """Whether labels of a metric depend on a known campaign: those of the published dataset's TPUs do."""
    return dataset.sha256 == SHA256 and metric in AFFECTED


def remove_campaigns(
    seconds: FloatArray,
    states: States,
    records: NDArray[np.int64],
    limited: bool,
    seed: int,
    starts: tuple[int, ...] = STARTS,
) -> tuple[Campaigns, FloatArray]:
    """Fits what campaigns did to labels, and takes it off.

    A label keeps the share by which it differs from what the model expects. Where a record's host hid the device and
    the fastest host would show it, the label says only that the device is no slower: the Gaussian process says the
    rest.

    Args:
        seconds: Labels in seconds per image, positive, ``float64`` (n,).
        states: Block states, ``int64`` (n, 7).
        records: Record numbers, ``int64`` (n,), some near every knot.
        limited: Whether hosts limit the labels, or add to them only.
        seed: Selects the records that the Gaussian process learns its kernel from.
        starts: First record of each campaign, and one past the last.

    Returns:
        The campaigns, and the labels as the fastest host shows them, in seconds per image, ``float64`` (n,).

    Raises:
        ValueError: A record belongs to no campaign.
    """
    weights = knot_weights(records, starts)
    knots = weights.shape[1]
    host = _fastest(seconds, weights) if limited else np.zeros(knots)
    offset = np.zeros(knots)
    # The kernel is learned where the device shows: well above the fastest labels of its time.
    shown = seconds > 1.04 * (weights @ host)
    scale = float(seconds[shown].std())
    standardised = (seconds[shown] - seconds[shown].mean()) / scale
    kernel = AdditiveGP(**_GP).fit(states[shown], standardised, seed)
    covariance = kernel.covariance(states) * scale**2
    centre = float(seconds.mean())
    device, spread, variance = seconds.copy(), 0.01, np.ones(len(seconds))
    prior = np.repeat([_OFFSET_STD**2, _HOST_STD**2], knots)[: 2 * knots if limited else knots]
    for softness in _SOFTNESS:
        floor = weights @ host
        share = expit((device - floor) / softness) if limited else np.ones(len(seconds))
        soft = softness * np.logaddexp(device / softness, floor / softness) if limited else device
        error = seconds - soft - weights @ offset
        # Linear in the device's time, the offsets and the change of the host's times.
        features = np.concatenate([weights, weights * (1.0 - share)[:, None]], axis=1)[:, : len(prior)]
        target = error + share * (device - centre) + weights @ offset
        gram = covariance * share[:, None] * share + (features * prior) @ features.T
        gram[np.diag_indices_from(gram)] += (spread * seconds) ** 2 * variance
        alpha = cho_solve(cho_factor(gram, lower=True, overwrite_a=True, check_finite=False), target)
        device = centre + covariance @ (share * alpha)
        offset, change = np.split(np.pad(prior * (features.T @ alpha), (0, 2 * knots - len(prior))), 2)
        host = host + change
        residual = np.abs(seconds / (np.maximum(device, weights @ host) + weights @ offset) - 1.0)
        # A standard deviation that outliers do not move; labels without noise would leave nothing to factorise.
        spread = max(1.4826 * float(np.median(residual)), 1e-4)
        variance = (_DEGREES + (residual / spread) ** 2) / (_DEGREES + 1.0)
    shape = (len(starts) - 1, len(_KNOTS))
    campaigns = Campaigns(starts, offset.reshape(shape), host.reshape(shape))
    free = campaigns.free(device)
    return campaigns, campaigns.taken_off(seconds, free, records)


def _knots(starts: tuple[int, ...]) -> FloatArray:
    """Record numbers of the knots, ``float64`` (campaigns, knots)."""
    first, last = np.array(starts[:-1], dtype=np.float64), np.array(starts[1:], dtype=np.float64) - 1.0
    knots: FloatArray = first[:, None] + (last - first)[:, None] * np.array(_KNOTS)
    return knots


def knot_weights(records: NDArray[np.int64], starts: tuple[int, ...]) -> FloatArray:
    """Weights of all knots at each record, ``float64`` (n, campaigns * knots): linear between those of its campaign."""
    outside = (records < starts[0]) | (records >= starts[-1])
    if outside.any():
        raise ValueError(f"records must be in {starts[0]}..{starts[-1] - 1}, got {records[outside][0]}")
    campaign = np.searchsorted(starts, records, side="right") - 1
    columns = [
        np.where(campaign == c, np.interp(records, knots, unit), 0.0)
        for c, knots in enumerate(_knots(starts))
        for unit in np.eye(len(_KNOTS))
    ]
    return np.stack(columns, axis=1)


def _fastest(seconds: FloatArray, weights: FloatArray) -> FloatArray:
    """The fastest labels near each knot, ``float64`` (knots,)."""
    return np.array([np.quantile(seconds[near > 0.3], _HOST_QUANTILE) for near in weights.T])
