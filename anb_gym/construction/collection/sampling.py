"""The architectures of a collection."""

from __future__ import annotations

import numpy as np

from anb_gym.space import SPACE, Architecture


def sample_architectures(n: int, seed: int) -> list[Architecture]:
    """Draws different architectures uniformly; a larger ``n`` adds to those of a smaller one.

    Args:
        n: How many, at least 1.
        seed: Which; at least 0.

    Returns:
        The architectures. Their positions are the record numbers.

    Raises:
        ValueError: ``n`` or ``seed`` is out of range.
    """
    for name, value, low in (("n", n, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise ValueError(f"{name} must be an integer of at least {low}, got {value!r}")
    rng = np.random.default_rng(seed)
    found: dict[int, None] = {}
    while len(found) < n:  # one by one, so that what comes first does not depend on n
        found[int(SPACE.to_index(SPACE.sample(1, rng))[0])] = None
    return [Architecture.from_index(index) for index in found]
