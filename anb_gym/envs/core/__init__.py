"""Parts of all environment families: episodes, actions, observations, infos, and many copies at once."""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__)
