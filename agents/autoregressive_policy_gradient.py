"""An autoregressive policy gradient: each choice may depend on those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, non_negative
from anb_gym._extras import needing
from anb_gym._files import take_array
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices

from .agent import ArchitectureAgent, Assignment, blank
from .masked_network import Adam, MaskedNetwork
from .policy_gradient import Elites, draw_unseen, refuse_contexts

if TYPE_CHECKING:
    from .training import Training

#: Share of the budget after which entropy has no weight.
_EXPLORING = 0.8
_EPSILON = 1e-8


class AutoregressivePolicyGradient(ArchitectureAgent):
    """REINFORCE on a masked network, to see what the dependence between choices is worth.

    As :class:`~anb_gym.agents.policy_gradient.PolicyGradient` with one policy, in which each of the 28 choices depends
    on those before it by a masked network (:class:`~anb_gym.agents.masked_network.MaskedNetwork`). All else is the
    same: the batch's mean as the baseline, advantages in units of its deviation, an entropy bonus that falls to zero,
    imitation of the best that grows, and another draw for what was evaluated before. It takes ten times as long. On the
    scalar tasks it finds no more than one factored policy does, and less than several of them side by side.

    The learning rate was chosen on the CPU's task and on two weighted sums.

    Args:
        assignment: What it is to learn: a problem with a scalar reward, whose episodes ask for nothing.
        batch_size: Architectures per turn, at least 2; by default one in 166 evaluations, and no fewer than 4.
        learning_rate: Learning rate of Adam.
        entropy_weight: Weight of the entropy bonus at the start.
        imitation_weight: Weight of self-imitation at the end.
        n_elites: How many of the best are imitated at the start.
        hidden_size: Hidden units of the network.

    Raises:
        ValueError: A setting is out of range, or the agent does not suit the assignment.

    Example:
        >>> agent = AutoregressivePolicyGradient(Assignment("AccelNAS-VCK190-v0", evaluations=1000, seed=0))
        >>> agent.settings["batch_size"]
        6
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        batch_size: int | None = None,
        learning_rate: float = 0.03,
        entropy_weight: float = 0.02,
        imitation_weight: float = 1.0,
        n_elites: int = 5,
        hidden_size: int = 64,
    ) -> None:
        default = max(4, assignment.evaluations // 166)
        super().__init__(
            assignment,
            batch_size=default if batch_size is None else integer(batch_size, 2, "batch_size"),
            learning_rate=non_negative(learning_rate, "learning_rate"),
            entropy_weight=non_negative(entropy_weight, "entropy_weight"),
            imitation_weight=non_negative(imitation_weight, "imitation_weight"),
            n_elites=integer(n_elites, 1, "n_elites"),
            hidden_size=integer(hidden_size, 1, "hidden_size"),
        )
        refuse_contexts(assignment, "autoregressive_policy_gradient")
        self._network = MaskedNetwork(0, hidden_size, self.rng)
        self._adam, self._elites, self._done = Adam(self._network.weights), Elites(1, n_elites), 0

    def train(self, training: Training) -> None:
        with needing("agents"):
            from anb_gym._torch import torch_threads
        seen = set(training.evaluations.index.tolist())
        with torch_threads(1):
            while training.remaining:
                n = min(self.settings["batch_size"], training.remaining)
                choices = draw_unseen(n, self._draw, seen)
                self._update(choices, training.evaluate(choices).reward)
                training.checkpoint(self)

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        return self._network.complete(choices, np.empty((len(choices), 0)), rng, greedy)

    def state(self) -> dict[str, NDArray[Any]]:
        return {**self._adam.state(), **self._elites.state(), "done": np.array(self._done)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        arrays = dict(state)
        self._done = int(take_array(arrays, "done", "int64", ()))
        self._elites.restore(arrays)
        self._adam.restore(arrays)

    def _draw(self, rows: NDArray[np.int64], times: int) -> Choices:
        """Draws architectures, with a share of uniform choices that grows with the times that it was tried."""
        choices = self.complete(blank(len(rows)), np.empty((len(rows), 0)), self.rng, greedy=False)
        if times == 0:
            return choices
        uniform = self.rng.random(choices.shape) < 0.01 * times
        return np.where(uniform, SPACE.sample(len(rows), self.rng), choices)

    def _update(self, choices: Choices, rewards: FloatArray) -> None:
        """Makes one step of Adam."""
        import torch

        of, n, progress = self.settings, len(rewards), self._done / self.assignment.evaluations
        self._done += n
        self._elites.keep(choices, rewards, np.zeros(n, dtype=np.int64))
        _, imitated = self._elites.first(progress)
        advantages = (rewards - rewards.mean()) / (rewards.std() + _EPSILON)
        imitation = np.full(len(imitated), of["imitation_weight"] * progress / len(imitated))
        weights = torch.from_numpy(self._network.weights).requires_grad_()
        shown = np.concatenate([choices, imitated])
        table = self._network.log_probabilities(weights, shown, np.empty((len(shown), 0)))
        log_p = table.gather(2, torch.from_numpy(shown.astype(np.int64))[:, :, None]).sum(dim=(1, 2))
        gain = (torch.from_numpy(np.concatenate([advantages / n, imitation]).astype(np.float32)) * log_p).sum()
        entropy_weight = of["entropy_weight"] * max(0.0, 1.0 - progress / _EXPLORING)
        # Options that there are not have no probability, and would make it infinity times zero.
        finite = table[:n].clamp(min=-30.0)
        gain = gain - entropy_weight * (finite.exp() * finite).sum() / n
        (gradient,) = torch.autograd.grad(gain, weights)
        self._adam.step(-gradient.numpy(), of["learning_rate"])
