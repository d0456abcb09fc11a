"""Devices that throughput is measured on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from anb_gym._errors import choose
from anb_gym.construction.collection.devices.base import MeasuringDevice
from anb_gym.construction.collection.devices.cpu import CPU
from anb_gym.construction.collection.devices.fpga import DPUS, FPGA, Board, Quantiser
from anb_gym.construction.collection.devices.gpu import GPU
from anb_gym.construction.collection.devices.tpu import TPU

__all__ = ["CPU", "FPGA", "GPU", "KINDS", "TPU", "MeasuringDevice", "make_device"]

_CLASSES: Final[Mapping[str, Callable[..., MeasuringDevice]]] = {"cpu": CPU, "cuda": GPU, "tpu": TPU}
#: What can be measured on, by name.
KINDS: Final = (*_CLASSES, *DPUS)


def make_device(kind: str, cache: Path, **options: Any) -> MeasuringDevice:
    """Makes a device.

    Args:
        kind: One of :data:`KINDS`.
        cache: Folder for compiled networks, which only FPGAs need.
        **options: Fields of :class:`CPU`, :class:`GPU` or :class:`TPU`; of an FPGA ``name``, ``resolution`` and
            ``seconds``, ``board``, the host that ``ssh`` reaches it by, and ``vitis_python``, the Python that has
            ``pytorch_nndct``. None is the default.

    Raises:
        ValueError: The kind is unknown, it has no such option, or the device is not there.
        ModuleNotFoundError: A package that it needs is not installed.
    """
    made: Any = _CLASSES.get(choose(kind, KINDS, "device"))
    known = [f.name for f in fields(made)] if made else ["name", "resolution", "seconds", "board", "vitis_python"]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        choose(name, known, f"an option of the device {kind}")
    if made:
        device: MeasuringDevice = made(**given)
        return device
    board, python = Board(host=given.pop("board", None)), Quantiser(python=given.pop("vitis_python", "python3"))
    return FPGA(kind, cache, **given, board=board, quantise=python)
