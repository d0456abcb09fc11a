"""The Accel-NASBench dataset: trained and measured architectures, as one table.

5,138 architectures of the search space, each trained on ImageNet under the
proxy scheme and run on six accelerators (GitHub repository
afzalxo/Accel-NASBench, Apache-2.0). An archive in the dataset's format is a
``.tar.gz`` of one ``result_<record>.json`` per architecture, see
:mod:`anb_gym.construction.record_format`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anb_gym._extras import require
from anb_gym._files import parse_archive, read_bytes, refusing
from anb_gym.construction.record_format import UNITS, DatasetError, Record, read_record
from anb_gym.space import SPACE, Architecture, Choices, Indices, States

if TYPE_CHECKING:
    import pandas

__all__ = ["SHA256", "UNITS", "URL", "VARIABLE", "Dataset", "DatasetError", "default_split", "load_dataset"]

#: The published archive and its checksum.
URL: Final = (
    "https://raw.githubusercontent.com/afzalxo/Accel-NASBench/"
    "42603572d530310e6bac7191d00cf45625a6b197/anb_dataset/anb_dataset_jsons.tar.gz"
)
SHA256: Final = "3520992d42e368b7c08c99fc3f6612855b5b366bf98668a7f19d49f3131aa4ae"

#: The environment variable that names an archive to read instead of downloading one.
VARIABLE: Final = "ANB_GYM_DATASET"

#: Columns that a table may have: each is as long as there are records.
_MOST_METRICS: Final = 1_000
_MEMBER = re.compile(r"result_(0|[1-9][0-9]{0,17})\.json")


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Measured architectures, one row each.

    Attributes:
        records: Record numbers, ``int64`` (n,), ascending as loaded.
        states: Block states, ``int64`` (n, 7).
        metrics: ``float64`` (n,) per metric, NaN where missing: ``accuracy``, ``accuracy_top5``, ``train_time``
            and the device measurements, also those that only some records have. :data:`UNITS` has the units.
        std: ``float64`` (n,) per device measurement: the standard deviation of its repeats, NaN where missing.
        dataset_macs: The dataset's own count of MACs, ``int64`` (n,); see :func:`anb_gym.complexity.dataset_macs`.
        params: Learnable parameters, ``int64`` (n,).
        sha256: Checksum of the archive that the rows come from.
        repeats: ``float64`` (n, r) per device measurement whose single repeats are known, NaN where there are fewer.
    """

    records: NDArray[np.int64]
    states: States
    metrics: Mapping[str, NDArray[np.float64]]
    std: Mapping[str, NDArray[np.float64]]
    dataset_macs: NDArray[np.int64]
    params: NDArray[np.int64]
    sha256: str
    repeats: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def choices(self) -> Choices:
        """Choices, ``int8`` (n, 28)."""
        return SPACE.from_states(self.states)

    @property
    def index(self) -> Indices:
        """Positions in the enumeration of the space, ``int64`` (n,)."""
        return SPACE.states_to_index(self.states)

    def select(self, records: ArrayLike) -> Dataset:
        """The rows of some records, in the order given.

        Args:
            records: Record numbers, shape (m,).

        Raises:
            ValueError: A record is not in this table.
        """
        wanted = np.asarray(records)
        if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "iu"):
            raise ValueError(f"records must be integers of shape (m,), got {wanted.dtype} of shape {wanted.shape}")
        order = np.argsort(self.records)
        position = np.searchsorted(self.records, wanted, sorter=order)
        found = position < len(self)
        found[found] = self.records[order[position[found]]] == wanted[found]
        if not found.all():
            raise ValueError(f"records must be in the dataset of {len(self)} records, got {wanted[~found][0]}")
        return self._take(order[position])

    def unique(self) -> Dataset:
        """The first record of every architecture, in the order of this table."""
        _, first = np.unique(self.index, return_index=True)
        return self._take(np.sort(first))

    def _take(self, rows: NDArray[np.intp]) -> Dataset:
        return Dataset(
            records=self.records[rows],
            states=self.states[rows],
            metrics={name: column[rows] for name, column in self.metrics.items()},
            std={name: column[rows] for name, column in self.std.items()},
            dataset_macs=self.dataset_macs[rows],
            params=self.params[rows],
            sha256=self.sha256,
            repeats={name: values[rows] for name, values in self.repeats.items()},
        )

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame indexed by record: the choices' options, then all columns.

        Options are named as in the dataset, ``block0_e`` and so on; a metric's standard deviation is
        ``<metric>:std``. Needs ``pip install 'anb_gym[fit]'``.
        """
        frame = require("pandas", "fit").DataFrame
        options = frame([Architecture.from_choices(row).to_dict() for row in self.choices], index=self.records)
        columns = {
            **self.metrics,
            **{f"{name}:std": column for name, column in self.std.items()},
            "dataset_macs": self.dataset_macs,
            "params": self.params,
        }
        return options.join(frame(columns, index=self.records)).rename_axis(index="record")


def load_dataset(path: str | os.PathLike[str] | None = None, *, sha256: str | None = None) -> Dataset:
    """Reads the dataset.

    The archive is the one at ``path``, else the one that the environment variable ``ANB_GYM_DATASET`` names, else
    the published one, which is downloaded once into the user's cache and always checked against its checksum
    (:data:`SHA256`). An archive of one's own may be anything in the dataset's format; its checksum is recorded,
    and checked only if given. The archive is read in memory, nothing is extracted.

    Args:
        path: The archive.
        sha256: Checksum that the archive must have, 64 hexadecimal digits.

    Returns:
        All records, ordered by record number. Some architectures occur twice: see :meth:`Dataset.unique`.

    Raises:
        DatasetError: The archive is missing, damaged or has another checksum, or a record is not in the dataset's
            format; the message names the file, the record and the field.
        ModuleNotFoundError: A download is needed and pooch is not installed.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, got {sha256!r}")
    archive = _locate(path)
    content = read_bytes(archive, DatasetError)
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise DatasetError(f"{archive} has the SHA-256 {found}, expected {sha256.lower()}")
    records = dict(_parse(archive, content))
    with refusing(archive, DatasetError):
        return _tabulate(records, found)


