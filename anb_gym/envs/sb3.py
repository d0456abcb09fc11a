"""The public name of :mod:`anb_gym.envs.adapters.sb3`."""

from anb_gym.envs.adapters.sb3 import NativeVecEnv, make_vec_env

__all__ = ["NativeVecEnv", "make_vec_env"]
