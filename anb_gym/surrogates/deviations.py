"""Deviations in terms of others: what calibration makes of a family's own, without tables of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from anb_gym._errors import shown
from anb_gym._types import FloatArray
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.tables import Blocks, BlockTables

#: Options of all choices above each one's first.
N_OPTIONS: Final = int((SPACE.cardinalities - 1).sum())


@dataclass(frozen=True, eq=False)
class Correction:
    """A deviation in terms of a family's own.

    Attributes:
        constant: Of its logarithm, where all choices take their first option.
        options: What the other options add to the logarithm, ``float64`` (43,).
        power: Exponent of the family's own deviation: 1 if it is in proportion, 0 if it says nothing.
        degrees: Degrees of freedom of Student's t distribution of labels around predictions.
    """

    constant: float
    options: FloatArray
    power: float
    degrees: float

    @classmethod
    def from_dict(cls, std: Mapping[str, Any]) -> Correction:
        """Reads what :meth:`to_dict` wrote into the section ``std`` of a manifest.

        Raises:
            ValueError: Something is missing, or no finite number.
        """
        options = std.get("options")
        if not isinstance(options, list) or len(options) != N_OPTIONS:
            raise ValueError(f"std.options must be a list of {N_OPTIONS} numbers, got {shown(options)}")
        constant, power, degrees = (_finite(name, std.get(name)) for name in ("constant", "power", "degrees"))
        return cls(constant, np.array([_finite("options", value) for value in options]), power, degrees)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {
            "constant": self.constant,
            "options": self.options.tolist(),
            "power": self.power,
            "degrees": self.degrees,
        }

    def __call__(self, log_std: BlockTables) -> BlockTables:
        """Tables of the logarithm of the corrected deviation, from those of the family's own."""
        terms: dict[Blocks, FloatArray | float] = {(): self.constant}
        for block, size in enumerate(SPACE.block_sizes):
            states = np.zeros((size, N_BLOCKS), dtype=np.int64)
            states[:, block] = np.arange(size)
            terms[(block,)] = options_above_first(states) @ self.options
        added = BlockTables.from_terms(terms, order=log_std.order)
        return BlockTables(log_std.order, self.power * log_std.values + added.values)


def options_above_first(states: States) -> FloatArray:
    """Indicators of the options of all choices above each one's first, ``float64`` (n, 43)."""
    choices = SPACE.from_states(states)
    columns = [choices[:, i, None] == np.arange(1, size) for i, size in enumerate(SPACE.cardinalities)]
    return np.concatenate(columns, axis=1).astype(np.float64)


def _finite(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"std.{name} must be finite, got {shown(value)}")
    return float(value)
