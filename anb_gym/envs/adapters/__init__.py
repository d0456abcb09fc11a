"""Environments in the form that other libraries take."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__)
