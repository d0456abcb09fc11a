"""The command ``policies``: trains agents on ids that ask for something, and writes what their policies are worth."""

from __future__ import annotations

import argparse
from pathlib import Path

from anb_gym import configs
from anb_gym._extras import needing
from anb_gym.cli._options import output


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    policies = commands.add_parser("policies", help="train agents and compare what their policies design")
    names = ", ".join(configs.shipped("policies"))
    policies.add_argument("file", metavar="EXPERIMENT", help=f"a YAML file, or one that ships: {names}")
    policies.add_argument("--out", type=Path, metavar="FOLDER", help="by default runs/policies/NAME")
    policies.add_argument(
        "--workers", type=int, default=-1, metavar="N", help="runs at a time; by default one per core"
    )
    policies.add_argument(
        "--collect", action="store_true", help="write the page of the runs that are finished and stop"
    )
    policies.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.agents import AGENTS
        from anb_gym.agents.policies import collect, load_experiment, load_results, run_experiment
        from anb_gym.baselines import BASELINES
        from anb_gym.reports.policies import write_policies
    baselines = {name: baseline.target for name, baseline in BASELINES.items()}
    experiment = load_experiment(configs.find("policies", options.file, "EXPERIMENT"), baselines, AGENTS)
    folder = options.out or Path("runs/policies") / experiment.name
    print(f"{experiment.name}: {len(experiment.runs()):,} runs", flush=True)
    with output(folder):
        if options.collect:
            file = collect(experiment, folder)
        else:
            file = run_experiment(experiment, folder, options.workers, progress=True)
        for path in (file, *write_policies(load_results(file), folder)):
            print(path)
