"""The command ``leaderboard``: the page of a study's results."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym._extras import needing
from anb_gym.cli._options import add_pages, output


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    leaderboard = commands.add_parser("leaderboard", help="write the leaderboard of a study's results")
    leaderboard.add_argument(
        "results", type=Path, help="a study's folder, or its results.parquet; or runs.parquet of a page"
    )
    add_pages(leaderboard)
    leaderboard.add_argument("--name", default="leaderboard", help="of the page's files, by default leaderboard")
    leaderboard.add_argument(
        "--with", dest="submissions", type=Path, action="append", default=[], metavar="FOLDER", help="a submission's"
    )
    leaderboard.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.reports.leaderboard import write_leaderboard
        from anb_gym.study.entries import with_submissions
        from anb_gym.study.excerpts import load_results
    with output(options.out):
        results = load_results(options.results)
        if options.submissions:
            results = with_submissions(results, options.submissions)
        for path in write_leaderboard(results, options.out, name=options.name, progress=True):
            print(path)
