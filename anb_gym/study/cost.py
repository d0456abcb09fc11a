"""Cost of evaluations: simulated GPU-hours of training."""

from __future__ import annotations

from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.space import States

#: The dataset's networks were trained on four GPUs at a time (Accel-NASBench, section 3.3.1).
GPUS: Final = 4
#: Simulated training times lie within these limits, in seconds. The dataset's shortest is 1,064 s; the surrogate's
#: extremes over the space, where it extrapolates, are cut off.
SHORTEST, LONGEST = 1000.0, 5000.0


def gpu_hours(states: States) -> FloatArray:
    """Simulated GPU-hours of training each architecture under the proxy scheme, ``float64`` (n,).

    Four times the ``train_time`` of the default surrogate, whatever surrogate the task has. It is smoothed: a fit
    explains 86 % of the variance of the recorded times, the rest being mostly what else the machines did (one
    record took 31,079 s), and a budget in simulated hours should not depend on that. It is clipped to 1.1..5.6
    GPU-hours. Measuring a device is taken to cost nothing.

    Args:
        states: Block states, ``int64`` (n, 7), within the space.
    """
    seconds = Benchmark().query_states(states, ("train_time",))["train_time"]
    hours: FloatArray = GPUS / 3600.0 * np.clip(seconds, SHORTEST, LONGEST)
    return hours


def most_evaluations(hours: float) -> int:
    """Largest number of evaluations that a budget of simulated GPU-hours can pay for."""
    return int(hours / (GPUS * SHORTEST / 3600.0))


def longest_hours() -> float:
    """The simulated GPU-hours that pay for one evaluation of any architecture."""
    return GPUS * LONGEST / 3600.0
