"""A kernel over architectures that is additive over blocks and pairs of blocks, and the learning of its parameters.

The options of a choice have orthogonal polynomials p_1, p_2, ... (mean 0 and mean square 1 over the options), of which the
kernel of the choice is made, and of the choices' kernels that of a block, which holds their interactions::

    k_c = a_c * sum over degrees d of  r_c^(d-1) * p_d p_d^T          (r_c for expansion and layers alone)
    k_b = s_b * (product over the four choices of (1 + k_c) - 1)
    k   = v_0 + v_1 * (sum over blocks of k_b) + v_2 * (sum over pairs of blocks of k_b k_b')

Every part has mean 0 over the states of each of its blocks, so that constant, blocks and pairs do not explain the same
(Durrande et al. 2013, https://doi.org/10.1016/j.jmva.2012.08.016). There are 17 parameters: a for each of the four choices,
r for two, s for the seven blocks, v_1, v_2 and the noise, the last learned too; v_0 is fixed. They maximise the marginal
likelihood times a log-normal prior, by which few evaluations change little.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Final

import numpy as np

from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import CHOICE_NAMES, N_BLOCKS, SPACE, States

with needing("study"):
    from scipy.linalg import cho_factor, cho_solve
    from scipy.linalg.lapack import dpotri
    from scipy.optimize import minimize

#: Variance of the constant, in units of the labels' variance.
CONSTANT: Final = 10.0
#: Choices with more than two options, whose polynomials of degree 2 and 3 count less.
_ORDINAL: Final = (CHOICE_NAMES.index("e"), CHOICE_NAMES.index("l"))
_N_CHOICES: Final = len(CHOICE_NAMES)
#: Logarithms of the parameters: a, r, s, v_1, v_2, noise variance. Prior means and standard deviations.
_PARTS: Final = np.cumsum([_N_CHOICES, len(_ORDINAL), N_BLOCKS, 1, 1])
_MEANS: Final = np.log([0.3] * _N_CHOICES + [0.2] * len(_ORDINAL) + [1.0] * N_BLOCKS + [0.08, 1e-3, 1e-3])
_DEVIATIONS: Final = np.array([1.0] * _N_CHOICES + [1.0] * len(_ORDINAL) + [0.7] * N_BLOCKS + [1.5, 2.0, 2.5])
#: Added to the noise variance, so that matrices stay regular.
_JITTER: Final = 1e-7


def start() -> FloatArray:
    """The mode of the prior: logarithms of the parameters, ``float64`` (16,)."""
    return _MEANS.copy()


def factors(parameters: FloatArray) -> tuple[FloatArray, ...]:
    """For every block a matrix F_b, ``float64`` (states, rank), with k_b = F_b F_b^T."""
    a, r, s, *_ = _unpack(parameters)
    found = []
    for block in range(N_BLOCKS):
        columns = []
        for choice, polynomials in enumerate(_POLYNOMIALS[block]):
            scale = np.sqrt(a[choice] * r[choice] ** np.arange(polynomials.shape[1]))
            columns.append(np.column_stack([np.ones(len(polynomials)), polynomials * scale]))
        # The first column is the product of the constants.
        found.append(np.sqrt(s[block]) * reduce(np.kron, columns)[:, 1:])
    return tuple(found)


def variances(parameters: FloatArray) -> FloatArray:
    """Variances v_0, v_1 and v_2, ``float64`` (3,)."""
    return np.array([CONSTANT, *np.exp(parameters[_PARTS[2] : _PARTS[4]])])


def noise(parameters: FloatArray) -> float:
    """Variance of the labels' noise, which is also what the kernel cannot explain."""
    return float(np.exp(parameters[-1])) + _JITTER


def gram(parameters: FloatArray, states: States) -> FloatArray:
    """Kernel matrix ``float64`` (n, n) of block states (n, 7), without noise."""
    kernels = [factor @ factor.T for factor in factors(parameters)]
    _, first, second = variances(parameters)
    matrices, sums, pairs = _sums(kernels, states)
    return CONSTANT + first * sums + second * pairs


def learn(parameters: FloatArray, states: States, labels: FloatArray, iterations: int) -> FloatArray:
    """Parameters that maximise the posterior, from some near it.

    Args:
        parameters: Where to begin.
        states: Block states, ``int64`` (n, 7).
        labels: ``float64`` (n,).
        iterations: At most so many iterations of L-BFGS.
    """
    hot = [np.eye(int(size))[states[:, block]] for block, size in enumerate(SPACE.block_sizes)]
    found = minimize(
        loss,
        parameters,
        args=(states, labels, hot),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(_MEANS - 5.0 * _DEVIATIONS, _MEANS + 5.0 * _DEVIATIONS, strict=True)),
        options={"maxiter": iterations},
    )
    best: FloatArray = found.x
    return best


