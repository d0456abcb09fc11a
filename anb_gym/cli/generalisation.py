"""The command ``generalisation``: what methods design for devices that they have not seen."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym.cli._options import output


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("generalisation", help="compare what methods design for devices they have not seen")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="these alone; by default all")
    parser.add_argument("--first-seed", type=int, metavar="N", help="of the generated devices; the test devices'")
    parser.add_argument("--devices", type=int, default=40, metavar="N", help="generated ones, 40; 0: real alone")
    parser.add_argument("--collect", type=Path, metavar="FILE", help="write the tables of this results.json, run none")
    parser.add_argument("--work", type=Path, default=Path("runs/generalisation"), metavar="FOLDER", help="unfinished")
    parser.add_argument("--out", type=Path, default=Path("docs/generalisation"), metavar="FOLDER")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym._errors import choose
        from anb_gym.generalisation.methods import METHODS
        from anb_gym.generalisation.running import devices_of, load_results, run, save_results
        from anb_gym.hardware import TEST_SEEDS
        from anb_gym.reports.generalisation import write_generalisation
    first = TEST_SEEDS[0] if options.first_seed is None else integer(options.first_seed, 0, "--first-seed")
    seeds = range(first, first + integer(options.devices, 0, "--devices"))
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
