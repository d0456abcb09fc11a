"""Samplers of Optuna as controllers: the tree-structured Parzen estimator for one and for several objectives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import OPTIONS, SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import require_objectives, told

with needing("study"):
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler, TPESampler
    from optuna.samplers._tpe.sampler import (
        _split_complete_trials_multi_objective,
        default_gamma,
        default_gamma_multiobjective,
        default_weights,
    )
    from optuna.trial import FrozenTrial, Trial, TrialState

#: Options of each choice.
_SIZES: Final = SPACE.cardinalities.astype(np.int64)
#: A choice of each number of options.
_FIRST: Final = np.unique(_SIZES, return_index=True)[1]
#: Every choice is a categorical parameter; names sort in the order of the choice vector.
_DISTRIBUTIONS: Final[dict[str, BaseDistribution]] = SPACE.to_optuna()
#: Of each parameter, the positions of its options.
_POSITIONS: Final = [{option: i for i, option in enumerate(options)} for options in OPTIONS.values()]


class OptunaController:
    """Any sampler of Optuna. For as many objectives as the sampler can take.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness; draws the sampler's seed.
        sampler: Makes the sampler from a seed, such as ``lambda seed: optuna.samplers.GPSampler(seed=seed)``.
        batch_size: Proposals at a time, at least 1.
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        sampler: Callable[[int], BaseSampler],
        batch_size: int = 1,
    ) -> None:
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._brief = brief
        made = sampler(int(rng.integers(2**32)))
        if not isinstance(made, BaseSampler):
            raise ValueError(f"sampler must return a sampler of Optuna, got {made!r}")
        self._study = _quiet_study(brief.n_objectives, made)
        self._trials: list[Trial] = []

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures, ``int8`` (n, 28)."""
        self._trials = [self._study.ask(_DISTRIBUTIONS) for _ in range(n)]
        # Optuna copies its parameters at every access.
        parameters = [trial.params for trial in self._trials]
        return _choices([[values[name] for name in _DISTRIBUTIONS] for values in parameters])

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Finishes the trials.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, n_objectives).
        """
        values = told(choices, objectives, self._brief).tolist()
        if len(values) != len(self._trials):
            raise ValueError(f"choices must be the {len(self._trials)} that were asked for last, got {len(values)}")
        for trial, row in zip(self._trials, values, strict=True):
            self._study.tell(trial, row)


class _ParzenEstimator(OptunaController):
    """Base of the two estimators: everything but the number of objectives."""

    _name: str
    _fewest: int
    _most: int | None

    def __init__(
        self, brief: Brief, rng: np.random.Generator, *, n_startup_trials: int = 10, n_ei_candidates: int = 24
    ) -> None:
        require_objectives(brief, self._name, self._fewest, self._most)
        self._n_startup_trials = integer(n_startup_trials, 1, "n_startup_trials")
        candidates = integer(n_ei_candidates, 1, "n_ei_candidates")
        self._sampler = _ChoicesTPESampler(
            brief.n_objectives, int(rng.integers(2**32)), self._n_startup_trials, candidates
        )
        super().__init__(brief, rng, sampler=lambda _: self._sampler)

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures, ``int8`` (n, 28)."""
        if self._sampler.n_told < self._n_startup_trials:
            return super().ask(n)
        # The sampler remembers choices itself, so that Optuna need not note them down one by one, which takes longest.
        self._trials = [self._study.ask() for _ in range(n)]
        return _choices([list(trial.relative_params.values()) for trial in self._trials])

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Finishes the trials.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, n_objectives).
        """
        super().tell(choices, objectives)
        self._sampler.remember(choices, objectives)


class TPE(_ParzenEstimator):
    """Tree-structured Parzen estimator, Bergstra et al. 2011. For one objective.

    https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization, in its multivariate form
    (Falkner et al. 2018, https://proceedings.mlr.press/v80/falkner18a.html): one mixture over all 28 choices.
    Settings are Optuna's defaults.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
        n_startup_trials: Random architectures to start with, at least 1.
        n_ei_candidates: Candidates from which each proposal is chosen, at least 1.
    """

    _name, _fewest, _most = "tpe", 1, 1


class MOTPE(_ParzenEstimator):
    """Multi-objective tree-structured Parzen estimator, Ozaki et al. 2022. For several objectives.

    https://doi.org/10.1613/jair.1.13188; multivariate and with Optuna's defaults, as :class:`TPE`. Optuna chooses the
    good trials by hypervolume, which many objectives make slow: with nine, 500 evaluations take most of a minute.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
        n_startup_trials: Random architectures to start with, at least 1.
        n_ei_candidates: Candidates from which each proposal is chosen, at least 1.
    """

    _name, _fewest, _most = "motpe", 2, None


