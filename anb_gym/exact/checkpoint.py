"""Files from which an interrupted search goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import (
    Fields,
    pack_arrays,
    parse_arrays,
    parse_json,
    read_bytes,
    refusing,
    take_array,
    write_atomically,
)
from anb_gym._types import FloatArray
from anb_gym.exact.solver import Subproblem
from anb_gym.space import N_BLOCKS, SPACE, Indices

_SCHEMA: Final = 1


@dataclass(frozen=True)
class Checkpoint:
    """A search between two subproblems.

    Attributes:
        key: What is searched: checksums, directions, resolution and fixed blocks.
        staircase: The points whose boxes number the subproblems.
        indices: The incumbents.
        subproblems: What is still open.
        nodes: Nodes visited so far.
        closed: Architectures closed so far, once for every box.
    """

    key: dict[str, Any]
    staircase: FloatArray
    indices: Indices
    subproblems: list[Subproblem]
    nodes: int
    closed: int

    def save(self, path: Path) -> None:
        """Writes an ``.npz`` file; an interrupted write leaves the old file."""
        head = {"schema": _SCHEMA, "key": self.key, "nodes": self.nodes, "closed": self.closed}
        stretches = [(each.first, each.last) for each in self.subproblems]
        lengths = [[len(mask) for mask in each.keep] for each in self.subproblems]
        masks = [mask for each in self.subproblems for mask in each.keep]
        arrays = {
            "head": np.array(json.dumps(head)),
            "staircase": self.staircase,
            "indices": self.indices,
            "stretches": np.array(stretches, dtype=np.int64).reshape(-1, 2),
            # Interrupted at its very end, a search has none left.
            "lengths": np.array(lengths, dtype=np.int64).reshape(-1, N_BLOCKS),
            "keep": np.concatenate(masks or [np.empty(0, dtype=np.bool_)]),
        }
        write_atomically(path, pack_arrays(arrays))

    @classmethod
    def load(cls, path: Path, key: dict[str, Any]) -> Checkpoint:
        """Reads a file.

        Raises:
            ValueError: It is damaged, or of another search than ``key``.
        """
        where = f"checkpoint {path} cannot be read, delete it to start again"
        with refusing(where, ValueError):
            arrays = parse_arrays(read_bytes(path, ValueError), where, ValueError)
            head = Fields(parse_json(str(take_array(arrays, "head", "str", ())), where, ValueError), where, ValueError)
            head.check_schema(_SCHEMA)
            found = head.get("key", dict)
        if found != json.loads(json.dumps(key)):
            raise ValueError(f"checkpoint {path} is of another search: it has {found}, expected {key}")
        with refusing(where, ValueError):
            sizes = [1 if block in dict(key["fixed"]) else int(n) for block, n in enumerate(SPACE.block_sizes)]
            stretches = take_array(arrays, "stretches", "int64", (None, 2))
            lengths = take_array(arrays, "lengths", "int64", (len(stretches), N_BLOCKS))
            if not (lengths == sizes).all():
                raise ValueError(f"its lengths must be {sizes} in every row")
            keep = take_array(arrays, "keep", "bool", (int(lengths.sum()),)).reshape(len(lengths), sum(sizes))
            masks = [np.split(row, np.cumsum(sizes)[:-1]) for row in keep]
            loaded = cls(
                found,
                take_array(arrays, "staircase", "float64", (None, 2)),
                SPACE.validate_index(take_array(arrays, "indices", "int64", (None,))),
                [Subproblem(int(first), int(last), mask) for (first, last), mask in zip(stretches, masks, strict=True)],
                head.get("nodes", int),
                head.get("closed", int),
            )
            if not all(0 <= s.first < s.last <= 2 * len(loaded.staircase) + 1 for s in loaded.subproblems):
                raise ValueError("its stretches lie beyond its staircase")
            return loaded