def default_split() -> dict[str, NDArray[np.int64]]:
    """The paper's own split of the dataset: record numbers of ``train`` (4,100), ``val`` (512), ``test`` (512).

    No architecture occurs twice in it. It leaves out 14 records: number 378 and the duplicates of its members.
    """
    text = resources.files(__package__).joinpath("default_split.json").read_text(encoding="utf-8")
    return {part: np.array(records, dtype=np.int64) for part, records in json.loads(text).items()}


def _locate(path: str | os.PathLike[str] | None) -> Path:
    if path is not None:
        source, archive = "path", Path(path)
    elif value := os.environ.get(VARIABLE):
        source, archive = f"the environment variable {VARIABLE}", Path(value)
    else:
        return _download()
    if not archive.is_file():
        raise DatasetError(f"{source} must name a .tar.gz archive, got {str(archive)!r}, which is not a file")
    return archive


def _download() -> Path:
    """The published archive in the user's cache, complete and checked: pooch renames it into place only then."""
    pooch = require("pooch", "fit")
    try:
        file = pooch.retrieve(
            URL, known_hash=f"sha256:{SHA256}", fname=URL.rpartition("/")[2], path=pooch.os_cache("anb_gym")
        )
    except (OSError, ValueError) as error:  # no network, a full disk; a wrong checksum
        raise DatasetError(
            f"the dataset could not be downloaded from {URL}: {error}; "
            f"with a copy of the archive at hand, set {VARIABLE} to its path"
        ) from error
    return Path(file)


def _parse(archive: Path, content: bytes) -> Iterator[tuple[int, Record]]:
    """Record numbers and records of an archive, in its own order."""
    texts = parse_archive(content, f"{archive} is damaged or not a .tar.gz archive", DatasetError)
    if not texts:
        raise DatasetError(f"{archive} holds no record, expected members named result_<record>.json")
    seen = set()
    for name, text in texts.items():
        where = f"{archive}, {name}"
        match = _MEMBER.fullmatch(name.rpartition("/")[2])
        if not match:
            raise DatasetError(f"{where}: unexpected member, expected only files named result_<record>.json")
        number = int(match[1])
        if number in seen:
            raise DatasetError(f"{where}: record {number} occurs twice, expected once")
        seen.add(number)
        yield number, read_record(text, where)


def _tabulate(records: Mapping[int, Record], sha256: str) -> Dataset:
    numbers = sorted(records)
    rows = [records[number] for number in numbers]
    metrics = dict.fromkeys(name for row in rows for name in row.metrics)
    measured = dict.fromkeys(name for row in rows for name in row.std)
    repeated = dict.fromkeys(name for row in rows for name in row.repeats)
    if len(metrics) > _MOST_METRICS:
        raise DatasetError(f"records must have at most {_MOST_METRICS} metrics together, got {len(metrics)}")
    return Dataset(
        records=np.array(numbers, dtype=np.int64),
        states=np.stack([row.states for row in rows]),
        metrics={name: np.array([row.metrics.get(name, math.nan) for row in rows]) for name in metrics},
        std={name: np.array([row.std.get(name, math.nan) for row in rows]) for name in measured},
        dataset_macs=np.array([row.counts["dataset_macs"] for row in rows], dtype=np.int64),
        params=np.array([row.counts["params"] for row in rows], dtype=np.int64),
        sha256=sha256,
        repeats={name: _padded([row.repeats.get(name, []) for row in rows]) for name in repeated},
    )


def _padded(lists: list[list[float]]) -> NDArray[np.float64]:
    """Lists as the rows of an array, NaN behind their ends."""
    array = np.full((len(lists), max(map(len, lists))), math.nan)
    for row, values in zip(array, lists, strict=True):
        row[: len(values)] = values
    return array
