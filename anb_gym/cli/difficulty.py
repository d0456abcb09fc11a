"""The command ``difficulty``: how hard tasks are."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym._extras import needing
from anb_gym.cli._options import add_pages, output
from anb_gym.cli._studies import add_studies, results_of


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    difficulty = commands.add_parser("difficulty", help="measure how hard tasks are and write tasks.md")
    add_pages(difficulty)
    add_studies(difficulty)
    difficulty.add_argument(
        "--leaderboard", type=Path, metavar="FILE", help="summary.csv of a leaderboard; default leaderboard/ in --out"
    )
    difficulty.add_argument("--workers", type=int, default=-1, metavar="N", help="searches at a time; one per core")
    difficulty.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.reports.tasks import read_summary, write_tasks
    path = options.leaderboard or options.out / "leaderboard" / "summary.csv"
    with output(options.out), output(options.studies, argument="--studies"):
        if not path.is_file():
            hint = "anb-gym leaderboard writes one into its --out"
            raise ValueError(f"--leaderboard must name the summary.csv of a leaderboard, there is no {path}; {hint}")
        summary = read_summary(path)
        for written in write_tasks(results_of("difficulty", options), summary, options.out, progress=True):
            print(written)
