"""The network so far as a table of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from anb_gym.space import CHOICE_NAMES, EXPANSIONS, KERNELS, LAYERS, N_BLOCKS

#: What is shown of a choice that is not made.
UNDECIDED: Final = "."

_HEADER: Final = ("block", "expansion", "kernel", "layers", "se")
_ROW: Final = "{:<5}  {:>9}  {:>6}  {:>6}  {:>5}"


def labels(choices: Sequence[int]) -> list[list[str]]:
    """The options of an architecture's first choices, block by block, with :data:`UNDECIDED` for all others.

    Args:
        choices: The first choices of an architecture, at most 28.

    Returns:
        Seven rows of expansion, kernel, layers and squeeze-excitation.
    """
    width = len(CHOICE_NAMES)
    rows = []
    for block in range(N_BLOCKS):
        options = (EXPANSIONS, KERNELS, LAYERS[block], ("no", "yes"))
        made = choices[block * width : (block + 1) * width]
        row = [str(values[choice]) for values, choice in zip(options, made, strict=False)]
        rows.append(row + [UNDECIDED] * (width - len(row)))
    return rows


def text_table(
    choices: Sequence[int],
    metrics: Mapping[str, float] | None = None,
    reward: Any = None,
    changed: int | None = None,
) -> str:
    """One line per block with the choices made so far, then the metrics and the reward if there are any.

    Args:
        choices: The first choices of an architecture, at most 28.
        metrics: Values by name.
        reward: The reward, a number or a vector.
        changed: Position of the choice made last, which is put into brackets; None for no brackets.

    Example:
        >>> print(text_table([2, 1, 0], changed=1).splitlines()[1])
        0              6     [5]       1      .
    """
    lines = [_ROW.format(*_HEADER)]
    for block, row in enumerate(labels(choices)):
        if changed is not None and changed // len(row) == block:
            row[changed % len(row)] = f"[{row[changed % len(row)]}]"
        lines.append(_ROW.format(block, *row))
    lines += [f"{name}: {value:,.2f}" for name, value in (metrics or {}).items()]
    if reward is not None:
        lines.append("reward: " + format_reward(reward))
    return "\n".join(lines)


def format_reward(reward: Any) -> str:
    """A reward with four decimals, a vector's separated by commas."""
    return ", ".join(f"{value:.4f}" for value in np.atleast_1d(reward))
