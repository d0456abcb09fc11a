"""A factored policy gradient that reads what an episode asks for: a device by its probes, and a preference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, non_negative, positive
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices

from .agent import ArchitectureAgent, Assignment
from .masked_network import Adam
from .network import Network
from .policy_gradient import draw_from, entropy_gradient
from .training import Training

_OPTIONS: Final = int(SPACE.cardinalities.max())
#: What options there are, (28, 4).
_EXISTS: Final = np.arange(_OPTIONS) < SPACE.cardinalities[:, None]
#: Batches that a budget is for.
_STEPS: Final = 300
#: Harmonics of every cell that the network reads beside it, in half turns.
_HARMONICS: Final = 3
#: Share of the budget after which entropy has no weight, and after which steps get smaller.
_EXPLORING, _SETTLING = 0.8, 0.6
#: Factor of the network's outputs, so that small steps of Adam move them enough.
_GAIN: Final = 10.0


class ContextualPolicyGradient(ArchitectureAgent):
    """``policy_gradient`` where devices are generated: a network reads their probes and writes 28 distributions.

    It learns from rewards of the environment alone. A batch draws devices, and perhaps preferences, and a few designs
    for each, whose mean is their baseline: REINFORCE (Williams 1992, https://doi.org/10.1007/BF00992696) with the
    leave-one-out baseline of Kool et al. 2019 (https://openreview.net/forum?id=r1lgTGL5DE), in units of the batch's
    deviation, with an entropy bonus that falls to zero, by Adam.

    Args:
        assignment: What it is to learn: an id whose episodes ask for something, with a scalar reward.
        group_size: Designs for each device, at least 2.
        batch_size: Designs per step; by default one in 300 of the budget, but a group at least.
        learning_rate: Learning rate of Adam, falling to zero over the last two fifths of the budget.
        entropy_weight: Weight of the entropy bonus at the start.
        hidden_size: Units of each of the two hidden layers.
        blind: Whether what episodes ask for is hidden from it, to see what knowing it is worth.

    Raises:
        ValueError: A setting is out of range, or the agent does not suit the assignment.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        group_size: int = 8,
        batch_size: int | None = None,
        learning_rate: float = 1e-3,
        entropy_weight: float = 0.3,
        hidden_size: int = 128,
        blind: bool = False,
    ) -> None:
        group_size = integer(group_size, 2, "group_size")
        default = max(1, assignment.evaluations // _STEPS // group_size) * group_size
        settings = {
            "group_size": group_size,
            "batch_size": integer(default if batch_size is None else batch_size, group_size, "batch_size"),
            "learning_rate": positive(learning_rate, "learning_rate"),
            "entropy_weight": non_negative(entropy_weight, "entropy_weight"),
            "hidden_size": integer(hidden_size, 1, "hidden_size"),
            "blind": blind,
        }
        if not isinstance(blind, bool):
            raise ValueError(f"blind must be true or false, got {blind!r}")
        super().__init__(assignment, **settings)
        problem = assignment.problem
        if problem.is_vector or not problem.ask.n_cells:
            raise ValueError(f"id must have a scalar reward and episodes that ask for something, got {assignment.id!r}")
        if problem.limit is not None:
            raise ValueError(
                f"id must have no cost for policy_gradient, got {assignment.id!r}: preference_conditioned knows bounds"
            )
        sizes = (problem.ask.n_cells * (1 + _HARMONICS), hidden_size, hidden_size, _EXISTS.size)
        self._network = Network(sizes, self.rng)
        self._adam = Adam(self._network.weights)

    def train(self, training: Training) -> None:
        group, batch = self.settings["group_size"], self.settings["batch_size"]
        while training.remaining:
            n = min(batch, training.remaining)
            by = np.arange(n) // group
            request = training.draw(int(by[-1]) + 1)
            logits, kept = self._network.forward(self._inputs(self.problem.ask.cells(request)))
            policies = _policies(_GAIN * logits)
            choices = draw_from(policies, by, self.rng)
            progress = training.done / training.assignment.evaluations
            rewards = training.evaluate(choices, request[by]).reward
            advantages = rewards - (np.bincount(by, rewards) / np.bincount(by))[by]
            advantages /= np.sqrt((advantages**2).mean()) + 1e-8
            gradient = np.zeros_like(policies)
            taken = choices[:, :, None] == np.arange(_OPTIONS)
            np.add.at(gradient, by, advantages[:, None, None] * (taken - policies[by]) / n)
            weight = self.settings["entropy_weight"] * max(0.0, 1.0 - progress / _EXPLORING)
            gradient += weight * entropy_gradient(policies) / len(policies)
            flat = (_GAIN * gradient).reshape(len(policies), -1).astype(np.float32)
            rate = min(1.0, (1.0 - progress) / (1.0 - _SETTLING))
            self._adam.step(-self._network.backward(flat, kept), self.settings["learning_rate"] * rate)
            training.checkpoint(self)

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        policies = _policies(_GAIN * self._network.forward(self._inputs(cells))[0])
        made = policies.argmax(axis=2) if greedy else draw_from(policies, np.arange(len(choices)), rng)
        return np.where(choices >= 0, choices, made).astype(np.int8)

    def state(self) -> dict[str, NDArray[Any]]:
        return self._adam.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._adam.restore(dict(state))

    def _inputs(self, cells: FloatArray) -> FloatArray:
        """Cells, which lie in 0..1, from -1 to 1, and their harmonics, ``float64`` (n, inputs)."""
        shown = np.zeros_like(cells) if self.settings["blind"] else cells
        turns = [np.cos(np.pi * k * shown) for k in range(1, 1 + _HARMONICS)]
        return np.concatenate([2.0 * shown - 1.0, *turns], axis=1)


def _policies(logits: NDArray[np.float32]) -> FloatArray:
    """Probabilities of the options of every choice, ``float64`` (n, 28, 4)."""
    cells = np.where(_EXISTS, logits.reshape(len(logits), *_EXISTS.shape).astype(np.float64), -np.inf)
    weights = np.exp(cells - cells.max(axis=2, keepdims=True))
    policies: FloatArray = weights / weights.sum(axis=2, keepdims=True)
    return policies
