"""Environments on tensors of PyTorch, for training that never leaves the device. Needs the extra ``torch``."""

from anb_gym._extras import needing

with needing("torch"):
    from anb_gym.torch.environment import BuildEnv, make

__all__ = ["BuildEnv", "make"]
