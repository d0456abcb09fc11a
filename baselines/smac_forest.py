"""SMAC as a controller: a random forest of SMAC3 chooses the architecture of largest expected improvement."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar

import numpy as np

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import require_objectives, told

with needing("smac"):
    from smac import HyperparameterOptimizationFacade as Facade
    from smac import Scenario
    from smac.runhistory import TrialInfo, TrialValue


class SMAC:
    """Sequential model-based algorithm configuration, Lindauer et al. 2022 (https://jmlr.org/papers/v23/21-0888.html).

    For one objective. SMAC3's facade for hyperparameter optimisation with its defaults: a forest of ten trees on
    log-scaled costs, log expected improvement, local search and random challengers, every fifth proposal or so at
    random, and the first tenth of the budget from a Sobol sequence. Expansions, kernels and layers are ordinal,
    squeeze-excitation is categorical, see :meth:`anb_gym.space.SearchSpace.to_configspace`.

    No architecture is measured twice. Nothing is left on disk.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness; draws the seed.
        n_challengers: Candidates among which a proposal is chosen, at least 1.
        retrain_after: Proposals until the forest is fitted again, at least 1.
    """

    #: Every evaluation decides which is next.
    batch_size = 1
    #: Packages whose versions a study records.
    packages: ClassVar = ("smac", "ConfigSpace", "scikit-learn")

    def __init__(
        self, brief: Brief, rng: np.random.Generator, *, n_challengers: int = 10_000, retrain_after: int = 8
    ) -> None:
        require_objectives(brief, "smac", 1, 1)
        challengers = integer(n_challengers, 1, "n_challengers")
        retrain_after = integer(retrain_after, 1, "retrain_after")
        self._brief = brief
        self._seed = int(rng.integers(2**31))
        # SMAC3 makes a folder for its records, into which nothing is written unless it is asked to save.
        with tempfile.TemporaryDirectory() as folder:
            scenario = Scenario(
                SPACE.to_configspace(self._seed),
                output_directory=Path(folder),
                deterministic=True,
                n_trials=brief.budget,
                seed=self._seed,
            )
            self._facade = Facade(
                scenario,
                None,
                acquisition_maximizer=Facade.get_acquisition_maximizer(scenario, challengers=challengers),
                intensifier=Facade.get_intensifier(scenario, max_config_calls=1),
                config_selector=Facade.get_config_selector(scenario, retrain_after=retrain_after),
                logging_level=False,
            )
        self._trial: TrialInfo | None = None

    def ask(self, n: int) -> Choices:
        """Proposes an architecture, ``int8`` (1, 28)."""
        self._trial = self._facade.ask()
        return SPACE.from_dicts(self._trial.config)

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Hands the evaluation to SMAC3, which minimises.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (1, 28).
            objectives: What it scored, ``float64`` (1, 1).
        """
        (value,) = told(choices, objectives, self._brief)[:, 0].tolist()
        self._facade.tell(self._trial, TrialValue(cost=-value), save=False)
