"""Many copies of the environment that changes an architecture."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from anb_gym.envs.core.copies import CopiesVectorEnv, Rows
from anb_gym.envs.core.infos import Columns
from anb_gym.envs.core.inputs import Actions, parse_actions
from anb_gym.envs.edit import N_ACTIONS, OPTIONS, POSITIONS, EditEnv
from anb_gym.problems import Problem
from anb_gym.space import SPACE


class EditVectorEnv(CopiesVectorEnv):
    """Copies of :class:`~anb_gym.envs.edit.EditEnv`: at each step all architectures are scored together."""

    env_type: ClassVar[type[EditEnv]] = EditEnv
    truncates = True
    single_env: EditEnv

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(num_envs, autoreset_mode, max_episode_steps, **arguments)
        #: Architectures at the start and now, the latter's worth, the choice that the last step named and its reward.
        self._first = np.zeros((self.num_envs, SPACE.n_choices), dtype=np.int8)
        self._choices = np.zeros((self.num_envs, SPACE.n_choices), dtype=np.int8)
        self._worth = np.zeros(self.num_envs)
        self._changed = np.zeros(self.num_envs, dtype=np.int64)
        self._rewards = np.zeros(self.num_envs)
        self._seeds = np.zeros(self.num_envs, dtype=np.uint64)

    @property
    def problem(self) -> Problem:
        """What architectures are worth."""
        return self.single_env.problem

    def action_masks(self) -> NDArray[np.bool_]:
        running = (self._steps >= 0) & (self._steps < self.n_steps)
        masks: NDArray[np.bool_] = running[:, None] & (self._observations == 0.0)
        return masks

    def single(self, row: int) -> EditEnv:
        step = int(self._steps[row])
        last = (int(self._changed[row]), float(self._rewards[row])) if step > 0 else (None, None)
        self.single_env.take_over(step, self._first[row], self._choices[row], int(self._seeds[row]), *last)
        return self.single_env

    def _parse(self, actions: Any) -> Actions:
        return parse_actions(actions, (self.num_envs,), np.array(N_ACTIONS))

    def _start(self, rows: Rows, options: dict[str, Any]) -> None:
        for row in self._numbers[rows].tolist():
            self._first[row], self._seeds[row] = self.single_env.draw(self._generator(row), options)
        self._choices[rows] = self._first[rows]
        self._measure(rows)

    def _info(self, step: int, rows: Rows) -> Columns:
        return {"action_mask": (self._observations[rows] == 0.0).astype(np.int8)}

    def _advance(self, step: int, rows: Rows, actions: Actions, rewards: NDArray[Any]) -> None:
        self._changed[rows] = POSITIONS[actions]
        self._choices[self._numbers[rows], POSITIONS[actions]] = OPTIONS[actions]
        before = self._worth[rows].copy()
        self._measure(rows)
        rewards[rows] = self._rewards[rows] = self._worth[rows] - before

    def _finish(self, rows: Rows, rewards: NDArray[Any]) -> list[tuple[NDArray[np.int64], Columns]]:
        choices, seeds = self._choices[rows], self._seeds[rows]
        evaluation = self.single_env.assess(choices, seeds)
        return [(self._numbers[rows], self.single_env.last_info(self._first[rows], choices, evaluation, seeds))]

    def _measure(self, rows: Rows) -> None:
        """Scores the architectures of copies and shows them."""
        self._worth[rows] = self.single_env.reward(self._choices[rows], self._seeds[rows])
        self._observations[rows] = self._choices[rows][:, POSITIONS] == OPTIONS
