"""The command ``reproduce``: the paper's tables and figures beside the paper's."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from anb_gym._errors import choose
from anb_gym._extras import needing
from anb_gym.benchmark import Benchmark
from anb_gym.cli._options import output
from anb_gym.cli._studies import add_studies, results_of
from anb_gym.metrics import ACCURACIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    reproduce = commands.add_parser(
        "reproduce", help="print and draw the paper's tables and figures beside the paper's"
    )
    reproduce.add_argument("names", nargs="*", metavar="NAME", default=[], help=f"of {', '.join(_MAKERS)}; default all")
    reproduce.add_argument(
        "--three-seeds",
        type=Path,
        metavar="TABLE",
        help="trainings under both schemes, for figure3; by default $ANB_GYM_THREE_SEEDS, else beside the dataset; "
        "without them figure3 is not among all",
    )
    reproduce.add_argument("--out", type=Path, default=Path("runs/reproduce"), metavar="FOLDER", help="for the plots")
    add_studies(reproduce)
    reproduce.add_argument("--workers", type=int, default=-1, metavar="N", help="searches at a time; one per core")
    reproduce.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("construction"):
        from anb_gym.construction.three_seeds import find_three_seeds
    names = [choose(name, _MAKERS, "NAME") for name in options.names]
    names = names or [name for name in _MAKERS if name != "figure3" or find_three_seeds(options.three_seeds)]
    with needing("pareto"):
        from anb_gym.reports.drawing import save_figure
    with output(options.out), output(options.studies, argument="--studies"):
        for name in dict.fromkeys(names):
            title, lines, figure = _MAKERS[name](name, options)
            print(f"\n{title}\n")
            print("\n".join(lines), flush=True)
            for path in save_figure(figure, options.out / name):
                print(f"plot in {path}")


def _table(name: str, _: argparse.Namespace) -> tuple[str, Sequence[str], Figure]:
    with needing("pareto"):
        from anb_gym.reports import paper_tables as tables
    scores = getattr(tables, name)()
    what = {"table1": "Table 1: accuracy on the test split", "table2": "Table 2: device metrics on the test split"}
    return what[name], tables.lines(scores), tables.figure(scores, what[name])


def _figure(name: str, options: argparse.Namespace) -> tuple[str, Sequence[str], Figure]:
    with needing("study"):
        from anb_gym.reports import paper_figures as figures
    results = results_of(name, options)
    what = {"figure4": "Figure 4: REINFORCE, two objectives", "figure5": "Figure 5b: accuracy alone"}
    return what[name], getattr(figures, f"{name}_table")(results), getattr(figures, name)(results)


def _figure3(_: str, options: argparse.Namespace) -> tuple[str, Sequence[str], Figure]:
    with needing("fit"):
        from anb_gym.construction.reference import cross_validate
        from anb_gym.construction.three_seeds import SCHEMES, load_three_seeds
        from anb_gym.construction.validation import validate
    with needing("study"):
        from anb_gym.reports import paper_validation as figures
    data = load_three_seeds(options.three_seeds)
    proxy, reference = (data.labels[scheme]["accuracy"] for scheme in SCHEMES)
    accuracy = Benchmark().load("accuracy")
    held_out = cross_validate(accuracy, data.states, reference, seed=0).predictions
    predictions = {"accuracy": accuracy.predict(data.states), "accuracy/reference": held_out}
    lines = figures.figure3_table(validate(data, predictions, np.random.default_rng(0)))
    figure = figures.figure3(reference, proxy, held_out.mean(axis=0))
    return "Figure 3: the proxy scheme against the reference scheme", lines, figure


def _figure6(_: str, options: argparse.Namespace) -> tuple[str, Sequence[str], Figure]:
    with needing("study"):
        from anb_gym.reports import paper_validation as figures
    bench = Benchmark()
    fronts = [
        bench.front(metric, fidelity=fidelity, solve=True) for metric in figures.FIGURE_6 for fidelity in ACCURACIES
    ]
    return "Figure 6: what exact fronts allow", figures.figure6_table(fronts), figures.figure6(fronts)


#: From a name of :data:`_MAKERS` and the command's options to title, lines and figure.
_Maker = Callable[[str, argparse.Namespace], tuple[str, Sequence[str], "Figure"]]
_MAKERS: Final[dict[str, _Maker]] = {
    "table1": _table,
    "table2": _table,
    "figure3": _figure3,
    "figure4": _figure,
    "figure5": _figure,
    "figure6": _figure6,
}
