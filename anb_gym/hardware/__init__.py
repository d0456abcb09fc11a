"""Hardware that does not exist, made from what real hardware has in common.

:mod:`~anb_gym.hardware.costs` says how long layers take, :mod:`~anb_gym.hardware.prior` what is known of real devices,
and :mod:`~anb_gym.hardware.generated` draws devices: ``anb_gym.devices.generate(seed)``.
"""

from anb_gym._lazy import submodules
from anb_gym.hardware.generated import GeneratedDevice, GeneratedMetric, generate
from anb_gym.hardware.prior import FAMILIES

__all__ = ["FAMILIES", "GeneratedDevice", "GeneratedMetric", "generate"]

__getattr__, __dir__ = submodules(__name__)
