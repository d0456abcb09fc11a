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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym import _files
from anb_gym._files import read_bytes, refusing, write_atomically
from anb_gym._types import FloatArray
from anb_gym.noise import Noise, normal
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.tables import Blocks, BlockTables, multiply

#: Version of the file format; files of another version are refused.
SCHEMA: Final = 1
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
        return BlockTables.from_terms(_centred(terms), order=self.order)

    def mean(self, labels: FloatArray) -> BlockTables:
        """Tables of the mean, given labels; their own mean is taken to be 0.

        Args:
            labels: Of the fitted architectures, ``float64`` (n,), in units of which the tables have :attr:`scale`.
        """
        terms = {blocks: self.scale * term for blocks, term in self._fold(self._conditioned.solve(labels))}
        return BlockTables.from_terms(_centred(terms), order=self.order)

    def interactions(self, stream: str, world: int) -> BlockTables:
        """Tables of a sample of the prior, of its interactions alone, which is the part of two blocks and more.

        It is scaled to variance 1 at every architecture. Where there are no interactions single blocks stand for them.

        Args:
            stream: Name of the function.
            world: Number of the sample.
        """
        lowest = min(2, self.order)
        sizes = [float(np.square(factor).sum(axis=1).mean()) for factor in self.factors]
        terms = {blocks: term for blocks, term in self._prior(stream, world).items() if len(blocks) >= lowest}
        variance = sum(self.variances[len(blocks)] * np.prod([sizes[b] for b in blocks]) for blocks in terms)
        tables = BlockTables.from_terms(terms, order=self.order)
        return BlockTables(self.order, tables.values / np.sqrt(variance))

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
            sums = np.bincount(np.broadcast_to(cells, alpha.shape), alpha, int(np.prod(shape))).astype(np.float64)
            table = multiply(sums.reshape(shape), [self._kernels[b] for b in blocks])
            yield blocks, self.variances[len(blocks)] * table

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


def posterior_path(path: Path) -> Path:
    """The file of the posterior beside the file of its mean's tables."""
    return path.parent / "posterior" / path.name


def save_posterior(posterior: Posterior, path: Path, tables: str) -> None:
    """Writes an ``.npz`` file; an interrupted write leaves the old one.

    Args:
        posterior: The posterior.
        path: The file.
        tables: SHA-256 of the file of its mean's tables.
    """
    arrays = {
        "schema": np.array(SCHEMA),
        "tables": np.array(tables),
        "index": SPACE.states_to_index(posterior.states),
        "noise": posterior.noise,
        "variances": posterior.variances,
        "scale": np.array(posterior.scale),
        **{f"factor_{block}": factor for block, factor in enumerate(posterior.factors)},
    }
    write_atomically(path, _files.pack_arrays(arrays))


def load_posterior(path: Path, tables: str, error: type[Exception]) -> Posterior:
    """Reads what :func:`save_posterior` wrote.

    Args:
        path: The file.
        tables: SHA-256 of the file of the tables that the mean has.
        error: What is raised if the file is missing or damaged, or of other tables.
    """
    data = read_bytes(path, error, limit=_LIMIT)
    arrays = _files.parse_arrays(data, path, error, limit=_LIMIT)
    with refusing(path, error):
        take_origin(arrays, SCHEMA, tables)
        index = _files.take_array(arrays, "index", "int64", (None,))
        if not ((index >= 0) & (index < SPACE.size)).all():
            raise ValueError(f"index must be in 0..{SPACE.size - 1}")
        noise = _files.take_array(arrays, "noise", "float64", index.shape)
        variances = _files.take_array(arrays, "variances", "float64", (None,))
        factors = [
            _files.take_array(arrays, f"factor_{block}", "float64", (int(size), None))
            for block, size in enumerate(SPACE.block_sizes)
        ]
        scale = float(_files.take_array(arrays, "scale", "float64", ()))
        if arrays or not (
            len(index) and (noise > 0.0).all() and (variances >= 0.0).all() and len(variances) in (2, 3, 4)
        ):
            raise ValueError("it must hold positive noise, variances of 1 to 3 orders of interactions, and no more")
        return Posterior(SPACE.index_to_states(index), noise, tuple(factors), variances, scale)


def take_origin(arrays: dict[str, NDArray[Any]], schema: int, tables: str) -> None:
    """Takes the schema and the SHA-256 of the tables out of a posterior's arrays.

    Raises:
        ValueError: One is missing or another than expected.
    """
    if (found := int(_files.take_array(arrays, "schema", "int64", ()))) != schema:
        raise ValueError(f"its schema must be {schema}, got {found}")
    if (of := str(_files.take_array(arrays, "tables", "str", ()))) != tables:
        raise ValueError(f"it is the posterior of other tables: their SHA-256 is {of}, expected {tables}")


def _centred(terms: Mapping[Blocks, FloatArray | float]) -> dict[Blocks, FloatArray | float]:
    """Terms with the same sum, each with mean 0 along every axis: none is larger than its part of the sum."""
    centred = dict(terms)
    for blocks in sorted(terms, key=len, reverse=True):
        rest = np.asarray(centred[blocks])
        for axis, block in enumerate(blocks):
            mean = rest.mean(axis=axis, keepdims=True)
            others = tuple(b for b in blocks if b != block)
            centred[others] = centred[others] + mean.squeeze(axis)
            rest = rest - mean
        centred[blocks] = rest
    return centred


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
        factor: FloatArray = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
        return cls(
            factor, [np.asarray(np.linalg.inv(factor[rows, rows]), dtype=np.float64) for rows in _parts(len(factor))]
        )

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
        shape = (rows.stop - rows.start, rows.stop)
        sums = [np.ones(shape), *(np.zeros(shape) for _ in variances[1:])]
        for block, kernel in enumerate(kernels):
            values = kernel[states[rows, block]].take(states[columns, block], axis=1)
            for q in range(len(sums) - 1, 0, -1):
                sums[q] += values * sums[q - 1]
        gram[rows, columns] = sum(variance * total for variance, total in zip(variances, sums, strict=True))
    return gram
