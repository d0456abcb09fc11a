"""Pareto fronts of sets of architectures, archives and indicators of them. Arrays in, arrays out."""

from anb_gym._lazy import submodules
from anb_gym.pareto.archive import Archive, archive_trace
from anb_gym.pareto.attainment import attainment_surfaces
from anb_gym.pareto.fronts import front
from anb_gym.pareto.indicators import additive_epsilon, hypervolume, igd_plus, normalised_hypervolume

__all__ = [
    "Archive",
    "additive_epsilon",
    "archive_trace",
    "as_pymoo",
    "attainment_surfaces",
    "front",
    "hypervolume",
    "igd_plus",
    "normalised_hypervolume",
]

__getattr__, __dir__ = submodules(__name__, "pareto", names={"pymoo_problem": ("as_pymoo",)})
