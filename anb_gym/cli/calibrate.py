"""The command ``calibrate``: the scales of rewards."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym.cli._options import output
from anb_gym.devices import get_device
from anb_gym.surrogates.store import FAMILIES, choose_surrogate
from anb_gym.tasks import TASKS, Task, get_task


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    calibrate = commands.add_parser("calibrate", help="measure the tasks' reward scales on the shipped surrogates")
    calibrate.add_argument("--device", metavar="NAME", help="a device from a folder; without it the dataset's devices")
    what = calibrate.add_mutually_exclusive_group()
    what.add_argument("--worlds", type=int, metavar="N", help="measure the first N worlds instead: worlds.json")
    what.add_argument(
        "--resolution",
        action="store_true",
        help="add the bands below which differences are ties to the scales in --out, or to those that ship",
    )
    calibrate.add_argument(
        "--data", type=Path, metavar="ARCHIVE", help="of --resolution, the dataset: also fit each half of it"
    )
    calibrate.add_argument("--surrogate", metavar="NAME", help=f"of --worlds, by default {FAMILIES[0]}")
    calibrate.add_argument("--tasks", nargs="+", metavar="TASK", help="of --worlds and --resolution, by default all")
    calibrate.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where tasks.json goes, by default into the folder of one's own device",
    )
    calibrate.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from anb_gym.calibration import FILE, WORLDS_FILE, own_file, tasks_of, write_records, write_world_records

    device = None if options.device is None else get_device(options.device, "--device")
    if options.worlds is None and options.surrogate is not None:
        raise ValueError("--surrogate goes with --worlds")
    if options.worlds is None and not options.resolution and options.tasks is not None:
        raise ValueError("--tasks goes with --worlds or --resolution")
    surrogate = choose_surrogate(FAMILIES[0] if options.surrogate is None else options.surrogate, "--surrogate")
    folder = options.out or (device.folder if device and not device.ships else None)
    if folder is None:
        raise ValueError("name a --device of one's own, or --out: the scales of shipped tasks ship with the package")
    with output(folder):
        if options.resolution:
            chosen = [get_task(name) for name in options.tasks] if options.tasks else tasks_of(device)
            _measure_resolution(chosen, folder / FILE, device.folder / FILE if device else own_file(), options.data)
            return
        if options.worlds is not None:
            tasks = [get_task(name) for name in options.tasks or TASKS]
            worlds = range(integer(options.worlds, 1, "--worlds"))
            with needing("exact"):
                import numba  # noqa: F401
            for name, new in write_world_records(tasks, worlds, surrogate, folder / WORLDS_FILE):
                print(f"{name}: {'measured' if new else 'already there'}", flush=True)
            return
        print(f"scales in {write_records(options.device, folder / FILE)}")


def _measure_resolution(tasks: Sequence[Task], path: Path, source: Path, data: Path | None) -> None:
    """Adds bands to scales, and says so of each task."""
    with needing("pareto"):
        import moocore  # noqa: F401
    from anb_gym.robustness import write_resolutions

    halves = None
    if data is not None:
        with needing("fit"):
            from anb_gym.construction.dataset import load_dataset
            from anb_gym.construction.halves import Halves
        halves = Halves(load_dataset(data)).regrets
    name = None
    for name, new in write_resolutions(tasks, path, source, halves):
        print(f"{name}: {'measured' if new else 'already there'}", flush=True)
    if name is None:
        raise ValueError(
            f"--tasks must name tasks of this file whose metrics have worlds, got {[t.name for t in tasks]}"
        )
