"""Results of exact searches: values that can be stored, read back and verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from anb_gym._files import Fields
from anb_gym._types import FloatArray
from anb_gym.exact.changes import one_block_changes, pairs_of_blocks, two_block_changes
from anb_gym.exact.dominance import escaping, non_dominated
from anb_gym.exact.objectives import TableObjectives
from anb_gym.space import SPACE, Indices, States
from anb_gym.surrogates.tables import BlockTables

#: Version of the dictionaries; others are refused.
SCHEMA: Final = 1
#: Members whose changes are tried at a time, and of fronts of more than two functions at all.
_CHUNK: Final = 64
_TRIED: Final = 100


class VerificationError(ValueError):
    """A stored result contradicts the tables it is said to come from."""


@dataclass(frozen=True)
class Certificate:
    """Certificate of a search: what was searched, and that nothing was left out.

    Attributes:
        tables: SHA-256 of every objective's tables.
        maximize: The direction of every objective.
        resolution: Per objective, in its unit: values were compared as multiples of this.
        fixed: Blocks that were fixed, and their states.
        covered: Architectures visited or discarded by a bound: all of the space that ``fixed`` leaves.
        nodes: Nodes of the search trees; with several threads the number can differ from run to run, so nothing can
            verify it.
        gap: Per objective, in its unit: every architecture is, in all objectives at once, better than some member by at
            most this. Empty for an exact result.
    """

    tables: tuple[str, ...]
    maximize: tuple[bool, ...]
    resolution: tuple[float, ...]
    fixed: tuple[tuple[int, int], ...]
    covered: int
    nodes: int
    gap: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        return {
            "tables": list(self.tables),
            "maximize": list(self.maximize),
            "resolution": list(self.resolution),
            "fixed": [list(item) for item in self.fixed],
            "covered": self.covered,
            "nodes": self.nodes,
            **({"gap": list(self.gap)} if self.gap else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads what :meth:`to_dict` wrote.

        Raises:
            ValueError: A field is missing or of another type.
        """
        fields = Fields(values, "certificate", ValueError)
        return cls(
            tables=tuple(fields.items("tables", str)),
            maximize=tuple(fields.items("maximize", bool)),
            resolution=tuple(fields.items("resolution", float)),
            fixed=tuple((block, state) for block, state in fields.lists("fixed", int)),
            covered=fields.get("covered", int),
            nodes=fields.get("nodes", int),
            gap=tuple(fields.items("gap", float)) if "gap" in values else (),
        )


