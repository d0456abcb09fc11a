"""Fitting surrogates: from labels to tables, manifests and held-out scores.

A surrogate is fitted on the split's train and validation records and scored
once on its test records, in the very form that ships: tables, if the family
has them. Hyperparameters come from ``configs/surrogates`` and are tuned on the
train and validation records alone (:mod:`anb_gym.construction.tuning`).

Version 0 takes labels as they are. Version 1 takes off what the campaign of their measurement did to them
(:mod:`anb_gym.construction.campaigns`), and is scored with the campaigns of the test records known.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym._workers import following
from anb_gym.benchmark import PREDICTED
from anb_gym.calibration import N_RESTARTS, coordinate_ascent
from anb_gym.construction.campaigns import AFFECTED, Campaigns, has_campaigns, remove_campaigns
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.deviations import calibrate, cross_validated, folds, held_out_scores
from anb_gym.construction.families import FOLDABLE, FoldableRegressor, Regressor, make_family
from anb_gym.construction.families.base import HoldsOut, one_hot
from anb_gym.construction.families.config import load_config
from anb_gym.construction.families.gp import AdditiveGP
from anb_gym.construction.splits import split_name, split_of
from anb_gym.construction.targets import RegressionTarget, link_of, score
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.links import Link
from anb_gym.surrogates.posterior import load_posterior, posterior_path, save_posterior
from anb_gym.surrogates.store import (
    SCHEMA,
    ArtefactError,
    Surrogate,
    artefact_path,
    load,
    read_manifest,
    save,
    surrogate_name,
)
from anb_gym.surrogates.tables import Blocks, BlockTables, layout
from anb_gym.surrogates.worlds import FAMILIES_WITH_WORLDS

#: Architectures at which the standard deviation is computed before it becomes tables.
STD_SAMPLES: Final = 6000
#: Labels above this are left out of fits: such runs were disturbed. All but 20 of the 5,138 trainings took less than
#: 4,000 s; the slowest took 31,079 s. Test records are never left out.
_FIT_LIMITS: Final = {"train_time": 4000.0}
#: Members of ensembles that are fitted to folds: of two, residuals on VCK190 are 4 % larger than of ten, of five 1 %.
_FOLD_MEMBERS: Final = 5
#: Libraries whose versions manifests state.
LIBRARIES: Final = ("numpy", "scipy", "scikit-learn", "numba", "xgboost", "lightgbm")


@dataclass(frozen=True)
class Job:
    """One surrogate to fit.

    Attributes:
        family: Name of the family.
        metric: Name of the metric.
        seed: Decides every random draw.
        hyperparameters: Fields of the family.
        version: Of the tables: 1 for labels without what campaigns did to them (:mod:`anb_gym.construction.campaigns`)
            and calibrated deviations (:mod:`anb_gym.construction.deviations`).
    """

    family: str
    metric: str
    seed: int
    hyperparameters: dict[str, Any]
    version: int = 0

    @classmethod
    def configured(
        cls, family: str, metric: str, seed: int = 0, directory: Path | None = None, version: int = 0
    ) -> Job:
        """A job with the hyperparameters of ``configs/surrogates``, or those that a directory has instead."""
        return cls(family, metric, seed, load_config(family, directory).hyperparameters(metric, version), version)

    @property
    def surrogate(self) -> str:
        """Name of the result, ``"gp"`` or ``"gp-v1"``."""
        return surrogate_name(self.family, self.version)

    def manifest(self, dataset: Dataset) -> dict[str, Any]:
        """Identity of the result: a file whose manifest has all of this need not be fitted again."""
        return {
            "schema": SCHEMA,
            "family": self.family,
            "metric": self.metric,
            "unit": PREDICTED[self.metric],
            "dataset_sha256": dataset.sha256,
            "fitted_on": f"train and validation records of {split_name(dataset)}",
            "seed": self.seed,
            "hyperparameters": self.hyperparameters,
            **({"version": self.version} if self.version else {}),
        }

    def is_done(self, dataset: Dataset, folder: Path) -> bool:
        """Whether ``folder`` already holds this job's complete and undamaged result."""
        path = artefact_path(folder, self.surrogate, self.metric)
        try:
            manifest = load(path).manifest if self.family in FOLDABLE else read_manifest(path)
            if self.family in FAMILIES_WITH_WORLDS:
                load_posterior(posterior_path(path), manifest["sha256"], ArtefactError)
        except ArtefactError:
            return False
        return all(manifest.get(key) == value for key, value in self.manifest(dataset).items())


