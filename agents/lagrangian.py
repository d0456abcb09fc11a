"""PPO under a constraint: the cost of a design is taken off its reward, at a price that rises until it is met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose, integer, non_negative
from anb_gym._files import take_array
from anb_gym._types import FloatArray
from anb_gym.problems import AskPreference

from .agent import Assignment
from .sb3 import PPO
from .training import Training

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

#: What is limited: the relative violation of the bound, or how often it is missed.
COSTS = ("violation", "rate")


class PPOLagrangian(PPO):
    """PPO with Lagrange multipliers, Ray, Achiam and Amodei 2019, "Benchmarking Safe Exploration in Deep RL".

    For environments whose reward is the accuracy and whose info tells the cost: the ids with ``-Constrained``, and
    those with ``-Bound`` and ``reward="accuracy"``. The policy maximises (reward - multiplier · cost) / (1 +
    multiplier); after each rollout the multiplier ascends by its learning rate times (mean cost - limit), and never
    falls below 0.

    Where every episode has a bound of its own, one multiplier is too large for some bounds and too small for others:
    they have one for each of ``multipliers`` equal parts of the range of bounds.

    The cost is the relative violation, as the environment tells it, or 1 for each design that misses its bound: the
    mean of that is the violation rate, whose limit says how many designs may miss.

    Args:
        assignment: What it is to learn.
        **settings: Those of :class:`~anb_gym.agents.sb3.PPO`, and ``cost`` (``"violation"`` or ``"rate"``),
            ``cost_limit``, ``initial_multiplier``, ``multiplier_learning_rate`` and ``multipliers``.

    Raises:
        ValueError: A setting is unknown or out of range, or the environment has no cost.
    """

    zoo = "ppo_lagrangian"

    def __init__(self, assignment: Assignment, **settings: Any) -> None:
        super().__init__(assignment, **settings)
        choose(self.settings["cost"], COSTS, "cost")
        for name in ("cost_limit", "initial_multiplier", "multiplier_learning_rate"):
            non_negative(self.settings[name], name)
        parts = integer(self.settings["multipliers"], 1, "multipliers")
        self._multipliers = np.full(parts if self._asks else 1, float(self.settings["initial_multiplier"]))
        #: Costs of the episodes of a rollout, and which multiplier each had.
        self._costs: list[tuple[int, float]] = []

    @classmethod
    def own_settings(cls) -> dict[str, Any]:
        return {
            "cost": "violation",
            "cost_limit": 0.0,
            "initial_multiplier": 1.0,
            "multiplier_learning_rate": 1.0,
            "multipliers": 8,
        }

    def _check_assignment(self) -> None:
        super()._check_assignment()
        if getattr(self.problem, "constraint", None) is None:
            raise ValueError(
                "id must be of an environment with a cost, such as 'AccelNAS-VCK190-Constrained-v1', or "
                f"'AccelNAS-VCK190-Bound-v0' with reward='accuracy', got {self.assignment.id!r}"
            )

    @property
    def _asks(self) -> bool:
        return isinstance(self.problem.ask, AskPreference)

    @property
    def multipliers(self) -> FloatArray:
        """The multipliers, ``float64`` (n,), for bounds from the loosest to the tightest."""
        return self._multipliers.copy()

    def _environment(self, training: Training | None) -> VecEnv:
        return _priced(self, super()._environment(training))

    def price(self, observation: NDArray[Any], reward: float, cost: float) -> float:
        """The reward of an episode that ended, less the price of its cost.

        Args:
            observation: Its last.
            reward: The environment's.
            cost: The relative violation of the bound.
        """
        part = int(min(float(observation[-1]), 1.0 - 1e-9) * len(self._multipliers)) if self._asks else 0
        cost = float(cost > 0.0) if self.settings["cost"] == "rate" else cost
        self._costs.append((part, cost))
        multiplier = self._multipliers[part]
        return float((reward - multiplier * cost) / (1.0 + multiplier))

    def end_rollout(self, model: BaseAlgorithm) -> None:
        parts, costs = (np.array(column) for column in zip(*self._costs, strict=True)) if self._costs else ((), ())
        rate, limit = self.settings["multiplier_learning_rate"], self.settings["cost_limit"]
        for part in np.unique(parts).astype(int):
            ascent = rate * (costs[parts == part].mean() - limit)
            self._multipliers[part] = max(0.0, self._multipliers[part] + ascent)
        self._costs = []

    def begin_segment(self, model: BaseAlgorithm) -> None:
        super().begin_segment(model)
        self._costs = []

    def state(self) -> dict[str, NDArray[Any]]:
        return {**super().state(), "multipliers": self._multipliers.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        arrays = dict(state)
        self._multipliers = np.array(take_array(arrays, "multipliers", "float64", self._multipliers.shape))
        super().restore(arrays)


def _priced(agent: PPOLagrangian, envs: VecEnv) -> VecEnv:
    """The environment with rewards that contain the price of costs."""
    from stable_baselines3.common.vec_env import VecEnvWrapper

    class Priced(VecEnvWrapper):
        def reset(self) -> Any:
            return self.venv.reset()

        def step_wait(self) -> Any:
            observations, rewards, dones, infos = self.venv.step_wait()
            for row in np.flatnonzero(dones):
                info = infos[row]
                rewards[row] = agent.price(info["terminal_observation"], float(rewards[row]), info["cost"])
            return observations, rewards, dones, infos

    return Priced(envs)
