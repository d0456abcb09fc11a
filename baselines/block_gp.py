"""Bayesian optimisation whose Thompson samples are maximised exactly over the whole space."""

from __future__ import annotations

import numpy as np

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.exact.unseen import Unseen, best_unseen
from anb_gym.space import N_BLOCKS, SPACE, Choices, Indices, States
from anb_gym.study.protocol import Brief
from anb_gym.surrogates.posterior import Posterior
from anb_gym.surrogates.tables import BlockTables

from . import _block_kernel as kernel
from ._checks import number, require_objectives, told

_CANDIDATES = 512
_NEAR = 8
_ITERATIONS = 30


class BlockGP:
    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        n_initial: int = 16,
        exploration: float = 0.6,
        batch_size: int = 1,
        nodes: int = 2_000_000,
    ) -> None:
        require_objectives(brief, "block_gp", 1, 1)
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._n_initial = integer(n_initial, 1, "n_initial")
        self._exploration = number("exploration", exploration, 0.0)
        self._nodes = nodes
        self._brief = brief
        self._rng = rng
        self._design: States = self._spread(self._n_initial)
        self._states: States = np.empty((0, N_BLOCKS), dtype=np.int64)
        self._scores: FloatArray = np.empty(0)
        self._parameters = kernel.start()
        self._next_fit = 0
        self.proposals: list[Unseen] = []

    def ask(self, n: int) -> Choices:
        asked = self._design[len(self._states) : len(self._states) + n]
        if len(asked) < n:
            asked = np.concatenate([asked, self._maxima(n - len(asked), asked)])
        return SPACE.from_states(asked)

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        scores = told(choices, objectives, self._brief)[:, 0]
        self._states = np.concatenate([self._states, SPACE.to_states(choices)])
        self._scores = np.concatenate([self._scores, scores])

    def _maxima(self, n: int, asked: States) -> States:
        if not len(self._scores):
            return SPACE.to_states(SPACE.sample(n, self._rng))
        first = self._scores[: self._n_initial]
        scale = float(first.std()) or float(self._scores.std()) or 1.0
        labels = (self._scores - first.mean()) / scale
        if len(labels) >= self._next_fit:
            self._parameters = kernel.learn(self._parameters, self._states, labels, _ITERATIONS)
            self._next_fit = len(labels) + max(1, len(labels) // 20)
        posterior = Posterior(
            self._states,
            np.full(len(labels), kernel.noise(self._parameters)),
            kernel.factors(self._parameters),
            kernel.variances(self._parameters),
            1.0,
        )
        mean = posterior.mean(labels)
        near = self._states[np.argsort(-self._scores, kind="stable")[:_NEAR]]
        seen = SPACE.states_to_index(np.concatenate([self._states, asked]))
        found = []
        for _ in range(n):
            sample = posterior.deviation("block_gp", int(self._rng.integers(2**31)))
            tables = BlockTables(2, mean.values + self._exploration * sample.values)
            best = best_unseen(tables, seen, near, nodes=self._nodes)
            self.proposals.append(best)
            found.append(best.states)
            seen = np.append(seen, SPACE.states_to_index(best.states[None]))
        return np.stack(found)

    def _spread(self, n: int) -> States:
        """Architectures that tell most: each has the largest variance given those before it (a pivoted Cholesky factor)."""
        states = np.unique(SPACE.to_states(SPACE.sample(max(_CANDIDATES, n), self._rng)), axis=0)
        states = self._rng.permutation(states)
        parameters = kernel.start()
        covariance = kernel.gram(parameters, states)
        covariance[np.diag_indices_from(covariance)] += kernel.noise(parameters)
        chosen = []
        for _ in range(n):
            top = int(np.diag(covariance).argmax())
            chosen.append(top)
            column = covariance[:, top]
            covariance = covariance - np.outer(column, column) / (column[top] + kernel.noise(parameters))
        return states[chosen]
