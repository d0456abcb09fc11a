"""A front that nothing certifies, found with numpy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.exact.changes import one_block_changes
from anb_gym.exact.dominance import staircase
from anb_gym.space import SPACE, States


def local_front(values: Callable[[States], FloatArray], states: States, known: FloatArray) -> States:
    """Pareto local search (Paquete, Chiarandini and Stützle 2004): changes of single blocks while any is not dominated.

    Args:
        values: From block states (n, 7) to two objectives to maximise, ``float64`` (n, 2).
        states: To begin with, ``int64`` (n, 7), at least one.
        known: Their objectives.

    Returns:
        Block states of the front, ``int64`` (k, 7), the first objective falling. No two have the same objectives.
    """
    front = known
    explored: set[int] = set()
    while True:
        best = staircase(front[:, 0], front[:, 1])
        states, front = states[best], front[best]
        indices = SPACE.states_to_index(states)
        fresh = np.array([index not in explored for index in indices.tolist()])
        if not fresh.any():
            return states
        explored.update(indices[fresh].tolist())
        changed = one_block_changes(states[fresh])
        found = values(changed)
        # Only what the front does not dominate is kept: most changes are worse.
        worth = found[:, 1] > _best_at(front, found[:, 0])
        states, front = np.concatenate([states, changed[worth]]), np.concatenate([front, found[worth]])


def _best_at(front: FloatArray, first: FloatArray) -> FloatArray:
    """The best second objective of a staircase's members whose first objective is at least so large."""
    # The front's first objective falls and its second rises.
    at = np.searchsorted(-front[:, 0], -first, side="right")
    return np.concatenate([[-np.inf], front[:, 1]])[at]
