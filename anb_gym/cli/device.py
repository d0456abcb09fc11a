"""The command ``device``: a device of one's own, from measurements to a folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from anb_gym._extras import needing
from anb_gym.cli import devices
from anb_gym.cli._options import output
from anb_gym.devices import VARIABLE, DeviceError, read_device


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    device = commands.add_parser("device", help="make a device's folder from measurements, or rename one")
    device.add_argument(
        "sources", type=Path, nargs="*", metavar="SOURCE", help="folders of anb-gym collect; to rename: the device's"
    )
    device.add_argument(
        "--name", help="of the device in its metrics, as in NAME/throughput; by default that in the sources"
    )
    device.add_argument("--label", help="of the device in the ids of environments, as in AccelNAS-LABEL-v0")
    device.add_argument("--out", type=Path, metavar="FOLDER", help="the device's folder; to rename: the new one")
    device.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if not options.sources:
        devices.print_devices()
        return
    if options.out is None:
        raise ValueError(f"--out is needed to make a device from {', '.join(map(str, options.sources))}")
    renames = any((source / "device.json").exists() for source in options.sources)
    with output(options.out):
        (_rename if renames else _create)(options)


def _create(options: argparse.Namespace) -> None:
    if options.label is None:
        raise ValueError(f"--label is needed to make a device from {', '.join(map(str, options.sources))}")
    with needing("construction"):
        from anb_gym.construction.device_folder import create_device, measured_device
    name = options.name or measured_device(options.sources)
    device = create_device(options.out, options.sources, name, options.label)
    print(f"{device.label} in {options.out}, {device.description['measurements']['records']} measured architectures")
    metrics = " ".join(f"{device.name}/{kind}" for kind in device.metrics)
    present = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    print("now run:")
    print(f"  export {VARIABLE}={os.pathsep.join(dict.fromkeys([*present, str(options.out.absolute())]))}")
    print(f"  anb-gym fit --device {device.name}")
    print(f"  anb-gym solve --metrics {metrics}")
    print(f"  anb-gym calibrate --device {device.name}")


def _rename(options: argparse.Namespace) -> None:
    if len(options.sources) > 1:
        raise DeviceError(f"one device's folder can be renamed at a time, got {', '.join(map(str, options.sources))}")
    (source,) = options.sources
    if options.name is None and options.label is None:
        raise ValueError(f"--name or --label is needed to rename the device in {source}")
    with needing("construction"):
        from anb_gym.construction.device_folder import rename_device
    old = read_device(source, check=False)
    device = rename_device(source, options.out, options.name or old.name, options.label or old.label)
    print(f"{old.name} with the label {old.label} is {device.name} with the label {device.label} in {options.out}")
    print(f"now name {options.out.absolute()} instead of {source.absolute()} in {VARIABLE}")
