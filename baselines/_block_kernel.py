"""A kernel over architectures that is additive over blocks and pairs of blocks, and the learning of its parameters.

The options of a choice have orthogonal polynomials p_1, p_2, ... (mean 0 and mean square 1 over the options). They make
the kernel of the choice, and the choices' kernels that of a block, with their interactions::

    k_c = a_bc * sum over degrees d of  r_c^(d-1) * p_d p_d^T         (r_c for expansion and layers alone)
    k_b = s_b * (product over the four choices of (1 + k_c) - 1)
    k   = v_0 + v_1 * (sum over blocks of k_b) + v_2 * (sum over pairs of blocks of k_b k_b')

Every part has mean 0 over the states of each of its blocks, so that constant, blocks and pairs do not explain the same
(Durrande et al. 2013, https://doi.org/10.1016/j.jmva.2012.08.016). With the variance of the labels' noise there are 40
parameters (v_0 is fixed), which maximise the marginal likelihood times a log-normal prior, by which few evaluations
change little.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

import numpy as np

from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import CHOICE_NAMES, N_BLOCKS, SPACE, States
from anb_gym.surrogates.posterior import Posterior

with needing("study"):
    from scipy.linalg import cho_factor, cho_solve
    from scipy.linalg.lapack import dpotri
    from scipy.optimize import minimize

#: Variance of the constant, in units of the labels' variance.
CONSTANT: Final = 10.0
#: Choices with more than two options, whose polynomials of degree 2 and 3 count less.
_ORDINAL: Final = (CHOICE_NAMES.index("e"), CHOICE_NAMES.index("l"))
_N_CHOICES: Final = len(CHOICE_NAMES)
#: Where the parts of the parameters end: a, r, s, v_1, v_2; the noise variance is last.
_PARTS: Final = np.cumsum([N_BLOCKS * _N_CHOICES, len(_ORDINAL), N_BLOCKS, 1, 1])
#: The prior of the parameters' logarithms: means and standard deviations. The means are about those that 500 random
#: architectures of the CPU's task have under every family, and of two generated devices, which hardly differ.
_MEANS: Final = np.log(
    [0.2, 0.015, 0.085, 0.024] * N_BLOCKS + [0.17, 0.05, 0.65, 0.5, 0.6, 1.0, 1.4, 2.8, 2.2, 0.1, 0.01, 1e-3]
)
_DEVIATIONS: Final = np.array([0.7] * (N_BLOCKS * _N_CHOICES + len(_ORDINAL)) + [0.5] * N_BLOCKS + [0.7, 1.0, 3.0])
#: Deviations that parameters may be from the means.
_BOUND: Final = 3.0
#: Added to the noise variance, so that matrices stay regular within the bounds of the parameters.
_JITTER: Final = 1e-5


def prior_mode() -> FloatArray:
    """The mode of the prior: logarithms of the parameters, ``float64`` (40,)."""
    return _MEANS.copy()


def factors(parameters: FloatArray) -> tuple[FloatArray, ...]:
    """For every block a matrix F_b, ``float64`` (states, rank), with k_b = F_b F_b^T."""
    a, r, s, *_ = _unpack(parameters)
    found = []
    for block in range(N_BLOCKS):
        columns = []
        for choice, polynomials in enumerate(_POLYNOMIALS[block]):
            scale = np.sqrt(a[block, choice] * r[choice] ** np.arange(polynomials.shape[1]))
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
    _, first, second = variances(parameters)
    _, sums, pairs = _sums(parameters, states)
    matrix: FloatArray = CONSTANT + first * sums + second * pairs
    return matrix


def posterior(parameters: FloatArray, states: States) -> Posterior:
    """The Gaussian process conditioned on labels of block states (n, 7), up to its mean."""
    return Posterior(states, np.full(len(states), noise(parameters)), factors(parameters), variances(parameters), 1.0)


def learn(parameters: FloatArray, states: States, labels: FloatArray, iterations: int) -> FloatArray:
    """Parameters that maximise the posterior, from some near it.

    Args:
        parameters: Where to begin.
        states: Block states, ``int64`` (n, 7).
        labels: ``float64`` (n,).
        iterations: At most so many iterations of L-BFGS.
    """
    hot = [np.eye(int(size))[states[:, block]] for block, size in enumerate(SPACE.block_sizes)]

    def of_deviates(deviates: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = loss(_MEANS + _DEVIATIONS * deviates, states, labels, hot)
        return value, gradient * _DEVIATIONS

    # In units of the prior's deviations steps suit all parameters, that of the noise above all.
    found = minimize(
        of_deviates,
        (parameters - _MEANS) / _DEVIATIONS,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_BOUND, _BOUND)] * len(parameters),
        options={"maxiter": iterations},
    )
    best: FloatArray = _MEANS + _DEVIATIONS * found.x
    return best


def loss(parameters: FloatArray, states: States, labels: FloatArray, hot: list[FloatArray]) -> tuple[float, FloatArray]:
    """Negative logarithm of marginal likelihood times prior, and its gradient.

    Args:
        parameters: Logarithms of the parameters, ``float64`` (40,).
        states: Block states, ``int64`` (n, 7).
        labels: ``float64`` (n,).
        hot: For every block, which state each row has, ``float64`` (n, states), ones and zeros.
    """
    _, first, second = variances(parameters)
    matrices, sums, pairs = _sums(parameters, states)
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
        by_kernel = np.exp(parameters[_PARTS[1] + block]) * (
            rows.T @ (outer * (first + second * (sums - matrix))) @ rows
        )
        unscaled, by = _slopes(parameters, block)
        gradient[_PARTS[1] + block] = np.vdot(by_kernel, unscaled)
        of_choices = np.tensordot(by, by_kernel)
        gradient[block * _N_CHOICES : (block + 1) * _N_CHOICES] = of_choices[:_N_CHOICES]
        gradient[_PARTS[0] : _PARTS[1]] += of_choices[_N_CHOICES:]
    return float(value), gradient + deviates / _DEVIATIONS


def _unpack(parameters: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Parameters a, ``float64`` (7, 4), r of the four choices, (4,), and s of the blocks, (7,)."""
    a, ordinal, s, *_ = np.split(np.exp(parameters), _PARTS)
    a = a.reshape(N_BLOCKS, _N_CHOICES)
    r = np.ones(_N_CHOICES)
    r[list(_ORDINAL)] = ordinal
    return a, r, s


