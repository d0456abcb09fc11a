"""The command ``policies``: trains agents on ids that ask for something, and writes what their policies are worth."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anb_gym import configs
from anb_gym._extras import needing
from anb_gym.cli._options import output

if TYPE_CHECKING:
    from anb_gym.agents.policies import Experiment, PolicyRun


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    policies = commands.add_parser("policies", help="train agents and compare what their policies design")
    names = ", ".join(configs.shipped("policies"))
    policies.add_argument("file", metavar="EXPERIMENT", help=f"a YAML file, or one that ships: {names}")
    policies.add_argument("--out", type=Path, metavar="FOLDER", help="by default runs/policies/NAME")
    policies.add_argument(
        "--workers", type=int, default=-1, metavar="N", help="runs at a time; by default one per core"
    )
    policies.add_argument("--agents", nargs="+", metavar="NAME", help="train these alone now; the page has all")
    policies.add_argument("--evaluations", nargs="+", type=int, metavar="N", help="with these budgets alone now")
    policies.add_argument("--ids", nargs="+", metavar="ID", help="on these ids alone now")
    policies.add_argument("--seeds", nargs="+", type=int, metavar="N", help="with these seeds alone now")
    policies.add_argument(
        "--collect", action="store_true", help="write the page of the runs that are finished and stop"
    )
    policies.add_argument(
        "--with", dest="others", type=Path, metavar="FILE", help="results.json of other agents, for the page alone"
    )
    policies.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.agents import AGENTS
        from anb_gym.agents.policies import check_tables, collect, load_experiment, load_results, run_experiment
        from anb_gym.baselines import BASELINES
        from anb_gym.reports.policies import write_policies
    baselines = {name: baseline.target for name, baseline in BASELINES.items()}
    experiment = load_experiment(configs.find("policies", options.file, "EXPERIMENT"), baselines, AGENTS)
    chosen = _chosen(experiment, options)
    folder = options.out or Path("runs/policies") / experiment.name
    print(f"{experiment.name}: {len(experiment.runs()):,} runs", flush=True)
    with output(folder):
        if options.collect:
            file = collect(experiment, folder)
        else:
            file = run_experiment(experiment, folder, options.workers, progress=True, chosen=chosen)
        results = load_results(file)
        if options.others:
            others = load_results(options.others)["runs"]
            check_tables(others, options.others)
            results["runs"] += others
        for path in (file, *write_policies(results, folder)):
            print(path)


def _chosen(experiment: Experiment, options: argparse.Namespace) -> Callable[[PolicyRun], bool]:
    """Which runs the options ask for.

    Raises:
        ValueError: An option names what the experiment has not.
    """
    known: dict[str, Sequence[Any]] = {
        "agents": [entry.name for entry in experiment.entries],
        "evaluations": experiment.evaluations,
        "ids": experiment.ids,
        "seeds": experiment.seeds,
    }
    wanted = {}
    for name, values in known.items():
        wanted[name] = getattr(options, name) or values
        for value in wanted[name]:
            if value not in values:
                raise ValueError(f"--{name} must be of {', '.join(map(str, values))}, got {value}")
    return lambda run: (
        run.entry.name in wanted["agents"]
        and run.evaluations in wanted["evaluations"]
        and run.id in wanted["ids"]
        and run.seed in wanted["seeds"]
    )
