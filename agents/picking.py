"""Actions and choices by their logits, drawn by a generator of numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices


def pick(
    logits: FloatArray, allowed: NDArray[np.bool_], rng: np.random.Generator, greedy: bool, exploration: float | None
) -> NDArray[np.int64]:
    """Actions by their logits, ``int64`` (n,).

    Args:
        logits: ``float64`` (n, actions).
        allowed: ``bool`` (n, actions), at least one in each row.
        rng: Source of what is sampled.
        greedy: Whether to take the largest.
        exploration: The share of rows that take any action, the others taking the largest; None to sample all.
    """
    logits = np.where(allowed, logits, -np.inf)
    if not greedy:
        noise = rng.gumbel(size=logits.shape)
        if exploration is None:
            logits = logits + noise
        else:
            explores = rng.random((len(logits), 1)) < exploration
            logits = np.where(explores & allowed, noise, np.where(explores, -np.inf, logits))
    picked: NDArray[np.int64] = logits.argmax(axis=1)
    return picked


def complete_network(logits: FloatArray, choices: Choices, rng: np.random.Generator, greedy: bool) -> Choices:
    """Choices by the logits (n, 71) of all their options, where they are open."""
    made = choices.copy()
    ends = np.cumsum(SPACE.cardinalities)
    for place, options in enumerate(np.split(logits, ends[:-1], axis=1)):
        picked = pick(options, np.ones(options.shape, dtype=bool), rng, greedy, None)
        made[:, place] = np.where(made[:, place] < 0, picked, made[:, place])
    return made
