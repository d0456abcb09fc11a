"""Prints the regret that `block_gp` leaves beside that of others, its seconds a proposal and its certificates.

Every controller runs with the same seeds on the same tasks in this process; regrets are interquartile means over runs.
The tables of `gp` have the form that `block_gp` assumes, so the same is printed for trees, whose have not.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from anb_gym import SPACE
from anb_gym.baselines import make
from anb_gym.baselines.block_gp import BlockGP
from anb_gym.reports.markdown import table
from anb_gym.study.analysis.statistics import interquartile_mean
from anb_gym.study.problems import problem_of
from anb_gym.study.protocol import Brief
from anb_gym.study.runs import noise_seed
from anb_gym.tasks import DATASET_TASKS, TASKS

#: The tasks of the dataset: settings were chosen on the CPU's.
IDS = [task.id for task in (*DATASET_TASKS, TASKS["Accuracy"])]
AT = (50, 100, 200, 300)


@dataclass
class Record:
    """What one controller did: regrets of its runs at some evaluations, and how it came to proposals."""

    regrets: list[list[float]]
    seconds: list[float]
    certified: list[bool]


def main() -> None:
    """Reads the command line, runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", nargs="+", metavar="ID", default=IDS, help="environment ids of tasks")
    parser.add_argument("--surrogates", nargs="+", default=["gp", "xgb"], help="families that score")
    parser.add_argument("--controllers", nargs="+", default=["block_gp", "local_search", "tpe"])
    parser.add_argument("--evaluations", type=int, default=300, help="evaluations of a run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--noise", action="store_true", help="tell noisy measurements, and judge without noise")
    arguments = parser.parse_args()
    at = [n for n in AT if n <= arguments.evaluations] or [arguments.evaluations]
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for surrogate in arguments.surrogates:
        rows = []
        for name in arguments.controllers:
            record = Record([], [], [])
            for id in arguments.ids:
                for seed in seeds:
                    _run(name, id, {"surrogate": surrogate}, seed, arguments.evaluations, at, arguments.noise, record)
            regrets = [f"{interquartile_mean(of_runs[:, None]):.4f}" for of_runs in np.transpose(record.regrets)]
            certified = f"{np.mean(record.certified):.2%}" if record.certified else ""
            seconds = f"{np.mean(record.seconds):.3f}", f"{np.max(record.seconds):.2f}"
            rows.append([f"`{name}`", str(len(record.regrets)), *regrets, *seconds, certified])
        columns = ["controller", "runs", *(f"{n:,}" for n in at), "s a proposal", "most", "certified"]
        print(f"{surrogate}: interquartile mean of regret\n\n{chr(10).join(table(columns, rows))}\n", flush=True)


def _run(
    name: str, id: str, given: dict[str, Any], seed: int, evaluations: int, at: list[int], noisy: bool, record: Record
) -> None:
    problem, noise = problem_of(id, given), noise_seed(noisy, seed)
    rng = np.random.default_rng([seed, *id.encode()])
    controller = make(name, Brief(1, evaluations), rng)
    told: list[float] = []
    true: list[float] = []
    while len(told) < evaluations:
        begin = perf_counter()
        choices = controller.ask(min(controller.batch_size, evaluations - len(told)))
        record.seconds.append((perf_counter() - begin) / len(choices))
        states = SPACE.to_states(choices)
        rewards = problem.score(problem.measure(states, noise)).ravel()
        controller.tell(choices, rewards[:, None].copy())
        told += rewards.tolist()
        true += problem.score(problem.measure(states)).ravel().tolist()
    record.regrets.append([1.0 - true[int(np.argmax(told[:n]))] for n in at])
    if isinstance(controller, BlockGP):
        record.certified += [maximum.certified for maximum in controller.maxima]


if __name__ == "__main__":
    main()
