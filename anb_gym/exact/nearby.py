"""A front that is nearly exact in a fraction of the time: changes of a block, from architectures that are known."""

from __future__ import annotations

import numpy as np

from anb_gym.exact.archive import empty_archive, insert
from anb_gym.exact.functions import from_objectives
from anb_gym.exact.neighbourhood import try_changes
from anb_gym.exact.objectives import TableObjectives
from anb_gym.space import States
from anb_gym.surrogates.tables import BlockTables


def nearby_front(tables_a: BlockTables, tables_b: BlockTables, maximize: tuple[bool, bool], start: States) -> States:
    """Pareto local search: changes of single blocks of the best of some architectures, while any improves the front.

    Nothing certifies it. From the exact fronts of 50 other devices it found 99 % of the members of a new device's, and
    at least 0.9999 of its hypervolume, in a tenth of a second.

    Args:
        tables_a: The first function.
        tables_b: The second function.
        maximize: Whether each function is maximised.
        start: Block states to begin with, ``int64`` (n, 7), at least one.

    Returns:
        Block states of the front, ``int64`` (k, 7), by falling first objective.

    Raises:
        ValueError: ``start`` is empty.
    """
    if not len(start):
        raise ValueError("start must have at least one architecture, got none")
    objectives = TableObjectives([tables_a, tables_b], maximize)
    values = objectives(start)
    order = np.lexsort((-values[:, 1], -values[:, 0]))
    second = values[order, 1]
    best = np.maximum.accumulate(second)
    rows = order[np.concatenate([[True], second[1:] > best[:-1]])]
    scale = 1.0 / np.maximum(np.ptp(values[rows], axis=0), 1e3 * objectives.resolution)
    functions = from_objectives(objectives).combined(np.diag(scale))
    archive = empty_archive()
    for row in rows:
        a, b = values[row] * scale
        insert(archive, a, b, start[row].astype(np.int64), objectives.resolution * scale)
    try_changes(
        functions.sizes,
        functions.unary,
        functions.pair,
        functions.triple,
        archive,
        objectives.resolution * scale,
    )
    return archive.states[: archive.length[0]].copy()
