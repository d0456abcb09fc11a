"""The architectures of a collection."""

from __future__ import annotations

from typing import Final

import numpy as np

from anb_gym._errors import integer
from anb_gym.space import SPACE, Architecture

#: Architectures that one collection may have: all of them are kept in memory.
MOST: Final = 1_000_000


def sample_architectures(n: int, seed: int) -> list[Architecture]:
    """Draws different architectures uniformly; a larger ``n`` adds to those of a smaller one.

    Args:
        n: How many, at least 1 and at most :data:`MOST`.
        seed: Which; at least 0.

    Returns:
        The architectures. Their positions are the record numbers.

    Raises:
        ValueError: ``n`` or ``seed`` is out of range.
    """
    check_sample(n, seed)
    rng = np.random.default_rng(seed)
    found: dict[int, None] = {}
    while len(found) < n:  # one by one, so that what comes first does not depend on n
        found[int(SPACE.to_index(SPACE.sample(1, rng))[0])] = None
    return [Architecture.from_index(index) for index in found]


def check_sample(n: int, seed: int) -> None:
    """Raises a ``ValueError`` if there is no such sample of :func:`sample_architectures`."""
    integer(n, 1, "n")
    integer(seed, 0, "seed")
    if n > MOST:
        raise ValueError(f"n must be at most {MOST:,}, got {n:,}")
