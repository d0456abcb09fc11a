"""Commands of what studies showed: ``reproduce``, ``leaderboard`` and ``difficulty``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anb_gym import configs
from anb_gym._errors import choose
from anb_gym._extras import require
from anb_gym.cli._options import PAGES, STUDIES, output

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the parser."""
    reproduce = commands.add_parser(
        "reproduce", help="print and draw the paper's tables and figures beside the paper's"
    )
    reproduce.add_argument("names", nargs="*", metavar="NAME", default=[], help=f"of {', '.join(_MAKERS)}; default all")
    reproduce.add_argument("--out", type=Path, default=Path("runs/reproduce"), metavar="FOLDER", help="for the plots")
    _add_studies(reproduce)
    reproduce.add_argument("--workers", type=int, default=-1, metavar="N", help="searches at a time; one per core")
    reproduce.set_defaults(run=_reproduce)

    leaderboard = commands.add_parser("leaderboard", help="write the leaderboard of a study's results")
    leaderboard.add_argument("results", type=Path, help="a study's folder, or its results.parquet")
    _add_out(leaderboard)
    leaderboard.set_defaults(run=_leaderboard)

    difficulty = commands.add_parser("difficulty", help="measure how hard tasks are and write tasks.md")
    _add_out(difficulty)
    _add_studies(difficulty)
    difficulty.add_argument(
        "--leaderboard", type=Path, metavar="FILE", help="summary.csv of a leaderboard; default leaderboard/ in --out"
    )
    difficulty.add_argument("--workers", type=int, default=-1, metavar="N", help="searches at a time; one per core")
    difficulty.set_defaults(run=_difficulty)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=PAGES, metavar="FOLDER", help=f"where pages go, by default {PAGES.as_posix()}"
    )


def _add_studies(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--studies",
        type=Path,
        default=STUDIES,
        metavar="FOLDER",
        help=f"where the studies are that are needed, or go; by default {STUDIES.as_posix()}",
    )


def _reproduce(options: argparse.Namespace) -> None:
    names = [choose(name, _MAKERS, "NAME") for name in options.names] or list(_MAKERS)
    plots = require("anb_gym.reports.drawing", "pareto")
    with output(options.out), output(options.studies, argument="--studies"):
        for name in dict.fromkeys(names):
            title, lines, figure = _MAKERS[name](name, options)
            print(f"\n{title}\n")
            print("\n".join(lines), flush=True)
            for path in plots.save_figure(figure, options.out / name):
                print(f"plot in {path}")


def _table(name: str, _: argparse.Namespace) -> tuple[str, Sequence[str], Figure]:
    module = require("anb_gym.reports.paper_tables", "pareto")
    scores = getattr(module, name)()
    what = {"table1": "Table 1: accuracy on the test split", "table2": "Table 2: device metrics on the test split"}
    return what[name], module.lines(scores), module.figure(scores, what[name])


def _figure(name: str, options: argparse.Namespace) -> tuple[str, Sequence[str], Figure]:
    module = require("anb_gym.reports.paper_figures", "study")
    results = _study(name, options)
    what = {"figure4": "Figure 4: REINFORCE, two objectives", "figure5": "Figure 5b: accuracy alone"}
    return what[name], getattr(module, f"{name}_table")(results), getattr(module, name)(results)


#: From a name of :data:`_MAKERS` and the command's options to title, lines and figure.
_Maker = Callable[[str, argparse.Namespace], tuple[str, Sequence[str], "Figure"]]
_MAKERS: Final[dict[str, _Maker]] = {"table1": _table, "table2": _table, "figure4": _figure, "figure5": _figure}


def _study(name: str, options: argparse.Namespace) -> Any:
    """The results of a study that ships, which is run as far as it has not been."""
    study_file, runner = require("anb_gym.study.study_file", "study"), require("anb_gym.study.runner", "study")
    baselines = require("anb_gym.baselines", "study").BASELINES
    path = configs.find("studies", name, "study")
    study = study_file.load_study(path, {key: baseline.target for key, baseline in baselines.items()})
    with require("joblib", "study").parallel_config("loky", inner_max_num_threads=1):
        outcome = runner.run_study(study, options.studies / study.name, options.workers, progress=True)
    if outcome.failures:
        raise ValueError(f"{len(outcome.failures)} runs failed; the first: {outcome.failures[0]['error']}")
    return require("anb_gym.study.results", "study").Results.load(outcome.path)


def _leaderboard(options: argparse.Namespace) -> None:
    module = require("anb_gym.reports.leaderboard", "study")
    with output(options.out):
        results = require("anb_gym.study.results", "study").Results.load(options.results)
        for path in module.write_leaderboard(results, options.out, progress=True):
            print(path)


def _difficulty(options: argparse.Namespace) -> None:
    module = require("anb_gym.reports.tasks", "study")
    path = options.leaderboard or options.out / "leaderboard" / "summary.csv"
    with output(options.out), output(options.studies, argument="--studies"):
        if not path.is_file():
            hint = "anb-gym leaderboard writes one into its --out"
            raise ValueError(f"--leaderboard must name the summary.csv of a leaderboard, there is no {path}; {hint}")
        summary = module.read_summary(path)
        for written in module.write_tasks(_study("difficulty", options), summary, options.out, progress=True):
            print(written)
