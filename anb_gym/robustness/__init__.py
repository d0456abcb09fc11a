"""Robustness: what of a design, a front or an optimum is left in other worlds, and which differences are ties.

The surrogate's mean is one guess of nature; its worlds (:mod:`anb_gym.surrogates.worlds`) are what nature could be
given the data. An optimum of the mean is partly an optimum of its errors, which worlds and other families show.
"""

from anb_gym.robustness.auditing import (
    WORLDS,
    Audit,
    WorldRegrets,
    audit,
    front_in_worlds,
    regret_in_worlds,
    violation_in_worlds,
)
from anb_gym.robustness.bands import resolution, write_resolutions

__all__ = [
    "WORLDS",
    "Audit",
    "WorldRegrets",
    "audit",
    "front_in_worlds",
    "regret_in_worlds",
    "resolution",
    "violation_in_worlds",
    "write_resolutions",
]
