"""REINFORCE: a recurrent network that writes architectures and is rewarded for good ones."""

from __future__ import annotations

from typing import Final

import numpy as np

from anb_gym._errors import integer, positive
from anb_gym._extras import needing
from anb_gym._types import FloatArray
from anb_gym.space import SPACE, Choices
from anb_gym.study.protocol import Brief

from ._checks import number, require_objectives, told

with needing("study"):
    import torch
    from torch import Tensor, nn

    from anb_gym._torch import torch_threads

#: Half width of the uniform distribution of initial weights (Pham et al. 2018, section 3.1).
_INITIAL: Final = 0.1
_MOST_OPTIONS: Final = int(SPACE.cardinalities.max())


class Reinforce:
    """Architecture search by policy gradient, Zoph and Le 2017 (https://arxiv.org/abs/1611.01578).

    An LSTM writes the 28 choices one after the other, each a softmax given those before. After every batch one
    step of Adam follows the gradient of REINFORCE (Williams 1992, https://doi.org/10.1007/BF00992696): the mean of
    (reward - baseline) · gradient of log-probability, plus a small entropy bonus. The baseline is an exponential
    moving average of earlier rewards and starts at the first batch's mean.

    For one objective. That includes the bi-objective search of the Accel-NASBench paper: its reward,
    accuracy · (throughput / target)^0.07, is the scalar reward of the device tasks.

    The network is that of Pham et al. 2018 (https://arxiv.org/abs/1802.03268), the later form of this controller:
    100 hidden units, Adam with learning rate 3.5e-4, initial weights uniform in ±0.1. These defaults are for runs
    of many thousand evaluations. With budgets of about 1,000 ``learning_rate=1e-3`` learns faster: after 500
    evaluations the median regret of ten seeds on the VCK190 task was 0.08 in unit scale instead of 0.22, after
    1,000 it was 0.04 instead of 0.08 (random search: 0.26 and 0.23).

    Proposals depend on ``rng`` alone: torch's global generator is left alone, and torch works with one thread.

    Args:
        brief: How many objectives and evaluations there will be.
        rng: Source of randomness; seeds a generator of torch.
        learning_rate: Of Adam, positive.
        hidden_size: Hidden units of the LSTM.
        embedding_size: Length of the vector that stands for the preceding choice.
        batch_size: Architectures per update.
        baseline_decay: Weight of the past in the moving average, in [0, 1].
        entropy_weight: Weight of the mean entropy, summed over the 28 choices, at least 0.
    """

    def __init__(
        self,
        brief: Brief,
        rng: np.random.Generator,
        *,
        learning_rate: float = 3.5e-4,
        hidden_size: int = 100,
        embedding_size: int = 32,
        batch_size: int = 6,
        baseline_decay: float = 0.95,
        entropy_weight: float = 1e-5,
    ) -> None:
        require_objectives(brief, "reinforce", 1, 1)
        self.batch_size = integer(batch_size, 1, "batch_size")
        self._decay = number("baseline_decay", baseline_decay, 0.0, 1.0)
        self._entropy_weight = number("entropy_weight", entropy_weight, 0.0)
        learning_rate = positive(learning_rate, "learning_rate")
        self._brief = brief
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        sizes = integer(hidden_size, 1, "hidden_size"), integer(embedding_size, 1, "embedding_size")
        self._policy = Policy(*sizes, self._generator)
        self._optimiser = torch.optim.Adam(self._policy.parameters(), lr=learning_rate)
        self._baseline: float | None = None

    @torch_threads(1)
    def ask(self, n: int) -> Choices:
        """Writes ``n`` architectures, ``int8`` (n, 28)."""
        choices: Choices = self._policy.sample(n, self._generator).numpy().astype(np.int8)
        return choices

    @torch_threads(1)
    def tell(self, choices: Choices, objectives: FloatArray) -> None:
        """Makes one step towards choices that scored more than the baseline.

        Args:
            choices: Architectures of the last ``ask``, ``int8`` (n, 28).
            objectives: What they scored, ``float64`` (n, 1).
        """
        rewards = told(choices, objectives, self._brief)[:, 0]
        mean = float(rewards.mean())
        baseline = mean if self._baseline is None else self._baseline
        advantages = torch.as_tensor(rewards - baseline, dtype=torch.float32)

        written = torch.as_tensor(choices, dtype=torch.int64)
        log_probabilities = self._policy(written)
        of_written = log_probabilities.gather(2, written[:, :, None]).sum(dim=(1, 2))
        entropy = -(log_probabilities.exp() * log_probabilities.clamp(min=-1e3)).sum(dim=(1, 2))
        loss = -(advantages * of_written).mean() - self._entropy_weight * entropy.mean()
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self._baseline = self._decay * baseline + (1 - self._decay) * mean


class Policy(nn.Module):
    """The distribution over architectures: an LSTM whose input is the choice before, with one softmax per choice.

    Args:
        hidden_size: Hidden units.
        embedding_size: Length of the vector that stands for the preceding choice.
        generator: Draws the initial weights.
    """

    first_token: Tensor
    forbidden: Tensor

    def __init__(self, hidden_size: int, embedding_size: int, generator: torch.Generator) -> None:
        super().__init__()
        options = torch.as_tensor(SPACE.cardinalities.copy())
        # Token 0 stands before the first choice; every option of every choice has one of its own.
        self.register_buffer("first_token", 1 + options.cumsum(0) - options)
        # -inf on options that a choice does not have.
        missing = torch.arange(_MOST_OPTIONS) >= options[:, None]
        self.register_buffer("forbidden", torch.zeros(missing.shape).masked_fill(missing, -torch.inf))
        # Torch's own initial weights would use up its global generator: none are made on the device without memory.
        meta = torch.device("meta")
        self.embedding = nn.Embedding(1 + int(options.sum()), embedding_size, device=meta).to_empty(device="cpu")
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True, device=meta).to_empty(device="cpu")
        self.weight = nn.Parameter(torch.empty(SPACE.n_choices, hidden_size, _MOST_OPTIONS))
        self.bias = nn.Parameter(torch.empty(SPACE.n_choices, _MOST_OPTIONS))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -_INITIAL, _INITIAL, generator=generator)

    def forward(self, choices: Tensor) -> Tensor:
        """Log-probabilities of all options at every choice, given those before.

        Args:
            choices: ``int64`` (n, 28).

        Returns:
            ``float32`` (n, 28, 4); -inf where a choice has fewer options.
        """
        tokens = torch.nn.functional.pad((choices + self.first_token)[:, :-1], (1, 0))
        hidden, _ = self.lstm(self.embedding(tokens))
        logits = torch.einsum("nth,tho->nto", hidden, self.weight) + self.bias
        return torch.log_softmax(logits + self.forbidden, dim=2)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draws ``n`` architectures, all of them one choice at a time; ``int64`` (n, 28)."""
        token = torch.zeros(n, dtype=torch.int64)
        state = (torch.zeros(n, self.lstm.hidden_size),) * 2
        uniform = torch.rand(SPACE.n_choices, n, 1, generator=generator)
        columns = []
        for t, options in enumerate(SPACE.cardinalities.tolist()):
            state = torch.lstm_cell(self.embedding(token), state, *self.lstm.all_weights[0])
            logits = torch.addmm(self.bias[t], state[0], self.weight[t])[:, :options]
            cumulative = torch.softmax(logits, dim=1).cumsum(dim=1)
            # The last option takes what rounding leaves.
            choice = (uniform[t] >= cumulative[:, :-1]).sum(dim=1)
            token = choice + self.first_token[t]
            columns.append(choice)
        return torch.stack(columns, dim=1)
