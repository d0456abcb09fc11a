"""Bayesian optimisation with Gaussian processes of BoTorch: for one objective, for several, and ParEGO."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import numpy as np

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import require_objectives, told

with needing("bayes"), warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # GPyTorch compiles with what torch means to drop
    import torch
    from botorch.acquisition import AcquisitionFunction
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.acquisition.multi_objective import logei
    from botorch.acquisition.objective import GenericMCObjective
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP, ModelListGP
    from botorch.models.transforms import Standardize
    from botorch.optim import optimize_acqf_discrete_local_search
    from botorch.sampling import SobolQMCNormalSampler
    from botorch.utils.multi_objective.scalarization import get_chebyshev_scalarization
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from torch import Tensor

    from anb_gym._torch import torch_threads

# BoTorch would compile a part of it for this very processor at first use, where there is a compiler: results would
# depend on the machine, and processes wait for each other.
logei._load_attempted = True

#: The reference point of hypervolumes: a tenth below the nadir, as where a study judges them.
_REFERENCE: Final = -0.1
#: All choices are categories.
_ALL: Final = list(range(SPACE.n_choices))


class _Bayesian:
    """Base of both controllers: everything but the number of objectives and the acquisition function."""

    _name: str
    _fewest: int
    _most: int | None

    #: What a study records beside the package's own versions.
    packages: ClassVar = ("botorch", "gpytorch", "linear_operator")

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        batch_size: int = 1,
        n_startup: int = 10,
        n_samples: int = 128,
        n_restarts: int = 5,
        n_raw_samples: int = 512,
        n_steps: int = 50,
    ) -> None:
        require_objectives(brief, self._name, self._fewest, self._most)
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._n_startup = integer(n_startup, 2, "n_startup")
        self._n_samples = integer(n_samples, 1, "n_samples")
        self._n_restarts = integer(n_restarts, 1, "n_restarts")
        self._n_raw_samples = integer(n_raw_samples, self._n_restarts, "n_raw_samples")
        self._n_steps = integer(n_steps, 1, "n_steps")
        self._brief = brief
        self._rng = rng
        self._choices: Choices = np.empty((0, SPACE.n_choices), dtype=np.int8)
        self._objectives: FloatArray = np.empty((0, brief.n_objectives))

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures, ``int8`` (n, 28)."""
        if len(self._choices) < self._n_startup:
            return SPACE.sample(n, self._rng)
        with _alone(int(self._rng.integers(2**63))):
            known, values = (torch.as_tensor(a, dtype=torch.float64) for a in (self._choices, self._objectives))
            proposals, _ = optimize_acqf_discrete_local_search(
                self._acquisition(known, values),
                discrete_choices=[torch.arange(k, dtype=torch.float64) for k in SPACE.cardinalities.tolist()],
                q=n,
                num_restarts=self._n_restarts,
                raw_samples=self._n_raw_samples,
                X_avoid=known,
            )
        found: Choices = proposals.numpy().astype(np.int8)
        return found

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Takes note of evaluations.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, n_objectives).
        """
        values = told(choices, objectives, self._brief)
        self._choices = np.concatenate([self._choices, choices])
        self._objectives = np.concatenate([self._objectives, values])

    def _acquisition(self, known: Tensor, values: Tensor) -> AcquisitionFunction:
        """The acquisition function after evaluations, (n, 28) and (n, n_objectives)."""
        raise NotImplementedError

    def _model(self, known: Tensor, values: Tensor) -> Any:
        """A Gaussian process of each objective, fitted anew.

        Without a bound on steps, length scales run off to infinity for seconds, as they have no prior; begun where the
        last turn ended, they never come back.
        """
        models = [
            MixedSingleTaskGP(known, values[:, [i]], _ALL, outcome_transform=Standardize(1))
            for i in range(self._brief.n_objectives)
        ]
        for model in models:
            fit_gpytorch_mll(
                ExactMarginalLogLikelihood(model.likelihood, model),
                optimizer_kwargs={"options": {"maxiter": self._n_steps}},
            )
        return ModelListGP(*models) if len(models) > 1 else models[0]

    def _sampler(self) -> SobolQMCNormalSampler:
        return SobolQMCNormalSampler(torch.Size([self._n_samples]), seed=int(self._rng.integers(2**31)))


class BoTorch(_Bayesian):
    """Bayesian optimisation, Balandat et al. 2020 (https://arxiv.org/abs/1910.06403). For up to 4 objectives.

    Acquisition is the logarithm of noisy expected improvement, qLogNEI, for one objective, and of noisy expected
    hypervolume improvement, qLogNEHVI, for several (Ament et al. 2023, https://arxiv.org/abs/2310.20708; Daulton et al.
    2021, https://arxiv.org/abs/2105.08195); the reference point is a tenth below the nadir. Each objective has a
    Gaussian process with a kernel of weighted Hamming distances, BoTorch's ``MixedSingleTaskGP``, of which all 28
    choices are categories. Acquisition is maximised by local search over architectures that are new.

    Proposals depend on ``rng`` alone: torch's global generator is left as it was, and torch works with one thread.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness; seeds torch's generator for the time of a proposal.
        batch_size: Proposals at a time, at least 1; those of a turn are chosen one after the other.
        n_startup: Random architectures to start with, at least 2.
        n_samples: Samples of the posterior by which acquisition values are estimated, at least 1.
        n_restarts: Local searches for the largest acquisition value, at least 1.
        n_raw_samples: Random architectures, of which the best are where local searches start.
        n_steps: Steps of L-BFGS that fit a model's hyperparameters, at most; at least 1.
    """

    _name, _fewest, _most = "botorch", 1, 4

    def _acquisition(self, known: Tensor, values: Tensor) -> AcquisitionFunction:
        common = {"X_baseline": known, "sampler": self._sampler(), "prune_baseline": True}
        model = self._model(known, values)
        if self._brief.n_objectives == 1:
            return qLogNoisyExpectedImprovement(model, **common)
        return logei.qLogNoisyExpectedHypervolumeImprovement(model, [_REFERENCE] * self._brief.n_objectives, **common)


class ParEGO(_Bayesian):
    """ParEGO, Knowles 2006 (https://doi.org/10.1109/TEVC.2005.851274), as BoTorch has it. For several objectives.

    Every turn has random weights, uniform on the simplex, and maximises the augmented Chebyshev scalarisation of the
    objectives' models by qLogNEI (qNParEGO, Daulton et al. 2020, https://arxiv.org/abs/2006.05078). Models, search and
    settings are those of :class:`BoTorch`.
    """

    _name, _fewest, _most = "parego", 2, None

    def _acquisition(self, known: Tensor, values: Tensor) -> AcquisitionFunction:
        weights = torch.as_tensor(self._rng.dirichlet(np.ones(self._brief.n_objectives)))
        return qLogNoisyExpectedImprovement(
            self._model(known, values),
            X_baseline=known,
            sampler=self._sampler(),
            objective=GenericMCObjective(get_chebyshev_scalarization(weights, values)),
            prune_baseline=True,
        )


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """A context in which torch has one thread and a seed of its own, and says nothing of how fits end."""
    with torch_threads(1), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        warnings.simplefilter("ignore")
        yield
