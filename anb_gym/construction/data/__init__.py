"""Image sets to train on. Anything that has what :class:`Data` lists plugs in."""

from anb_gym._lazy import submodules
from anb_gym.construction.data.base import Batch, Data
from anb_gym.construction.data.digits import Digits, digits
from anb_gym.construction.data.folder import FolderData, imagenet

__all__ = ["Batch", "Data", "Digits", "FolderData", "digits", "imagenet"]

__getattr__, __dir__ = submodules(__name__, "construction")
