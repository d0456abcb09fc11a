"""The command ``compare``: two folders of results, over equal seeds and tasks."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from anb_gym._extras import needing
from anb_gym.cli._options import add_json, print_json


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    compare = commands.add_parser("compare", help="say which of two results is better, and how certain that is")
    compare.add_argument(
        "first", type=Path, metavar="A", help="a study's folder, or its results.parquet; or runs.parquet of a page"
    )
    compare.add_argument("second", type=Path, metavar="B", help="another, or the same with --first and --second")
    compare.add_argument("--first", dest="one", metavar="NAME", help="a controller of A; by default all")
    compare.add_argument("--second", dest="two", metavar="NAME", help="a controller of B; by default all")
    compare.add_argument("--evaluations", type=int, metavar="N", help="budget; by default as many as all runs have")
    compare.add_argument("--seed", type=int, default=0, help="of the bootstrap, by default 0")
    add_json(compare)
    compare.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.reports.comparison import compare
        from anb_gym.reports.verdicts import comparison_lines, verdict
        from anb_gym.study.excerpts import load_results
    compared = compare(
        load_results(options.first),
        load_results(options.second),
        controllers=(options.one, options.two),
        evaluations=options.evaluations,
        seed=options.seed,
    )
    if options.json:
        pairs = dict.fromkeys((row.first, row.second) for row in compared.suites)
        verdicts = [{"first": one, "second": two, "verdict": verdict(compared, one, two)} for one, two in pairs]
        suites = [asdict(row) for row in compared.suites]
        print_json({"suites": suites, "verdicts": verdicts, "left_out": list(compared.left_out)})
        return
    for line in compared.left_out:
        print(f"left out: {line}")
    for line in comparison_lines(compared):
        print(line)
