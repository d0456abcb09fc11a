"""The reference scheme as a second fidelity: its accuracy and its training time, learned from few trainings.

The published records say what a network reaches under the proxy scheme. Some architectures were also trained under
the reference scheme (:mod:`anb_gym.construction.three_seeds`). Each metric of the reference is a linear function of

- the proxy's surrogate of the same metric (Kennedy and O'Hagan 2000, https://doi.org/10.1093/biomet/87.1.1, with a
  constant factor between the fidelities),
- the sums of expansion, kernel, layers and squeeze-excitation over the blocks, and
- the same sums weighted by the position of the block, so that a choice may count more early or late.

All of them are sums over blocks, so the result folds into tables exactly. Each coefficient has a prior variance of its
own, chosen by the marginal likelihood (automatic relevance determination; MacKay 1992,
https://doi.org/10.1162/neco.1992.4.3.415), which is what keeps nine coefficients from few architectures honest.

Labels are means over the seeds. Trainings under the proxy scheme in that file are never used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import ARDRegression

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.construction.fitting import LIBRARIES, STD_SAMPLES, std_tables
from anb_gym.construction.targets import RegressionTarget, score
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.discrepancy import Discrepancy, load_discrepancy, save_discrepancy
from anb_gym.surrogates.intervals import Intervals
from anb_gym.surrogates.links import Identity
from anb_gym.surrogates.posterior import posterior_path
from anb_gym.surrogates.scores import Scores
from anb_gym.surrogates.store import (
    ARTEFACTS,
    FAMILIES,
    SCHEMA,
    ArtefactError,
    Surrogate,
    artefact_path,
    load,
    read_manifest,
    save,
)
from anb_gym.surrogates.tables import Blocks, BlockTables
from anb_gym.surrogates.worlds import FAMILIES_WITH_WORLDS

#: Metrics of the reference scheme: the proxy's metric that each is learned upon, and its unit.
METRICS: Final = {"accuracy/reference": ("accuracy", "%"), "train_time/reference": ("train_time", "s")}
#: Cross-validation: so many random partitions into so many folds.
REPEATS: Final = 10
FOLDS: Final = 10
#: Levels at which manifests state quantiles of held-out residuals.
LEVELS: Final = (0.5, 0.8, 0.9, 0.95)
#: Names of the coefficients.
TERMS: Final = (
    "surrogate",
    *("expansion", "kernel", "layers", "se"),
    *("expansion by position", "kernel by position", "layers by position", "se by position"),
)
#: Values of the options of every choice of a block, the four choices in the order of the space. Expansion is the ratio
#: 1, 4 or 6; the others are counted, since a scale makes no difference.
_VALUES: Final = (np.array([1.0, 4.0, 6.0]), np.arange(2.0), np.arange(4.0), np.arange(2.0))
#: Position of every block, 0 in the middle.
_POSITIONS: Final = np.arange(N_BLOCKS) - (N_BLOCKS - 1) / 2
#: No coefficient is left out, however small its prior variance.
_KEEP_ALL: Final = 1e12


@dataclass
class TwoFidelity:
    """Linear regression of a metric on the surrogate of a cheaper one and on sums over blocks.

    It is a :class:`~anb_gym.construction.families.FoldableRegressor`.

    Attributes:
        surrogate: Of the cheaper fidelity.
        spread: Standard deviation, in units of the target, of what the model cannot express.
    """

    surrogate: Surrogate
    spread: float = 0.0

    def fit(self, states: States, target: FloatArray, seed: int = 0) -> Self:
        """Learns the coefficients; nothing is random.

        Args:
            states: Block states, ``int64`` (n, 7).
            target: ``float64`` (n,), of mean 0 and standard deviation 1.
            seed: Not used.
        """
        features = self._features(states)
        self._centre, self._scale = features.mean(axis=0), features.std(axis=0)
        self._scale[self._scale == 0.0] = 1.0
        self._records = len(target)
        self._model = ARDRegression(max_iter=1000, tol=1e-4, threshold_lambda=_KEEP_ALL)
        self._model.fit((features - self._centre) / self._scale, target)
        return self

    @property
    def coefficients(self) -> FloatArray:
        """Coefficients ``float64`` (9,) of :data:`TERMS`, in units of the target."""
        result: FloatArray = self._model.coef_ / self._scale
        return result

    @property
    def intercept(self) -> float:
        """The constant, in units of the target."""
        return float(self._model.intercept_ - self._centre @ self.coefficients)

    def predict(self, states: States) -> FloatArray:
        """Predictions ``float64`` (n,), in units of the target."""
        predictions: FloatArray = self._features(states) @ self.coefficients + self.intercept
        return predictions

    def std(self, states: States) -> FloatArray:
        """Standard deviations ``float64`` (n,) of where the mean lies, in units of the target.

        Three variances add up: that of the coefficients, that of the cheaper surrogate, and :attr:`spread`.
        """
        _, total = self._model.predict((self._features(states) - self._centre) / self._scale, return_std=True)
        noise = 1.0 / self._model.alpha_  # which scikit-learn includes; its intercept is known to that over n
        learned = np.square(total) - noise + noise / self._records
        cheaper = self.coefficients[0] * np.exp(self.surrogate.log_std(states))
        deviation: FloatArray = np.sqrt(learned + np.square(cheaper) + self.spread**2)
        return deviation

    def fold(self) -> BlockTables:
        """Tables that give the same predictions, up to rounding; of the order of the surrogate's."""
        mean = self.surrogate.mean
        sums, slopes = self.coefficients[1:5], self.coefficients[5:]
        terms: dict[Blocks, FloatArray | float] = {(): self.intercept}
        for block, position in enumerate(_POSITIONS):
            terms[(block,)] = _state_values(block) @ (sums + position * slopes)
        rest = BlockTables.from_terms(terms, order=mean.order)
        return BlockTables(mean.order, self.coefficients[0] * mean.values + rest.values)

    def discrepancy(self, scale: float) -> Discrepancy:
        """The posterior up to its mean, given the cheaper surrogate, as it ships: samples of it are worlds.

        Args:
            scale: From units of the target to those of tables.
        """
        root = np.linalg.cholesky(self._model.sigma_) / self._scale[:, None]  # (9, directions)
        root = np.append(root, np.zeros((len(TERMS), 1)), axis=1)  # the last direction is the constant's own
        constants = -self._centre @ root
        constants[-1] = 1.0 / np.sqrt(self._model.alpha_ * self._records)
        terms = [_state_values(block) @ (root[1:5] + position * root[5:]) for block, position in enumerate(_POSITIONS)]
        spread, slope = scale * self.spread, scale * float(self.coefficients[0])
        return Discrepancy(slope, scale * root[0], scale * constants, scale * np.concatenate(terms).T, spread)

    def _features(self, states: States) -> FloatArray:
        """Features ``float64`` (n, 9), in the order of :data:`TERMS`."""
        values = np.stack([_state_values(block)[states[:, block]] for block in range(N_BLOCKS)], axis=1)
        slopes = np.tensordot(values, _POSITIONS, axes=(1, 0))
        return np.concatenate([self.surrogate.mean(states)[:, None], values.sum(axis=1), slopes], axis=1)


