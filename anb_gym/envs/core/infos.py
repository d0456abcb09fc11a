"""Ends of episodes: rewards of complete architectures, and the last infos, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import Rows, Seeds
from anb_gym.problems import Evaluation
from anb_gym.space import N_BLOCKS, SPACE, Architecture, States

#: Values of an info by key, one row per episode; nested as infos are.
Columns: TypeAlias = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Ending:
    """Ends of episodes of one problem.

    Attributes:
        rows: Which of the batch they are.
        rewards: ``float64`` (n,), or ``float32`` (n, objectives) for a vector reward.
        info: What the last info contains.
    """

    rows: Rows
    rewards: NDArray[Any]
    info: Columns


def describe(states: States, evaluation: Evaluation, seeds: Seeds | None) -> Columns:
    """Columns of the last infos: architectures and their worth."""
    info: Columns = {
        "architecture": architecture_strings(states),
        "index": SPACE.states_to_index(states),
        "metrics": dict(evaluation.metrics),
    }
    if evaluation.raw is not None:
        info["raw_reward"] = evaluation.raw
    if evaluation.regret is not None:
        info["regret"] = evaluation.regret
    if seeds is not None:
        info |= {"exact_metrics": dict(evaluation.exact), "noise_seed": seeds.astype(np.int64)}
    if evaluation.cost is not None:
        info["cost"] = evaluation.cost
    return info


def first_row(columns: Columns) -> dict[str, Any]:
    """The info of one environment: the first row of columns, as Python values and fresh arrays."""
    return {
        key: first_row(column)
        if isinstance(column, dict)
        else (column.item(0) if column.ndim == 1 else column[0].copy())
        for key, column in columns.items()
    }


#: Blocks whose strings are looked up together: few additions of strings per architecture, and small tables.
_PARTS: Final = ((0, 1), (2, 3), (4, 5), (6,))


def architecture_strings(states: States) -> NDArray[np.object_]:
    """``str(architecture)`` of block states ``int64`` (n, 7), as an array of objects (n,)."""
    parts = []
    for blocks, table in zip(_PARTS, _string_tables(), strict=True):
        parts.append(table[tuple(states[:, block] for block in blocks)])
    strings: NDArray[np.object_] = sum(parts[1:], start=parts[0])
    return strings


@lru_cache(maxsize=1)
def _string_tables() -> list[NDArray[np.object_]]:
    largest = int(SPACE.block_sizes.max())
    states = np.minimum(np.arange(largest)[:, None], SPACE.block_sizes - 1)
    written = [str(Architecture.from_choices(choices)).split("-") for choices in SPACE.from_states(states)]
    tables = []
    for blocks in _PARTS:
        table = np.array("", dtype=object)
        for block in blocks:
            of_block = [row[block] + ("-" if block < N_BLOCKS - 1 else "") for row in written]
            table = np.add.outer(table, np.array(of_block[: SPACE.block_sizes[block]], dtype=object))
        tables.append(table)
    return tables
