"""Surrogates at run time: tables over combinations of blocks, and files of them.

A :class:`Surrogate` predicts a metric from block states: a sum of :class:`BlockTables`, and a link from the sum to the
metric's unit. :func:`load_shipped` reads those that queries use, :func:`load` any file; both verify checksums. How they
are fitted is in :mod:`anb_gym.construction`.
"""

from anb_gym._lazy import submodules
from anb_gym.surrogates.scores import Scores, held_out
from anb_gym.surrogates.store import (
    FAMILIES,
    SURROGATES,
    ArtefactError,
    Surrogate,
    artefact_path,
    load,
    load_shipped,
    save,
)
from anb_gym.surrogates.tables import BlockTables

__all__ = [
    "FAMILIES",
    "SURROGATES",
    "ArtefactError",
    "BlockTables",
    "Scores",
    "Surrogate",
    "artefact_path",
    "held_out",
    "load",
    "load_shipped",
    "save",
]

__getattr__, __dir__ = submodules(__name__)
