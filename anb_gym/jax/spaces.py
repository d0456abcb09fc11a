"""Spaces of environments on arrays of JAX, with the interface of gymnax's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from gymnasium import spaces


@dataclass(frozen=True, eq=False)
class Space:
    """Integers or numbers in ranges.

    Attributes:
        low: The smallest of each.
        high: The largest of each.
        shape: The shape of members.
        dtype: Their dtype.
    """

    low: Any
    high: Any
    shape: tuple[int, ...]
    dtype: Any

    def sample(self, key: jax.Array) -> jax.Array:
        """A member, drawn uniformly."""
        if jnp.issubdtype(self.dtype, jnp.integer):
            return jax.random.randint(key, self.shape, self.low, jnp.asarray(self.high) + 1, jnp.int32).astype(
                self.dtype
            )
        return jax.random.uniform(key, self.shape, self.dtype, self.low, self.high)

    def contains(self, member: Any) -> jax.Array:
        """Whether an array of the shape is a member."""
        return jnp.all((member >= self.low) & (member <= self.high))

    @property
    def n(self) -> int:
        """The number of members of a space of single integers from 0."""
        return int(self.high) + 1


def like(space: Any) -> Space:
    """The space that is like one of Gymnasium's."""
    if isinstance(space, spaces.Discrete):
        return Space(0, int(space.n) - 1, (), jnp.int32)
    if isinstance(space, spaces.MultiDiscrete):
        return Space(0, jnp.asarray(space.nvec - 1), space.shape, jnp.int32)
    return Space(jnp.asarray(space.low), jnp.asarray(space.high), space.shape, space.dtype)
