"""Samplers of Optuna as controllers: the tree-structured Parzen estimator for one and for several objectives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._extras import require
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import FloatArray, Problem

from ._checks import require_objectives, told

require("optuna", "study")
import optuna  # noqa: E402 - after the check that the extra is installed
from optuna.distributions import BaseDistribution, CategoricalDistribution  # noqa: E402
from optuna.samplers import BaseSampler, TPESampler  # noqa: E402
from optuna.trial import FrozenTrial, Trial  # noqa: E402

#: Every choice is a categorical parameter; names sort in the order of the choice vector.
_DISTRIBUTIONS: Final[dict[str, BaseDistribution]] = {
    f"choice{i:02}": CategoricalDistribution(range(options)) for i, options in enumerate(SPACE.cardinalities.tolist())
}


class OptunaController:
    """Any sampler of Optuna. For as many objectives as the sampler can take.

    Args:
        problem: The problem.
        rng: Source of randomness; draws the sampler's seed.
        sampler: Makes the sampler from a seed, such as ``lambda seed: optuna.samplers.GPSampler(seed=seed)``.
        batch_size: Proposals at a time, at least 1.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        sampler: Callable[[int], BaseSampler],
        batch_size: int = 1,
    ) -> None:
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._problem = problem
        made = sampler(int(rng.integers(2**32)))
        if not isinstance(made, BaseSampler):
            raise ValueError(f"sampler must return a sampler of Optuna, got {made!r}")
        self._study = _quiet_study(problem.n_objectives, made)
        self._trials: list[Trial] = []

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures, ``int8`` (n, 28)."""
        self._trials = [self._study.ask(_DISTRIBUTIONS) for _ in range(n)]
        # Optuna copies its parameters at every access.
        parameters = [trial.params for trial in self._trials]
        return np.array([[values[name] for name in _DISTRIBUTIONS] for values in parameters], dtype=np.int8)

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Finishes the trials.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, n_objectives).
        """
        values = told(choices, objectives, self._problem).tolist()
        if len(values) != len(self._trials):
            raise ValueError(f"choices must be the {len(self._trials)} that were asked for last, got {len(values)}")
        for trial, row in zip(self._trials, values, strict=True):
            self._study.tell(trial, row)


class _ParzenEstimator(OptunaController):
    """What the two estimators share: everything but the number of objectives."""

    _name: str
    _fewest: int
    _most: int | None

    def __init__(
        self, problem: Problem, rng: np.random.Generator, *, n_startup_trials: int = 10, n_ei_candidates: int = 24
    ) -> None:
        require_objectives(problem, self._name, self._fewest, self._most)
        arguments = {
            "n_startup_trials": integer(n_startup_trials, 1, "n_startup_trials"),
            "n_ei_candidates": integer(n_ei_candidates, 1, "n_ei_candidates"),
            "multivariate": True,
            # It is for several proposals at a time, and takes time.
            "constant_liar": False,
        }
        super().__init__(problem, rng, sampler=lambda seed: _RememberingTPESampler(seed=seed, **arguments))


class TPE(_ParzenEstimator):
    """Tree-structured Parzen estimator, Bergstra et al. 2011. For one objective.

    https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization, in its multivariate form
    (Falkner et al. 2018, https://proceedings.mlr.press/v80/falkner18a.html): one mixture over all 28 choices.
    Settings are Optuna's defaults.

    Args:
        problem: The problem.
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
        problem: The problem.
        rng: Source of randomness.
        n_startup_trials: Random architectures to start with, at least 1.
        n_ei_candidates: Candidates from which each proposal is chosen, at least 1.
    """

    _name, _fewest, _most = "motpe", 2, None


class _RememberingTPESampler(TPESampler):
    """Optuna's sampler, with the encoded choices of finished trials kept from call to call.

    Optuna encodes all choices of all trials anew for each proposal, which is most of its time after a few hundred
    trials. Proposals are the same.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._encoded: dict[int, NDArray[np.float64]] = {}

    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: dict[str, BaseDistribution], study: optuna.Study
    ) -> dict[str, NDArray[Any]]:
        for trial in trials:
            if trial.number not in self._encoded:
                encoded = [search_space[name].to_internal_repr(trial.params[name]) for name in search_space]
                self._encoded[trial.number] = np.array(encoded)
        rows = np.array([self._encoded[trial.number] for trial in trials]).reshape(len(trials), len(search_space))
        return dict(zip(search_space, rows.T, strict=True))


def _quiet_study(n_objectives: int, sampler: BaseSampler) -> optuna.Study:
    """A study in memory that maximises, without the line that Optuna logs when one begins."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(directions=["maximize"] * n_objectives, sampler=sampler)
    finally:
        optuna.logging.set_verbosity(verbosity)
