"""The transition of episodes that build networks one after the other, each with a decision of what it is for.

The decision is one more action of a build, or one more number of the only one. All is in arrays with a row per episode;
a single environment is the batch of one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from anb_gym._types import FloatArray, Rows
from anb_gym.envs.core.actions import ActionSpace, Transition, transition
from anb_gym.envs.core.infos import Ending
from anb_gym.envs.core.inputs import Actions, parse_action, parse_actions
from anb_gym.envs.core.observations import N_OPTION_CELLS, OneHot
from anb_gym.problems import AnyProblem, Request
from anb_gym.space import SPACE, Choices

#: What a decision can be.
N_PURPOSES: Final = 2
_POSITIONS: Final = np.repeat(np.arange(SPACE.n_choices), SPACE.cardinalities)
_OPTIONS: Final = np.concatenate([np.arange(n) for n in SPACE.cardinalities])


@dataclass(eq=False)
class Builds(Request):
    """What a batch of episodes is about.

    Attributes:
        request: What they ask for.
        choices: Of the network that is being built, ``int8`` (n, 28).
    """

    request: Request
    choices: Choices


@dataclass(frozen=True)
class Purposes(ABC):
    """Rules of an episode.

    Attributes:
        problem: What a network is worth.
        granularity: A name in :data:`anb_gym.envs.core.actions.GRANULARITIES`.
    """

    #: Whether the decision comes before the choices of the network, or after them.
    first_of_build: ClassVar[bool]

    problem: AnyProblem
    granularity: str
    _encoding: OneHot = field(default_factory=OneHot, init=False, repr=False, compare=False)

    @property
    def _tables(self) -> Transition:
        return transition(self.granularity)

    @property
    def at_once(self) -> bool:
        """Whether one action is a decision and a network."""
        return self._tables.n_actions is None

    @property
    def n_build(self) -> int:
        """Steps of a build."""
        return 1 if self.at_once else 1 + self._tables.n_steps

    @property
    def decision(self) -> int:
        """The step of a build at which it is decided what the network is for."""
        return 0 if self.first_of_build else self.n_build - 1

    @property
    @abstractmethod
    def n_steps(self) -> int:
        """Steps of an episode, at most."""

    @cached_property
    def action_limits(self) -> NDArray[np.int64]:
        """Actions are integers from 0 to below these, ``int64`` () or (29,)."""
        limits = self._tables.limits
        return self._in_order([N_PURPOSES], limits) if self.at_once else limits

    def action_space(self) -> ActionSpace:
        """A fresh action space of one environment."""
        limits = self.action_limits
        return spaces.MultiDiscrete(limits) if self.at_once else spaces.Discrete(int(limits))

    @abstractmethod
    def observation_space(self) -> spaces.Box:
        """A fresh observation space of one environment."""

    def parse_one(self, action: Any) -> Actions:
        """One environment's action, ``int64`` (1,) or (1, 29).

        Raises:
            ValueError: It is outside the action space.
        """
        if self.at_once:
            return parse_actions(action, self.action_limits.shape, self.action_limits, "action")[None]
        return np.array([parse_action(action, int(self.action_limits))])

    @abstractmethod
    def masks(self, steps: NDArray[np.int64], builds: Any) -> NDArray[np.int8]:
        """Masks of valid actions, ``int8`` (n, actions).

        Args:
            steps: Steps made of the builds, ``int64`` (n,); that of a build or -1 for episodes that do not go on.
            builds: The episodes.
        """

    @cached_property
    def _masks(self) -> NDArray[np.int8]:
        """Masks by step, with every decision."""
        built = self._tables.masks
        both = np.ones((1, N_PURPOSES), dtype=np.int8)
        if self.at_once:
            return self._in_order(np.repeat(both, 2, axis=0) * built[:, :1], built, axis=1)
        decision = np.zeros((1, built.shape[1]), dtype=np.int8)
        decision[:, :N_PURPOSES] = both
        return np.concatenate([self._in_order(decision, built[:-1]), built[-1:]])

    def _in_order(self, of_decision: Any, of_network: Any, axis: int = 0) -> NDArray[Any]:
        parts = (of_decision, of_network) if self.first_of_build else (of_network, of_decision)
        return np.concatenate(parts, axis=axis)

    @abstractmethod
    def blank(self, n: int) -> Any:
        """Episodes to be written to."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, options: dict[str, Any]) -> Any:
        """A new episode, a batch of one.

        Args:
            rng: The environment's generator.
            options: Those of ``reset``.

        Raises:
            ValueError: An option has an impossible value.
        """

    @abstractmethod
    def set_noise(self, builds: Any, rows: Rows, seed: int) -> None:
        """Sets the seed of the noise of some episodes."""

    @abstractmethod
    def first(self, n: int) -> NDArray[np.float32]:
        """Observations of n episodes that begin."""

    @abstractmethod
    def advance(self, step: int, builds: Any, observations: NDArray[Any], actions: Actions) -> FloatArray:
        """Steps episodes that have all made ``step`` steps of a build; writes to both.

        Returns:
            Rewards, ``float64`` (n,), but those that only an end has.
        """

    @abstractmethod
    def over(self, builds: Any) -> NDArray[np.bool_]:
        """Whether episodes that have completed a build are over, ``bool`` (n,)."""

    @abstractmethod
    def finish(self, builds: Any, rewards: FloatArray) -> Iterator[Ending]:
        """The ends of episodes that are over.

        Args:
            builds: The episodes.
            rewards: Those of their last step so far, ``float64`` (n,).
        """

    @property
    @abstractmethod
    def running(self) -> dict[str, float]:
        """Content of the infos of all steps but the last, beside the mask."""

    def decided(self, actions: Actions) -> NDArray[np.int64]:
        """The decisions of actions at the step :attr:`decision`, ``int64`` (n,)."""
        numbers = (actions[:, 0] if self.first_of_build else actions[:, -1]) if self.at_once else actions % N_PURPOSES
        return numbers.astype(np.int64)

    def build(self, step: int, choices: Choices, observations: NDArray[Any], actions: Actions) -> None:
        """Makes the choices of a step of a build, if any; writes to choices and observations."""
        made_before = step - 1 if self.first_of_build else step
        if self.at_once:
            made_before, actions = 0, actions[:, 1:] if self.first_of_build else actions[:, :-1]
        elif step == self.decision:
            return
        options = self._tables.choose(made_before, actions)
        made = made_before * self._tables.choices_per_step
        choices[:, made : made + options.shape[1]] = options
        self._encoding.write(observations, made, options)

    def n_choices(self, step: int) -> int:
        """How many choices of a network are made before a step of its build."""
        made = step if self.at_once or not self.first_of_build else max(0, step - 1)
        return self._tables.choices_per_step * min(made, self._tables.n_steps)


def option_cells(choices: Choices) -> NDArray[np.bool_]:
    """One-hot of all choices of networks, ``bool`` (n, 71), of ``int8`` (n, 28)."""
    cells: NDArray[np.bool_] = choices[:, _POSITIONS] == _OPTIONS
    assert cells.shape[1] == N_OPTION_CELLS
    return cells
