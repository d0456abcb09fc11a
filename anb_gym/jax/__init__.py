"""Environments and tables on arrays of JAX, for training that never leaves the device. Needs the extra ``jax``."""

from anb_gym._extras import needing

with needing("jax"):
    from anb_gym.jax.environment import BuildEnv, Params, State, make

__all__ = ["BuildEnv", "Params", "State", "make"]
