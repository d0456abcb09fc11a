"""The name of :class:`~anb_gym.envs.edit.EditVectorEnv` in environment specs that were saved as JSON before."""

from anb_gym.envs.edit import EditVectorEnv

__all__ = ["EditVectorEnv"]