def loss(
    parameters: FloatArray, states: States, labels: FloatArray, hot: list[FloatArray]
) -> tuple[float, FloatArray]:
    """Negative logarithm of marginal likelihood times prior, and its gradient.

    Args:
        parameters: Logarithms of the parameters, ``float64`` (16,).
        states: Block states, ``int64`` (n, 7).
        labels: ``float64`` (n,).
        hot: For every block, which state each row has, ``float64`` (n, states), ones and zeros.
    """
    blocks = [factor @ factor.T for factor in factors(parameters)]
    _, first, second = variances(parameters)
    matrices, sums, pairs = _sums(blocks, states)
    matrix = CONSTANT + first * sums + second * pairs
    matrix[np.diag_indices_from(matrix)] += noise(parameters)
    factor, _ = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    alpha = cho_solve((factor, True), labels, check_finite=False)
    deviates = (parameters - _MEANS) / _DEVIATIONS
    value = 0.5 * labels @ alpha + np.log(np.diag(factor)).sum() + 0.5 * deviates @ deviates
    inverse, _ = dpotri(factor, lower=True, overwrite_c=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    outer = 0.5 * (inverse - np.outer(alpha, alpha))
    gradient = np.zeros(len(parameters))
    gradient[-3] = first * np.vdot(outer, sums)
    gradient[-2] = second * np.vdot(outer, pairs)
    gradient[-1] = np.exp(parameters[-1]) * np.trace(outer)
    for block, (matrix, rows) in enumerate(zip(matrices, hot, strict=True)):
        by_kernel = rows.T @ (outer * (first + second * (sums - matrix))) @ rows
        for position, slope in _slopes(parameters, block):
            gradient[position] += np.vdot(by_kernel, slope)
    return float(value), gradient + deviates / _DEVIATIONS


def _unpack(parameters: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """a and r of the four choices, and s of the blocks."""
    a, ordinal, s, *_ = np.split(np.exp(parameters), _PARTS)
    r = np.ones(_N_CHOICES)
    r[list(_ORDINAL)] = ordinal
    return a, r, s


def _sums(kernels: list[FloatArray], states: States) -> tuple[list[FloatArray], FloatArray, FloatArray]:
    """Kernels of all blocks between architectures, their sum, and that of products of two, ``float64`` (n, n) each."""
    matrices = [
        kernel[states[:, block]].take(states[:, block], axis=1) for block, kernel in enumerate(kernels)
    ]
    sums = np.zeros_like(matrices[0])
    pairs = np.zeros_like(matrices[0])
    for matrix in matrices:
        pairs += matrix * sums
        sums += matrix
    return matrices, sums, pairs


def _slopes(parameters: FloatArray, block: int) -> Iterator[tuple[int, FloatArray]]:
    """Derivatives of a block's kernel by the logarithms of its parameters, with the positions of these."""
    a, r, s = _unpack(parameters)
    kernels, curves = [], []
    for choice, polynomials in enumerate(_POLYNOMIALS[block]):
        degrees = np.arange(polynomials.shape[1])
        weights = a[choice] * r[choice] ** degrees
        kernels.append((polynomials * weights) @ polynomials.T)
        curves.append((polynomials * weights * degrees) @ polynomials.T)
    one_more = [1.0 + kernel for kernel in kernels]
    yield _PARTS[1] + block, s[block] * (reduce(np.kron, one_more) - 1.0)
    for choice in range(_N_CHOICES):
        others = one_more[:choice], one_more[choice + 1 :]
        yield choice, s[block] * reduce(np.kron, [*others[0], kernels[choice], *others[1]])
        if choice in _ORDINAL:
            slope = s[block] * reduce(np.kron, [*others[0], curves[choice], *others[1]])
            yield int(_PARTS[0]) + _ORDINAL.index(choice), slope


def _polynomials(options: int) -> FloatArray:
    """Orthogonal polynomials of degree 1 and more on equally spaced options, ``float64`` (options, options - 1)."""
    powers = np.vander(np.arange(options) - (options - 1) / 2.0, increasing=True)
    columns, _ = np.linalg.qr(powers)
    return np.sqrt(options) * columns[:, 1:]


_POLYNOMIALS: Final = [[_polynomials(int(n)) for n in row] for row in SPACE.cardinalities.reshape(N_BLOCKS, _N_CHOICES)]
