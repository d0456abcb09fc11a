"""BANANAS: an ensemble of small neural predictors chooses among mutations of the best architectures."""

from __future__ import annotations

from typing import Final

import numpy as np

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import number, require_objectives, told

with needing("study"):
    import torch
    from torch import Tensor

    from anb_gym._torch import torch_threads

#: Where the options of each choice begin in the one-hot code, and how long that is.
_STARTS: Final = np.append(0, SPACE.cardinalities.cumsum()[:-1])
_LENGTH: Final = int(SPACE.cardinalities.sum())


class BANANAS:
    """Bayesian optimisation with neural predictors, White et al. 2021 (https://arxiv.org/abs/1910.11858).

    For one objective. Each turn an ensemble of feed-forward networks learns all evaluations so far. Candidates are
    mutations of the best architectures; independent Thompson sampling draws a value for each from the normal
    distribution with the ensemble's mean and deviation, and those with the largest values are proposed.

    The paper encodes cells as paths. This space has none: networks are chains, so an architecture is the one-hot code
    of its 28 choices, 77 zeros and ones, without adjacencies. Five networks of ten layers of 20 units, the mean
    absolute error as the loss, Adam with learning rate 0.01, ten random architectures to start with and ten proposals a
    turn are the paper's.

    Proposals depend on ``rng`` alone: torch's global generator is left alone, and torch works with one thread.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness; seeds a generator of torch.
        batch_size: Proposals at a time, at least 1.
        n_startup: Random architectures to start with, at least 2.
        n_predictors: Networks of the ensemble, at least 2.
        n_layers: Hidden layers of a network, at least 1.
        width: Units of a hidden layer, at least 1.
        n_steps: Steps of Adam a turn, each on all evaluations, at least 1.
        learning_rate: Of Adam, positive.
        n_parents: How many of the best architectures are mutated, at least 1.
        n_candidates: Mutations to choose from, at least ``batch_size``.
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        batch_size: int = 10,
        n_startup: int = 10,
        n_predictors: int = 5,
        n_layers: int = 10,
        width: int = 20,
        n_steps: int = 200,
        learning_rate: float = 0.01,
        n_parents: int = 10,
        n_candidates: int = 100,
    ) -> None:
        require_objectives(brief, "bananas", 1, 1)
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._n_startup = integer(n_startup, 2, "n_startup")
        self._n_predictors = integer(n_predictors, 2, "n_predictors")
        self._widths = [_LENGTH, *[integer(width, 1, "width")] * integer(n_layers, 1, "n_layers"), 1]
        self._n_steps = integer(n_steps, 1, "n_steps")
        self._learning_rate = number("learning_rate", learning_rate, 0.0)
        self._n_parents = integer(n_parents, 1, "n_parents")
        self._n_candidates = integer(n_candidates, self.batch_size, "n_candidates")
        self._brief = brief
        self._rng = rng
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        self._choices: Choices = np.empty((0, SPACE.n_choices), dtype=np.int8)
        self._scores: FloatArray = np.empty(0)

    def ask(self, n: int) -> Choices:
        """Proposes ``n`` architectures, ``int8`` (n, 28)."""
        if len(self._choices) < self._n_startup:
            return SPACE.sample(n, self._rng)
        candidates = self._candidates()
        if len(candidates) < n:  # only where almost everything near is known
            candidates = np.concatenate([candidates, SPACE.sample(n, self._rng)])
        with torch_threads(1):
            predictions = self._predictions(candidates)
        drawn = predictions.mean(axis=0) + predictions.std(axis=0) * self._rng.standard_normal(len(candidates))
        best: Choices = candidates[(-drawn).argsort(kind="stable")[:n]]
        return best

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Takes note of evaluations.

        Args:
            choices: What the last ``ask`` proposed, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, 1).
        """
        scores = told(choices, objectives, self._brief)[:, 0]
        self._choices = np.concatenate([self._choices, choices])
        self._scores = np.concatenate([self._scores, scores])

    def _candidates(self) -> Choices:
        """Architectures that differ from one of the best in one or two choices and are new, ``int8`` (k, 28)."""
        best = self._choices[(-self._scores).argsort(kind="stable")[: self._n_parents]]
        mutants = best[self._rng.integers(len(best), size=self._n_candidates)]
        rows = np.arange(self._n_candidates)
        for changed in (rows, rows[self._rng.random(len(rows)) < 0.5]):
            column = self._rng.integers(SPACE.n_choices, size=len(changed))
            options = SPACE.cardinalities[column]
            step = self._rng.integers(1, options)
            mutants[changed, column] = (mutants[changed, column] + step) % options
        distinct = SPACE.from_index(np.unique(SPACE.to_index(mutants)))
        known = np.isin(SPACE.to_index(distinct), SPACE.to_index(self._choices))
        return self._rng.permutation(distinct[~known])

    def _predictions(self, candidates: Choices) -> FloatArray:
        """What a fresh ensemble says of candidates after learning all evaluations, ``float64`` (predictors, n).

        All networks are trained at once: a layer is one product of stacked matrices.
        """
        known, wanted = _one_hot(self._choices), _one_hot(candidates)
        centre, spread = self._scores.mean(), max(float(self._scores.std()), 1e-9)
        target = torch.as_tensor((self._scores - centre) / spread, dtype=torch.float32)
        layers: list[Tensor] = []
        for fan_in, fan_out in zip(self._widths[:-1], self._widths[1:], strict=True):
            for shape in ((fan_in, fan_out), (1, fan_out)):
                start = torch.rand(self._n_predictors, *shape, generator=self._generator) * 2 - 1
                layers.append((start / fan_in**0.5).requires_grad_())
        optimiser = torch.optim.Adam(layers, lr=self._learning_rate)
        inputs = known.expand(self._n_predictors, *known.shape)
        for _ in range(self._n_steps):
            optimiser.zero_grad()
            # The sum over networks, each of which has a mean of its own: their gradients do not mix.
            (_forward(layers, inputs) - target).abs().mean(dim=1).sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            outputs = _forward(layers, wanted.expand(self._n_predictors, *wanted.shape)).double().numpy()
        predictions: FloatArray = outputs * spread + centre
        return predictions


def _forward(layers: list[Tensor], inputs: Tensor) -> Tensor:
    """Outputs of stacked networks, (predictors, n), for inputs (predictors, n, 77)."""
    *hidden, last, bias = layers
    for weights, shift in zip(hidden[::2], hidden[1::2], strict=True):
        inputs = torch.relu(torch.baddbmm(shift, inputs, weights))
    return torch.baddbmm(bias, inputs, last)[:, :, 0]


def _one_hot(choices: Choices) -> Tensor:
    """Choices as zeros and ones in one row each, ``float32`` (n, 77)."""
    code = torch.zeros(len(choices), _LENGTH)
    code.scatter_(1, torch.as_tensor(choices.astype(np.int64) + _STARTS), 1.0)
    return code
