"""Surrogates at run time: tables over combinations of blocks, and where they are stored."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__)
