"""The public name of :mod:`anb_gym.envs.adapters.sb3`."""

from anb_gym.envs.adapters.sb3 import NativeVecEnv, __doc__, make_vec_env  # noqa: F401 - help(...) shows the page

__all__ = ["NativeVecEnv", "make_vec_env"]
