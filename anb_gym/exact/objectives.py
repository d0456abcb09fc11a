"""The objectives of a search: tables with a direction, on the whole space or a part of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import integer, is_integer, shown
from anb_gym._types import FloatArray
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.tables import BlockTables, evaluate

#: Objectives closer than this, relative to the sum of the tables' largest entries, are compared as equal: far above
#: the rounding of differently ordered sums (1e-14), far below any difference that matters.
_RESOLUTION: Final = 1e-9
#: What bounds may be wrong by, relative to the resolution.
_TOLERANCE: Final = 1 / 16


def checksum(tables: BlockTables) -> str:
    """SHA-256 of the order and the little-endian float64 entries of some tables."""
    digest = hashlib.sha256(f"BlockTables order {tables.order}\n".encode())
    digest.update(tables.values.astype("<f8").tobytes())
    return digest.hexdigest()


class TableObjectives:
    """Two functions or more to maximise; those to minimise are negated.

    Args:
        tables: The functions.
        maximize: The direction of each.
        fixed: State of each fixed block.

    Attributes:
        signs: ``float64`` (k,), -1 where the function is minimised.
        resolution: ``float64`` (k,), powers of two; objectives are compared as multiples of these, so that
            architectures which differ by rounding alone are equals.
        tolerance: ``float64`` (k,), by how much a bound must miss before it rules anything out.
        keep: For every block, which of its states ``fixed`` leaves, ``bool`` (states,).

    Raises:
        ValueError: There are fewer than two functions, or not a direction for each, or ``fixed`` names a block or state
            that is not there.
    """

    def __init__(
        self, tables: Sequence[BlockTables], maximize: Sequence[bool], fixed: Mapping[int, int] | None = None
    ) -> None:
        if len(tables) < 2:
            raise ValueError(f"tables must be of two functions or more, got {len(tables)}")
        for one in tables:
            if not isinstance(one, BlockTables):
                raise ValueError(f"tables must be BlockTables, such as Benchmark().load(metric).mean, got {shown(one)}")
        self.tables = list(tables)
        self.fixed = _checked_fixed(fixed)
        self.signs = np.where(_checked_directions(maximize, len(tables)), 1.0, -1.0)
        largest = np.array([_magnitude(t) for t in self.tables])
        self.resolution = np.exp2(np.floor(np.log2(_RESOLUTION * np.maximum(largest, 1e-280))))
        self.tolerance = _TOLERANCE * self.resolution
        self.keep: list[NDArray[np.bool_]] = [np.ones(n, dtype=np.bool_) for n in SPACE.block_sizes]
        for block, state in self.fixed.items():
            self.keep[block] = np.arange(len(self.keep[block])) == state

    @property
    def checksums(self) -> tuple[str, ...]:
        """SHA-256 of every function's tables."""
        return tuple(checksum(tables) for tables in self.tables)

    @property
    def single(self) -> bool:
        """Whether there are two functions, the same, so that the front is one function's optimum."""
        return len(self.tables) == 2 and self.tables[0] is self.tables[1] and bool(self.signs[0] == self.signs[1])

    @property
    def size(self) -> int:
        """The number of architectures."""
        return int(np.prod([mask.sum() for mask in self.keep], dtype=object))

    def __call__(self, states: States) -> FloatArray:
        """Values to maximise, ``float64`` (n, k), of block states (n, 7): the tables' own sums, signed."""
        if len(states) == 0:
            return np.empty((0, len(self.tables)))
        signed: FloatArray = np.stack(evaluate(self.tables, states), axis=1) * self.signs
        return signed

    def rounded(self, values: FloatArray) -> FloatArray:
        """Values (n, k) as they are compared: the nearest multiples of the resolution."""
        nearest: FloatArray = np.round(values / self.resolution) * self.resolution
        return nearest


def _magnitude(tables: BlockTables) -> float:
    ends = np.append(tables.layout.offsets[1:], tables.layout.size)
    parts = zip(tables.layout.offsets, ends, strict=True)
    return float(sum(np.abs(tables.values[start:end]).max() for start, end in parts))


def _checked_directions(maximize: object, n: int) -> list[bool]:
    """Whether each function is maximised: booleans, numpy's too, or 0 and 1."""
    given = list(maximize) if isinstance(maximize, Sequence | np.ndarray) else []
    known = [one for one in given if isinstance(one, bool | np.bool_) or (is_integer(one) and int(one) in (0, 1))]
    if len(given) != n or len(known) != n:
        raise ValueError(f"maximize must be True or False for each of {n} functions, got {shown(maximize)}")
    return [bool(one) for one in known]


def _checked_fixed(fixed: Mapping[int, int] | None) -> dict[int, int]:
    if fixed is None:
        return {}
    if not isinstance(fixed, Mapping):
        raise ValueError(f"fixed must map blocks 0..{N_BLOCKS - 1} to states, got {shown(fixed)}")
    for block, state in fixed.items():
        if not is_integer(block) or block not in range(N_BLOCKS):
            raise ValueError(f"fixed must map blocks 0..{N_BLOCKS - 1} to states, got block {block!r}")
        integer(state, 0, f"fixed[{block}]", int(SPACE.block_sizes[int(block)]) - 1)
    return {int(block): int(fixed[block]) for block in sorted(fixed)}
