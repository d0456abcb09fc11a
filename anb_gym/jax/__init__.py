"""Environments on arrays of JAX, for training that never leaves the device. Needs the extra ``jax``.

:func:`~anb_gym.jax.environment.make` makes one from an id.
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "jax", names={"environment": ("BuildEnv", "Params", "State", "make")})