def _sums(parameters: FloatArray, states: States) -> tuple[list[FloatArray], FloatArray, FloatArray]:
    """Kernels of all blocks between architectures, their sum, and that of products of two, ``float64`` (n, n) each."""
    matrices = []
    sums, pairs = np.zeros((2, len(states), len(states)))
    for block, factor in enumerate(factors(parameters)):
        matrix = (factor @ factor.T)[states[:, block]].take(states[:, block], axis=1)
        matrices.append(matrix)
        pairs += matrix * sums
        sums += matrix
    return matrices, sums, pairs


def _slopes(parameters: FloatArray, block: int) -> tuple[FloatArray, FloatArray]:
    """Kernel k_b / s_b of a block, and its derivatives by the logarithms of a of its choices, and of r.

    Args:
        parameters: Logarithms of the parameters.
        block: The block.

    Returns:
        ``float64`` (states, states) and (6, states, states).
    """
    a, r, _ = _unpack(parameters)
    one_more, slopes, curves = [], [], []
    for choice, of_degrees in enumerate(_PRODUCTS[int(SPACE.block_sizes[block])]):
        degrees = np.arange(len(of_degrees))
        weights = a[block, choice] * r[choice] ** degrees
        slopes.append(np.tensordot(weights, of_degrees, axes=1))
        one_more.append(1.0 + slopes[-1])
        curves.append(np.tensordot(weights * degrees, of_degrees, axes=1))
    others = [np.prod([m for c, m in enumerate(one_more) if c != choice], axis=0) for choice in range(_N_CHOICES)]
    by = [slope * other for slope, other in zip(slopes, others, strict=True)]
    by += [curves[choice] * others[choice] for choice in _ORDINAL]
    return others[0] * one_more[0] - 1.0, np.stack(by)


def _polynomials(options: int) -> FloatArray:
    """Orthogonal polynomials of degree 1 and more on equally spaced options, ``float64`` (options, options - 1)."""
    powers = np.vander(np.arange(options) - (options - 1) / 2.0, increasing=True)
    columns, _ = np.linalg.qr(powers)
    polynomials: FloatArray = np.sqrt(options) * columns[:, 1:]
    return polynomials


def _products(block: int) -> list[FloatArray]:
    """For every choice of a block p_d p_d^T of all degrees d, ``float64`` (options - 1, states, states)."""
    states = np.arange(SPACE.block_sizes[block])
    rows = np.zeros((len(states), N_BLOCKS), dtype=np.int64)
    rows[:, block] = states
    options = SPACE.from_states(rows).reshape(len(states), N_BLOCKS, _N_CHOICES)[:, block]
    found = []
    for choice, polynomials in enumerate(_POLYNOMIALS[block]):
        by_state = polynomials[options[:, choice]].T
        found.append(by_state[:, :, None] * by_state[:, None, :])
    return found


_POLYNOMIALS: Final = [[_polynomials(int(n)) for n in row] for row in SPACE.cardinalities.reshape(N_BLOCKS, _N_CHOICES)]
_PRODUCTS: Final = {int(size): _products(block) for block, size in enumerate(SPACE.block_sizes)}
