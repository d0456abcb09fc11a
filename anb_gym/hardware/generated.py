"""Devices that do not exist: a seed, a time of every layer, tables of throughput and latency.

A device is drawn from a distribution that is fitted to the real devices (:mod:`anb_gym.hardware.prior`). Throughput and
latency share all that was drawn. In latency an image waits for what a batch shares: launches, weights and the constant
take longer, more of the device idles, only one of the streams runs, and the host's time comes on top. So the latency
is never below the reciprocal of the throughput. By how much these differ is written by hand: the two FPGAs, which alone
have both, do not tell a distribution.

Draws are the counter-based normal deviates of :mod:`anb_gym.noise`, and tables are rounded to single precision, so what
a machine's ``exp`` makes of the last bits does not show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.hardware.costs import DEVIATIONS, PARAMETERS, WIDTHS, block_times, mean
from anb_gym.hardware.prior import Prior, load_prior
from anb_gym.noise import normal
from anb_gym.space import SPACE, States
from anb_gym.surrogates.links import HostBound, Identity, Link
from anb_gym.surrogates.tables import BlockTables

#: What a batch shares, which takes longer in latency.
SHARED: Final = ("weights", "launches", "constant", "half")
#: Standard deviation of the logarithm, before its sign is dropped, of how much longer that takes, and of how many
#: streams a device runs at once.
SHARED_STD: Final = 1.0
STREAMS_STD: Final = 0.7
#: Draws are no further from their mean than this many standard deviations.
LIMIT: Final = 3.0
#: The host needs at most as long as the device's mean: at ten times the device's time it would hide all differences.
HOST_LIMIT: Final = 0.0
#: Seeds are below it.
SEEDS: Final = 2**63
#: Seeds of the devices that agents train on, and of those that they are tested on and nothing else is made with.
TRAIN_SEEDS: Final = range(10_000)
TEST_SEEDS: Final = range(1_000_000, 1_000_200)

_SHARED: Final = [PARAMETERS.index(name) for name in SHARED]
_HOST: Final = PARAMETERS.index("host")
_N_DEVIATIONS: Final = int(np.prod(DEVIATIONS))


@dataclass(frozen=True)
class GeneratedMetric:
    """A metric of a generated device.

    Attributes:
        mean: Tables over single blocks, whose sum is seconds per image for throughput and ms for latency.
        link: From the sum to images/s or ms.
    """

    mean: BlockTables
    link: Link

    def predict(self, states: States) -> FloatArray:
        """The metric, ``float64`` (n,), of block states (n, 7)."""
        return self.link.value(self.mean(states))


@dataclass(frozen=True)
class GeneratedDevice:
    """A device that does not exist.

    Attributes:
        name: Such as ``"generated_7"``, or ``"generated_7_without_fpga"``.
        metrics: By kind, ``"throughput"`` in images/s and ``"latency"`` in ms.
        description: What was drawn, JSON-ready.
    """

    name: str
    metrics: Mapping[str, GeneratedMetric]
    description: Mapping[str, Any]


@dataclass(frozen=True)
class Draws:
    """What is drawn for several devices.

    Attributes:
        parameters: ``float64`` (n, 15).
        deviations: ``float64`` (n, 3, 7, 3).
        width: ``int64`` (n,).
        seconds: Mean seconds per image without the host, ``float64`` (n,).
        shared: How many times longer in latency takes what a batch shares, ``float64`` (n,), at least 1.
        streams: How many images are worked at at once, ``float64`` (n,), at least 1.
    """

    parameters: FloatArray
    deviations: FloatArray
    width: NDArray[np.int64]
    seconds: FloatArray
    shared: FloatArray
    streams: FloatArray


def draw(seeds: Sequence[int], prior: Prior) -> Draws:
    """What the seeds mean.

    Args:
        seeds: One a device, 0 to 2**63 - 1.
        prior: Distribution of devices.
    """
    n, count = len(seeds), len(PARAMETERS)
    keys = np.array(seeds, dtype=np.uint64)

    def deviates(stream: str, columns: int) -> FloatArray:
        index = np.tile(np.arange(columns), n)
        z = normal(f"hardware/{stream}", index, np.repeat(keys, columns)).reshape(n, columns)
        return np.clip(z, -LIMIT, LIMIT)

    values = prior.mean + prior.std * deviates("parameters", count + 1)
    values[:, _HOST] = np.minimum(values[:, _HOST], HOST_LIMIT)
    deviations = prior.deviation * deviates("deviations", _N_DEVIATIONS)
    uniforms = [0.5 + 0.5 * math.erf(z / math.sqrt(2.0)) for z in deviates("width", 1)[:, 0]]
    widths = np.searchsorted(np.cumsum(prior.widths)[:-1], uniforms)
    shared, streams = np.abs(deviates("latency", 2)).T
    return Draws(
        parameters=values[:, :count],
        deviations=deviations.reshape(n, *DEVIATIONS),
        width=np.array(WIDTHS)[widths],
        seconds=np.exp(values[:, count]),
        shared=np.exp(SHARED_STD * shared),
        streams=np.exp(STREAMS_STD * streams),
    )


def tables(draws: Draws) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Times of all block states on the devices that were drawn.

    Returns:
        Seconds per image at throughput without the host, ``float64`` (n, 264); the host's seconds per image,
        ``float64`` (n,); seconds of latency, ``float64`` (n, 264).
    """
    times = block_times(draws.parameters, draws.width, draws.deviations)
    scale = draws.seconds / mean(times)
    host = np.exp(draws.parameters[:, _HOST]) * draws.seconds
    alone = draws.parameters.copy()
    alone[:, _SHARED] += np.log(draws.shared)[:, None]
    latency = block_times(alone, draws.width, draws.deviations) * (scale * draws.streams)[:, None]
    latency[:, : SPACE.block_sizes[0]] += host[:, None]
    return times * scale[:, None], host, latency


def generate(seed: int, *, leave_out: str | None = None) -> GeneratedDevice:
    """A device that does not exist, the same on every machine.

    Args:
        seed: Which one, 0 to 2**63 - 1.
        leave_out: A family of real devices, ``"fpga"``, ``"tpu"``, ``"gpu"`` or ``"cpu"``, that the distribution must
            not have seen.

    Raises:
        ValueError: The seed is no such integer, or there is no such family.

    Example:
        >>> import anb_gym
        >>> device = anb_gym.devices.generate(7)
        >>> device.name, sorted(device.metrics)
        ('generated_7', ['latency', 'throughput'])
    """
    if (seed := integer(seed, 0, "seed")) >= SEEDS:
        raise ValueError(f"seed must be below 2**63, got {seed}")
    draws = draw([seed], load_prior(leave_out))
    seconds, host, latency = tables(draws)
    bound = float(np.float32(host[0]))
    return GeneratedDevice(
        name=f"generated_{seed}" + (f"_without_{leave_out}" if leave_out else ""),
        metrics={
            "throughput": GeneratedMetric(_rounded(seconds[0]), HostBound(bound)),
            "latency": GeneratedMetric(_rounded(1e3 * latency[0]), Identity()),
        },
        description={
            "seed": seed,
            "leave_out": leave_out,
            "parameters": dict(zip(PARAMETERS, draws.parameters[0].tolist(), strict=True)),
            "deviations": draws.deviations[0].tolist(),
            "width": int(draws.width[0]),
            "seconds": float(draws.seconds[0]),
            "host_seconds": bound,
            "shared": float(draws.shared[0]),
            "streams": float(draws.streams[0]),
        },
    )


def _rounded(values: FloatArray) -> BlockTables:
    return BlockTables(1, values.astype(np.float32).astype(np.float64))
