"""Agents that commands are tested with, as users have them: in a file of their own."""

import os
import signal
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.agents import Agent, ArchitectureAgent, Training
from anb_gym.agents.designs import certified
from anb_gym.problems import AskPreference, Problem
from anb_gym.space import SPACE, Choices
from anb_gym.study.analysis.references import best_constants, contexts
from tests.agents.toy_agent import Toy

__all__ = ["Constant", "Interrupted", "Oracle", "Picky", "Sampler", "Toy"]


class Interrupted(Toy):
    """Is interrupted after its third update, the first time, and saves after the second."""

    def train(self, training: Training) -> None:
        checkpoint, updates = training.checkpoint, training.done // 16

        def interrupted(agent: Agent) -> None:
            nonlocal updates
            updates += 1
            if "ANB_GYM_TEST_INTERRUPTS" not in os.environ:
                return checkpoint(agent)
            if updates < 4:
                return checkpoint(agent, force=updates == 2)
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)  # at once, without a checkpoint
            return None

        training.checkpoint = interrupted  # type: ignore[method-assign,assignment]
        super().train(training)


class Picky(Toy):
    """Wants a budget of one update at least."""

    def train(self, training: Training) -> None:
        if training.remaining < self.settings["batch_size"]:
            raise ValueError(f"evaluations must be at least 16, one update, got {training.remaining}")
        super().train(training)


class Oracle(ArchitectureAgent):
    """Designs the certified best for every preference."""

    def train(self, training: Training) -> None:
        while training.remaining:
            training.evaluate(SPACE.sample(16, self.rng), training.draw(16))

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        problem = self.problem
        assert isinstance(problem, Problem)
        request = problem.ask.at(cells[:, 0].copy()) if isinstance(problem.ask, AskPreference) else None
        best = certified(problem, request, len(choices))
        assert best is not None
        return SPACE.from_index(best)

    def state(self) -> dict[str, NDArray[Any]]:
        return {}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        pass


class Constant(Oracle):
    """Designs the best architecture that is the same for 65 preferences."""

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        best = best_constants(self.problem, contexts(self.problem, 65)).index[0]
        return np.repeat(SPACE.from_index(np.array([best])), len(choices), axis=0)


class Sampler(Oracle):
    """Designs random architectures, whatever for."""

    def complete(self, choices: Choices, cells: FloatArray, rng: np.random.Generator, greedy: bool) -> Choices:
        return np.where(choices >= 0, choices, SPACE.sample(len(choices), rng)).astype(np.int8)
