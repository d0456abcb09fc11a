"""Environments that build an architecture, as pure functions on arrays of any library."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__)
