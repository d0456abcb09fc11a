"""The transition of episodes that build networks and buy evaluations of them until their hours are spent.

All is in arrays with a row per episode; a single environment is the batch of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from anb_gym._types import FloatArray, Rows, Seeds
from anb_gym.envs.core.infos import Ending, describe
from anb_gym.envs.core.inputs import Actions
from anb_gym.envs.core.observations import N_CELLS, N_OPTION_CELLS
from anb_gym.envs.core.purposes import Builds, Purposes, option_cells
from anb_gym.problems import FIDELITIES, TwoFidelityProblem
from anb_gym.problems.cost import most_evaluations, shortest_hours
from anb_gym.space import SPACE, Choices

#: Told values that observations show as 0 and 1: the mean of random architectures is 0.5, the optimum 0.75.
SHOWN: Final = (-2.0, 2.0)
#: Cells of observations: the network that is being built, the part of the hours that is left, at what the last network
#: was evaluated, and a row for each of three networks: the best told at either fidelity, and the last.
_LEFT: Final = N_CELLS
_LAST: Final = _LEFT + 1
_TABLE: Final = _LAST + len(FIDELITIES)
_ROW: Final = N_OPTION_CELLS + 1
_ROWS: Final = len(FIDELITIES) + 1
_N_CELLS: Final = _TABLE + _ROWS * _ROW
#: Positions of the fidelities: what an action that buys stands for.
PROXY, REFERENCE = range(len(FIDELITIES))


@dataclass(eq=False)
class Campaigns(Builds):
    """What a batch of episodes is about.

    Attributes:
        noise: Seeds of the noise, ``uint64`` (n,).
        left: Hours that are left, ``float64`` (n,).
        bought: Evaluations at each fidelity, ``int64`` (n, 2).
        best: The best told at each fidelity, ``float64`` (n, 2), -inf where none was.
        found: The networks that have it, ``int8`` (n, 2, 28).
        worth: The reward of the incumbent under the reference scheme without noise, ``float64`` (n,).
        spent: Whether no more can be bought, ``bool`` (n,).
    """

    noise: Seeds
    left: FloatArray
    bought: NDArray[np.int64]
    best: FloatArray
    found: NDArray[np.int8]
    worth: FloatArray
    spent: NDArray[np.bool_]

    @property
    def incumbent(self) -> Choices:
        """The networks that are submitted: the best told at the reference, before any was bought there at the proxy."""
        judged = np.where(self.bought[:, REFERENCE] > 0, REFERENCE, PROXY)
        chosen: Choices = self.found[np.arange(len(judged)), judged]
        return chosen


@dataclass(frozen=True)
class Campaign(Purposes):
    """Rules of an episode.

    Attributes:
        problem: What networks are worth, and what evaluations tell and cost.
        hours: The budget, in simulated GPU-hours.
        noisy: Whether evaluations have the noise of one training.
    """

    first_of_build: ClassVar[bool] = False

    problem: TwoFidelityProblem
    hours: float
    noisy: bool

    @property
    def n_steps(self) -> int:
        return self.n_build * (most_evaluations(self.hours) + 1)

    @property
    def running(self) -> dict[str, float]:
        return {} if self.problem.limit is None else {"cost": 0.0}

    def observation_space(self) -> spaces.Box:
        return spaces.Box(0.0, 1.0, (_N_CELLS,), np.float32)

    def masks(self, steps: NDArray[np.int64], builds: Campaigns) -> NDArray[np.int8]:
        masks: NDArray[np.int8] = self._masks[steps]
        rows = np.flatnonzero(steps == self.decision)
        if not len(rows):
            return masks
        if self.at_once:  # the network is not known yet
            least = np.array([shortest_hours(fidelity) for fidelity in FIDELITIES])
            masks[rows, -len(FIDELITIES) :] = builds.left[rows, None] >= least
            return masks
        payable = self._costs(SPACE.to_states(builds.choices[rows])) <= builds.left[rows, None]
        payable[~payable.any(axis=1)] = True  # either ends the episode
        masks[rows, : len(FIDELITIES)] = payable
        return masks

    def blank(self, n: int) -> Campaigns:
        return Campaigns(
            request=self.problem.ask.blank(n),
            choices=np.zeros((n, SPACE.n_choices), dtype=np.int8),
            noise=np.zeros(n, dtype=np.uint64),
            left=np.full(n, self.hours),
            bought=np.zeros((n, len(FIDELITIES)), dtype=np.int64),
            best=np.full((n, len(FIDELITIES)), -np.inf),
            found=np.zeros((n, len(FIDELITIES), SPACE.n_choices), dtype=np.int8),
            worth=np.zeros(n),
            spent=np.zeros(n, dtype=np.bool_),
        )

    def draw(self, rng: np.random.Generator, options: dict[str, Any]) -> Campaigns:
        builds = self.blank(1)
        if self.noisy:
            builds.noise[0] = rng.integers(2**63)
        return builds

    def set_noise(self, builds: Campaigns, rows: Rows, seed: int) -> None:
        builds.noise[rows] = seed

    def first(self, n: int) -> NDArray[np.float32]:
        observations = np.zeros((n, _N_CELLS), dtype=np.float32)
        observations[:, [N_OPTION_CELLS, _LEFT]] = 1.0
        return observations

    def advance(self, step: int, builds: Campaigns, observations: NDArray[Any], actions: Actions) -> FloatArray:
        """As of :class:`Purposes`: by how much the incumbent's worth has changed."""
        self.build(step, builds.choices, observations, actions)
        if step < self.decision:
            return np.zeros(len(observations))
        return self._buy(builds, observations, self.decided(actions))

    def _costs(self, states: NDArray[np.int64]) -> FloatArray:
        """Hours of networks at each fidelity, ``float64`` (n, 2)."""
        return np.stack([self.problem.hours(states, fidelity) for fidelity in FIDELITIES], axis=1)

    def _buy(self, builds: Campaigns, observations: NDArray[Any], chosen: NDArray[np.int64]) -> FloatArray:
        """Evaluates complete networks where that can be paid, and begins other builds."""
        states = SPACE.to_states(builds.choices)
        cost = self._costs(states)[np.arange(len(chosen)), chosen]
        paid = cost <= builds.left
        rewards = np.zeros(len(chosen))
        for position, fidelity in enumerate(FIDELITIES):
            rows = np.flatnonzero(paid & (chosen == position))
            if not len(rows):
                continue
            told = self.problem.told(states[rows], fidelity, builds.noise[rows] if self.noisy else None)
            better = rows[told > builds.best[rows, position]]
            builds.best[rows, position] = np.maximum(told, builds.best[rows, position])
            builds.found[better, position] = builds.choices[better]
            builds.bought[rows, position] += 1
            self._show(observations, rows, len(FIDELITIES), builds.choices[rows], told)
            self._show(observations, rows, position, builds.found[rows, position], builds.best[rows, position])
            observations[rows[:, None], _LAST + np.arange(len(FIDELITIES))] = np.eye(len(FIDELITIES))[position]
        rows = np.flatnonzero(paid)
        if len(rows):
            worth = self.problem.told(SPACE.to_states(builds[rows].incumbent), "reference")
            rewards[rows], builds.worth[rows] = worth - builds.worth[rows], worth
            builds.left[rows] -= cost[rows]
        builds.spent[:] = ~paid | (builds.left < shortest_hours())
        observations[rows, :N_CELLS] = 0.0
        observations[rows, N_OPTION_CELLS] = 1.0
        observations[:, _LEFT] = builds.left / self.hours
        return rewards

    @staticmethod
    def _show(
        observations: NDArray[Any], rows: NDArray[np.int64], row: int, choices: Choices, told: FloatArray
    ) -> None:
        """Writes networks and what was told of them into a row of the tables."""
        shown = np.clip((told - SHOWN[0]) / (SHOWN[1] - SHOWN[0]), 0.0, 1.0)
        cells = np.column_stack([option_cells(choices), shown])
        observations[rows[:, None], _TABLE + _ROW * row + np.arange(_ROW)] = cells

    def over(self, builds: Campaigns) -> NDArray[np.bool_]:
        return builds.spent

    def finish(self, builds: Campaigns, rewards: FloatArray) -> Iterator[Ending]:
        states, seeds = SPACE.to_states(builds.incumbent), builds.noise if self.noisy else None
        evaluation = self.problem.assess(states, builds.request, seeds)
        info = {"action_mask": self._masks[-1:], **describe(states, evaluation, seeds)}
        info["evaluations"] = {name: builds.bought[:, i].copy() for i, name in enumerate(FIDELITIES)}
        info["hours"] = self.hours - builds.left
        yield Ending(slice(None), rewards, info)
