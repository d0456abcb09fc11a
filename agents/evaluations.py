"""The record of a training: every architecture that was evaluated, in order."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray


@dataclass(frozen=True, eq=False)
class Evaluations:
    """Architectures in the order in which an agent had them evaluated.

    Attributes:
        index: ``int64`` (n,), positions in the search space.
        reward: What the agent was told, ``float64`` (n,), or (n, objectives) for a vector reward.
        regret: Without noise, ``float64`` (n,), see :meth:`anb_gym.problems.Problem.regret`; NaN where no optimum is
            certified.
        cells: What the episodes asked for, as observations show it, ``float64`` (n, cells); no cells where they ask
            for nothing.
        seconds: Wall seconds of the training until each was evaluated, ``float64`` (n,).
    """

    index: NDArray[np.int64]
    reward: FloatArray
    regret: FloatArray
    cells: FloatArray
    seconds: FloatArray

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice) -> Evaluations:
        return Evaluations(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def n_unique(self) -> int:
        """How many different architectures there are."""
        return len(np.unique(self.index))

    @property
    def best(self) -> int:
        """The position of the first evaluation with the largest reward; of a scalar reward."""
        return int(self.reward.argmax())

    @property
    def best_so_far(self) -> FloatArray:
        """The largest reward up to each evaluation, ``float64`` (n,)."""
        return np.maximum.accumulate(self.reward)

    @property
    def regret_so_far(self) -> FloatArray:
        """The smallest regret up to each evaluation, ``float64`` (n,); NaN where no optimum is certified."""
        return np.fmin.accumulate(self.regret)


def joined(parts: list[Evaluations], n_objectives: int | None, n_cells: int) -> Evaluations:
    """The parts of a record as one; an empty one has the shapes that its problem asks for.

    Args:
        parts: In order.
        n_objectives: Number of objectives of a vector reward; None for a scalar reward.
        n_cells: Cells of what episodes ask for.
    """
    if not parts:
        reward = np.empty(0 if n_objectives is None else (0, n_objectives))
        return Evaluations(np.empty(0, dtype=np.int64), reward, np.empty(0), np.empty((0, n_cells)), np.empty(0))
    return Evaluations(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Evaluations)))
