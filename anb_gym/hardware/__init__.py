"""Hardware that does not exist, made from what real hardware has in common.

:mod:`~anb_gym.hardware.costs` says how long layers take, :mod:`~anb_gym.hardware.prior` what is known of real devices,
:mod:`~anb_gym.hardware.generated` draws devices, ``anb_gym.devices.generate(seed)``, and
:mod:`~anb_gym.hardware.probes` names the networks that are measured first on a new one.
"""

from anb_gym._lazy import submodules
from anb_gym.hardware.generated import TEST_SEEDS, TRAIN_SEEDS, GeneratedDevice, GeneratedMetric, generate
from anb_gym.hardware.prior import FAMILIES
from anb_gym.hardware.probes import N_PROBES, PROBES, probe_states

__all__ = [
    "FAMILIES",
    "N_PROBES",
    "PROBES",
    "TEST_SEEDS",
    "TRAIN_SEEDS",
    "GeneratedDevice",
    "GeneratedMetric",
    "generate",
    "probe_states",
]

__getattr__, __dir__ = submodules(__name__)
