"""A few architectures that stand for the whole space while training schemes are compared."""

from __future__ import annotations

from typing import Final

import numpy as np

from anb_gym import complexity
from anb_gym._errors import integer
from anb_gym._extras import require
from anb_gym.space import SPACE, Architecture

#: Uniformly drawn architectures to choose from.
_POOL: Final = 20_000
#: The share of them that lies outside the grid, at each end of both axes.
_OUTSIDE: Final = 0.005
#: How many can be had before cells have too few architectures.
_MOST: Final = 200


def model_grid(n: int, seed: int) -> list[Architecture]:
    """Architectures spread evenly over multiply-accumulates and parameters (the paper, section 3.2: 20 of them).

    A Latin square: the range of multiply-accumulates and that of parameters are both cut into ``n`` equal parts, and
    every part of either has one architecture. Which parts go together is random among the pairs that occur. The ranges
    are those of uniformly drawn architectures without the outermost half percent at each end.

    Args:
        n: How many, from 1 to 200.
        seed: Determines what is drawn.

    Returns:
        ``n`` different architectures, by ascending multiply-accumulates.

    Raises:
        ValueError: ``n`` is out of range, or the seed is negative.
        ModuleNotFoundError: scipy is not installed.
    """
    if integer(n, 1, "n") > _MOST:
        raise ValueError(f"n must be at most {_MOST}, got {n}")
    rng = np.random.default_rng(integer(seed, 0, "seed"))
    pool = np.unique(SPACE.to_index(SPACE.sample(_POOL, rng)))
    counts = np.stack([complexity.macs(pool), complexity.params(pool)], axis=1)
    low, high = np.quantile(counts, [_OUTSIDE, 1 - _OUTSIDE], axis=0)
    places = (counts - low) / (high - low) * n  # cell (i, j) is i <= x < i + 1, j <= y < j + 1
    centres = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), axis=-1) + 0.5
    tree = require("scipy.spatial", "construction").cKDTree(places)
    distance, nearest = tree.query(centres, p=np.inf)
    # An empty cell is taken only where no other choice is left, and then a near one.
    cost = np.where(distance <= 0.5, 0.0, n * distance) + rng.random((n, n))
    rows, columns = require("scipy.optimize", "construction").linear_sum_assignment(cost)
    chosen = np.unique(pool[nearest[rows, columns]])
    if len(chosen) < n:
        raise ValueError(f"n must be smaller: {n} parts have only {len(chosen)} different architectures")
    return [Architecture.from_index(int(i)) for i in chosen[np.argsort(complexity.macs(chosen), kind="stable")]]
