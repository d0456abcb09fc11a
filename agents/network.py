"""A small perceptron in numpy, with its gradient."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Share of the usual variance that weights of the last layer begin with: so that policies begin nearly uniform.
_LAST: Final = 0.005


class Network:
    """Layers with ReLU between them.

    Weights begin as He et al. 2015 (https://arxiv.org/abs/1502.01852) have them, the last layer's smaller.

    Args:
        sizes: Inputs, hidden units of each layer, and outputs.
        rng: Draws the weights.

    Attributes:
        sizes: The same.
        weights: All weights and biases, ``float32`` (k,), to be changed in place.
    """

    def __init__(self, sizes: tuple[int, ...], rng: np.random.Generator) -> None:
        self.sizes = sizes
        self.weights = np.zeros(sum((n + 1) * m for n, m in pairwise(sizes)), dtype=np.float32)
        layers = self._layers(self.weights)
        for matrix, _ in layers:
            share = _LAST if matrix is layers[-1][0] else 1.0
            matrix[:] = np.sqrt(2.0 * share / len(matrix)) * rng.standard_normal(matrix.shape)

    def forward(self, inputs: NDArray[Any]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """The outputs ``float32`` (n, outputs) for inputs (n, inputs), and what :meth:`backward` needs."""
        *hidden, (matrix, bias) = self._layers(self.weights)
        kept = [inputs.astype(np.float32)]
        for of, shift in hidden:
            kept.append(np.maximum(kept[-1] @ of + shift, 0.0))
        return kept[-1] @ matrix + bias, kept

    def backward(self, gradient: NDArray[np.float32], kept: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The gradient by :attr:`weights`, of one by the outputs ``float32`` (n, outputs)."""
        found = np.empty_like(self.weights)
        layers = zip(self._layers(self.weights), self._layers(found), kept, strict=True)
        for (matrix, _), (by_matrix, by_bias), inputs in reversed(list(layers)):
            by_matrix[:], by_bias[:] = inputs.T @ gradient, gradient.sum(axis=0)
            gradient = (gradient @ matrix.T) * (inputs > 0)
        return found

    def _layers(self, weights: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """The matrix and the bias of each layer, parts of the weights."""
        layers, start = [], 0
        for n, m in pairwise(self.sizes):
            stop = start + n * m
            layers.append((weights[start:stop].reshape(n, m), weights[stop : stop + m]))
            start = stop + m
        return layers