@dataclass(frozen=True)
class HeldOut:
    """Predictions of nested cross-validation: hyperparameters too are learned without what is predicted.

    Attributes:
        labels: ``float64`` (n,).
        predictions: ``float64`` (repeats, n).
        std: Their standard deviations without what the model cannot express, ``float64`` (repeats, n).
        folds: The fold of each, ``int64`` (repeats, n).
        noise: Standard deviation of a label around the mean of many seeds, pooled over architectures.
    """

    labels: FloatArray
    predictions: FloatArray
    std: FloatArray
    folds: NDArray[np.int64]
    noise: float

    @property
    def residuals(self) -> FloatArray:
        """Label minus prediction, ``float64`` (repeats, n)."""
        return self.labels - self.predictions

    def scores(self) -> Scores:
        """Mean scores of the repeats."""
        return Scores(*np.mean([score(self.labels, row) for row in self.predictions], axis=0))

    def spread(self, rows: NDArray[np.bool_] | slice = slice(None)) -> float:
        """What the model cannot express: the mean squared residual less all that is known to be in it."""
        known = np.mean(np.square(self.std[rows])) + self.noise**2
        return float(np.sqrt(np.maximum(0.0, np.mean(np.square(self.residuals[rows])) - known)))

    def relative(self, spread: float) -> FloatArray:
        """Absolute residuals relative to the deviation that a label should have, ``float64`` (repeats, n)."""
        return np.abs(self.residuals) / np.sqrt(np.square(self.std) + spread**2 + self.noise**2)

    def coverage(self) -> FloatArray:
        """Share of labels within the intervals of :data:`LEVELS`, each from the residuals of the other folds."""
        inside = []
        for repeat, fold in np.ndindex(len(self.folds), FOLDS):
            rows = np.zeros(self.folds.shape, dtype=bool)
            rows[repeat] = self.folds[repeat] != fold
            tested = np.zeros_like(rows)
            tested[repeat] = self.folds[repeat] == fold
            relative = self.relative(self.spread(rows))
            inside.append(relative[tested][:, None] <= np.quantile(relative[rows], LEVELS))
        return np.asarray(np.concatenate(inside).mean(axis=0), dtype=np.float64)