def fit_all(jobs: Sequence[Job], dataset: Dataset, folder: Path, workers: int = 1) -> Iterator[dict[str, Any]]:
    """Fits jobs in parallel processes and writes each result as soon as it is there.

    Args:
        jobs: What to fit.
        dataset: Labels.
        folder: Where artefacts go, as ``<surrogate>/<metric>.npz`` and ``.json``.
        workers: Processes, each with one thread.

    Yields:
        The manifest of each result, in order of completion.
    """
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    fit = delayed(following(fit_job))
    yield from parallel(fit(job, dataset, folder) for job in jobs)


def fit_job(job: Job, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Fits, scores and writes one surrogate; returns its manifest."""
    split = split_of(dataset)
    rows = with_label(dataset, job.metric, np.concatenate([split["train"], split["val"]]), for_fit=True)
    held_out = with_label(dataset, job.metric, split["test"])
    labels = held_out.metrics[job.metric]
    if len(np.unique(labels)) < 2:
        raise ValueError(
            f"{job.metric} must have two different labels among the {len(split['test'])} test records at least, so "
            f"that a fit can be scored, got {labels}; collect more architectures"
        )
    with threadpool_limits(1):
        campaigns, rows = without_campaigns(job, rows)
        fitted = rows.states, rows.metrics[job.metric]
        if campaigns is None and (before := _same_mean(job, dataset, folder)):
            return _calibrate(job, before, rows, held_out, folder)
        target, model = fit_model(job, *fitted)
        manifest = job.manifest(dataset) | {"versions": {name: version(name) for name in LIBRARIES}}
        path = artefact_path(folder, job.surrogate, job.metric)
        std = model.std(held_out.states) * target.scale
        if job.family in FOLDABLE:
            mean = target.tables(cast(FoldableRegressor, model).fold())
            log_std, fidelity = std_tables(model, target, job.seed)
            predictions = target.link.value(mean(held_out.states))
            manifest["std"] = {"samples": STD_SAMPLES, "r2_of_tables": round(fidelity, 4)}
            if job.version:
                fit = Surrogate(mean, log_std, target.link)
                residuals = held_out_residuals(job, target, model, *fitted)
                correction, section = calibrate(fit, rows, job.metric, residuals, job.seed)
                log_std = correction(fit.log_std)
                std = np.exp(log_std(held_out.states))
                manifest["std"] |= section
                calibrated = Surrogate(mean, log_std, target.link, manifest)
                free = _without_campaigns_of(campaigns, target.link, predictions, held_out, job.metric)
                manifest["std"] |= held_out_scores(calibrated, *free)
        else:
            predictions = target.backward(model.predict(held_out.states))
            manifest["std"] = {}
    slope = np.abs(target.link.slope(target.link.inverse(predictions)))
    if campaigns is not None:
        manifest["campaigns"] = campaigns.to_dict()
    predictions = as_measured(campaigns, target.link, predictions, held_out)
    residual = np.sqrt(np.mean(np.square(predictions - labels)))
    manifest["std"]["test_rms"] = float(np.sqrt(np.mean(np.square(slope * std))))
    manifest["test"] = {**score(labels, predictions)._asdict(), "rmse": float(residual), "records": len(labels)}
    if job.family in FOLDABLE:
        save(Surrogate(mean, log_std, target.link, manifest), path)
        if isinstance(model, AdditiveGP):
            save_posterior(model.posterior(target.scale), posterior_path(path), read_manifest(path)["sha256"])
    else:
        write_atomically(path.with_suffix(".json"), (json.dumps(manifest, indent=2) + "\n").encode())
    return manifest


def _same_mean(job: Job, dataset: Dataset, folder: Path) -> Surrogate | None:
    """The version before, if it is in the folder, was fitted as the job says, and differs in its deviations alone."""
    earlier = replace(job, version=0)
    is_new = job.version > 0 and job.family in FOLDABLE and job.family not in FAMILIES_WITH_WORLDS
    if not is_new or not earlier.is_done(dataset, folder):
        return None
    return load(artefact_path(folder, earlier.surrogate, job.metric))


def _calibrate(job: Job, before: Surrogate, rows: Dataset, held_out: Dataset, folder: Path) -> dict[str, Any]:
    """Calibrates the deviations of the version before, and writes a manifest that goes without tables of its own."""
    target = RegressionTarget.of(job.metric, rows.metrics[job.metric])
    unfitted = make_family(job.family, **job.hyperparameters)
    residuals = held_out_residuals(job, target, unfitted, rows.states, rows.metrics[job.metric])
    correction, section = calibrate(before, rows, job.metric, residuals, job.seed)
    known = before.manifest
    std = {"samples": known["std"]["samples"], "r2_of_tables": known["std"]["r2_of_tables"]}
    manifest = {**known, "version": job.version, "std": std | section | correction.to_dict()}
    after = replace(before, log_std=correction(before.log_std), manifest=manifest)
    manifest["std"] |= held_out_scores(after, held_out.states, held_out.metrics[job.metric])
    manifest["std"]["test_rms"] = float(np.sqrt(np.mean(np.square(after.std(held_out.states)))))
    path = artefact_path(folder, job.surrogate, job.metric)
    write_atomically(path.with_suffix(".json"), (json.dumps(manifest, indent=2) + "\n").encode())
    return manifest


def smallest(folder: Path, job: Job) -> tuple[int, float] | None:
    """Architecture with the smallest sum of a result's tables, as far as coordinate ascent finds it.

    Metrics are positive; tables that are not somewhere have no optimum and no front.

    Returns:
        The architecture's index, and the sum there; None if the family has no tables.
    """
    if job.family not in FOLDABLE:
        return None
    mean = load(artefact_path(folder, job.surrogate, job.metric)).mean
    states, value = coordinate_ascent(lambda states: -mean(states), N_RESTARTS, job.seed)
    return int(SPACE.states_to_index(states[None])[0]), -value


def with_label(dataset: Dataset, metric: str, records: Any, for_fit: bool = False) -> Dataset:
    """Those of some records that have the metric; for a fit, without disturbed runs."""
    rows = dataset.select(records)
    known = rows.metrics[metric] <= (_FIT_LIMITS.get(metric, np.inf) if for_fit else np.inf)  # false for NaN
    return rows.select(rows.records[known])


def labelled(dataset: Dataset, metric: str, records: Any, for_fit: bool = False) -> tuple[States, FloatArray]:
    """Block states (n, 7) and labels (n,) of :func:`with_label`."""
    rows = with_label(dataset, metric, records, for_fit)
    return rows.states, rows.metrics[metric]


def without_campaigns(job: Job, rows: Dataset) -> tuple[Campaigns | None, Dataset]:
    """The campaigns that are fitted, and the rows with the job's labels as the fastest host shows them.

    None, and the rows as they are, where labels have no campaigns, and for version 0.
    """
    if not job.version or not has_campaigns(rows, job.metric):
        return None, rows
    link = link_of(job.metric)
    seconds = link.inverse(rows.metrics[job.metric])
    campaigns, free = remove_campaigns(seconds, rows.states, rows.records, AFFECTED[job.metric], job.seed)
    return campaigns, replace(rows, metrics={**rows.metrics, job.metric: link.value(free)})


def _without_campaigns_of(
    campaigns: Campaigns | None, link: Link, predictions: FloatArray, rows: Dataset, metric: str
) -> tuple[States, FloatArray]:
    """States and labels without campaigns, of those rows whose host shows their architecture.

    Of the others the label says nothing of the architecture, so it cannot say how far a prediction is off.
    """
    labels = rows.metrics[metric]
    if campaigns is None:
        return rows.states, labels
    expected = link.inverse(predictions)
    shown = campaigns.shows(expected, rows.records)
    free = link.value(campaigns.taken_off(link.inverse(labels), expected, rows.records))
    return rows.states[shown], free[shown]


def as_measured(campaigns: Campaigns | None, link: Link, predictions: FloatArray, rows: Dataset) -> FloatArray:
    """What the campaigns of rows show of predictions without campaigns, ``float64`` (n,)."""
    if campaigns is None:
        return predictions
    return link.value(campaigns.measured(link.inverse(predictions), rows.records))


def fit_model(job: Job, states: States, labels: FloatArray) -> tuple[RegressionTarget, Regressor]:
    """Fits a family to labels; returns the target that was fitted and the model."""
    target = RegressionTarget.of(job.metric, labels)
    model = make_family(job.family, **job.hyperparameters)
    return target, model.fit(states, target.forward(labels), job.seed)


def held_out_residuals(
    job: Job, target: RegressionTarget, model: Regressor, states: States, labels: FloatArray
) -> FloatArray:
    """Residuals of the fitted records, each fold predicted from the others, ``float64`` (n,), in the table sum's unit.

    The Gaussian process keeps its kernel. Other families are fitted anew, with at most :data:`_FOLD_MEMBERS` members.
    """
    if isinstance(model, HoldsOut):
        parts = folds(len(labels), job.seed)
        return model.held_out_residuals(target.forward(labels), parts) * target.scale
    members = min(_FOLD_MEMBERS, job.hyperparameters.get("members", _FOLD_MEMBERS))
    cheaper = replace(job, hyperparameters=job.hyperparameters | {"members": members})

    def fit(states: States, labels: FloatArray) -> Callable[[States], FloatArray]:
        part, fold_model = fit_model(cheaper, states, labels)
        return lambda held_out: fold_model.predict(held_out) * part.scale + part.shift

    return target.link.inverse(labels) - cross_validated(fit, states, labels, job.seed)


def std_tables(model: Regressor, target: RegressionTarget, seed: int) -> tuple[BlockTables, float]:
    """The logarithm of the predictive standard deviation as tables over pairs of blocks.

    It is computed at random architectures and regressed on all pairs of choices,
    so that a standard deviation costs no more than a mean at run time.

    Args:
        model: A fitted family.
        target: What it was fitted to.
        seed: Selects the architectures.

    Returns:
        The tables, and their coefficient of determination on a quarter of the
        architectures that was kept out of the regression.
    """
    states = SPACE.as_states(SPACE.sample(STD_SAMPLES, np.random.default_rng(seed)))
    values = np.log(np.maximum(model.std(states), 1e-9) * target.scale)
    kept = STD_SAMPLES * 3 // 4
    features = _pair_features(states)
    ridge = Ridge(alpha=5.0).fit(features[:kept], values[:kept])
    fidelity = float(ridge.score(features[kept:], values[kept:]))
    # The spread of few members is itself noisy, and a mean of logarithms lies below the logarithm of the mean:
    # shift the tables so that the mean variance is right (Duan 1983, https://doi.org/10.2307/2288126).
    smearing = 0.5 * np.log(np.mean(np.exp(2.0 * (values - ridge.predict(features)))))
    return _pair_tables(ridge.coef_, float(ridge.intercept_ + smearing)), fidelity


def _pair_features(states: States) -> FloatArray:
    """Products of all pairs of indicators of options above each choice's first, and these themselves, (n, 946)."""
    firsts = np.cumsum(SPACE.cardinalities) - SPACE.cardinalities
    options = np.delete(one_hot(states), firsts, axis=1)
    first, second = np.triu_indices(options.shape[1])
    return options[:, first] * options[:, second]


def _pair_tables(coefficients: FloatArray, intercept: float) -> BlockTables:
    """Tables of a linear function of :func:`_pair_features`, which is 0 where all choices take their first option."""
    terms: dict[Blocks, FloatArray | float] = {(): intercept}
    for a, b in layout(2).blocks:
        for block in (a, b):
            terms[(block,)] = _linear_on((block,), coefficients)
        alone_a, alone_b = cast(FloatArray, terms[(a,)]), cast(FloatArray, terms[(b,)])
        terms[(a, b)] = _linear_on((a, b), coefficients) - alone_a[:, None] - alone_b
    return BlockTables.from_terms(terms, order=2)


def _linear_on(blocks: Blocks, coefficients: FloatArray) -> FloatArray:
    """The linear function on all states of some blocks, the other blocks in state 0."""
    shape = tuple(int(SPACE.block_sizes[b]) for b in blocks)
    states = np.zeros((int(np.prod(shape)), N_BLOCKS), dtype=np.int64)
    states[:, blocks] = np.indices(shape).reshape(len(blocks), -1).T
    result: FloatArray = (_pair_features(states) @ coefficients).reshape(shape)
    return result
