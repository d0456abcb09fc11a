"""Environments on tensors of PyTorch, for training that never leaves the device. Needs the extra ``torch``.

:func:`~anb_gym.torch.environment.make` makes one from an id.
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__, "torch", names={"environment": ("BuildEnv", "make")})
