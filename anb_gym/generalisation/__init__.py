"""How well designs are made for a device nobody has seen: devices, protocol, methods, scores."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__)