class _ChoicesTPESampler(TPESampler):
    """Optuna's sampler for the choices, several times faster. Proposals are the same.

    For each proposal, Optuna works out anew which parameters there are, which trials are feasible and how their
    parameters are encoded, and then goes through the parameters one by one.

    Args:
        n_objectives: How many objectives.
        seed: Seed of the sampler.
        n_startup_trials: Random architectures to start with.
        n_ei_candidates: Candidates from which each proposal is chosen.
    """

    def __init__(self, n_objectives: int, seed: int, n_startup_trials: int, n_ei_candidates: int) -> None:
        super().__init__(
            seed=seed,
            n_startup_trials=n_startup_trials,
            n_ei_candidates=n_ei_candidates,
            multivariate=True,
            constant_liar=False,  # it is for several proposals at a time, and takes time
        )
        self._choices: Choices = np.empty((0, SPACE.n_choices), dtype=np.int8)
        self._objectives: FloatArray = np.empty((0, n_objectives))

    @property
    def n_told(self) -> int:
        """Number of finished trials."""
        return len(self._choices)

    def remember(self, choices: Choices, objectives: FloatArray) -> None:
        """Takes the choices of trials that finished, and what they scored."""
        self._choices = np.concatenate([self._choices, choices])
        self._objectives = np.concatenate([self._objectives, objectives])

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return _DISTRIBUTIONS

    def _sample(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, int]:
        n, n_objectives = self._objectives.shape
        if n_objectives == 1:
            n_good = default_gamma(n)
            is_good = np.zeros(n, dtype=bool)
            is_good[(-self._objectives[:, 0]).argsort(kind="stable")[:n_good]] = True
            weights = default_weights(n_good)
        else:
            n_good = default_gamma_multiobjective(n)
            trials = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE,), use_cache=True)
            numbers = [trial.number for trial in _split_complete_trials_multi_objective(trials, study, n_good)[0]]
            is_good = np.isin([trial.number for trial in trials], numbers)
            weights = np.ones(n_good)
        good = _Mixture(self._choices[is_good], weights)
        bad = _Mixture(self._choices[~is_good], default_weights(n - n_good))
        candidates = good.sample(self._rng.rng, self._n_ei_candidates)
        best = candidates[(good.log_density(candidates) - bad.log_density(candidates)).argmax()]
        return {name: options[i] for (name, options), i in zip(OPTIONS.items(), best.tolist(), strict=True)}


class _Mixture:
    """The Parzen estimator of Optuna: one product of categorical distributions per observation, and a uniform one.

    A distribution has two probabilities, that of the option observed and that of any other.

    Args:
        observed: Choices, ``int8`` (n, 28).
        weights: Of the observations, ``float64`` (n,); the uniform one has weight 1.
    """

    def __init__(self, observed: Choices, weights: FloatArray) -> None:
        weights = np.append(weights, 1.0)
        self._weights = weights / weights.sum()
        self._observed = observed
        prior = 1 / (len(observed) + 1)
        self._hit, self._miss = (prior + 1) / (prior * _SIZES + 1), prior / (prior * _SIZES + 1)

    def sample(self, rng: np.random.RandomState, n: int) -> Choices:
        """Draws ``n`` architectures with the random numbers that Optuna would take, ``int8`` (n, 28)."""
        component = rng.choice(len(self._weights), p=self._weights, size=n)
        quantile = rng.random_sample((len(_SIZES), n)).T
        uniform = component == len(self._observed)
        option = np.arange(_SIZES.max())
        is_hit = option == self._observed[np.where(uniform, 0, component), :, None]
        probability = np.where(is_hit, self._hit[:, None], self._miss[:, None])
        probability[uniform] = 1 / _SIZES[:, None]
        passed = (probability.cumsum(axis=2) < quantile[:, :, None]) & (option < _SIZES[:, None] - 1)
        proposals: Choices = passed.sum(axis=2, dtype=np.int8)
        return proposals

    def log_density(self, choices: Choices) -> FloatArray:
        """Logarithm of the probability of architectures, ``float64``."""
        terms = np.full((len(choices), len(self._weights)), np.log(self._miss).sum())
        terms[:, -1] = -np.log(_SIZES).sum()
        # Choices with as many options have the same probabilities, so hits are counted, which has no rounding errors.
        for size, hit, miss in zip(*(column[_FIRST] for column in (_SIZES, self._hit, self._miss)), strict=True):
            alike = np.equal(_SIZES, size)
            hits = _one_hot(choices[:, alike], size) @ _one_hot(self._observed[:, alike], size).T
            terms[:, :-1] += hits * np.log(hit / miss)
        terms += np.log(self._weights)
        most = terms.max(axis=1, keepdims=True)
        log_density: FloatArray = np.log(np.exp(terms - most).sum(axis=1)) + most[:, 0]
        return log_density


def _choices(rows: list[list[Any]]) -> Choices:
    """Choices of the options of architectures in the order of the parameters, ``int8`` (n, 28)."""
    found = [[at[option] for at, option in zip(_POSITIONS, row, strict=True)] for row in rows]
    return np.array(found, dtype=np.int8)


def _one_hot(choices: Choices, size: int) -> NDArray[np.float32]:
    """Choices of ``size`` options each as zeros and ones in one row."""
    n, width = choices.shape
    return np.equal(choices[:, :, None], np.arange(size)).reshape(n, width * size).astype(np.float32)


def _quiet_study(n_objectives: int, sampler: BaseSampler) -> optuna.Study:
    """A study in memory that maximises, without the line that Optuna logs when one begins."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(directions=["maximize"] * n_objectives, sampler=sampler)
    finally:
        optuna.logging.set_verbosity(verbosity)
