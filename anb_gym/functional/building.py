"""The transition of building an architecture, for episodes that need not be at the same step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anb_gym._namespace import cast, namespace, placed_like, rows_at
from anb_gym.arrays.tables import as_states
from anb_gym.envs.core.observations import N_CELLS, N_OPTION_CELLS, OneHot
from anb_gym.envs.core.rules import Rules
from anb_gym.space import CHOICE_NAMES, N_BLOCKS, SPACE


@dataclass(frozen=True, eq=False)
class Building:
    """Transition and observations of :class:`~anb_gym.envs.core.rules.Rules`, as arrays and functions of them.

    Attributes:
        rules: The rules.
        arrays: By name, arrays of numpy or another library: ``masks`` (steps + 1, actions); by step and action, one
            after the other, ``cells`` (steps * actions, changes), which cells of an observation an action writes,
            ``values``, what it writes there, or (changes,) if that is always the same, and ``added``
            (steps * actions,), what it adds to the state of a block; ``block`` (steps,), which block that is.
            Without the last four the action is the 28 choices.
    """

    rules: Rules
    arrays: dict[str, Any]

    @classmethod
    def of(cls, rules: Rules) -> Building:
        """The building of rules, with arrays of numpy."""
        transition, dtype = rules.transition, rules.encoding.space.dtype
        arrays: dict[str, Any] = {"masks": transition.masks}
        if rules.moves is None or transition.table is None:
            return cls(rules, arrays)
        changes = [cells for step in rules.moves for _, cells in step]
        per_step = transition.choices_per_step
        strides = np.array([np.prod(SPACE.cardinalities[i + 1 : i - i % len(CHOICE_NAMES) + 4]) for i in range(28)])
        added = [
            int(np.dot(made, strides[step * per_step : (step + 1) * per_step]))
            for step, actions in enumerate(rules.moves)
            for made, _ in actions
        ]
        arrays["cells"] = np.array([[cell for cell, _ in of_action] for of_action in changes], dtype=np.int32)
        values = np.array([[value for _, value in of_action] for of_action in changes], dtype=dtype)
        arrays["values"] = values[0] if (values == values[0]).all() else values  # a look-up less
        arrays["added"] = np.array(added, dtype=np.int32)
        arrays["block"] = (np.arange(transition.n_steps) * per_step // len(CHOICE_NAMES)).astype(np.int32)
        return cls(rules, arrays)

    def put(self, put: Callable[[Any], Any]) -> Building:
        """The same with arrays of another library."""
        return Building(self.rules, {name: put(array) for name, array in self.arrays.items()})

    @property
    def n_steps(self) -> int:
        """Steps of an episode."""
        return self.rules.n_steps

    def first(self, xp: Any, cells: Any) -> Any:
        """Observations (..., cells) before the first choice, of episodes whose requests show cells (..., n)."""
        n = self.rules.encoding.space.shape[0] - cells.shape[-1]
        blank = np.zeros(n, self.rules.encoding.space.dtype)
        if isinstance(self.rules.encoding, OneHot):
            blank[N_OPTION_CELLS] = 1.0
        shown = xp.asarray(blank, **placed_like(cells))
        return xp.concatenate([xp.broadcast_to(shown, (*cells.shape[:-1], n)), cast(cells, shown.dtype)], -1)

    def advance(self, step: Any, states: Any, observations: Any, actions: Any) -> tuple[Any, Any]:
        """Block states and observations after actions.

        Args:
            step: Steps made, ``int32`` (...); where an episode is over, anything comes of it.
            states: Block states, ``int32`` (..., 7), 0 where nothing is chosen.
            observations: (..., cells).
            actions: Integers (...), or (..., 28). Those outside the action space are replaced by the nearest within it.
        """
        xp = namespace(states)
        if "cells" not in self.arrays:
            made = as_states(actions)
            return made, self._of_choices(xp, xp.clip(actions, 0, None), observations)
        n_actions = self.arrays["masks"].shape[1]
        last = self.n_steps - 1
        step = xp.clip(step, 0, last)
        row = step * n_actions + cast(xp.clip(actions, 0, n_actions - 1), states.dtype)
        block = xp.arange(N_BLOCKS, **placed_like(states)) == rows_at(self.arrays["block"], step)[..., None]
        states = states + xp.where(block, rows_at(self.arrays["added"], row)[..., None], 0)
        cells, values = rows_at(self.arrays["cells"], row), self.arrays["values"]
        values = values if values.ndim == 1 else rows_at(values, row)
        position = xp.arange(observations.shape[-1], **placed_like(observations))
        for change in range(cells.shape[-1]):
            here = position == cells[..., change, None]
            observations = xp.where(here, values[..., change, None], observations)
        return states, observations

    def masks(self, step: Any) -> Any:
        """Action masks, ``int8`` (..., actions), after so many steps."""
        return rows_at(self.arrays["masks"], step)

    def _of_choices(self, xp: Any, choices: Any, observations: Any) -> Any:
        """Observations of complete choices (..., 28), with the cells of requests that these have."""
        options = [xp.clip(choices[..., i, None], 0, n - 1) for i, n in enumerate(SPACE.cardinalities.tolist())]
        if isinstance(self.rules.encoding, OneHot):
            sizes = [*SPACE.cardinalities.tolist(), SPACE.n_choices + 1]
            options.append(xp.full_like(options[0], SPACE.n_choices))
            parts = [xp.arange(n, **placed_like(choices)) == option for n, option in zip(sizes, options, strict=True)]
            shown = N_CELLS
        else:
            parts, shown = [option + 1 for option in options], SPACE.n_choices
        made = cast(xp.concatenate(parts, -1), observations.dtype)
        return xp.concatenate([made, observations[..., shown:]], -1)
