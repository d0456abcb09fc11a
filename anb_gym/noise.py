"""Measurement noise that is a function of (seed, architecture, repeat).

The generator is counter-based: a hash of the key is turned into normal
deviates, so neither the order nor the batching of queries changes a result.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym import devices
from anb_gym._errors import integer, shown
from anb_gym._types import FloatArray
from anb_gym.space import Indices

#: Standard deviation of the proxy accuracy over training seeds, in points, by accuracy in percent: 117 architectures
#: trained with three seeds each, in the ranges below 57, 57-60, 60-62 and above 62. Between the ranges' centres it is
#: interpolated. Over the dataset's accuracies the root mean square is 0.31 points, as it is over the 117.
ACCURACY_STD: Final = ((55.5, 58.5, 61.0, 64.0), (0.40, 0.32, 0.33, 0.21))

#: The same of accuracy under the reference scheme: root mean square over 78 architectures trained with three seeds each
#: (``three_seeds.csv``).
REFERENCE_STD: Final = 0.173

#: Median, 95th percentile and largest coefficient of variation of repeated measurements.
#: The FPGAs' were measured once and have none.
DEVICE_CV: Final = {name: cv for name, (device, kind) in devices.metrics().items() if (cv := device.metrics[kind].cv)}

_NORMAL_95 = 1.6448536269514722  # 95th percentile of the standard normal distribution
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Noise:
    """The key of noisy queries.

    Attributes:
        seed: Which noisy world; one seed always gives the same noise.
        repeat: Which repeat of the measurement in that world.
    """

    seed: int
    repeat: int = 0

    def __post_init__(self) -> None:
        for name in ("seed", "repeat"):
            object.__setattr__(self, name, integer(getattr(self, name), 0, f"noise {name}", 2**64 - 1))


def perturb(metric: str, values: FloatArray, index: Indices, noise: Noise | NDArray[np.uint64]) -> FloatArray:
    """Noisy measurements of a metric.

    Accuracy gets the variation over training seeds. Throughput on GPUs and TPUs
    gets the variation over repeats, whose coefficient is itself log-normal over
    architectures up to the largest measured. All other metrics are returned as
    they are.

    Args:
        metric: Name of the metric.
        values: Noise-free metric, ``float64`` (n,).
        index: Indices of the architectures, ``int64`` (n,).
        noise: Key of the noise; or seeds ``uint64`` (n,), one key per architecture with repeat 0.

    Returns:
        ``float64`` (n,).

    Raises:
        ValueError: ``noise`` is neither a key nor seeds.
    """
    if metric == "accuracy":
        return values + np.interp(values, *ACCURACY_STD) * normal(metric, index, noise)
    if metric == "accuracy/reference":
        return values + REFERENCE_STD * normal(metric, index, noise)
    if metric in DEVICE_CV:
        median, percentile, largest = DEVICE_CV[metric]
        spread = np.log(percentile / median) / _NORMAL_95
        # How steady a device is with an architecture belongs to the pair: it does not depend on the key.
        cv = np.minimum(median * np.exp(spread * normal(metric + "/cv", index, Noise(0))), largest)
        result: FloatArray = values * np.exp(cv * normal(metric, index, noise))
        return result
    return values


def normal(stream: str, index: Indices, noise: Noise | NDArray[np.uint64]) -> FloatArray:
    """Standard normal deviates, ``float64`` (n,), one per index, for a named stream and one key or one per index."""
    if not isinstance(noise, Noise) and not (isinstance(noise, np.ndarray | np.generic) and noise.dtype == np.uint64):
        raise ValueError(f"noise must be a Noise or seeds of dtype uint64, got {shown(noise)}")
    seed, repeat = (np.uint64(noise.seed), noise.repeat) if isinstance(noise, Noise) else (noise, 0)
    key = _mix(np.array(_stream_key(stream), dtype=np.uint64) ^ seed)
    key = _mix(key ^ np.uint64(repeat))
    bits = _mix(index.astype(np.uint64) ^ key)
    # Box and Muller 1958, with uniforms in (0, 1] and [0, 1) from the upper 53 bits.
    first = ((bits >> np.uint64(11)) + np.uint64(1)) * 2.0**-53
    second = (_mix(bits) >> np.uint64(11)) * 2.0**-53
    result: FloatArray = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return result


@cache
def _stream_key(stream: str) -> int:
    return int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "little")


def _mix(x: NDArray[Any]) -> NDArray[np.uint64]:
    """SplitMix64's step and finaliser (Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195)."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64
        x = x + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return mixed
