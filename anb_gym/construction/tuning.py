"""Tuning of hyperparameters with Optuna, on the train and validation records alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from joblib import Parallel, delayed
from optuna.storages.journal import JournalFileBackend
from threadpoolctl import threadpool_limits

from anb_gym._types import FloatArray
from anb_gym._workers import following
from anb_gym.construction.campaigns import Campaigns
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.families.config import load_config, suggest
from anb_gym.construction.fitting import Job, as_measured, fit_model, with_label, without_campaigns
from anb_gym.construction.splits import split_of
from anb_gym.construction.targets import score
from anb_gym.surrogates.scores import Scores


@dataclass(frozen=True, eq=False)
class Validation:
    """What trials are fitted on, and scored on.

    Attributes:
        train: The train records, without what campaigns did to their labels.
        val: The validation records, as they were measured.
        campaigns: Of version 1, what campaigns did to labels; None if nothing.
    """

    train: Dataset
    val: Dataset
    campaigns: Campaigns | None

    @classmethod
    def of(cls, job: Job, dataset: Dataset) -> Validation:
        """Of the metric and the version of a job; its family makes no difference."""
        split, metric = split_of(dataset), job.metric
        train = with_label(dataset, metric, split["train"], for_fit=True)
        with threadpool_limits(1):
            campaigns, train = without_campaigns(job, train)
        return cls(train, with_label(dataset, metric, split["val"]), campaigns)

    def predictions(self, job: Job) -> FloatArray:
        """What a fit of the job says of the validation records, as their campaigns show it, ``float64`` (n,)."""
        with threadpool_limits(1):
            target, model = fit_model(job, self.train.states, self.train.metrics[job.metric])
            predictions = target.backward(model.predict(self.val.states))
        return as_measured(self.campaigns, target.link, predictions, self.val)


def tune_all(
    pairs: Sequence[tuple[str, str]],
    dataset: Dataset,
    folder: Path,
    trials: int,
    seed: int = 0,
    workers: int = 1,
    version: int = 0,
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Tunes families for metrics in parallel processes.

    Finished trials are kept in ``folder/tuning/``; a study that was interrupted goes on where it stopped.

    Args:
        pairs: (family, metric) of each study.
        dataset: Labels.
        folder: Where the studies are kept.
        trials: Trials of each study, at least 1, those of earlier runs included.
        seed: Seeds the sampler and the fits.
        workers: Processes, each with one thread.
        version: Of the tables that the settings are for.

    Yields:
        Family, metric and the best hyperparameters of the search space, in order of completion.
    """
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    job = delayed(following(tune))
    yield from parallel(job(family, metric, dataset, folder, trials, seed, version) for family, metric in pairs)


def tune(
    family: str, metric: str, dataset: Dataset, folder: Path, trials: int, seed: int = 0, version: int = 0
) -> tuple[str, str, dict[str, Any]]:
    """Looks for the hyperparameters whose fit on the train records ranks the validation records best.

    The configured hyperparameters are among the trials, so tuning never makes the validation score worse.
    The configuration's ``trial`` section makes trials cheaper than the fit.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    config = load_config(family)
    current = config.hyperparameters(metric, version)
    validation = Validation.of(Job(family, metric, seed, current, version), dataset)
    fixed = {name: value for name, value in current.items() if name not in config.search} | dict(config.trial)
    start = {name: value for name, value in current.items() if name in config.search}
    # Trials compare only if everything outside the search space is the same.
    same = f"{dataset.sha256} {seed} {sorted(fixed.items())}" + (f" version {version}" if version else "")
    conditions = hashlib.sha256(same.encode()).hexdigest()[:12]

    def objective(trial: optuna.Trial) -> float:
        job = Job(family, metric, seed, fixed | suggest(trial, config.search), version)
        scores = score(validation.val.metrics[metric], validation.predictions(job))
        trial.set_user_attr("scores", scores._asdict())
        return scores.tau

    directory = folder / "tuning"
    directory.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=_storage(directory / f"{family}-{metric.replace('/', '-')}.log"),
        study_name=f"{family} {metric} {conditions}",
        direction="maximize",
        load_if_exists=True,
    )
    done = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    # A sampler that goes on must not draw again what it drew before.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(done), n_startup_trials=max(3, trials // 3))
    if all(t.params != start for t in done):
        study.enqueue_trial(start, skip_if_exists=True)
        trials = max(trials, len(done) + 1)
    study.optimize(objective, n_trials=max(0, trials - len(done)))
    return family, metric, dict(study.best_params)


def validation_scores(folder: Path) -> dict[tuple[str, str], Scores]:
    """Scores on the validation records of the best trial of every study in a folder, by family and metric.

    Trials are fitted on the train records alone, so these say which family to take before any test record is seen.
    Of several studies of a pair the one with the best trial counts.

    Args:
        folder: What :func:`tune` was given.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found: dict[tuple[str, str], Scores] = {}
    for log in sorted((folder / "tuning").glob("*.log")):
        for summary in optuna.get_all_study_summaries(_storage(log)):
            if summary.best_trial is None:
                continue
            family, metric, _ = summary.study_name.split(" ")
            scores = Scores(**summary.best_trial.user_attrs["scores"])
            if (family, metric) not in found or scores.tau > found[family, metric].tau:
                found[family, metric] = scores
    return found


def _storage(log: Path) -> optuna.storages.JournalStorage:
    return optuna.storages.JournalStorage(JournalFileBackend(str(log)))
