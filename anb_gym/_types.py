"""Types of arrays that modules share; those of architectures are in :mod:`anb_gym.space`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Numbers.
FloatArray: TypeAlias = NDArray[np.float64]
#: Some rows of a batch.
Rows: TypeAlias = slice | NDArray[np.int64]
#: Seeds of noise, one per row.
Seeds: TypeAlias = NDArray[np.uint64]
