"""Relaxation: ascent on the expected reward of a distribution over architectures, by the benchmark's own tables."""

from __future__ import annotations

import numpy as np

from anb_gym._errors import integer, positive
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.arrays.sums import CHOICE_ENDS
from anb_gym.envs.families import make_known_problem
from anb_gym.problems import Problem
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import require_objectives, told

with needing("torch"):
    import torch
    from torch import Tensor

    from anb_gym._torch import torch_threads

#: The distribution has settled when every choice's likeliest option has this probability; then it starts anew.
_SETTLED = 0.99
_OPTIONS = SPACE.cardinalities.tolist()


class Relaxation:
    """Gradient ascent on a relaxed architecture: independent distributions over the options of the 28 choices.

    As REINFORCE with a factored policy and no noise in its gradient: the expectation of every table under the
    distribution is exact, see :meth:`anb_gym.arrays.tables.Tables.expect`, and so is the gradient. A reward that is
    linear in the tables, such as accuracy, is ascended by its expectation itself; others by that of expected metrics,
    which agree where the distribution has settled.

    It is no black-box search: it knows the tables of the task that a setting names, and what it is told does not
    matter. It shows how far gradients lead, and what a search without them costs.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness.
        id: The environment whose reward it ascends: one with a fixed scalar reward.
        learning_rate: Of Adam, positive.
        steps: Steps of Adam before every batch.
        batch_size: Architectures drawn from the distribution at a time.
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        id: str = "AccelNAS-VCK190-v0",
        learning_rate: float = 0.3,
        steps: int = 5,
        batch_size: int = 8,
    ) -> None:
        require_objectives(brief, "relaxation", 1, 1)
        self._brief, self._rng = brief, rng
        self._learning_rate = positive(learning_rate, "learning_rate")
        self._steps = integer(steps, 1, "steps")
        self.batch_size = integer(batch_size, 1, "batch_size")
        problem = make_known_problem(id)
        if not isinstance(problem, Problem) or problem.is_vector or problem.ask.options:
            raise ValueError(f"id must be of an environment with a fixed scalar reward, got {id!r}")
        self._reward = problem.reward
        self._tables = problem.benchmark.to_torch(metrics=problem.metrics)
        self._start()

    def ask(self, n: int) -> Choices:
        """Goes uphill, and draws architectures, ``int8`` (n, 28)."""
        with torch_threads(1), torch.enable_grad():
            for _ in range(self._steps):
                self._optimizer.zero_grad()
                (-self.expected_reward(self._probabilities())).backward()  # type: ignore[no-untyped-call]
                self._optimizer.step()
            found = [of_choice.detach().double().numpy() for of_choice in self._probabilities()]
        drawn = [(self._rng.random((n, 1)) > np.cumsum(p)[:-1]).sum(axis=1) for p in found]
        if min(p.max() for p in found) > _SETTLED:
            self._start()
        return np.stack(drawn, axis=1).astype(np.int8)

    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Refuses nonsense, and learns nothing.

        Args:
            choices: The evaluated architectures, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, 1).
        """
        told(choices, objectives, self._brief)

    def expected_reward(self, probabilities: list[Tensor]) -> Tensor:
        """The raw reward of the expected metrics of a distribution, a tensor ()."""
        expected = self._tables.expect(torch.cat(probabilities))
        reward: Tensor = self._reward(expected)  # type: ignore[assignment] # written for any library's arrays
        return reward

    def _start(self) -> None:
        self._logits = torch.tensor(self._rng.normal(size=CHOICE_ENDS[-1]), dtype=torch.float32, requires_grad=True)
        self._optimizer = torch.optim.Adam([self._logits], lr=self._learning_rate)

    def _probabilities(self) -> list[Tensor]:
        return [torch.softmax(of_choice, 0) for of_choice in torch.split(self._logits, _OPTIONS)]
