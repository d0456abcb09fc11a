"""The command ``device``: a device of one's own, from measurements to a folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from anb_gym._extras import require
from anb_gym.devices import DEVICES, VARIABLE


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    device = commands.add_parser("device", help="make a device's folder from measurements, or list the known devices")
    device.add_argument("collections", type=Path, nargs="*", metavar="COLLECTION", help="folders of anb-gym collect")
    device.add_argument("--name", help="of the device in the collections' metrics, as in NAME/throughput")
    device.add_argument("--label", help="of the device in the ids of environments, as in AccelNAS-LABEL-v0")
    device.add_argument("--out", type=Path, metavar="FOLDER", help="the device's folder")
    device.set_defaults(run=_device)


def _device(options: argparse.Namespace) -> None:
    if not options.collections:
        for known in DEVICES.values():
            targets = ", ".join(f"{kind} (target {metric.target:g})" for kind, metric in known.metrics.items())
            print(f"{known.name}: {known.label}, {targets}, {known.folder}")
        return
    for name in ("name", "label", "out"):
        if getattr(options, name) is None:
            raise ValueError(f"--{name} is needed to make a device from {', '.join(map(str, options.collections))}")
    module = require("anb_gym.construction.device_folder", "construction")
    device = module.create_device(options.out, options.collections, options.name, options.label)
    print(f"{device.label} in {options.out}, {device.description['measurements']['records']} measured architectures")
    metrics = " ".join(f"{device.name}/{kind}" for kind in device.metrics)
    folders = os.pathsep.join(filter(None, [os.environ.get(VARIABLE), str(options.out.absolute())]))
    print("now run:")
    print(f"  export {VARIABLE}={folders}")
    print(f"  anb-gym fit --device {device.name}")
    print(f"  anb-gym solve --metrics {metrics}")
    print(f"  anb-gym calibrate --device {device.name}")
