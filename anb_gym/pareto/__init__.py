"""Pareto fronts of sets of architectures, indicators and plots of them. Arrays in, arrays out."""

from anb_gym.pareto.fronts import front
from anb_gym.pareto.indicators import hypervolume, normalised_hypervolume

__all__ = ["front", "hypervolume", "normalised_hypervolume"]
