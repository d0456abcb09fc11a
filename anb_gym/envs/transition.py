"""The transition of building an architecture, as look-up tables.

The tables are the rule: what an action chooses, which actions are valid and
what becomes visible. A single environment reads one entry of them per step, a
vector of environments reads one per copy; neither states the rule again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym.space import SPACE

#: Cells of the one-hot observation: one per option of every choice, then one per number of choices made, 0 to 28.
N_OPTION_CELLS: Final = int(SPACE.cardinalities.sum())
N_CELLS: Final = N_OPTION_CELLS + SPACE.n_choices + 1


@dataclass(frozen=True, eq=False)
class Transition:
    """The tables of one granularity.

    Attributes:
        n_steps: Steps in an episode.
        n_actions: Actions at each step.
        choices: ``int8`` (n_steps, n_actions, choices per step), what an action chooses.
        cells: ``int64``, same shape, the cells of the observation that it sets.
        masks: ``int8`` (n_steps + 1, n_actions), 1 where an action is valid; none is at the end.
    """

    n_steps: int
    n_actions: int
    choices: NDArray[np.int8]
    cells: NDArray[np.int64]
    masks: NDArray[np.int8]

    @property
    def choices_per_step(self) -> int:
        """How many of the 28 choices one action makes."""
        return int(self.choices.shape[2])

    def first_observation(self) -> NDArray[np.float32]:
        """The observation ``float32`` (100,) before the first choice."""
        observation = np.zeros(N_CELLS, dtype=np.float32)
        observation[N_OPTION_CELLS] = 1.0
        return observation


@lru_cache(maxsize=1)
def one_choice_per_step() -> Transition:
    """28 steps of four actions: step t makes choice t, action a stands for option ``a % options``.

    With fewer than four options several actions stand for the same option; those
    below the number of options are the valid ones.
    """
    n_steps, n_actions = SPACE.n_choices, int(SPACE.cardinalities.max())
    options = SPACE.cardinalities[:, None]
    actions = np.arange(n_actions)
    choices = actions % options
    first_cells = np.cumsum(SPACE.cardinalities) - SPACE.cardinalities
    masks = np.zeros((n_steps + 1, n_actions), dtype=np.int8)
    masks[:-1] = actions < options
    tables: dict[str, NDArray[Any]] = {
        "choices": choices.astype(np.int8)[:, :, None],
        "cells": (first_cells[:, None] + choices)[:, :, None],
        "masks": masks,
    }
    for table in tables.values():
        table.setflags(write=False)
    return Transition(n_steps, n_actions, **tables)
