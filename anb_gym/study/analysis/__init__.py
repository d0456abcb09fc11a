"""Analysis of a study's results: regret at any time, statistics and tables of numbers."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "study")
