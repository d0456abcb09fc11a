"""The command ``generalisation``: what methods design for devices that they have not seen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym.cli._options import output

#: Generated devices if no number is given.
_DEVICES: Final = 40
#: Where everything goes if no folder is given.
_FOLDER: Final = Path("runs/generalisation")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("generalisation", help="compare what methods design for devices they have not seen")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="these alone; by default all")
    parser.add_argument("--first-seed", type=int, metavar="N", help="of the generated devices; the test devices'")
    parser.add_argument("--devices", type=int, metavar="N", help="generated ones, 40; 0: real alone")
    parser.add_argument("--collect", type=Path, metavar="FILE", help="write the tables of this results.json, run none")
    parser.add_argument("--work", type=Path, default=_FOLDER, metavar="FOLDER", help="of what was run already")
    parser.add_argument("--out", type=Path, default=_FOLDER, metavar="FOLDER", help="of results, tables and picture")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym._errors import choose
        from anb_gym.generalisation.methods import METHODS
        from anb_gym.generalisation.running import CALIBRATION_SEEDS, devices_of, load_results, run, save_results
        from anb_gym.hardware import TEST_SEEDS, TRAIN_SEEDS
        from anb_gym.hardware.estimation import PRIOR_SEEDS
        from anb_gym.reports.generalisation import write_generalisation
    for name in ("methods", "first_seed", "devices"):
        if options.collect is not None and (value := getattr(options, name)) is not None:
            raise ValueError(f"--{name.replace('_', '-')} has no meaning with --collect, got {value}")
    first = TEST_SEEDS[0] if options.first_seed is None else integer(options.first_seed, 0, "--first-seed")
    seeds = range(first, first + (_DEVICES if options.devices is None else integer(options.devices, 0, "--devices")))
    for taken in (TRAIN_SEEDS, PRIOR_SEEDS, CALIBRATION_SEEDS):
        if max(seeds.start, taken.start) < min(seeds.stop, taken.stop):
            why = "methods learn from or margins are calibrated on"
            raise ValueError(f"--first-seed and --devices must leave out {taken.start} to {taken[-1]}, which {why}")
    methods = [choose(name, METHODS, "--methods") for name in options.methods or METHODS]
    with output(options.out):
        if options.collect:
            runs = load_results(options.collect)
        else:
            runs = []
            for device in devices_of(seeds):
                print(device.name, flush=True)
                runs += run(methods, device, options.work)
            save_results(runs, options.out / "results.json")
        for path in write_generalisation(runs, options.out):
            print(path)
