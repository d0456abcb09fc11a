"""The command ``calibrate``: the scales of rewards."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym.cli._options import output
from anb_gym.devices import get_device


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    calibrate = commands.add_parser("calibrate", help="measure the tasks' reward scales on the shipped surrogates")
    calibrate.add_argument("--device", metavar="NAME", help="a device from a folder; without it the dataset's devices")
    calibrate.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where tasks.json goes, by default into the folder of one's own device",
    )
    calibrate.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from anb_gym.calibration import FILE, write_records

    device = None if options.device is None else get_device(options.device, "--device")
    folder = options.out or (device.folder if device and not device.ships else None)
    if folder is None:
        raise ValueError("name a --device of one's own, or --out: the scales of shipped tasks ship with the package")
    with output(folder):
        print(f"scales in {write_records(options.device, folder / FILE)}")
