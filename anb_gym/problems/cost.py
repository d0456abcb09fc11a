"""Cost of evaluations: simulated GPU-hours of training, under the proxy and under the reference scheme."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.space import SPACE, States

#: The dataset's networks were trained on four GPUs at a time (Accel-NASBench, section 3.3.1).
GPUS: Final = 4
#: The metric that tells how long a training takes, by fidelity.
_METRICS: Final = {"proxy": "train_time", "reference": "train_time/reference"}
#: Simulated training times lie within these limits, in seconds, by fidelity. The dataset's shortest is 1,064 s; the
#: surrogates' extremes over the space, where they extrapolate, are cut off.
LIMITS: Final = {"proxy": (1000.0, 5000.0), "reference": (5000.0, 28000.0)}
#: Those of the proxy scheme.
SHORTEST, LONGEST = LIMITS["proxy"]
#: Random architectures behind a typical cost.
_N_TYPICAL: Final = 2_000


def gpu_hours(states: States, fidelity: str = "proxy") -> FloatArray:
    """Simulated GPU-hours of training each architecture, ``float64`` (n,).

    Four times the ``train_time`` of the default surrogate, whatever surrogate the task has. It is smoothed: a fit
    explains 86 % of the variance of the recorded times, the rest being mostly what else the machines did (one
    record took 31,079 s), and a budget in simulated hours should not depend on that. It is clipped to 1.1..5.6
    GPU-hours, under the reference scheme to 5.6..31.1. Measuring a device is taken to cost nothing.

    Args:
        states: Block states, ``int64`` (n, 7), within the space.
        fidelity: ``"proxy"`` or ``"reference"``, the scheme of the training.
    """
    seconds = Benchmark().query_states(states, (_METRICS[fidelity],))[_METRICS[fidelity]]
    hours: FloatArray = GPUS / 3600.0 * np.clip(seconds, *LIMITS[fidelity])
    return hours


def most_evaluations(hours: float) -> int:
    """Largest number of evaluations that a budget of simulated GPU-hours can pay for."""
    return int(hours / shortest_hours())


def shortest_hours(fidelity: str = "proxy") -> float:
    """The fewest simulated GPU-hours that pay for an evaluation of some architecture."""
    return GPUS * LIMITS[fidelity][0] / 3600.0


def longest_hours(fidelity: str = "proxy") -> float:
    """The simulated GPU-hours that pay for one evaluation of any architecture."""
    return GPUS * LIMITS[fidelity][1] / 3600.0


@cache
def typical_hours(fidelity: str) -> float:
    """Mean simulated GPU-hours of random architectures."""
    states = SPACE.to_states(SPACE.sample(_N_TYPICAL, np.random.default_rng(0)))
    return float(gpu_hours(states, fidelity).mean())
