"""How the benchmark is built: the dataset, and the surrogates fitted on it.

Nothing here is imported at run time; most of it needs ``pip install 'anb_gym[fit]'``.
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "construction")
