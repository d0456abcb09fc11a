"""Architectures trained three times under two schemes: the validation of the proxy, and labels of the reference.

Figure 3 of Accel-NASBench compares architectures that were trained three times under the proxy scheme and three times
under the reference scheme. The public repository (GitHub, afzalxo/Accel-NASBench, Apache-2.0) has their accuracies and
times among its plots. Here they are a table of one training a row, ``three_seeds.csv``, with the columns ``index``,
``architecture``, ``scheme``, ``seed``, ``val_top1`` (%) and ``train_time`` (s); other columns are not read.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym._files import read_bytes, refusing
from anb_gym._types import FloatArray
from anb_gym.construction.dataset import VARIABLE as DATASET_VARIABLE
from anb_gym.construction.dataset import DatasetError
from anb_gym.space import SPACE, Architecture, Indices, States

#: The environment variable that names the table; without it the table is looked for beside the dataset's archive.
VARIABLE: Final = "ANB_GYM_THREE_SEEDS"
FILE_NAME: Final = "three_seeds.csv"
SCHEMES: Final = ("proxy", "reference")
#: Columns that are labels, by the metric that they are.
COLUMNS: Final = {"accuracy": "val_top1", "train_time": "train_time"}
_KEYS: Final = ("index", "architecture", "scheme", "seed")


@dataclass(frozen=True, slots=True, eq=False)
class ThreeSeeds:
    """Trainings of some architectures under both schemes, one row an architecture.

    Attributes:
        index: Positions in the enumeration of the space, ``int64`` (n,), ascending.
        labels: By scheme and metric, ``float64`` (n, seeds): ``accuracy`` in %, ``train_time`` in s.
        sha256: Checksum of the file.
    """

    index: Indices
    labels: Mapping[str, Mapping[str, FloatArray]]
    sha256: str

    def __len__(self) -> int:
        return len(self.index)

    @property
    def states(self) -> States:
        """Block states, ``int64`` (n, 7)."""
        return SPACE.index_to_states(self.index)


def find_three_seeds(path: str | os.PathLike[str] | None = None) -> Path | None:
    """The table's file: ``path``, what :data:`VARIABLE` names, or the one beside ``ANB_GYM_DATASET``; None if none.

    Raises:
        DatasetError: ``path`` or the variable names something that is not a file.
    """
    named = {"path": path, f"the environment variable {VARIABLE}": os.environ.get(VARIABLE)}
    for source, value in named.items():
        if value:
            if not Path(value).is_file():
                raise DatasetError(f"{source} must name a {FILE_NAME}, got {str(value)!r}, which is not a file")
            return Path(value)
    beside = Path(os.environ.get(DATASET_VARIABLE) or ".").parent / FILE_NAME
    return beside if os.environ.get(DATASET_VARIABLE) and beside.is_file() else None


def load_three_seeds(path: str | os.PathLike[str] | None = None) -> ThreeSeeds:
    """Reads the table.

    Args:
        path: The file, by default what :func:`find_three_seeds` finds.

    Raises:
        DatasetError: There is no such file, or it is no such table; the message names the line.
    """
    file = find_three_seeds(path)
    if file is None:
        raise DatasetError(
            f"there is no {FILE_NAME}: name it with --three-seeds or {VARIABLE}, or put it beside {DATASET_VARIABLE}"
        )
    content = read_bytes(file, DatasetError)
    with refusing(f"{file} is not a table of trainings", DatasetError):
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        trainings: dict[tuple[str, str], dict[int, dict[int, float]]] = {}
        for line, row in enumerate(rows, start=2):
            with _on_line(line):
                _add(trainings, row)
        index = np.array(sorted({int(row["index"]) for row in rows}), dtype=np.int64)
        labels = {s: {m: _by_seed(trainings.get((s, m), {}), index, s) for m in COLUMNS} for s in SCHEMES}
        return ThreeSeeds(index, labels, hashlib.sha256(content).hexdigest())


@contextmanager
def _on_line(line: int) -> Iterator[None]:
    """A context whose errors name a line of the table."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from None


def _add(trainings: dict[tuple[str, str], dict[int, dict[int, float]]], row: Mapping[str, str]) -> None:
    """Adds one line to the values by scheme and metric, then by seed, then by index."""
    missing = [name for name in (*_KEYS, *COLUMNS.values()) if row.get(name) is None]
    if missing:
        raise ValueError(f"it lacks the column {missing[0]!r}")
    architecture, index, seed = Architecture.parse(row["architecture"]), int(row["index"]), int(row["seed"])
    if architecture.index != index:
        raise ValueError(f"index must be {architecture.index}, that of {architecture}, got {index}")
    if row["scheme"] not in SCHEMES:
        raise ValueError(f"scheme must be one of {SCHEMES}, got {row['scheme']!r}")
    for metric, column in COLUMNS.items():
        value = float(row[column])
        if not (np.isfinite(value) and value > 0.0):
            raise ValueError(f"{column} must be a positive number, got {row[column]!r}")
        values = trainings.setdefault((row["scheme"], metric), {}).setdefault(seed, {})
        if index in values:
            raise ValueError(f"seed {seed} of {architecture} occurs twice under {row['scheme']}")
        values[index] = value


def _by_seed(values: Mapping[int, Mapping[int, float]], index: Indices, scheme: str) -> FloatArray:
    """Values ``float64`` (n, seeds), two seeds at least, the same of every architecture."""
    if len(values) < 2:
        raise ValueError(f"architectures must have two seeds at least under {scheme}, got {sorted(values)}")
    for seed, column in values.items():
        missing = sorted(set(index.tolist()) - set(column))
        if missing:
            raise ValueError(f"seed {seed} of index {missing[0]} is missing under {scheme}")
    return np.array([[values[seed][i] for seed in sorted(values)] for i in index.tolist()])
