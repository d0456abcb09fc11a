"""Prints where the time of a study's runs goes: controller, benchmark, and all else, per evaluation.

Every baseline that can take the task makes the same number of evaluations, in turns with the others, in this process;
the median of the rounds counts. `optuna` is Optuna's own sampler, whose proposals are those of `tpe` and `motpe`.
"""

from __future__ import annotations

import argparse
from statistics import median

import numpy as np
from optuna.samplers import TPESampler

from anb_gym.baselines import BASELINES
from anb_gym.baselines.optuna_samplers import OptunaController
from anb_gym.study.config import ControllerEntry, Run, TaskEntry
from anb_gym.study.problems import problem_of
from anb_gym.study.protocol import Brief
from anb_gym.study.runs import Trajectory, execute


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", default="AccelNAS-VCK190-v0", help="environment id of the task")
    parser.add_argument("--controllers", nargs="+", metavar="NAME", help="baselines; by default all that can take it")
    parser.add_argument("--evaluations", type=int, default=1000, help="evaluations of a run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each controller")
    arguments = parser.parse_args()

    n_objectives = problem_of(arguments.id, {}).n_objectives
    names = arguments.controllers or [name for name, baseline in BASELINES.items() if baseline.suits(n_objectives)]
    if not {"tpe", "motpe"}.isdisjoint(names):
        names.append("optuna")
    for name in names:
        _run(name, arguments.id, 10)  # imports modules and reads tables
    records = [
        {name: _run(name, arguments.id, arguments.evaluations) for name in names} for _ in range(arguments.rounds)
    ]
    print(f"{arguments.id}, {arguments.evaluations:,} evaluations; µs per evaluation")
    print(f"{'controller':24} {'controller':>12} {'benchmark':>12} {'overhead':>12} {'s per run':>12}")
    for name in names:
        of_controller, of_benchmark, total = (
            median(getattr(record[name], f"{part}_seconds") for record in records)
            for part in ("controller", "benchmark", "total")
        )
        parts = (of_controller, of_benchmark, total - of_controller - of_benchmark)
        print(f"{name:24} {' '.join(f'{1e6 * part / arguments.evaluations:12.1f}' for part in parts)} {total:12.2f}")


class Peer(OptunaController):
    """Optuna's sampler as it is."""

    def __init__(self, problem: Brief, rng: np.random.Generator) -> None:
        super().__init__(
            problem, rng, sampler=lambda seed: TPESampler(seed=seed, multivariate=True, constant_liar=False)
        )


def _run(name: str, id: str, evaluations: int) -> Trajectory:
    path = f"{__file__}:Peer" if name == "optuna" else BASELINES[name].target
    return execute(Run(ControllerEntry(name, path), TaskEntry(id, id), 0, evaluations, None))


if __name__ == "__main__":
    main()
