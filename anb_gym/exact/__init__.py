"""Certified optima and exact Pareto fronts over all 104,485,552,128 architectures.

Surrogates are sums of tables (:mod:`anb_gym.surrogates.tables`), so a branch and
bound can prove what no sampling can: that nothing in the space is better.

"Optimum" here means the optimum of the *surrogate*. A surrogate's maximum lies
where its errors do, so an optimal architecture need not be the best network.

The search needs the extra ``exact``; reading and verifying results does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anb_gym._lazy import submodules
from anb_gym.exact.incumbents import FrontTooLargeError
from anb_gym.exact.results import Certificate, Front, Optimum, VerificationError

if TYPE_CHECKING:
    from anb_gym.exact.api import maximize, nearby_front, pareto_front, pareto_front_of

__all__ = [
    "Certificate",
    "Front",
    "FrontTooLargeError",
    "Optimum",
    "VerificationError",
    "maximize",
    "nearby_front",
    "pareto_front",
    "pareto_front_of",
]

# The search is imported when it is first used: its module compiles with numba.
__getattr__, __dir__ = submodules(
    __name__, "exact", names={"api": ("maximize", "nearby_front", "pareto_front", "pareto_front_of")}
)
