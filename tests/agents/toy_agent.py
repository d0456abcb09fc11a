"""The least agent: uniform choices, and which option of each was best on average."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.agents import ArchitectureAgent, Assignment, Training
from anb_gym.space import SPACE, Choices


class Toy(ArchitectureAgent):
    """Keeps sums of rewards by option."""

    def __init__(self, assignment: Assignment, *, batch_size: int = 16) -> None:
        super().__init__(assignment, batch_size=batch_size)
        if self.problem.is_vector:
            raise ValueError("toy takes a scalar reward")
        self._sums = np.zeros((28, 4))

    def train(self, training: Training) -> None:
        while training.remaining:
            n = self.settings["batch_size"]
            choices = SPACE.sample(n, self.rng)
            evaluation = training.evaluate(choices, training.draw(n))
            for reward, row in zip(evaluation.reward, choices, strict=True):
                self._sums[np.arange(28), row] += reward
            training.checkpoint(self)

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        made = np.tile(self._sums.argmax(axis=1) % SPACE.cardinalities, (len(choices), 1)) if greedy else None
        made = SPACE.sample(len(choices), rng) if made is None else made
        return np.where(choices >= 0, choices, made).astype(np.int8)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"sums": self._sums}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._sums = np.array(state["sums"])
