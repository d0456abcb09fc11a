"""The command ``devices``: the table of all."""

from __future__ import annotations

import argparse

from anb_gym.devices import DEVICES, KINDS, LEFT_OUT
from anb_gym.surrogates.store import FAMILIES, is_fitted


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    devices = commands.add_parser("devices", help="list all devices, and the folders that are none with the reason")
    devices.set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Prints every device, and what is left out."""
    for device in DEVICES.values():
        metrics = ", ".join(f"{kind} (target {m.target:g} {KINDS[kind][0]})" for kind, m in device.metrics.items())
        if device.ships:
            origin = "of the dataset" if device.dataset else "ships with the package"
        elif all(is_fitted(FAMILIES[0], f"{device.name}/{kind}") for kind in device.metrics):
            origin = str(device.folder)
        else:
            origin = f"{device.folder}, not fitted; run: anb-gym fit --device {device.name}"
        print(f"{device.name:8} {device.label:8} {metrics}; {origin}")
    for folder in LEFT_OUT:
        print(f"left out: {folder.reason}")
