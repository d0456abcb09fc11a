"""Splits into records that are fitted and records that are held out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym.construction.dataset import SHA256, Dataset, default_split

#: Shares of architectures in the parts of a random split, as in the paper (section 3.3.3), and its seed.
SHARES: Final = {"train": 0.8, "val": 0.1, "test": 0.1}
#: For fewer architectures than this a tenth is too few to tell good from bad, and a fifth is held out.
_FEW: Final = 2000
SEED: Final = 0


def split_of(dataset: Dataset) -> dict[str, NDArray[np.int64]]:
    """Record numbers of the parts ``train``, ``val`` and ``test`` of a dataset.

    The published dataset has the paper's own split. Any other gets a random one of its unique architectures, by a
    fixed seed, so that fitting and reporting agree.
    """
    if dataset.sha256 == SHA256:
        return default_split()
    records = np.random.default_rng(SEED).permutation(dataset.unique().records)
    held_out = SHARES["test"] if len(records) >= _FEW else 2 * SHARES["test"]
    ends = np.round(np.cumsum([1.0 - SHARES["val"] - held_out, SHARES["val"]]) * len(records)).astype(np.int64)
    return dict(zip(SHARES, (np.sort(part) for part in np.split(records, ends)), strict=True))


def split_name(dataset: Dataset) -> str:
    """Name of the split of a dataset in manifests."""
    return "the default split" if dataset.sha256 == SHA256 else f"a random split by architecture, seed {SEED}"
