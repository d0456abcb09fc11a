"""Posteriors of metrics that are learned upon another one: a line in its table sum, sums over blocks, and a rest.

Such a metric of an architecture s, through its link, is::

    slope * upon(s) + constant + sum over blocks b of  term_b[s_b] + rest(s)

Slope, constant and terms are linear in few coefficients, whose posterior is normal: its mean ships as tables, and one
direction for each independent deviate around it is kept here. A sample takes the other metric as it is in the same
world. The rest is what no coefficient expresses. Of single blocks the terms say what the data tell, so it is a sample
of the other metric's own interactions, scaled to the deviation that cross-validation shows. Together they are the
discrepancy of the two (Kennedy and O'Hagan 2000, https://doi.org/10.1093/biomet/87.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym import _files
from anb_gym._files import read_bytes, refusing, write_atomically
from anb_gym._types import FloatArray
from anb_gym.noise import Noise, normal
from anb_gym.space import SPACE
from anb_gym.surrogates.posterior import take_origin
from anb_gym.surrogates.tables import Blocks, BlockTables

#: Version of the file format; files of another version are refused.
SCHEMA: Final = 1
#: Bytes that a file may have, packed and unpacked: some ten times the largest that ships.
_LIMIT: Final = 2**18
#: Where the states of each block are among the terms, and their number.
_STARTS: Final = np.concatenate([[0], np.cumsum(SPACE.block_sizes)])
N_STATES: Final = int(_STARTS[-1])


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """The posterior of a metric given another one, up to its mean; in the unit of the metric's tables.

    Attributes:
        slope: Of the other metric's table sum, in the mean.
        slopes: Its change along every direction, ``float64`` (k,).
        constants: That of the constant, ``float64`` (k,).
        terms: Those of the terms of all blocks' states, ``float64`` (k, 264).
        spread: Standard deviation of the rest.
    """

    slope: float
    slopes: FloatArray
    constants: FloatArray
    terms: FloatArray
    spread: float

    def deviation(
        self, stream: str, world: int, mean: BlockTables, deviation: BlockTables, rest: BlockTables
    ) -> BlockTables:
        """Tables of a sample minus the mean.

        Args:
            stream: Name of the metric: samples of different metrics are independent, but for the other metric's.
            world: Number of the sample.
            mean: Tables of the other metric's mean.
            deviation: Those of the other metric in the world, less ``mean``, of its order.
            rest: Those of the rest, with variance 1, of the same order.
        """
        deviates = normal(f"{stream}/coefficients", np.arange(len(self.slopes)), Noise(world))
        sums = deviates @ self.terms
        terms: dict[Blocks, FloatArray | float] = {(): float(deviates @ self.constants)}
        terms |= {(block,): sums[start:stop] for block, (start, stop) in enumerate(pairwise(_STARTS))}
        slope, change = self.slope, float(deviates @ self.slopes)
        values = change * mean.values + (slope + change) * deviation.values + self.spread * rest.values
        return BlockTables(mean.order, values + BlockTables.from_terms(terms, order=mean.order).values)


def save_discrepancy(discrepancy: Discrepancy, path: Path, tables: str) -> None:
    """Writes an ``.npz`` file; an interrupted write leaves the old one.

    Args:
        discrepancy: The posterior.
        path: The file.
        tables: SHA-256 of the file of its mean's tables.
    """
    arrays = {
        "schema": np.array(SCHEMA),
        "tables": np.array(tables),
        "slope": np.array(discrepancy.slope),
        "slopes": discrepancy.slopes,
        "constants": discrepancy.constants,
        "terms": discrepancy.terms,
        "spread": np.array(discrepancy.spread),
    }
    write_atomically(path, _files.pack_arrays(arrays))


def load_discrepancy(path: Path, tables: str, error: type[Exception]) -> Discrepancy:
    """Reads what :func:`save_discrepancy` wrote.

    Args:
        path: The file.
        tables: SHA-256 of the file of the tables that the mean has.
        error: What is raised if the file is missing or damaged, or of other tables.
    """
    arrays = _files.parse_arrays(read_bytes(path, error, limit=_LIMIT), path, error, limit=_LIMIT)
    with refusing(path, error):
        take_origin(arrays, SCHEMA, tables)
        slopes = _files.take_array(arrays, "slopes", "float64", (None,))
        constants = _files.take_array(arrays, "constants", "float64", slopes.shape)
        terms = _files.take_array(arrays, "terms", "float64", (len(slopes), N_STATES))
        slope, spread = (float(_files.take_array(arrays, name, "float64", ())) for name in ("slope", "spread"))
        if arrays or spread < 0.0:
            raise ValueError("it must hold a spread of at least 0, and no more")
        return Discrepancy(slope, slopes, constants, terms, spread)
