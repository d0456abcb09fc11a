"""A distribution over architectures by a masked network, and Adam on its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._files import take_array
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices

if TYPE_CHECKING:
    from torch import Tensor

#: Cells of a choice in the one-hot code: as many as the most options that a choice has.
_OPTIONS: Final = int(SPACE.cardinalities.max())
_N: Final = SPACE.n_choices
#: The choice of every cell; what options there are, and minus infinity for the cells of those that there are not.
_CHOICE: Final = np.repeat(np.arange(_N), _OPTIONS)
_EXISTS: Final = np.arange(_OPTIONS) < SPACE.cardinalities[:, None]
_FORBIDDEN: Final = np.where(_EXISTS, 0.0, -np.inf).astype(np.float32)
#: Rows that are completed together: BLAS multiplies such small matrices on one thread, so that the number of threads
#: does not change a bit of them.
_CHUNK: Final = 64
#: Decay of Adam's second average, and what it adds to the root of it.
_SQUARE_DECAY, _EPSILON = 0.999, 1e-8


class MaskedNetwork:
    """A distribution over architectures whose choices depend on those before them.

    MADE (Germain et al. 2015, https://arxiv.org/abs/1502.03509): a network of one hidden layer, with direct connections
    beside, reads the one-hot code of an architecture and writes 28 softmaxes. Masks see to it that each depends only on
    the choices before it, so that one pass gives the exact probability of a whole architecture. A context, such as a
    preference, can be read by all. To begin with all architectures are equally probable.

    Args:
        n_context: Numbers in a context; 0 for none.
        hidden_size: Hidden units.
        rng: Draws the initial weights.

    Attributes:
        weights: All weights, ``float32`` (k,), to be changed in place.
    """

    def __init__(self, n_context: int, hidden_size: int, rng: np.random.Generator) -> None:
        n_cells = n_context + _N * _OPTIONS
        # A hidden unit reads the choices before its own, and is read by its own and those after.
        unit = np.arange(hidden_size) * _N // hidden_size
        cell = np.concatenate([np.full(n_context, -1), _CHOICE])
        self._ends = np.searchsorted(unit, np.arange(_N), side="right")
        self._masks = {
            "hidden": cell[:, None] < unit,
            "hidden_bias": np.ones(hidden_size, dtype=bool),
            "direct": cell[:, None] < _CHOICE,
            "output": unit[:, None] <= _CHOICE,
            "bias": np.ones(_N * _OPTIONS, dtype=bool),
        }
        self._masks = {name: mask.astype(np.float32) for name, mask in self._masks.items()}
        self._n_context, self._n_cells = n_context, n_cells
        self.weights = np.zeros(sum(mask.size for mask in self._masks.values()), dtype=np.float32)
        hidden = rng.standard_normal((n_cells, hidden_size)) / np.sqrt(n_context + _N)
        dict(self._parts(self.weights))["hidden"][:] = hidden

    def log_probabilities(self, weights: Tensor, choices: Choices, context: FloatArray) -> Tensor:
        """Log-probabilities of every option of every choice, given those before, for a gradient by the weights.

        Args:
            weights: :attr:`weights` as a tensor.
            choices: ``int8`` (n, 28).
            context: ``float64`` (n, n_context).

        Returns:
            ``float32`` (n, 28, 4); minus infinity where there is no option.
        """
        import torch

        n = len(choices)
        cells = np.zeros((n, self._n_cells), dtype=np.float32)
        cells[:, : self._n_context] = context
        cells[:, self._n_context :].reshape(n, _N, _OPTIONS)[
            np.arange(n)[:, None], np.arange(_N), choices.astype(np.int64)
        ] = 1.0
        inputs = torch.from_numpy(cells)
        parts = {name: part * torch.from_numpy(self._masks[name]) for name, part in self._parts(weights)}
        hidden = torch.relu(inputs @ parts["hidden"] + parts["hidden_bias"])
        logits = hidden @ parts["output"] + inputs @ parts["direct"] + parts["bias"]
        return torch.log_softmax(logits.reshape(n, _N, _OPTIONS) + torch.from_numpy(_FORBIDDEN), dim=2)

    def complete(self, choices: Choices, context: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        """Makes the open choices of architectures, one after the other.

        Args:
            choices: ``int8`` (n, 28), -1 where a choice is open.
            context: ``float64`` (n, n_context).
            rng: Source of what is sampled.
            greedy: Whether to make the most probable choices, not to sample.
        """
        parts = {name: part * self._masks[name] for name, part in self._parts(self.weights)}
        chunks = [slice(start, start + _CHUNK) for start in range(0, len(choices), _CHUNK)]
        made = [self._complete(parts, choices[rows], context[rows], rng, greedy) for rows in chunks]
        return np.concatenate(made) if made else choices.copy()

    def _complete(
        self, parts: Mapping[str, Any], choices: Choices, context: FloatArray, rng: np.random.Generator, greedy: bool
    ) -> Choices:
        made, rows = choices.copy(), np.arange(len(choices))
        cells = np.zeros((len(choices), self._n_cells), dtype=np.float32)
        cells[:, : self._n_context] = context
        hidden = np.empty((len(choices), len(parts["hidden_bias"])), dtype=np.float32)
        known = 0
        for choice, end in enumerate(self._ends):
            before = self._n_context + choice * _OPTIONS
            options = slice(choice * _OPTIONS, (choice + 1) * _OPTIONS)
            new = cells[:, :before] @ parts["hidden"][:before, known:end] + parts["hidden_bias"][known:end]
            hidden[:, known:end] = np.maximum(new, 0.0)
            logits = hidden[:, :end] @ parts["output"][:end, options] + parts["bias"][options] + _FORBIDDEN[choice]
            logits += cells[:, :before] @ parts["direct"][:before, options]
            # The largest of the logits with Gumbel noise is a draw from their softmax.
            noise = 0.0 if greedy else rng.gumbel(size=logits.shape)
            drawn = (logits + noise).argmax(axis=1)
            made[:, choice] = np.where(made[:, choice] < 0, drawn, made[:, choice])
            cells[rows, before + made[:, choice].astype(np.int64)] = 1.0
            known = int(end)
        return made

    def _parts(self, weights: Any) -> Iterator[tuple[str, Any]]:
        """Weights (k,) as the matrices and biases that they are, by name."""
        start = 0
        for name, mask in self._masks.items():
            yield name, weights[start : start + mask.size].reshape(mask.shape)
            start += mask.size


class Adam:
    """Descent by Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980).

    Args:
        weights: What is changed in place, floats (k,); its averages are of their dtype.
        decay: Of the average of gradients.
    """

    def __init__(self, weights: NDArray[Any], decay: float = 0.9) -> None:
        self._weights, self._decay = weights, decay
        self._average, self._square = np.zeros((2, len(weights)), dtype=weights.dtype)
        self._steps = 0

    def step(self, gradient: NDArray[Any], learning_rate: float) -> None:
        """Makes one step against a gradient (k,)."""
        self._steps += 1
        self._average += (1.0 - self._decay) * (gradient - self._average)
        self._square += (1.0 - _SQUARE_DECAY) * (gradient * gradient - self._square)
        deviation = np.sqrt(self._square / (1.0 - _SQUARE_DECAY**self._steps)) + _EPSILON
        self._weights -= learning_rate / (1.0 - self._decay**self._steps) * self._average / deviation

    def state(self) -> dict[str, NDArray[Any]]:
        """The weights and all that the descent goes on from, arrays by name."""
        return {
            "weights": self._weights,
            "average": self._average,
            "square": self._square,
            "steps": np.array(self._steps),
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Takes its arrays out of a state and goes back to it.

        Raises:
            ValueError: One is missing, or of another shape or dtype.
        """
        shape = self._weights.shape
        for name, array in (("weights", self._weights), ("average", self._average), ("square", self._square)):
            array[:] = take_array(state, name, self._weights.dtype.name, shape)
        self._steps = int(take_array(state, "steps", "int64", ()))
