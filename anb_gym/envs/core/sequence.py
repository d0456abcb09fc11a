"""Environments whose episodes build networks one after the other, single and many copies.

What a network is for, what that shows and costs, and when an episode is over is up to their rules,
:class:`~anb_gym.envs.core.purposes.Purposes`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym._types import Rows
from anb_gym.envs import rendering
from anb_gym.envs.core.copies import CopiesVectorEnv
from anb_gym.envs.core.infos import Columns, first_row
from anb_gym.envs.core.inputs import NOT_BEGUN, OVER, Actions, check_options, parse_actions
from anb_gym.envs.core.purposes import Purposes
from anb_gym.envs.core.ruled import RuledEnv


class SequenceEnv(RuledEnv):
    """Builds networks one after the other; subclasses say what their arguments mean.

    Args:
        rules: All that decides an episode.
        render_mode: None, ``"ansi"`` or ``"rgb_array"``.
    """

    rules: Purposes

    def __init__(self, rules: Purposes, render_mode: str | None) -> None:
        self.rules = rules
        self.render_mode = render_mode
        self.action_space = rules.action_space()
        self.observation_space = rules.observation_space()
        #: Steps made of the present build, -1 before the first reset, those of a build when the episode is over.
        self._step = -1
        self._builds = rules.blank(1)
        self._observations = rules.first(1)
        self.task = self.problem.task_of(self._builds.request)
        #: Metrics and reward of what an episode ended with, for ``render``.
        self._outcome: tuple[dict[str, float], float] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Seeds the generator of all that is random.
            options: What the class's documentation lists under Starting State.

        Returns:
            The first observation, and an info with the action mask.

        Raises:
            ValueError: An option is unknown or has an impossible value.
        """
        options = check_options(options, self.reset_options)
        super().reset(seed=seed)
        self._builds = self.rules.draw(self.np_random, options)
        self._observations = self.rules.first(1)
        self.task = self.problem.task_of(self._builds.request)
        self._step, self._outcome = 0, None
        return self._observations[0].copy(), self._info()

    def step(self, action: Any) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Goes on with the network that is being built; does what it is for when it is complete.

        Args:
            action: An action of the action space.

        Returns:
            Observation, reward, whether the episode is over, False, and an info.

        Raises:
            ResetNeeded: The episode is over or was never started.
            ValueError: The action is outside the action space.
        """
        rules = self.rules
        if self._step < 0 or self._step == rules.n_build:
            raise ResetNeeded(f"call reset() before step(): {NOT_BEGUN if self._step < 0 else OVER}")
        rewards = rules.advance(self._step, self._builds, self._observations, rules.parse_one(action))
        self._step += 1
        observation = self._observations[0].copy()
        if self._step == rules.n_build and rules.over(self._builds)[0]:
            return observation, *self._finish(rewards)
        self._step %= rules.n_build
        return observation, float(rewards[0]), False, False, self._info()

    def take_over(self, step: int, builds: Any) -> None:
        """Takes over an episode from a vector environment, to ``render`` it; the arrays are batches of one."""
        self._step, self._builds, self._outcome = step, builds, None
        self.task = self.problem.task_of(builds.request)
        if step == self.rules.n_build:
            self._finish(np.zeros(1))

    def action_masks(self) -> NDArray[np.bool_]:
        """Mask of valid actions, ``bool``: none before the first reset and after the end of an episode."""
        return self._mask().astype(np.bool_)

    def render(self) -> str | NDArray[np.uint8] | None:
        """The network that is being built, as ``render_mode`` says: a table, at the end with metrics, or a picture.

        Raises:
            ResetNeeded: No episode has begun.
        """
        choices = None if self._step < 0 else self._shown()
        surrogate = self.problem.benchmark.surrogate
        shown = rendering.render(self.render_mode, self.task, surrogate, choices, *(self._outcome or ()))
        return f"{shown}\n{self._caption()}" if isinstance(shown, str) else shown

    def _shown(self) -> list[int]:
        """The choices that a picture shows."""
        choices: list[int] = self._builds.choices[0, : self.rules.n_choices(self._step)].tolist()
        return choices

    def _caption(self) -> str:
        """The last line of a table."""
        raise NotImplementedError

    def _mask(self) -> NDArray[np.int8]:
        mask: NDArray[np.int8] = self.rules.masks(np.array([self._step]), self._builds)[0]
        return mask

    def _info(self) -> dict[str, Any]:
        return {"action_mask": self._mask(), **self.rules.running}

    def _finish(self, rewards: NDArray[np.float64]) -> tuple[float, bool, bool, dict[str, Any]]:
        """The last transition of an episode, but for the observation."""
        (ending,) = self.rules.finish(self._builds, rewards)
        info = first_row(ending.info)
        self._outcome = (info["metrics"], float(ending.rewards[0]))
        return self._outcome[1], True, False, info


class SequenceVectorEnv(CopiesVectorEnv):
    """Copies of such an environment: those at the same step of a build advance together, whatever came before."""

    env_type: ClassVar[type[SequenceEnv]]
    single_env: SequenceEnv

    def _make_room(self) -> None:
        self.rules = self.single_env.rules
        self._builds = self.rules.blank(self.num_envs)
        # Steps are counted from the beginning of the present build.
        self._over = self.rules.n_build

    @property
    def problem(self) -> Any:
        """The problem: the worth of complete architectures, and what an episode may ask for."""
        return self.rules.problem

    def action_masks(self) -> NDArray[np.bool_]:
        masks: NDArray[np.bool_] = self.rules.masks(self._steps, self._builds).astype(np.bool_)
        return masks

    def single(self, row: int) -> SequenceEnv:
        self.single_env.take_over(int(self._steps[row]), self._builds[np.array([row])])
        return self.single_env

    def _parse(self, actions: Any) -> Actions:
        limits = self.rules.action_limits
        return parse_actions(actions, (self.num_envs, *limits.shape), limits)

    def _start(self, rows: Rows, options: dict[str, Any]) -> None:
        for row in self._numbers[rows].tolist():
            self._builds[row : row + 1] = self.rules.draw(self._generator(row), options)
        if self.noise_seed is not None:
            self.rules.set_noise(self._builds, rows, self.noise_seed)
        self._observations[rows] = self.rules.first(len(self._numbers[rows]))

    def _info(self, step: int, rows: Rows) -> Columns:
        numbers = self._numbers[rows]
        mask = self.rules.masks(np.full(len(numbers), step), self._builds[numbers])
        return {"action_mask": mask, **{name: np.full(1, value) for name, value in self.rules.running.items()}}

    def _advance(self, step: int, rows: Rows, actions: Actions, rewards: NDArray[Any]) -> None:
        builds, observations = self._builds[rows], self._observations[rows]
        rewards[rows] = self.rules.advance(step, builds, observations, actions)
        if not isinstance(rows, slice):  # then they are copies
            self._builds[rows], self._observations[rows] = builds, observations

    def _next(self, step: int, rows: Rows) -> list[tuple[int, Rows]]:
        if step + 1 < self._over:
            return super()._next(step, rows)
        numbers = self._numbers[rows]
        over = self.rules.over(self._builds[numbers])
        of = {0: numbers[~over], self._over: numbers[over]}
        return [(after, chosen) for after, chosen in of.items() if len(chosen)]

    def _finish(self, rows: Rows, rewards: NDArray[Any]) -> list[tuple[NDArray[np.int64], Columns]]:
        ended = []
        for ending in self.rules.finish(self._builds[rows], rewards[rows]):
            numbers = self._numbers[rows][ending.rows]
            rewards[numbers] = ending.rewards
            if self.observer is not None:
                regret = ending.info.get("regret")
                self.observer(ending.info["index"], ending.rewards, regret, np.empty((len(numbers), 0)))
            ended.append((numbers, ending.info))
        return ended
