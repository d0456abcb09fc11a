"""Distribution that devices are generated from, fitted to the real ones.

Every quantity is normal: the 15 parameters of :mod:`anb_gym.hardware.costs`, the logarithm of a device's mean seconds
per image, and the deviations of single blocks around 0. Location and spread are those of a normal-inverse-gamma
posterior (Murphy 2007, "Conjugate Bayesian analysis of the Gaussian distribution"): a base that is written by hand,
which counts as much as :data:`STRENGTH` devices, updated with what fits the real devices best. ``prior.json`` keeps
these fits. A family of devices can be left out, so that its members are as new as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym._errors import choose
from anb_gym._files import Fields, read_object
from anb_gym._types import FloatArray
from anb_gym.hardware.costs import DEVIATIONS, PARAMETERS, WIDTHS

#: Version of the format of ``prior.json``.
SCHEMA: Final = 1
#: The fits that ship, written by ``scripts/fit_generator.py``.
PATH: Final = Path(__file__).with_name("prior.json")
#: Real devices by family. What is left out is a family: its members are too alike.
FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "fpga": ("zcu102", "vck190"),
    "tpu": ("tpuv2", "tpuv3"),
    "gpu": ("a100", "rtx3090"),
    "cpu": ("cpu",),
}
#: How many devices the base counts as: more than there are, as the fits are drawn to the base themselves.
STRENGTH: Final = 8.0
#: Location and spread of each parameter before any device was seen, by judgement: work of every kind matters within a
#: factor of three or so, dense work within four, as the balance of arithmetic and memory differs most between kinds of
#: hardware, weights and small layers less; half a million elements fit on the chip, within a factor of three; a tensor
#: that does not fit costs two to three times as much.
BASE: Final[Mapping[str, tuple[float, float]]] = {
    "dense": (0.0, 1.5),
    "depthwise": (0.0, 1.0),
    "activations": (0.0, 1.0),
    "weights": (-3.0, 1.5),
    "launches": (-1.0, 1.2),
    "se_pass": (-1.0, 1.0),
    "se_launches": (-2.0, 1.5),
    "constant": (-2.0, 1.0),
    "kernel": (0.0, 0.5),
    "capacity": (13.0, 1.2),
    "spill": (0.0, 1.0),
    "se_spill": (0.5, 1.2),
    "half": (8.0, 2.0),
    "overlap": (0.0, 1.5),
    "host": (-1.5, 0.8),
}
#: The same of the logarithm of mean seconds per image: 1 ms within a factor of three.
BASE_SECONDS: Final = (np.log(1e-3), 1.1)
#: The same of deviations of single blocks, around 0.
BASE_DEVIATION: Final = 0.15


class PriorError(ValueError):
    """``prior.json`` is missing, damaged or of another schema."""


@dataclass(frozen=True)
class Fit:
    """What explains a real device best.

    Attributes:
        parameters: Values of :data:`~anb_gym.hardware.costs.PARAMETERS`, ``float64`` (15,).
        deviations: Of single blocks, ``float64`` (3, 7, 3).
        width: Width of the array.
        seconds: Mean seconds per image over the space.
    """

    parameters: FloatArray
    deviations: FloatArray
    width: int
    seconds: float


@dataclass(frozen=True)
class Prior:
    """Distribution of devices.

    Attributes:
        mean: Of the parameters and, last, of the logarithm of mean seconds per image, ``float64`` (16,).
        std: Standard deviations of the same.
        deviation: Standard deviation of the deviations of single blocks.
        widths: Probabilities of :data:`~anb_gym.hardware.costs.WIDTHS`, ``float64`` (5,).
    """

    mean: FloatArray
    std: FloatArray
    deviation: float
    widths: FloatArray


def posterior(fits: Iterable[Fit]) -> Prior:
    """The base, updated with fits of real devices; without any it is the base.

    With n fits x and the base's location m, spread s and strength k: the location is ``(k m + sum x) / (k + n)``, the
    variance the mean of the posterior's, ``(k s^2 + sum (x - mean x)^2 + k n (mean x - m)^2 / (k + n)) / (k + n)``.
    """
    fits = list(fits)
    n, k = len(fits), STRENGTH
    base = np.array([*BASE.values(), BASE_SECONDS])
    location, variance = base[:, 0], base[:, 1] ** 2
    counts = np.array([sum(fit.width == width for fit in fits) for width in WIDTHS])
    if n:
        x = np.array([[*fit.parameters, np.log(fit.seconds)] for fit in fits])
        shift = x.mean(axis=0) - location
        variance = (k * variance + ((x - x.mean(axis=0)) ** 2).sum(axis=0) + k * n / (k + n) * shift**2) / (k + n)
        location = location + n / (k + n) * shift
    squares = sum(float((fit.deviations**2).mean()) for fit in fits)
    return Prior(
        mean=location,
        std=np.sqrt(variance),
        deviation=float(np.sqrt((k * BASE_DEVIATION**2 + squares) / (k + n))),
        widths=(1.0 + counts) / (len(WIDTHS) + n),
    )


@cache
def load_fits() -> Mapping[str, Fit]:
    """The fits that ship, by device.

    Raises:
        PriorError: The file is missing, damaged or of another schema.
    """
    fields = read_object(PATH, PriorError)
    fields.check_schema(SCHEMA)
    if fields.items("parameters", str) != list(PARAMETERS):
        raise fields.refusal(f"parameters must be {', '.join(PARAMETERS)}, got {fields.content['parameters']}")
    devices = fields.fields("devices")
    return {name: _fit(devices.fields(name)) for name in devices.content}


def _fit(fields: Fields) -> Fit:
    parameters, deviations = np.array(fields.items("parameters", float)), np.array(fields.items("deviations", float))
    width, seconds = fields.get("width", int), float(fields.get("seconds", float))
    sizes = (len(PARAMETERS), int(np.prod(DEVIATIONS)))
    if (len(parameters), len(deviations)) != sizes or width not in WIDTHS or not seconds > 0.0:
        raise fields.refusal(f"there must be {sizes[0]} parameters, {sizes[1]} deviations, a width and seconds above 0")
    return Fit(parameters, deviations.reshape(DEVIATIONS), width, seconds)


@cache
def load_prior(leave_out: str | None = None) -> Prior:
    """The distribution fitted to the real devices.

    Args:
        leave_out: One of :data:`FAMILIES`, whose devices it then has not seen.

    Raises:
        ValueError: There is no such family.
        PriorError: ``prior.json`` is damaged.
    """
    out = () if leave_out is None else FAMILIES[choose(leave_out, FAMILIES, "leave_out")]
    return posterior(fit for name, fit in load_fits().items() if name not in out)