@dataclass(frozen=True, eq=False)
class Front:
    """The exact Pareto front of two functions or more, or one with a gap.

    Architectures with equal objectives, up to the certificate's resolution, are all
    members, so that a front is a property of the tables alone; one with a gap is not.

    Attributes:
        indices: ``int64`` (n,), the best of the first objective first; equals by index.
        objectives: ``float64`` (n, k), the tables' sums as ``BlockTables`` computes them.
        certificate: What was searched.
    """

    indices: Indices
    objectives: FloatArray
    certificate: Certificate

    def __post_init__(self) -> None:
        for array in (self.indices, self.objectives):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.indices)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Front):
            return NotImplemented
        return (
            np.array_equal(self.indices, other.indices)
            and np.array_equal(self.objectives, other.objectives)
            and self.certificate == other.certificate
        )

    def verify(self, *tables: BlockTables, identical: bool = True) -> None:
        """Checks what can be checked in seconds.

        The certificate names these tables, their resolution and the whole of its space; the stored objectives equal
        a fresh evaluation; members are distinct and in order; none dominates another; and no change of one or two
        blocks of any member leads to a point that the front does not dominate. So a member that is left out is
        noticed if it lies within two blocks of another. With more than two functions changes of one block are tried,
        of some 100 members.

        Not verified: the certificate's ``nodes``.

        Args:
            *tables: The functions.
            identical: Whether these are the very tables searched, bit for bit. False is for tables made
                anew from the same file, which differ by rounding between machines: their checksums are not
                verified then, and objectives may differ by the certificate's resolution.

        Raises:
            VerificationError: A check failed.
        """
        _verify(self.indices, self.objectives, self.certificate, list(tables), identical)

    def to_dict(self) -> dict[str, Any]:
        """A dictionary for JSON; floats survive it exactly."""
        return {
            "schema": SCHEMA,
            "indices": self.indices.tolist(),
            "objectives": self.objectives.tolist(),
            "certificate": self.certificate.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads what :meth:`to_dict` wrote.

        Raises:
            ValueError: The dictionary is of another schema, or a field is missing or of another type.
        """
        fields = Fields(values, "front", ValueError)
        fields.check_schema(SCHEMA)
        certificate = Certificate.from_dict(fields.get("certificate", dict))
        rows = fields.lists("objectives", float)
        if any(len(row) != len(certificate.tables) for row in rows):
            raise ValueError(f"objectives must have {len(certificate.tables)} values a member")
        return cls(_indices(fields), np.array(rows, dtype=np.float64).reshape(len(rows), -1), certificate)


@dataclass(frozen=True, eq=False)
class Optimum:
    """The exact optimum of one function.

    Attributes:
        indices: ``int64`` (n,), all architectures that attain it up to the certificate's resolution, ascending.
        value: The best of the tables' sums, as ``BlockTables`` computes it.
        certificate: What was searched.
    """

    indices: Indices
    value: float
    certificate: Certificate

    def __post_init__(self) -> None:
        self.indices.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Optimum):
            return NotImplemented
        return (
            np.array_equal(self.indices, other.indices)
            and self.value == other.value
            and self.certificate == other.certificate
        )

    def verify(self, tables: BlockTables, *, identical: bool = True) -> None:
        """Checks what can be checked in seconds, as :meth:`Front.verify` does.

        Raises:
            VerificationError: A check failed.
        """
        c = self.certificate
        twice = Certificate(c.tables * 2, c.maximize * 2, c.resolution * 2, c.fixed, c.covered, c.nodes)
        _verify(self.indices, np.full((len(self.indices), 2), self.value), twice, [tables, tables], identical)
        values = tables(SPACE.index_to_states(self.indices))
        if identical and not self.value == (values.max() if c.maximize[0] else values.min()):
            raise VerificationError(f"the value {self.value} differs from that of the tables")

    def to_dict(self) -> dict[str, Any]:
        """A dictionary for JSON; floats survive it exactly."""
        return {
            "schema": SCHEMA,
            "indices": self.indices.tolist(),
            "value": self.value,
            "certificate": self.certificate.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads what :meth:`to_dict` wrote.

        Raises:
            ValueError: The dictionary is of another schema, or a field is missing or of another type.
        """
        fields = Fields(values, "optimum", ValueError)
        fields.check_schema(SCHEMA)
        certificate = Certificate.from_dict(fields.get("certificate", dict))
        return cls(_indices(fields), fields.get("value", float), certificate)


def _indices(fields: Fields) -> Indices:
    return SPACE.validate_index(np.array(fields.items("indices", int), dtype=object).astype(np.int64), "indices")


def _verify(
    indices: Indices, objectives: FloatArray, certificate: Certificate, tables: list[BlockTables], identical: bool
) -> None:
    # Whatever holds NaN fails: nothing is compared by what it must not be.
    try:
        goal = TableObjectives(tables, certificate.maximize, dict(certificate.fixed))
        states = SPACE.index_to_states(indices)
    except ValueError as error:
        raise VerificationError(f"the result is not one of this space: {error}") from error
    if identical and not certificate.tables == goal.checksums:
        raise VerificationError(f"the result is of tables {certificate.tables}, got tables {goal.checksums}")
    if not certificate.covered == goal.size:
        raise VerificationError(f"the search covered {certificate.covered} architectures of {goal.size}")
    # A power of two below the tables' largest entries, which rounding can move by a factor of two and no other.
    allowed_ratios = (1.0,) if identical else (0.5, 1.0, 2.0)
    expected = goal.resolution.tolist()
    if len(certificate.resolution) != len(expected) or not all(
        found / right in allowed_ratios for found, right in zip(certificate.resolution, expected, strict=True)
    ):
        raise VerificationError(f"the resolution is {certificate.resolution}, expected {expected}")
    if not certificate.nodes >= 0:
        raise VerificationError(f"the number of nodes is {certificate.nodes}, expected at least 0")
    if len(indices) == 0 or len(np.unique(indices)) != len(indices):
        raise VerificationError("indices must be distinct and at least one")
    if any((states[:, block] != state).any() for block, state in certificate.fixed):
        raise VerificationError(f"a member lies outside the part of the space with blocks fixed {certificate.fixed}")
    fresh = goal(states)
    allowed = 0.0 if identical and not goal.single else goal.resolution
    if objectives.shape != fresh.shape or not (np.abs(fresh * goal.signs - objectives) <= allowed).all():
        raise VerificationError("stored objectives differ from those of the tables")
    if not non_dominated(goal.rounded(fresh)).all():
        raise VerificationError("a member dominates another")
    first = np.round(objectives[:, 0] * goal.signs[0] / certificate.resolution[0])
    if not (np.lexsort((indices, -first)) == np.arange(len(indices))).all():
        raise VerificationError("members must be in order: the best of the first objective first, equals by index")
    if n := _improving_changes(goal, states, fresh, np.array(certificate.gap or 0.0)):
        raise VerificationError(f"{n} changes of one or two blocks escape dominance by the front")


def _improving_changes(goal: TableObjectives, states: States, values: FloatArray, gap: FloatArray | float) -> int:
    """Number of changes of one or two blocks of members that lead to points which the front does not dominate."""
    found = 0
    if len(goal.tables) > 2:
        changes = one_block_changes(states[:: -(-len(states) // _TRIED)])
        changes = changes[np.all([mask[column] for mask, column in zip(goal.keep, changes.T, strict=True)], axis=0)]
        return int(escaping(goal(changes), values, 2.0 * goal.resolution + gap).sum())
    for start in range(0, len(states), _CHUNK):
        members = states[start : start + _CHUNK]
        for c, d in pairs_of_blocks(goal.fixed):
            reached = [two_block_changes(table, members, c, d, goal.keep) for table in goal.tables]
            points = np.stack(reached, axis=-1) * goal.signs
            found += int(escaping(points, values, 2.0 * goal.resolution).sum())
    return found
