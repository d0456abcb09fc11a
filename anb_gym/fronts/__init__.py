"""Certified fronts of the shipped surrogates, in the metrics' own units.

The fronts of accuracy and every device metric on the default surrogate, and its
accuracy optimum, ship with the package; ``anb-gym solve`` makes them. "Optimum"
and "exact" speak of the *surrogate*. A surrogate's maximum lies where its errors
do, so the best architecture here need not be the best network:
``docs/fronts.md`` says what is known about that.
"""

from anb_gym._lazy import submodules
from anb_gym.fronts.limits import ConstrainedOptima, OptimalMixtures
from anb_gym.fronts.results import CertifiedFront, CertifiedOptimum, ScalarReward
from anb_gym.fronts.store import FrontError, NoFrontError, load_front

__all__ = [
    "CertifiedFront",
    "CertifiedOptimum",
    "ConstrainedOptima",
    "FrontError",
    "NoFrontError",
    "OptimalMixtures",
    "ScalarReward",
    "load_front",
]

__getattr__, __dir__ = submodules(__name__, "exact")
