"""A GFlowNet: architectures with probability proportional to exp(reward / temperature)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import fraction, integer, positive
from anb_gym._extras import needing
from anb_gym._files import take_array
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices

from .agent import ArchitectureAgent, Assignment, blank, every_row
from .masked_network import Adam, MaskedNetwork
from .training import Training

if TYPE_CHECKING:
    from torch import Tensor

#: Where the temperature begins; it falls geometrically until half of the budget is spent.
_HOT: Final = 0.1
#: How many of the best architectures are replayed more often.
_N_BEST: Final = 1000
#: Cosines of a preference that the network reads beside it.
_N_COSINES: Final = 8


class GFlowNet(ArchitectureAgent):
    """Samples architectures in proportion to exp(reward / temperature), by trajectory balance.

    Other agents seek the best architecture and settle on it; this one learns a distribution, so that what it samples
    are many good architectures that differ. A GFlowNet (Bengio et al. 2021, https://arxiv.org/abs/2106.04399) builds an
    object step by step. Here the steps are the 28 choices in their order: every partial architecture can be reached in
    one way, so the backward policy is certain, and trajectory balance (Malkin et al. 2022,
    https://arxiv.org/abs/2201.13259) is the square of::

        log Z + log P(architecture) - reward / temperature

    It is zero for all architectures just if P is that distribution and Z its partition function. P is a masked network
    whose log-probabilities are exact, and log Z is learned with it. Four things make it learn fast. Log Z follows its
    gradient in large steps of its own. The temperature falls from 0.1 to its value over the first half of the budget.
    With every new architecture several earlier ones are replayed, half of them of the best thousand; trajectory balance
    asks for no samples of the policy itself. And a few choices are made at random.

    Where episodes ask for something, such as a preference or a task, the distribution and log Z depend on it.

    The settings were chosen on weighted sums of the CPU's metrics, by comparing with the exact distribution.

    Args:
        assignment: What it is to learn: a problem with a scalar reward.
        temperature: In the scale of rewards: of two architectures whose rewards differ by it, the better is e = 2.7
            times as probable. With 0.01 in unit scale samples of the scalar tasks have a mean reward of 0.93 to 0.96,
            and are as many as 30,000 to 400,000 equally probable ones would be.
        batch_size: New architectures per update, at least 2; by default 8, and more for budgets above 2,900.
        n_replayed: Earlier ones beside each.
        exploration: Share of choices that are made at random, in 0..1.
        learning_rate: Learning rate of Adam; over the second half of the budget it falls to zero.
        log_z_rate: How far log Z goes to where the batch says it is, in 0..1.
        hidden_size: Hidden units of the network.

    Raises:
        ValueError: A setting is out of range, or the reward is a vector.

    Example:
        >>> agent = GFlowNet(Assignment("AccelNAS-VCK190-v0", evaluations=10_000, seed=0), temperature=0.02)
        >>> agent.settings["batch_size"]
        16
        >>> float(agent.log_probability(agent.design(3)).round(3)[0])  # nothing is learned: one in 36^6 48
        -25.372
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        temperature: float = 0.01,
        batch_size: int | None = None,
        n_replayed: int = 7,
        exploration: float = 0.02,
        learning_rate: float = 0.005,
        log_z_rate: float = 0.5,
        hidden_size: int = 256,
    ) -> None:
        default = max(8, math.isqrt(assignment.evaluations) // 6)
        super().__init__(
            assignment,
            temperature=positive(temperature, "temperature"),
            batch_size=default if batch_size is None else integer(batch_size, 2, "batch_size"),
            n_replayed=integer(n_replayed, 0, "n_replayed"),
            exploration=fraction(exploration, "exploration"),
            learning_rate=positive(learning_rate, "learning_rate"),
            log_z_rate=fraction(log_z_rate, "log_z_rate"),
            hidden_size=integer(hidden_size, 1, "hidden_size"),
        )
        if self.problem.is_vector:
            raise ValueError(f"gflownet takes a scalar reward, id {assignment.id!r} has a vector")
        n_context = self._context(np.zeros((1, self.problem.ask.n_cells))).shape[1]
        self._network = MaskedNetwork(n_context, hidden_size, self.rng)
        self._adam = Adam(self._network.weights)
        # At an infinite temperature Z is the number of architectures.
        self._log_z = np.array([math.log(SPACE.size), *np.zeros(n_context)])

    def train(self, training: Training) -> None:
        with needing("agents"):
            from anb_gym._torch import torch_threads
        # What was evaluated before a checkpoint is in the training's record.
        record, memory = training.evaluations, _Memory(training.assignment.evaluations, self.problem.ask.n_cells)
        memory.add(SPACE.from_index(record.index), record.reward, record.cells)
        with torch_threads(1):
            while training.remaining:
                self._update(training, memory)
                training.checkpoint(self)

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        return self._network.complete(choices, self._context(cells), rng, greedy)

    def log_probability(self, choices: Choices, cells: FloatArray | None = None) -> FloatArray:
        """Log-probabilities of architectures, exact to the precision of ``float32``.

        Args:
            choices: ``int8`` (n, 28).
            cells: What they are for, see :meth:`complete`; None where episodes ask for nothing.

        Returns:
            ``float64`` (n,).
        """
        with needing("agents"):
            import torch

            from anb_gym._torch import torch_threads
        context = self._context(self._cells(cells, len(choices)))
        with torch_threads(1), torch.no_grad():
            return self._log_p(torch.from_numpy(self._network.weights), choices, context).double().numpy()

    def log_z(self, cells: FloatArray | None = None) -> FloatArray:
        """What it learned of the logarithm of the partition function, ``float64`` (n,).

        Args:
            cells: What architectures are for, ``float64`` (n, cells); None where episodes ask for nothing, for (1,).
        """
        log_z: FloatArray = self._features(self._context(self._cells(cells, 1))) @ self._log_z
        return log_z

    def state(self) -> dict[str, NDArray[Any]]:
        return {**self._adam.state(), "log_z": self._log_z}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        arrays = dict(state)
        self._log_z = take_array(arrays, "log_z", "float64", self._log_z.shape)
        self._adam.restore(arrays)

    def _update(self, training: Training, memory: _Memory) -> None:
        """Evaluates a batch and makes one step."""
        of, n = self.settings, min(self.settings["batch_size"], training.remaining)
        progress = training.done / training.assignment.evaluations
        request = training.draw(n)
        cells = every_row(self.problem.ask.cells(request), n)
        choices = self.complete(blank(n), cells, self.rng, greedy=False)
        explored = self.rng.random(choices.shape) < of["exploration"]
        choices = np.where(explored, SPACE.sample(n, self.rng), choices)
        memory.add(choices, training.evaluate(choices, request).reward, cells)
        rows = np.concatenate([memory.newest(n), memory.draw(n * of["n_replayed"], self.rng)])
        hot = max(_HOT, of["temperature"])
        temperature = of["temperature"] * (hot / of["temperature"]) ** max(0.0, 1.0 - 2.0 * progress)
        self._step(
            memory.choices[rows],
            self._context(memory.cells[rows]),
            memory.reward[rows] / temperature,
            of["learning_rate"] * min(1.0, 2.0 - 2.0 * progress),
        )

    def _step(self, choices: Choices, context: FloatArray, target: FloatArray, learning_rate: float) -> None:
        """Makes one step down the mean square of the imbalance."""
        import torch

        weights, features = torch.from_numpy(self._network.weights).requires_grad_(), self._features(context)
        log_p = self._log_p(weights, choices, context)
        imbalance = log_p + torch.from_numpy((features @ self._log_z - target).astype(np.float32))
        (gradient,) = torch.autograd.grad((imbalance**2).mean(), weights)
        self._adam.step(gradient.numpy(), learning_rate)
        by_log_z = (features * imbalance.detach().double().numpy()[:, None]).mean(axis=0)
        self._log_z = self._log_z - self.settings["log_z_rate"] * by_log_z / (features**2).sum(axis=1).mean()

    def _log_p(self, weights: Tensor, choices: Choices, context: FloatArray) -> Tensor:
        import torch

        table = self._network.log_probabilities(weights, choices, context)
        return table.gather(2, torch.from_numpy(choices.astype(np.int64))[:, :, None]).sum(dim=(1, 2))

    def _context(self, cells: FloatArray) -> FloatArray:
        """What the network reads of cells (n, cells): cosines of a preference, the cells of a task."""
        if not self.problem.ask.fractions:
            return cells
        place: FloatArray = cells[:, :1]  # the other weight follows from the first
        cosines: FloatArray = np.cos(np.pi * place * np.arange(1, _N_COSINES + 1))
        return cosines

    def _features(self, context: FloatArray) -> FloatArray:
        """What log Z is linear in."""
        return np.concatenate([np.ones((len(context), 1)), context], axis=1)

    def _cells(self, cells: FloatArray | None, n: int) -> FloatArray:
        n_cells = self.problem.ask.n_cells
        if (cells is None) != (n_cells == 0) or (cells is not None and np.shape(cells)[1:] != (n_cells,)):
            raise ValueError(f"cells must have {n_cells} numbers for each architecture, got {cells!r}")
        return np.empty((n, 0)) if cells is None else np.asarray(cells, dtype=np.float64)


class _Memory:
    """Everything that was evaluated.

    Args:
        n: How many evaluations there will be at most.
        n_cells: Cells of what each was for.
    """

    def __init__(self, n: int, n_cells: int) -> None:
        self.choices: Choices = np.empty((n, SPACE.n_choices), dtype=np.int8)
        self.reward, self.cells = np.empty(n), np.empty((n, n_cells))
        self._index = np.empty(n, dtype=np.int64)
        self._size, self._best = 0, np.empty(0, dtype=np.int64)

    def add(self, choices: Choices, reward: FloatArray, cells: FloatArray) -> None:
        rows = np.arange(self._size, self._size + len(choices))
        self.choices[rows], self.reward[rows], self.cells[rows] = choices, reward, cells
        self._index[rows] = SPACE.to_index(choices)
        self._size += len(rows)
        # The best of different architectures, the earlier first.
        pool = np.concatenate([self._best, rows])
        pool = pool[np.argsort(-self.reward[pool], kind="stable")]
        _, first = np.unique(self._index[pool], return_index=True)
        self._best = pool[np.sort(first)[:_N_BEST]]

    def newest(self, n: int) -> NDArray[np.int64]:
        """Rows of the last n."""
        return np.arange(self._size - n, self._size)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Rows of n, half of them of the best."""
        return np.concatenate([rng.choice(self._best, n // 2), rng.integers(self._size, size=n - n // 2)])
