"""The command ``submit``: the runs of a controller as a folder that anybody can validate."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym._extras import needing
from anb_gym.cli._options import output


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    submit = commands.add_parser("submit", help="write a controller's runs as a folder that anybody can validate")
    submit.add_argument("results", type=Path, metavar="FOLDER", help="a study's folder, or its results.parquet")
    submit.add_argument("controller", metavar="CONTROLLER", help="its name in the study")
    submit.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the submission's")
    submit.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.study.entries import write_submission
        from anb_gym.study.results import Results
    results = Results.load(options.results)
    with output(options.out):
        for path in write_submission(results, options.controller, options.out):
            print(path)
