"""Environments that build an architecture, as pure functions on arrays of any library.

:mod:`~anb_gym.functional.building` is the transition, :mod:`~anb_gym.functional.scoring` the worth of what is complete.
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__)
