"""The name of :mod:`anb_gym.envs.multi_agent` for users of PettingZoo, with a version as they expect it."""

from anb_gym.envs.multi_agent import env, parallel_env, raw_env

__all__ = ["env", "parallel_env", "raw_env"]
