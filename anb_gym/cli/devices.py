"""The command ``devices``: the table of all."""

from __future__ import annotations

import argparse

from anb_gym._errors import one_line
from anb_gym.cli._options import add_json, print_json
from anb_gym.devices import DEVICES, KINDS, LEFT_OUT, Device
from anb_gym.fronts import load_front
from anb_gym.surrogates.store import FAMILIES, load_shipped


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    devices = commands.add_parser("devices", help="list all devices, and what is damaged or left out with the reason")
    add_json(devices)
    devices.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.json:
        found = [
            {
                "name": device.name,
                "label": device.label,
                "metrics": {kind: {"target": m.target, "unit": KINDS[kind][0]} for kind, m in device.metrics.items()},
                "state": _state(device),
            }
            for device in DEVICES.values()
        ]
        print_json({"devices": found, "left_out": [folder.reason for folder in LEFT_OUT]})
    else:
        print_devices()


def print_devices() -> None:
    """Prints every device, and what is left out."""
    for device in DEVICES.values():
        metrics = ", ".join(f"{kind} (target {m.target:g} {KINDS[kind][0]})" for kind, m in device.metrics.items())
        print(f"{device.name:8} {device.label:8} {metrics}; {_state(device)}")
    for folder in LEFT_OUT:
        print(f"left out: {folder.reason}")


def _state(device: Device) -> str:
    """Origin of a device; of one's own, what is damaged or the command that comes next."""
    if device.ships:
        return "of the dataset" if device.dataset else "ships with the package"
    from anb_gym.calibration import is_recorded, records

    remedy = f"its rewards have no recorded scale; run: anb-gym calibrate --device {device.name}"
    try:
        records([f"{device.name}/{kind}" for kind in device.metrics])
        for metric in (f"{device.name}/{kind}" for kind in device.metrics):
            load_shipped(FAMILIES[0], metric)
            load_front(FAMILIES[0], metric)
            if not is_recorded(metric, FAMILIES[0]):
                return f"{device.folder}, {remedy}"
    except ValueError as error:
        return f"{device.folder}, {one_line(str(error))}"
    return str(device.folder)
