"""Searches settings of the algorithms of morl-baselines at random, and goes on where it stopped.

Runs in .venv-morl. Trials train on AccelNAS-CPU-MO-v0 alone, which no leaderboard reports; the first has the settings
of configs/agents/morl.yaml. A trial's score is the coverage of what its policy designs. Then the first and the best
other are trained again with other seeds. The tables in configs/agents/results say which is best; what is in the file is
written by hand.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
from train import ALGORITHMS, carry_out, defaults, policy_run

from anb_gym._files import read_text, write_atomically
from anb_gym.agents.zoo import settings_file

ID: Final = "AccelNAS-CPU-MO-v0"
EVALUATIONS: Final = 500
#: Seeds of the trials, and of those that are trained again, which are the first and the best other.
SEEDS, AGAIN, CONFIRMED = (100,), (200, 201), 1
#: Values that are drawn: a list is a choice, a pair the ends of an interval, of whose logarithm it is drawn.
Q_LEARNING: Final[dict[str, Any]] = {
    "learning_rate": (3e-4, 5e-3),
    "initial_epsilon": (0.3, 1.0),
    "final_epsilon": (0.005, 0.1),
    "exploration_fraction": (0.2, 0.8),
    "net_arch": [[128, 128], [256, 256]],
    "batch_size": [32, 64],
    "tau": [0.01, 0.03, 0.1],
    "update_every": [2, 4],
}
SPACES: Final[dict[str, dict[str, Any]]] = {
    "pcn": {
        "learning_rate": (3e-4, 1e-2),
        "hidden_dim": [64, 128, 256],
        "batch_size": [64, 128, 256],
        "num_er_episodes": [50, 100, 200],
        "num_step_episodes": [10, 20],
        "num_model_updates": [20, 50],
        "max_buffer_size": [50, 100, 200],
    },
    "envelope": Q_LEARNING | {"num_sample_w": [2, 4]},
    "gpi_ls": Q_LEARNING | {"iterations": [5, 10, 20]},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and searches, one algorithm after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("algorithms", nargs="*", metavar="ALGORITHM", help=f"of {', '.join(SPACES)}; default: all")
    parser.add_argument("--trials", type=int, default=6, help="of each algorithm, earlier runs included")
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS, help="of each training")
    parser.add_argument("--results", type=Path, default=settings_file("morl").parent / "results", help="for the tables")
    options = parser.parse_args(arguments)
    for algorithm in options.algorithms:
        if algorithm not in ALGORITHMS:
            parser.error(f"ALGORITHM must be one of {', '.join(ALGORITHMS)}, got {algorithm}")
    for algorithm in options.algorithms or SPACES:
        tune(algorithm, options.trials, options.evaluations, options.results / f"{algorithm}.csv")


def tune(algorithm: str, trials: int, evaluations: int, table: Path) -> None:
    """Carries out the trials that a table does not have, and trains the best again."""
    rows = list(csv.DictReader(io.StringIO(read_text(table, ValueError)))) if table.exists() else []

    def train(row: dict[str, Any], column: str, seeds: Sequence[int]) -> None:
        settings = {name: json.loads(row[name]) for name in SPACES[algorithm]}
        runs = [carry_out(policy_run(algorithm, ID, evaluations, seed, "block", settings)) for seed in seeds]
        row[column] = " ".join(f"{run['scores'][0]['coverage']:.4f}" for run in runs)
        row["evaluations"] = int(row["evaluations"]) + evaluations * len(runs)
        row["seconds"] = f"{float(row['seconds']) + sum(run['cpu_seconds'] for run in runs):.1f}"
        write_table(table, rows)
        print(algorithm, row, flush=True)

    for trial in range(len(rows), trials):
        drawn = (
            draw(SPACES[algorithm], trial) if trial else {name: defaults(algorithm)[name] for name in SPACES[algorithm]}
        )
        cells = {name: json.dumps(value) for name, value in drawn.items()}
        rows.append({"trial": trial, "scores": "", "again": "", "evaluations": 0, "seconds": 0, **cells})
        train(rows[-1], "scores", SEEDS)
    best = sorted(rows[1:], key=lambda row: -score(row))[:CONFIRMED]
    for row in (rows[0], *best):
        if not row["again"]:
            train(row, "again", AGAIN)


def score(row: Mapping[str, Any]) -> float:
    """The mean coverage of a trial."""
    return fmean(map(float, row["scores"].split()))


def draw(space: Mapping[str, Any], trial: int) -> dict[str, Any]:
    """What a trial draws."""
    rng, found = np.random.default_rng(trial), {}
    for name, values in space.items():
        if isinstance(values, list):
            found[name] = values[rng.integers(len(values))]
        else:
            found[name] = float(f"{np.exp(rng.uniform(*np.log(values))):.3g}")
    return found


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the trials as a table."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


if __name__ == "__main__":
    main()
