"""What tuning gained: the best trial of every study beside the settings that ship, on the validation records.

Both are fitted on the train records as trials were, and the error of the difference comes from resampling the
validation records (paired bootstrap). The best of many trials is best by chance too, so a gain within two errors is
none. Studies are those that ``anb-gym fit --version 1 --tune`` left; the file is written after each, and a run that was
stopped goes on there::

    python scripts/tuning_gains.py --studies configs/surrogates/tuning --data $ANB_GYM_DATASET --out runs/gains.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages.journal import JournalFileBackend

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.benchmark import DATASET_METRICS
from anb_gym.construction.dataset import Dataset, load_dataset
from anb_gym.construction.families.config import load_config
from anb_gym.construction.fitting import Job
from anb_gym.construction.targets import score
from anb_gym.construction.tuning import Validation
from anb_gym.reports.markdown import table
from anb_gym.surrogates.store import FAMILIES

SEED, VERSION = 0, 1
RESAMPLES = 500


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, fits, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=Path, required=True, help="the folder of their logs")
    parser.add_argument("--data", type=Path, help="the dataset; by default $ANB_GYM_DATASET, else downloaded")
    parser.add_argument("--out", type=Path, required=True, help="the file of results, JSON")
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    dataset = load_dataset(options.data)
    found: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    rows = []
    for metric, family, study in _studies(options.studies):
        trials = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
        name = f"{study.study_name}, {len(trials)} trials"
        if name not in found:
            found[name] = _gain(family, metric, study, dataset)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(options.out, (json.dumps(found, indent=1) + "\n").encode())
        shipped, best, error = (found[name][key] for key in ("shipped", "best", "error"))
        cells = [f"{shipped:.4f}", f"{best:.4f}", f"{best - shipped:+.4f} ± {error:.4f}"]
        rows.append([metric, f"`{family}`", str(len(trials)), *cells])
    print("\n".join(table(["metric", "family", "trials", "ships: τ", "best: τ", "gain"], rows)))


def _studies(folder: Path) -> Iterator[tuple[str, str, optuna.Study]]:
    """The longest study of each metric and family."""
    for metric in DATASET_METRICS:
        for family in FAMILIES:
            log = folder / f"{family}-{metric.replace('/', '-')}.log"
            if log.exists():
                storage = optuna.storages.JournalStorage(JournalFileBackend(str(log)))
                longest = max(optuna.get_all_study_summaries(storage), key=lambda summary: summary.n_trials)
                yield metric, family, optuna.load_study(study_name=longest.study_name, storage=storage)


def _gain(family: str, metric: str, study: optuna.Study, dataset: Dataset) -> dict[str, float]:
    """τ of the settings that ship and of the best trial, and the standard error of the difference."""
    config = load_config(family)
    current = config.hyperparameters(metric, VERSION) | dict(config.trial)
    validation, labels = _validation(metric, dataset)
    both = [
        validation.predictions(Job(family, metric, SEED, settings, VERSION))
        for settings in (current, current | study.best_params)
    ]
    shipped, best = (score(labels, predictions).tau for predictions in both)
    return {"shipped": shipped, "best": best, "error": _error(labels, *both)}


@lru_cache(maxsize=1)
def _validation(metric: str, dataset: Dataset) -> tuple[Validation, FloatArray]:
    validation = Validation.of(Job(FAMILIES[0], metric, SEED, {}, VERSION), dataset)
    return validation, validation.val.metrics[metric]


def _error(labels: FloatArray, first: FloatArray, second: FloatArray) -> float:
    rows = np.random.default_rng(SEED).integers(len(labels), size=(RESAMPLES, len(labels)))
    return float(np.std([score(labels[r], second[r]).tau - score(labels[r], first[r]).tau for r in rows], ddof=1))


if __name__ == "__main__":
    main()
