"""Reinforcement-learning agents, built on Stable-Baselines3 and multi-objective libraries."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "agents")
