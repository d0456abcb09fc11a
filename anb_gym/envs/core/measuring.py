"""The transition of episodes that build networks one after the other, to measure them and at last to submit one.

All is in arrays with a row per episode; a single environment is the batch of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from anb_gym._types import FloatArray, Rows
from anb_gym.envs.core.infos import Ending, describe
from anb_gym.envs.core.inputs import Actions
from anb_gym.envs.core.observations import N_CELLS, N_OPTION_CELLS
from anb_gym.envs.core.purposes import N_PURPOSES, Builds, Purposes, option_cells
from anb_gym.problems import Designs, MeasuredProblem
from anb_gym.space import SPACE, Choices

#: What a network is built for: the first action of its build, or the first number of it.
MEASURE: Final = 0
SUBMIT: Final = 1
#: Natural logarithms of times relative to what the bound allows that observations show as 0 and 1. Those of networks on
#: fronts of generated devices lie within 3 of 0.
SHOWN: Final = (-4.0, 4.0)
#: Cells of observations: the network that is being built, its purpose, the part of the budget that is left, and a row
#: per measurement: options of all choices, and the time.
_PURPOSE: Final = N_CELLS
_LEFT: Final = _PURPOSE + N_PURPOSES
_TABLE: Final = _LEFT + 1
_ROW: Final = N_OPTION_CELLS + 1


@dataclass(eq=False)
class Measurements(Builds):
    """What a batch of episodes is about.

    Attributes:
        purpose: What the network is built for, ``int64`` (n,).
        measured: How many measurements were made, ``int64`` (n,).
    """

    request: Designs
    purpose: NDArray[np.int64]
    measured: NDArray[np.int64]


@dataclass(frozen=True)
class Measuring(Purposes):
    """Rules of an episode.

    Attributes:
        problem: What a design is worth, and how long networks take.
        budget: Networks that may be measured.
        price: What each costs, in units of the reward.
    """

    first_of_build: ClassVar[bool] = True

    problem: MeasuredProblem
    budget: int
    price: float

    @property
    def n_steps(self) -> int:
        return self.n_build * (self.budget + 1)

    @property
    def running(self) -> dict[str, float]:
        return {"cost": 0.0}

    def observation_space(self) -> spaces.Box:
        return spaces.Box(0.0, 1.0, (_TABLE + _ROW * self.budget,), np.float32)

    def masks(self, steps: NDArray[np.int64], builds: Measurements) -> NDArray[np.int8]:
        masks: NDArray[np.int8] = self._masks[steps]
        masks[(steps == 0) & (builds.measured == self.budget), MEASURE] = 0
        return masks

    def blank(self, n: int) -> Measurements:
        none, choices = np.zeros((2, n), dtype=np.int64), np.zeros((n, SPACE.n_choices), dtype=np.int8)
        return Measurements(self.problem.ask.blank(n), choices, *none)

    def draw(self, rng: np.random.Generator, options: dict[str, Any]) -> Measurements:
        builds = self.blank(1)
        builds.request = self.problem.ask.draw(rng, options)
        return builds

    def set_noise(self, builds: Measurements, rows: Rows, seed: int) -> None:
        builds.request.noise[rows] = seed

    def first(self, n: int) -> NDArray[np.float32]:
        observations = np.zeros((n, _TABLE + _ROW * self.budget), dtype=np.float32)
        observations[:, [N_OPTION_CELLS, _LEFT]] = 1.0
        return observations

    def advance(self, step: int, builds: Measurements, observations: NDArray[Any], actions: Actions) -> FloatArray:
        """As of :class:`Purposes`: minus the price of those that have measured now."""
        if step == 0:
            builds.purpose[:] = np.where(builds.measured == self.budget, SUBMIT, self.decided(actions))
            observations[np.arange(len(observations)), _PURPOSE + builds.purpose] = 1.0
        self.build(step, builds.choices, observations, actions)
        rewards = np.zeros(len(observations))
        if step + 1 == self.n_build:
            rows = np.flatnonzero(builds.purpose == MEASURE)
            if len(rows):
                rewards[rows] = -self.price
                self._measure(builds, observations, rows)
        return rewards

    def _measure(self, builds: Measurements, observations: NDArray[Any], rows: NDArray[np.int64]) -> None:
        """Writes complete networks and their times into the table, and begins other builds."""
        choices = builds.choices[rows]
        logs = self.problem.log_times(SPACE.to_states(choices), builds.request[rows])
        shown = np.clip((logs - SHOWN[0]) / (SHOWN[1] - SHOWN[0]), 0.0, 1.0)
        cells = np.column_stack([option_cells(choices), shown])
        places = _TABLE + _ROW * builds.measured[rows]
        observations[rows[:, None], places[:, None] + np.arange(_ROW)] = cells
        builds.measured[rows] += 1
        observations[rows, :_LEFT] = 0.0
        observations[rows, N_OPTION_CELLS] = 1.0
        observations[rows, _LEFT] = 1.0 - builds.measured[rows] / self.budget

    def over(self, builds: Measurements) -> NDArray[np.bool_]:
        submitted: NDArray[np.bool_] = builds.purpose == SUBMIT
        return submitted

    def finish(self, builds: Measurements, rewards: FloatArray) -> Iterator[Ending]:
        states = SPACE.to_states(builds.choices)
        for rows, problem, request in self.problem.parts(builds.request):
            evaluation = problem.assess(states[rows], request)
            info = {"action_mask": self._masks[-1:], **describe(states[rows], evaluation, None)}
            info |= {**self.problem.ask.shown(request), "measurements": builds.measured[rows].copy()}
            yield Ending(rows, evaluation.reward, info)

    def read(self, observation: NDArray[Any]) -> tuple[Choices, FloatArray]:
        """The measurements that an observation shows.

        Returns:
            Choices ``int8`` (m, 28), and natural logarithms of times relative to what the bound allows, ``float64``
            (m,).
        """
        table = observation[_TABLE:].reshape(self.budget, _ROW)
        table = table[table[:, :N_OPTION_CELLS].any(axis=1)]
        options = [part.argmax(axis=1) for part in np.split(table[:, :-1], np.cumsum(SPACE.cardinalities)[:-1], axis=1)]
        choices: Choices = np.array(options, dtype=np.int8).reshape(SPACE.n_choices, -1).T
        return choices, SHOWN[0] + (SHOWN[1] - SHOWN[0]) * table[:, -1].astype(np.float64)
