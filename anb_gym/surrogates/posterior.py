"""Posteriors of Gaussian processes: what a sample of them needs beside the tables of their mean.

A kernel that is additive over interactions of blocks (:mod:`anb_gym.construction.families.gp`) is, with one matrix
F_b per block, whose rows belong to its states::

    k(s, t) = sum over orders q of  v_q * e_q(k_0, ..., k_6),    k_b = (F_b F_b^T)[s_b, t_b]

A sample of the prior is then a sum of independent tables, one for every combination of at most three blocks. By
Matheron's rule (Wilson et al. 2020, https://arxiv.org/abs/2002.09309) a sample of the posterior is::

    mean + prior sample f - k(., X) (k(X, X) + N)^-1 (f(X) + n),    n ~ Normal(0, N)

with the fitted architectures X and the variances N of their labels' noise. Labels occur in the mean alone, which
ships as tables, so what follows it is made from X, N and the kernel.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym import _files
from anb_gym._files import read_bytes, refusing, write_atomically
from anb_gym._types import FloatArray
from anb_gym.noise import Noise, normal
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.tables import Blocks, BlockTables, multiply

#: Bytes that a file may have, packed and unpacked: some ten times the largest that ships.
_LIMIT: Final = 2**24
#: Eigenvalues of a block's kernel below this share of its largest are left out: they are less than a ten-thousandth of
#: any label's noise.
_TOLERANCE: Final = 1e-8
#: Rows of kernel matrices that are worked on at a time, so that they stay in cache.
_ROWS: Final = 64


@dataclass(frozen=True, eq=False)
class Posterior:
    """The posterior of a Gaussian process, up to its mean.

    Attributes:
        states: Block states of the fitted architectures, ``int64`` (n, 7).
        noise: Variances of their labels' noise, ``float64`` (n,), positive.
        factors: For every block F_b, ``float64`` (states, rank).
        variances: Variance of every order of interactions, ``float64`` (order + 1,), the constant's first.
        scale: What a sample is multiplied by to be in the unit of the tables.
    """

    states: States
    noise: FloatArray
    factors: tuple[FloatArray, ...]
    variances: FloatArray
    scale: float

    @classmethod
    def of_kernels(
        cls, states: States, noise: FloatArray, kernels: FloatArray, variances: FloatArray, scale: float
    ) -> Posterior:
        """The posterior with these block kernels, ``float64`` (7, 48, 48), padded where blocks have fewer states."""
        factors = []
        for kernel, size in zip(kernels, SPACE.block_sizes, strict=True):
            values, vectors = np.linalg.eigh(kernel[:size, :size])
            kept = values > _TOLERANCE * values[-1]
            factors.append(vectors[:, kept] * np.sqrt(values[kept]))
        return cls(states, noise, tuple(factors), variances, scale)

    @property
    def order(self) -> int:
        """Blocks per interaction."""
        return len(self.variances) - 1

    def deviation(self, stream: str, world: int) -> BlockTables:
        """Tables of a sample minus the mean, in the unit of the mean's tables.

        Args:
            stream: Name of the function: samples of different functions are independent.
            world: Number of the sample.
        """
        terms = self._prior(stream, world)
        labels: FloatArray = normal(f"{stream}/labels", np.arange(len(self.states)), Noise(world))
        labels = np.sqrt(self.noise) * labels + BlockTables.from_terms(terms, order=self.order)(self.states)
        alpha = self._conditioned.solve(labels)
        for blocks, term in self._fold(alpha):
            terms[blocks] = self.scale * (terms[blocks] - term)
        return BlockTables.from_terms(terms, order=self.order)

    def _prior(self, stream: str, world: int) -> dict[Blocks, FloatArray | float]:
        """Terms of a sample of the prior."""
        terms: dict[Blocks, FloatArray | float] = {}
        start = 0
        for blocks in self._combinations():
            shape = tuple(self.factors[b].shape[1] for b in blocks)
            stop = start + int(np.prod(shape))
            deviates = normal(stream, np.arange(start, stop), Noise(world)).reshape(shape)
            sample = multiply(deviates, [self.factors[b] for b in blocks])
            terms[blocks] = np.sqrt(self.variances[len(blocks)]) * sample
            start = stop
        return terms

    def _fold(self, alpha: FloatArray) -> Iterator[tuple[Blocks, FloatArray | float]]:
        """Terms of k(., X) alpha."""
        for blocks in self._combinations():
            shape = tuple(int(SPACE.block_sizes[b]) for b in blocks)
            cells = np.ravel_multi_index(tuple(self.states[:, b] for b in blocks), shape) if blocks else 0
            table = np.bincount(np.broadcast_to(cells, alpha.shape), alpha, int(np.prod(shape))).reshape(shape)
            yield blocks, self.variances[len(blocks)] * multiply(table, [self._kernels[b] for b in blocks])

    def _combinations(self) -> Iterator[Blocks]:
        for order in range(self.order + 1):
            yield from combinations(range(N_BLOCKS), order)

    @cached_property
    def _kernels(self) -> list[FloatArray]:
        return [factor @ factor.T for factor in self.factors]

    @cached_property
    def _conditioned(self) -> _Cholesky:
        gram = _gram(self.states, self._kernels, self.variances)
        gram[np.diag_indices_from(gram)] += self.noise
        return _Cholesky.of(gram)


@dataclass(frozen=True, eq=False)
class _Cholesky:
    """The Cholesky factor of a matrix, and the inverses of its diagonal's blocks.

    NumPy has no triangular solver.
    """

    factor: FloatArray
    inverses: list[FloatArray]

    @classmethod
    def of(cls, matrix: FloatArray) -> _Cholesky:
        """Of a symmetric matrix, ``float64`` (n, n), of which the lower half is read."""
        factor = np.linalg.cholesky(matrix)
        return cls(factor, [np.linalg.inv(factor[rows, rows]) for rows in _parts(len(factor))])

    def solve(self, right: FloatArray) -> FloatArray:
        """Solution ``float64`` (n,) of matrix @ solution = right."""
        solution = np.array(right)
        parts = list(zip(_parts(len(right)), self.inverses, strict=True))
        for rows, inverse in parts:
            solution[rows] -= self.factor[rows, : rows.start] @ solution[: rows.start]
            solution[rows] = inverse @ solution[rows]
        for rows, inverse in reversed(parts):
            solution[rows] -= self.factor[rows.stop :, rows].T @ solution[rows.stop :]
            solution[rows] = inverse.T @ solution[rows]
        return solution


def _parts(n: int) -> list[slice]:
    return [slice(start, min(start + _ROWS, n)) for start in range(0, n, _ROWS)]


def _gram(states: States, kernels: list[FloatArray], variances: FloatArray) -> FloatArray:
    """The kernel matrix of architectures, ``float64`` (n, n), of which the lower half counts."""
    gram = np.zeros((len(states), len(states)))
    for rows in _parts(len(states)):
        columns = slice(0, rows.stop)
        # Elementary symmetric polynomials, one block more at a time.
        sums = [np.ones((rows.stop - rows.start, rows.stop)), *(np.zeros((rows.stop - rows.start, rows.stop)) for _ in variances[1:])]
        for block, kernel in enumerate(kernels):
            values = kernel[states[rows, block]].take(states[columns, block], axis=1)
            for q in range(len(sums) - 1, 0, -1):
                sums[q] += values * sums[q - 1]
        gram[rows, columns] = sum(variance * total for variance, total in zip(variances, sums, strict=True))
    return gram
