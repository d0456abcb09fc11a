"""Bayesian optimisation whose Thompson samples are maximised exactly over the whole space."""

from __future__ import annotations

from typing import Final

import numpy as np

from anb_gym._errors import integer
from anb_gym._types import FloatArray
from anb_gym.exact.unseen import Unseen, best_unseen
from anb_gym.space import N_BLOCKS, SPACE, Choices, States
from anb_gym.study.protocol import Brief
from anb_gym.surrogates.tables import BlockTables

from . import _block_kernel as kernel
from ._checks import number, require_objectives, told

#: Random architectures that the design is chosen from.
_CANDIDATES: Final = 512
#: How many of the best evaluated the search begins with.
_NEAR: Final = 8
#: Iterations each time that the kernel's parameters are learned, and the share of new evaluations after which they are
#: learned again.
_ITERATIONS: Final = 20
_SHARE: Final = 0.1
#: Scores that differ by less than this, relatively, are all the same.
_ROUNDING: Final = 1e-12


class BlockGP:
    """Thompson sampling from a Gaussian process that is additive over blocks and pairs of blocks. For one objective.

    After some evaluations it knows a posterior over functions, here sums of one table for every pair of blocks
    (:mod:`anb_gym.baselines._block_kernel`). Each proposal is the maximum of one function drawn from it (Thompson 1933,
    https://doi.org/10.1093/biomet/25.3-4.285). A drawn function is tables too, by Matheron's rule (Wilson et al. 2020,
    https://arxiv.org/abs/2002.09309), so branch and bound finds its maximum over all 1.04e11 architectures but those
    evaluated, and proves it (:func:`anb_gym.exact.unseen.best_unseen`).

    It begins with a design of those random architectures that tell most about such functions. Rewards are measured
    from the mean of the design's and in units of their deviation; noise, and what the kernel cannot explain, is
    learned. The prior of the kernel's parameters and the defaults were chosen on the CPU's task and on generated
    devices. Needs the extra ``study``.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
        n_initial: Architectures of the design, at least 1; as many as a batch has if that is more.
        exploration: What a sample's deviation from the mean is multiplied by, 0 or more: 1 is Thompson sampling, which
            explores more than pays in so large a space, and 0 takes the mean for the truth.
        batch_size: Proposals at a time, at least 1, each from a sample of its own.
        nodes: Nodes of branch and bound for a proposal, at least 1. One that takes more is the best that was met.

    Attributes:
        maxima: For every proposal after the design, its value in its sample and whether it is proven the largest.
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        n_initial: int = 8,
        exploration: float = 0.6,
        batch_size: int = 1,
        nodes: int = 2_000_000,
    ) -> None:
        require_objectives(brief, "block_gp", 1, 1)
        self.batch_size = integer(batch_size, 1, "batch_size")
        self.maxima: list[Unseen] = []
        self._n_initial = max(integer(n_initial, 1, "n_initial"), self.batch_size)
        self._exploration = number("exploration", exploration, 0.0)
        self._nodes = integer(nodes, 1, "nodes")
        self._brief = brief
        self._rng = rng
        self._design = _design(self._n_initial, rng)
        self._states: States = np.empty((0, N_BLOCKS), dtype=np.int64)
        self._scores: FloatArray = np.empty(0)
        self._parameters = kernel.prior_mode()
        self._learn_at = 0

    def ask(self, n: int) -> Choices:
        """Proposes the next ``n`` of the design, then maxima of samples, ``int8`` (n, 28)."""
        proposals = self._design[len(self._states) : len(self._states) + n]
        if len(proposals) < n:
            proposals = np.concatenate([proposals, self._maximise(n - len(proposals), proposals)])
        return SPACE.from_states(proposals)

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Adds evaluations to what the function is learned from.

        Args:
            choices: Evaluated architectures, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, 1).
        """
        self._scores = np.concatenate([self._scores, told(choices, objectives, self._brief)[:, 0]])
        self._states = np.concatenate([self._states, SPACE.to_states(choices)])

    def _maximise(self, n: int, proposed: States) -> States:
        """Block states ``int64`` (n, 7) of the maxima of samples, none of which was evaluated or proposed."""
        labels = self._labels()
        if len(labels) >= self._learn_at:
            self._parameters = kernel.learn(self._parameters, self._states, labels, _ITERATIONS)
            self._learn_at = len(labels) + int(np.ceil(_SHARE * len(labels)))
        posterior = kernel.posterior(self._parameters, self._states)
        mean = posterior.mean(labels)
        best_first = np.argsort(-self._scores, kind="stable")
        near = self._states[best_first[:_NEAR]]
        for _ in range(n):
            deviation = posterior.deviation("block_gp", int(self._rng.integers(2**31)))
            sample = BlockTables(mean.order, mean.values + self._exploration * deviation.values)
            seen = SPACE.states_to_index(np.concatenate([self._states, proposed]))
            self.maxima.append(best_unseen(sample, seen, near, nodes=self._nodes))
            proposed = np.concatenate([proposed, self.maxima[-1].states[None]])
        return proposed[-n:]

    def _labels(self) -> FloatArray:
        """Scores in the unit of the design's, ``float64`` (n,)."""
        of_design = self._scores[: self._n_initial]
        mean, unit = of_design.mean(), 1.0
        for scores in (of_design, self._scores):
            if (deviation := float(scores.std())) > _ROUNDING * float(np.abs(scores).max()):
                unit = deviation
                break
        labels: FloatArray = (self._scores - mean) / unit
        return labels


def _design(n: int, rng: np.random.Generator) -> States:
    """Block states ``int64`` (n, 7) of random architectures, each with the largest variance given those before it."""
    states = SPACE.to_states(SPACE.sample(max(_CANDIDATES, 2 * n), rng))
    covariance = kernel.gram(kernel.prior_mode(), states)
    chosen: list[int] = []
    for _ in range(n):  # a Cholesky factor with pivots
        top = int(np.diag(covariance).argmax())
        chosen.append(top)
        column = covariance[:, top]
        covariance = covariance - np.outer(column, column) / (column[top] + kernel.noise(kernel.prior_mode()))
    return states[chosen]