@dataclass(frozen=True)
class ReferenceJob:
    """One metric of the reference scheme to fit.

    Attributes:
        family: Family of the proxy's surrogate, one whose tables ship.
        metric: One of :data:`METRICS`.
        seed: Decides the partitions, and where the standard deviation is sampled.
    """

    family: str
    metric: str
    seed: int = 0

    def __post_init__(self) -> None:
        choose(self.family, FAMILIES, "family")
        choose(self.metric, METRICS, "metric")

    def upon(self, folder: Path) -> Surrogate:
        """The proxy's surrogate: the one fitted into ``folder``, else the one that ships."""
        metric, _ = METRICS[self.metric]
        own = artefact_path(folder, self.family, metric)
        return load(own if own.exists() else artefact_path(ARTEFACTS, self.family, metric))

    def manifest(self, data: ThreeSeeds, upon: Surrogate) -> dict[str, Any]:
        """Identity of the result: a file whose manifest has all of this need not be fitted again."""
        metric, unit = METRICS[self.metric]
        return {
            "schema": SCHEMA,
            "family": self.family,
            "metric": self.metric,
            "unit": unit,
            "dataset_sha256": upon.manifest.get("dataset_sha256"),
            "three_seeds_sha256": data.sha256,
            "upon": {"metric": metric, "sha256": upon.checksum},
            "fitted_on": f"means of {data.labels['reference'][metric].shape[1]} seeds of {len(data)} architectures",
            "seed": self.seed,
            "hyperparameters": {"terms": list(TERMS)},
        }

    def is_done(self, data: ThreeSeeds, folder: Path) -> bool:
        """Whether ``folder`` already holds this job's complete and undamaged result."""
        path = artefact_path(folder, self.family, self.metric)
        try:
            manifest = load(path).manifest
            if self.family in FAMILIES_WITH_WORLDS:
                load_discrepancy(posterior_path(path), manifest["sha256"], ArtefactError)
        except ArtefactError:
            return False
        return all(manifest.get(key) == value for key, value in self.manifest(data, self.upon(folder)).items())


def fit_references(jobs: list[ReferenceJob], data: ThreeSeeds, folder: Path) -> Iterator[dict[str, Any]]:
    """Fits jobs one after the other and writes each result; yields their manifests."""
    for job in jobs:
        yield fit_reference(job, data, folder)


