"""Searches settings of the baseline ``reinforce`` with Optuna, on the CPU's task alone.

The baseline keeps its paper's settings; what is found here is the entry ``reinforce_tuned`` of studies. The score of a
trial is the mean of the best regret after 1,000 evaluations and that of the last tenth of them, over three seeds; the
trials are written as a table.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna

from anb_gym._files import write_atomically
from anb_gym.study.config import ControllerEntry, Run, TaskEntry
from anb_gym.study.problems import problem_of
from anb_gym.study.runs import execute

ROOT = Path(__file__).resolve().parent.parent
TASK = "AccelNAS-CPU-v0"
SEEDS, EVALUATIONS = (100, 101, 102), 1000


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, searches and prints the best settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--results", type=Path, default=ROOT / "configs" / "agents" / "results" / "reinforce.csv")
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=10))
    study.optimize(score, n_trials=options.trials, callbacks=[lambda study, _: write_table(options.results, study)])
    print(study.best_value, study.best_params)


def score(trial: optuna.Trial) -> float:
    """The regret that settings leave, less is better."""
    settings = {
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
        "batch_size": trial.suggest_int("batch_size", 2, 32, log=True),
        "baseline_decay": trial.suggest_float("baseline_decay", 0.3, 0.99),
        "entropy_weight": trial.suggest_float("entropy_weight", 1e-5, 3e-1, log=True),
        "hidden_size": trial.suggest_categorical("hidden_size", [32, 100]),
    }
    entry = ControllerEntry("reinforce", "anb_gym.baselines.reinforce:Reinforce", settings)
    regrets = []
    for seed in SEEDS:
        found = execute(Run(entry, TaskEntry(TASK, TASK), seed, EVALUATIONS, None))
        regret = problem_of(TASK, {}).evaluate(found.index).regret
        assert regret is not None
        regrets += [regret.min(), regret[-EVALUATIONS // 10 :].mean()]
    return float(np.mean(regrets))


def write_table(path: Path, study: optuna.Study) -> None:
    """Writes the trials that are over."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(study.trials[0].params)
    writer.writerow(["trial", "score", "evaluations", *names])
    for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE]):
        values = [trial.params[name] for name in names]
        cost = len(SEEDS) * EVALUATIONS
        writer.writerow(
            [trial.number, f"{trial.value:.4f}", cost, *(f"{v:.4g}" if isinstance(v, float) else v for v in values)]
        )
    write_atomically(path, text.getvalue().encode())


if __name__ == "__main__":
    main()
