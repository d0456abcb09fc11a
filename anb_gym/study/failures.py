"""Failures of measurements: a part of the architectures cannot be measured, alike ones together.

Compilers crash and trainings diverge, and they do so in regions: a network whose neighbour has failed is likelier to
fail. Which fail is a matter of the run's world, as its noise is. Every state of every block has a standard normal
deviate there; an architecture fails where their sum is among the largest.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.noise import Noise, normal
from anb_gym.space import N_BLOCKS, SPACE, States

#: What is told of a failure, in unit scale: far below what random architectures have.
FAILED: Final = -2.0


def fails(states: States, share: float, seed: int) -> NDArray[np.bool_]:
    """Whether measurements fail, ``bool`` (n,).

    Args:
        states: Block states, ``int64`` (n, 7), within the space.
        share: The part of random architectures that fails, very nearly, above 0 and below 1.
        seed: The world: the seed of the run.
    """
    fields = _fields(seed)
    scores = sum(fields[block][states[:, block]] for block in range(N_BLOCKS))
    failed: NDArray[np.bool_] = np.asarray(scores) > NormalDist().inv_cdf(1.0 - share)
    return failed


@lru_cache(maxsize=256)
def _fields(seed: int) -> list[FloatArray]:
    """What the states of every block contribute: mean 0, and variance 1 over random architectures in all."""
    fields = []
    for block, size in enumerate(SPACE.block_sizes.tolist()):
        deviates = normal(f"failures/{block}", np.arange(size), Noise(seed))
        fields.append((deviates - deviates.mean()) / deviates.std() / np.sqrt(N_BLOCKS))
    return fields
