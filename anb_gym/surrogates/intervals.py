"""What intervals need beside the tables: what one label adds, and how many deviations hold which share of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from anb_gym._errors import shown
from anb_gym._types import FloatArray

#: Of what a deviation or an interval is: of the mean of many measurements, or of one new measurement.
Of = Literal["mean", "measurement"]
OF: Final[tuple[Of, ...]] = ("mean", "measurement")


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals of a surrogate with calibrated deviations; all lengths are in the unit of the table sum.

    Attributes:
        at: Table sums at which ``noise`` is given, ``float64`` (k,), ascending.
        noise: Deviation of one label around its mean there, ``float64`` (k,); between them it is interpolated.
        levels: Shares of held-out labels, ``float64`` (q,), ascending, within (0, 1).
        multipliers: Deviations within which so many of them lie, ``float64`` (q,), ascending.
    """

    at: FloatArray
    noise: FloatArray
    levels: FloatArray
    multipliers: FloatArray

    @classmethod
    def from_dict(cls, std: Mapping[str, Any]) -> Intervals:
        """Reads what :meth:`to_dict` wrote into the section ``std`` of a manifest.

        Raises:
            ValueError: Something is missing, or not a list of ascending numbers.
        """
        noise, quantiles = std.get("noise"), std.get("quantiles")
        if not isinstance(noise, Mapping) or not isinstance(quantiles, Mapping):
            raise ValueError(f"std must have mappings noise and quantiles, got {shown(noise)} and {shown(quantiles)}")
        found = cls(
            *(_numbers(noise, key) for key in ("at", "std")),
            *(_numbers(quantiles, key) for key in ("levels", "multipliers")),
        )
        if found.at.shape != found.noise.shape or found.levels.shape != found.multipliers.shape:
            raise ValueError("std must have as many noise.std as noise.at, and quantiles.multipliers as .levels")
        if (np.diff(found.at) <= 0).any() or (found.noise < 0).any():
            raise ValueError("std.noise must have ascending sums and deviations of at least 0")
        if not (0 < found.levels[0] <= found.levels[-1] < 1 and (np.diff(found.levels) > 0).all()):
            raise ValueError(f"std.quantiles.levels must ascend within (0, 1), got {shown(found.levels.tolist())}")
        if found.multipliers[0] < 0 or (np.diff(found.multipliers) < 0).any():
            raise ValueError(f"std.quantiles.multipliers must ascend, got {shown(found.multipliers.tolist())}")
        return found

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """A JSON-ready form."""
        return {
            "noise": {"at": self.at.tolist(), "std": self.noise.tolist()},
            "quantiles": {"levels": self.levels.tolist(), "multipliers": self.multipliers.tolist()},
        }

    def deviation(self, mean: FloatArray, std: FloatArray, of: Of) -> FloatArray:
        """Deviation of the mean or of a measurement, ``float64`` (n,), of table sums and their deviations (n,)."""
        return std if of == "mean" else np.sqrt(std**2 + np.interp(mean, self.at, self.noise) ** 2)

    def multiplier(self, level: float) -> float:
        """Deviations to each side that an interval of a level takes, interpolated between ``levels``.

        Raises:
            ValueError: ``level`` is no number above 0 and at most the largest of ``levels``.
        """
        largest = float(self.levels[-1])
        if isinstance(level, bool) or not isinstance(level, int | float | np.number) or not 0.0 < level <= largest:
            raise ValueError(f"level must be a number above 0 and at most {largest:g}, got {shown(level)}")
        return float(np.interp(level, np.append(0.0, self.levels), np.append(0.0, self.multipliers)))


def _numbers(values: Mapping[str, Any], key: str) -> FloatArray:
    found = values.get(key)
    if not isinstance(found, list) or not found or not all(type(x) in (int, float) for x in found):
        raise ValueError(f"{key} must be a list of numbers, got {shown(found)}")
    return np.array(found, dtype=np.float64)
