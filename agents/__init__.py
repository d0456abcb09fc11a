"""Reinforcement-learning agents, built on Stable-Baselines3 and multi-objective libraries."""