def fit_reference(job: ReferenceJob, data: ThreeSeeds, folder: Path) -> dict[str, Any]:
    """Fits, scores by nested cross-validation, and writes one surrogate; returns its manifest."""
    upon = job.upon(folder)
    runs = data.labels["reference"][METRICS[job.metric][0]]
    labels, states = runs.mean(axis=1), data.states
    held_out = cross_validate(upon, states, runs, job.seed)
    target = _target(labels)
    model = TwoFidelity(upon, held_out.spread() / target.scale).fit(states, target.forward(labels))
    mean = target.tables(model.fold())
    log_std, fidelity = std_tables(model, target, job.seed)
    relative, (at, noise) = held_out.relative(held_out.spread()), seed_deviation(runs)
    manifest = job.manifest(data, upon) | {
        "coefficients": dict(zip(TERMS, (model.coefficients * target.scale).tolist(), strict=True)),
        "versions": {name: version(name) for name in LIBRARIES},
        "std": {
            "samples": STD_SAMPLES,
            "r2_of_tables": round(fidelity, 4),
            "test_rms": float(np.sqrt(np.mean(np.square(held_out.std)) + held_out.spread() ** 2)),
            **Intervals(at, noise, np.array(LEVELS), np.quantile(relative, LEVELS)).to_dict(),
            "cross_validated": {f"{level:g}": float(s) for level, s in zip(LEVELS, held_out.coverage(), strict=True)},
        },
        "test": {
            **held_out.scores()._asdict(),
            "rmse": float(np.sqrt(np.mean(np.square(held_out.residuals)))),
            "records": len(labels),
            "how": f"nested cross-validation, {REPEATS} times {FOLDS} folds, against the means",
        },
    }
    path = artefact_path(folder, job.family, job.metric)
    save(Surrogate(mean, log_std, target.link, manifest), path)
    if job.family in FAMILIES_WITH_WORLDS:
        save_discrepancy(model.discrepancy(target.scale), posterior_path(path), read_manifest(path)["sha256"])
    return manifest


def cross_validate(upon: Surrogate, states: States, runs: FloatArray, seed: int) -> HeldOut:
    """Predicts every architecture by models that were fitted without it.

    Args:
        upon: The proxy's surrogate.
        states: Block states, ``int64`` (n, 7).
        runs: Labels by seed, ``float64`` (n, seeds); their means are predicted.
        seed: Decides the partitions.

    Raises:
        ValueError: There are fewer architectures than folds.
    """
    labels = runs.mean(axis=1)
    if len(labels) < FOLDS:
        raise ValueError(f"runs must be of {FOLDS} architectures at least, got {len(labels)}")
    rng = np.random.default_rng(seed)
    folds = np.stack([rng.permutation(len(labels)) % FOLDS for _ in range(REPEATS)])
    predictions, std = np.empty(folds.shape), np.empty(folds.shape)
    for repeat, fold in np.ndindex(REPEATS, FOLDS):
        out = folds[repeat] == fold
        target = _target(labels[~out])
        model = TwoFidelity(upon).fit(states[~out], target.forward(labels[~out]))
        predictions[repeat, out] = target.backward(model.predict(states[out]))
        std[repeat, out] = model.std(states[out]) * target.scale
    noise = float(np.sqrt(np.mean(runs.var(axis=1, ddof=1)))) / float(np.sqrt(runs.shape[1]))
    return HeldOut(labels, predictions, std, folds, noise)


def _target(labels: FloatArray) -> RegressionTarget:
    return RegressionTarget(Identity(), float(labels.mean()), float(labels.std()))


def seed_deviation(runs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Standard deviation of one training around the mean of its architecture: weak networks vary more.

    Args:
        runs: Labels by seed, ``float64`` (n, seeds).

    Returns:
        Mean labels of the lower, the middle and the upper third of the architectures, ``float64`` (3,), and the
        deviations there, pooled over each third, ``float64`` (3,).
    """
    thirds = np.array_split(runs[np.argsort(runs.mean(axis=1), kind="stable")], 3)
    at = np.array([third.mean() for third in thirds])
    return at, np.sqrt([third.var(axis=1, ddof=1).mean() for third in thirds])


def _state_values(block: int) -> FloatArray:
    """Values of the four choices in every state of a block, ``float64`` (states, 4)."""
    states = np.zeros((int(SPACE.block_sizes[block]), N_BLOCKS), dtype=np.int64)
    states[:, block] = np.arange(len(states))
    choices = SPACE.from_states(states)[:, 4 * block : 4 * block + 4]
    columns = [values[column] for values, column in zip(_VALUES, choices.T, strict=True)]
    return np.stack(columns, axis=1)
