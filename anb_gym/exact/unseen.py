"""The best architecture of one function that is not among some, within a number of nodes.

Searches that learn a function as they go look for its maximum again and again, and want what they have not seen. What
they know is a good start, so the search begins with changes of it; and an answer in time is worth more than a proof, so
it stops after a number of nodes and says whether the proof is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from anb_gym.exact.bounds import tighten
from anb_gym.exact.changes import one_block_changes
from anb_gym.exact.functions import Functions, from_tables, halves
from anb_gym.exact.objectives import TableObjectives
from anb_gym.exact.search import Enumeration
from anb_gym.space import N_BLOCKS, SPACE, Indices, States
from anb_gym.surrogates.tables import BlockTables

#: Nodes between looks at the best so far, and nodes after which a part of the space is cut in two.
_NODES_PER_CALL: Final = 20_000
_NODES_PER_PART: Final = 400_000
_CAPACITY: Final = 4096


@dataclass(frozen=True)
class Unseen:
    """Result of :func:`best_unseen`.

    Attributes:
        states: Block states, ``int64`` (7,).
        value: What the function is there.
        certified: Whether it is proven that no other unseen architecture has more, by more than rounding.
        nodes: Nodes that were visited.
    """

    states: States
    value: float
    certified: bool
    nodes: int


def best_unseen(tables: BlockTables, seen: Indices, near: States, *, nodes: int = 2_000_000) -> Unseen:
    """The maximum of a function over all architectures but some.

    Args:
        tables: The function.
        seen: Indices of the architectures that are left out, ``int64`` (m,).
        near: Block states to begin with, ``int64`` (n, 7), at least one, seen or not: the better, the faster.
        nodes: Nodes after which the search gives up the proof; the result is then the best that it met.

    Raises:
        ValueError: ``near`` is empty, or everything near it is seen.
    """
    if not len(near):
        raise ValueError("near must have at least one architecture, got none")
    best = _Best(tables, seen)
    for states in near:
        best.climb(states)
    if not np.isfinite(best.value):
        raise ValueError(f"near must have a neighbour that is not seen, all of {len(seen)} are")
    # Only what is better by more than rounding is looked for: where many are equal there would be no end.
    tolerance = float(TableObjectives([tables, tables], (True, True)).tolerance[0])
    parts, visited = [from_tables([tables])], 0
    while parts:
        part = tighten(parts.pop(), np.array([best.value + tolerance]))
        if part.size == 0:
            continue
        part = part.smallest_first()
        limit = min(_NODES_PER_PART, nodes - visited)
        used, is_closed = _enumerate(part, best, tolerance, limit)
        visited += used
        if is_closed:
            continue
        if visited >= nodes:
            return Unseen(best.states, best.value, False, visited)
        parts += [part.restricted(half) for half in halves(part.whole)]
    return Unseen(best.states, best.value, True, visited)


class _Best:
    """The best unseen architecture so far."""

    def __init__(self, tables: BlockTables, seen: Indices) -> None:
        self._tables, self._seen = tables, seen
        self.value = -np.inf
        self.states: States = np.zeros(N_BLOCKS, dtype=np.int64)

    def add(self, states: States) -> None:
        values = self._tables(states)
        better = np.flatnonzero(values > self.value)
        better = better[~np.isin(SPACE.states_to_index(states[better]), self._seen)]
        if len(better):
            top = better[values[better].argmax()]
            self.value, self.states = float(values[top]), states[top].copy()

    def climb(self, states: States) -> None:
        """Changes one block at a time as long as that improves, and adds all that was met last."""
        value = float(self._tables(states[None])[0])
        while True:
            changes = one_block_changes(states)
            values = self._tables(changes)
            top = int(values.argmax())
            if not values[top] > value:
                self.add(np.concatenate([states[None], changes]))
                return
            states, value = changes[top], float(values[top])


def _enumerate(functions: Functions, best: _Best, tolerance: float, limit: int) -> tuple[int, bool]:
    """Enumerates what may be better than the best. Returns the nodes visited, and whether it came to the end."""
    enumeration = Enumeration(functions, _CAPACITY)
    while not enumeration.is_done:
        if (left := limit - enumeration.nodes) <= 0:
            return enumeration.nodes, False
        found = enumeration.more(np.array([best.value + tolerance]), min(left, _NODES_PER_CALL))
        if len(found):
            best.add(found)
    return enumeration.nodes, True
