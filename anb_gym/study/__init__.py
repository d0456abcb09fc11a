"""Studies: controllers that ask and are told, run on many tasks and seeds, and compared."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "study")
