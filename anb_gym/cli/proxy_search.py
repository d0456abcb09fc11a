"""The command of the search for a training scheme: ``proxy-search``."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym import configs
from anb_gym._extras import needing
from anb_gym.cli._options import output


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    search = commands.add_parser(
        "proxy-search", help="find a cheap training scheme that keeps the ranking of architectures"
    )
    shipped = ", ".join(configs.shipped("proxy_searches"))
    search.add_argument("config", metavar="SEARCH", help=f"a YAML file, or one that ships by its name: {shipped}")
    search.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="records and results; what is there is used"
    )
    search.add_argument("--workers", type=int, metavar="N", help="units at once, instead of the configuration's")
    search.add_argument(
        "--executor", metavar="KIND", help="local, dask, mpi or submitit, instead of the configuration's"
    )
    search.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("construction"):
        from anb_gym.construction.executors import open_executor
        from anb_gym.construction.proxy_search import report
        from anb_gym.construction.proxy_search.config import load_search
        from anb_gym.construction.proxy_search.search import search_proxy
        from anb_gym.construction.trainer import Trainer
    config = load_search(configs.find("proxy_searches", options.config, "SEARCH"))
    evaluator = Trainer.from_dict(config.training)
    executor = dict(config.executor)
    if options.executor not in (None, executor.get("kind", "local")):
        executor = {"kind": options.executor, "workers": executor.get("workers", 1)}  # options of the other kind go
    if options.workers is not None:
        executor["workers"] = options.workers
    with output(options.out), open_executor(**executor) as pool:
        result = search_proxy(config, evaluator, pool, options.out, progress=True)
    print(report.summary(result))
    for path in report.write_report(result, evaluator.conditions(), options.out):
        print(f"wrote {path}")
