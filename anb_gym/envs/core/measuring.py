"""The transition of episodes that build networks one after the other, to measure them and at last to submit one.

All is in arrays with a row per episode; a single environment is the batch of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.envs.core.actions import ActionSpace, Transition, transition
from anb_gym.envs.core.infos import Ending, describe
from anb_gym.envs.core.inputs import Actions, parse_action, parse_actions
from anb_gym.envs.core.observations import N_CELLS, N_OPTION_CELLS, OneHot
from anb_gym.problems import Designs, MeasuredProblem, Request
from anb_gym.space import SPACE, Choices

#: What a network is built for: the first action of its build, or the first number of it.
MEASURE: Final = 0
SUBMIT: Final = 1
_PURPOSES: Final = 2
#: Natural logarithms of times relative to what the bound allows that observations show as 0 and 1. Those of networks on
#: fronts of generated devices lie within 3 of 0.
SHOWN: Final = (-4.0, 4.0)
#: Cells of observations: the network that is being built, its purpose, the part of the budget that is left, and a row
#: per measurement: options of all choices, and the time.
_PURPOSE: Final = N_CELLS
_LEFT: Final = _PURPOSE + _PURPOSES
_TABLE: Final = _LEFT + 1
_ROW: Final = N_OPTION_CELLS + 1
_POSITIONS: Final = np.repeat(np.arange(SPACE.n_choices), SPACE.cardinalities)
_OPTIONS: Final = np.concatenate([np.arange(n) for n in SPACE.cardinalities])


@dataclass(eq=False)
class Builds(Request):
    """What a batch of episodes is about.

    Attributes:
        request: What they ask for.
        choices: Of the network that is being built, ``int8`` (n, 28).
        purpose: What it is built for, ``int64`` (n,).
        measured: How many measurements were made, ``int64`` (n,).
    """

    request: Designs
    choices: Choices
    purpose: NDArray[np.int64]
    measured: NDArray[np.int64]


@dataclass(frozen=True)
class Measuring:
    """Rules of an episode.

    Attributes:
        problem: What a design is worth, and how long networks take.
        granularity: A name in :data:`anb_gym.envs.core.actions.GRANULARITIES`.
        budget: Networks that may be measured.
        price: What each costs, in units of the reward.
    """

    problem: MeasuredProblem
    granularity: str
    budget: int
    price: float
    _encoding: OneHot = field(default_factory=OneHot, init=False, repr=False, compare=False)

    @property
    def _tables(self) -> Transition:
        return transition(self.granularity)

    @property
    def at_once(self) -> bool:
        """Whether one action is a purpose and a network."""
        return self._tables.n_actions is None

    @property
    def n_build(self) -> int:
        """Steps of a build."""
        return 1 if self.at_once else 1 + self._tables.n_steps

    @property
    def n_steps(self) -> int:
        """Steps of an episode, at most."""
        return self.n_build * (self.budget + 1)

    @cached_property
    def action_limits(self) -> NDArray[np.int64]:
        """Actions are integers from 0 to below these, ``int64`` () or (29,)."""
        limits = self._tables.limits
        return np.concatenate([[_PURPOSES], limits]) if self.at_once else limits

    def action_space(self) -> ActionSpace:
        """A fresh action space of one environment."""
        limits = self.action_limits
        return spaces.MultiDiscrete(limits) if self.at_once else spaces.Discrete(int(limits))

    def observation_space(self) -> spaces.Box:
        """A fresh observation space of one environment."""
        return spaces.Box(0.0, 1.0, (_TABLE + _ROW * self.budget,), np.float32)

    def parse_one(self, action: Any) -> Actions:
        """One environment's action, ``int64`` (1,) or (1, 29).

        Raises:
            ValueError: It is outside the action space.
        """
        if self.at_once:
            return parse_actions(action, self.action_limits.shape, self.action_limits, "action")[None]
        return np.array([parse_action(action, int(self.action_limits))])

    def masks(self, steps: NDArray[np.int64], measured: NDArray[np.int64]) -> NDArray[np.int8]:
        """Masks of valid actions, ``int8`` (n, actions).

        Args:
            steps: Steps made of the builds, ``int64`` (n,); that of a build or -1 for episodes that do not go on.
            measured: As of :class:`Builds`.
        """
        masks: NDArray[np.int8] = self._masks[steps]
        masks[(steps == 0) & (measured == self.budget), MEASURE] = 0
        return masks

    @cached_property
    def _masks(self) -> NDArray[np.int8]:
        built = self._tables.masks
        purposes = np.ones((1, _PURPOSES), dtype=np.int8)
        if self.at_once:
            return np.concatenate([np.repeat(purposes, 2, axis=0) * built[:, :1], built], axis=1)
        first = np.zeros((1, built.shape[1]), dtype=np.int8)
        first[:, :_PURPOSES] = purposes
        return np.concatenate([first, built])

    def blank(self, n: int) -> Builds:
        """Episodes to be written to."""
        none, choices = np.zeros((2, n), dtype=np.int64), np.zeros((n, SPACE.n_choices), dtype=np.int8)
        return Builds(self.problem.ask.blank(n), choices, *none)

    def first(self, n: int) -> NDArray[np.float32]:
        """Observations of n episodes that begin."""
        observations = np.zeros((n, _TABLE + _ROW * self.budget), dtype=np.float32)
        observations[:, [N_OPTION_CELLS, _LEFT]] = 1.0
        return observations

    def advance(self, step: int, builds: Builds, observations: NDArray[Any], actions: Actions) -> FloatArray:
        """Steps episodes that have all made ``step`` steps of a build; writes to both.

        Returns:
            Minus the price of those that have measured now, and 0, ``float64`` (n,). What submits is not told apart.
        """
        if step == 0:
            chosen = actions[:, 0] if self.at_once else actions % _PURPOSES
            builds.purpose[:] = np.where(builds.measured == self.budget, SUBMIT, chosen)
            observations[np.arange(len(observations)), _PURPOSE + builds.purpose] = 1.0
        if step > 0 or self.at_once:
            tables = self._tables
            options = tables.choose(max(0, step - 1), actions[:, 1:] if self.at_once else actions)
            made = max(0, step - 1) * tables.choices_per_step
            builds.choices[:, made : made + options.shape[1]] = options
            self._encoding.write(observations, made, options)
        rewards = np.zeros(len(observations))
        if step + 1 == self.n_build:
            rows = np.flatnonzero(builds.purpose == MEASURE)
            if len(rows):
                rewards[rows] = -self.price
                self._measure(builds, observations, rows)
        return rewards

    def _measure(self, builds: Builds, observations: NDArray[Any], rows: NDArray[np.int64]) -> None:
        """Writes complete networks and their times into the table, and begins other builds."""
        choices = builds.choices[rows]
        logs = self.problem.log_times(SPACE.to_states(choices), builds.request[rows])
        shown = np.clip((logs - SHOWN[0]) / (SHOWN[1] - SHOWN[0]), 0.0, 1.0)
        cells = np.column_stack([choices[:, _POSITIONS] == _OPTIONS, shown])
        places = _TABLE + _ROW * builds.measured[rows]
        observations[rows[:, None], places[:, None] + np.arange(_ROW)] = cells
        builds.measured[rows] += 1
        observations[rows, :_LEFT] = 0.0
        observations[rows, N_OPTION_CELLS] = 1.0
        observations[rows, _LEFT] = 1.0 - builds.measured[rows] / self.budget

    def n_choices(self, step: int) -> int:
        """How many choices of a network are made before a step of its build."""
        tables = self._tables
        return tables.choices_per_step * (step if self.at_once else max(0, step - 1))

    def submit(self, builds: Builds) -> Iterator[Ending]:
        """The ends of episodes with complete networks."""
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
