"""The transition of building an architecture, as look-up tables.

The tables are the rule: how many steps there are, what an action chooses and
which actions are valid. They are applied to batches of episodes at the same
step; a single environment is the batch of one, and a vector environment whose
copies have come apart applies them once per step that occurs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym.envs.core.inputs import Actions, parse_action, parse_actions
from anb_gym.space import CHOICE_NAMES, N_BLOCKS, SPACE, Choices

#: What one step decides: a choice, a block of four choices or the whole network.
GRANULARITIES: Final = ("choice", "block", "network")

ActionSpace = spaces.Discrete | spaces.MultiDiscrete


@dataclass(frozen=True, eq=False)
class Transition:
    """The tables of one granularity.

    Attributes:
        n_steps: Steps in an episode.
        choices_per_step: How many of the 28 choices one action makes.
        n_actions: Actions of ``Discrete``, None for ``MultiDiscrete``.
        limits: Actions are integers from 0 to below this: ``int64`` () for ``Discrete``, (28,) for ``MultiDiscrete``.
        masks: ``int8`` (n_steps + 1, actions), 1 where an action is valid; none is at the end. For ``MultiDiscrete``
            the options of every choice, one after the other, as MaskablePPO takes them.
        table: ``int8`` (n_steps, actions, choices_per_step), what an action chooses; None if the action is the choices.
    """

    n_steps: int
    choices_per_step: int
    n_actions: int | None
    limits: NDArray[np.int64]
    masks: NDArray[np.int8]
    table: NDArray[np.int8] | None

    def action_space(self) -> ActionSpace:
        """A fresh action space of one environment."""
        return spaces.MultiDiscrete(self.limits) if self.n_actions is None else spaces.Discrete(self.n_actions)

    def choose(self, step: int, actions: Actions) -> Choices:
        """Choices that actions make at a step.

        Args:
            step: The step, in ``0 .. n_steps - 1``.
            actions: Valid actions, (n,) or (n, 28).

        Returns:
            Choices ``int8`` (n, choices_per_step).
        """
        chosen: Choices = actions.astype(np.int8) if self.table is None else self.table[step].take(actions, axis=0)
        return chosen

    @cached_property
    def mask_rows(self) -> list[NDArray[np.int8]]:
        """The rows of :attr:`masks`."""
        return list(self.masks)

    def parse_one(self, action: Any) -> Any:
        """One environment's action, an integer or choices ``int64`` (28,).

        Raises:
            ValueError: It is outside the action space.
        """
        if self.n_actions is None:
            return parse_actions(action, self.limits.shape, self.limits, "action")
        return parse_action(action, self.n_actions)

    def parse_batch(self, actions: Any, n: int) -> Actions:
        """The actions of ``n`` environments as an array.

        Raises:
            ValueError: They have another shape or are no integers, or one is outside the action space.
        """
        return parse_actions(actions, (n, *self.limits.shape), self.limits)


def transition(granularity: str) -> Transition:
    """The tables of a granularity.

    ``"choice"``: 28 steps of four actions; step t makes choice t, action a stands for option ``a % options``.
    ``"block"``: seven steps of 48 actions; step t makes the choices of block t, action a stands for the block's state
    ``a % states``. Actions below the number of options, or states, are the valid ones: they name each once.
    ``"network"``: one step, whose action is the 28 choices.

    Raises:
        ValueError: The granularity is unknown.
    """
    return _transition(choose(granularity, GRANULARITIES, "granularity"))


@lru_cache(maxsize=len(GRANULARITIES))
def _transition(granularity: str) -> Transition:
    sizes = {"choice": SPACE.cardinalities, "block": SPACE.block_sizes, "network": None}[granularity]
    if sizes is None:
        masks = np.ones((2, SPACE.cardinalities.sum()), dtype=np.int8)
        masks[-1] = 0
        return _read_only(Transition(1, SPACE.n_choices, None, SPACE.cardinalities, masks, None))
    n_steps, n_actions = len(sizes), int(sizes.max())
    actions = np.arange(n_actions)
    options = actions % sizes[:, None]
    if granularity == "choice":
        table = options.astype(np.int8)[:, :, None]
    else:  # state a of every block where it exists, then the block's own four choices
        choices = SPACE.from_states(np.minimum(actions[:, None], SPACE.block_sizes - 1))
        choices = choices.reshape(n_actions, N_BLOCKS, len(CHOICE_NAMES))
        table = choices[options, np.arange(n_steps)[:, None]]
    masks = np.zeros((n_steps + 1, n_actions), dtype=np.int8)
    masks[:-1] = actions < sizes[:, None]
    return _read_only(Transition(n_steps, table.shape[2], n_actions, np.array(n_actions), masks, table))


def _read_only(tables: Transition) -> Transition:
    for array in (tables.limits, tables.masks, tables.table):
        if array is not None:
            array.setflags(write=False)
    return tables
