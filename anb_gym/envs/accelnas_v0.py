"""The name of :mod:`anb_gym.envs.multi_agent` for users of PettingZoo, with a version as they expect it."""

from anb_gym.envs.multi_agent import __doc__, env, parallel_env, raw_env  # noqa: F401 - help(...) shows the page

__all__ = ["env", "parallel_env", "raw_env"]
