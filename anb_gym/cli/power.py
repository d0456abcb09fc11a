"""The command ``power``: how many seeds a difference needs."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from anb_gym._extras import needing
from anb_gym.cli._options import add_json, print_json


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    power = commands.add_parser("power", help="say how many seeds a difference needs to be found")
    power.add_argument(
        "results",
        type=Path,
        metavar="FOLDER",
        help="a study's folder, or its results.parquet; or runs.parquet of a page",
    )
    power.add_argument("--difference", type=float, required=True, metavar="D", help="in the measure, such as 0.01")
    power.add_argument("--power", type=float, default=0.8, metavar="P", help="chance of finding it, by default 0.8")
    power.add_argument("--evaluations", type=int, metavar="N", help="budget; by default as many as all runs have")
    add_json(power)
    power.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.reports.verdicts import power_lines, seeds_needed
        from anb_gym.study.excerpts import load_results
    results = load_results(options.results)
    found = seeds_needed(results, options.difference, power=options.power, evaluations=options.evaluations)
    if options.json:
        print_json([asdict(row) for row in found])
        return
    for line in power_lines(found):
        print(line)
