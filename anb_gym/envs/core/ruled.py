"""Base of all environments whose rules are an object."""

from __future__ import annotations

from typing import Any

import gymnasium
from numpy.typing import NDArray

from anb_gym.envs.core.rules import RENDER_MODES
from anb_gym.problems import AnyProblem


class RuledEnv(gymnasium.Env[NDArray[Any], Any]):
    """An environment that keeps all that decides an episode in its ``rules``.

    Attributes:
        rules: All that decides an episode.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012 - declared so by Gymnasium
    rules: Any

    @property
    def problem(self) -> AnyProblem:
        """The problem: the worth of complete architectures, and what an episode may ask for."""
        problem: AnyProblem = self.rules.problem
        return problem

    @property
    def n_steps(self) -> int:
        """Steps of an episode, at most."""
        steps: int = self.rules.n_steps
        return steps

    @property
    def reset_options(self) -> tuple[str, ...]:
        """Names of the options of ``reset``."""
        options: tuple[str, ...] = self.rules.problem.ask.options
        return options
