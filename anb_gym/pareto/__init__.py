"""Pareto fronts of sets of architectures, and plots of them. Arrays in, arrays out."""

from anb_gym.pareto.fronts import front

__all__ = ["front"]
