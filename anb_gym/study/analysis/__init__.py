"""Analysis of a study's results: regret at any time, statistics, plots and the HTML report."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "study")
