"""Surrogates on disk: an ``.npz`` of tables and a JSON manifest beside it.

Tables are written as differences from each block's first options. Where two
blocks do not interact the differences are zero and compress to nothing; a sum
over each axis restores the tables when they are read. Tables over pairs are
kept in float64, those over triples in float32.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym.space import N_BLOCKS, SPACE, States
from anb_gym.surrogates.links import Link, link_from_dict, link_to_dict
from anb_gym.surrogates.tables import BlockTables, FloatArray, evaluate, layout

#: Version of the file format; files of another version are refused.
SCHEMA: Final = 1
#: Families whose tables ship with the package; the first has the best held-out scores and is the default.
FAMILIES: Final = ("gp", "xgb", "lgb")


class ArtefactError(ValueError):
    """A surrogate's file is missing, damaged or of another schema."""


@dataclass(frozen=True)
class Surrogate:
    """A metric as a function of the architecture.

    Attributes:
        mean: Tables whose sum, through the link, is the predicted metric.
        log_std: Tables whose sum is the logarithm of the predictive standard
            deviation of the sum of ``mean``.
        link: From the table sum to the metric.
        manifest: How it was made: dataset, hyperparameters, seeds, held-out scores.
    """

    mean: BlockTables
    log_std: BlockTables
    link: Link
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, states: States) -> FloatArray:
        """Predicted metric, ``float64`` (n,), of block states (n, 7)."""
        return self.link.value(self.mean(states))

    def std(self, states: States) -> FloatArray:
        """Predictive standard deviation in the metric's unit, ``float64`` (n,), without label noise."""
        score, log_std = evaluate([self.mean, self.log_std], states)
        return np.abs(self.link.slope(score)) * np.exp(log_std)

    @property
    def checksum(self) -> str:
        """SHA-256 of the tables' file, as the manifest records it."""
        return str(self.manifest.get("sha256", ""))


def save(surrogate: Surrogate, path: Path) -> None:
    """Writes ``path`` (``.npz``) and its manifest (``.json``); an interrupted write leaves the old files."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **_encode("mean", surrogate.mean), **_encode("log_std", surrogate.log_std))
    data = buffer.getvalue()
    manifest = {
        "schema": SCHEMA,
        **surrogate.manifest,
        "link": link_to_dict(surrogate.link),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    write_atomically(path.with_suffix(".npz"), data)
    write_atomically(path.with_suffix(".json"), (json.dumps(manifest, indent=2) + "\n").encode())


def load(path: Path) -> Surrogate:
    """Reads a surrogate and verifies its checksum.

    Args:
        path: The ``.npz`` file; its manifest is the ``.json`` file of the same name.

    Raises:
        ArtefactError: A file is missing or damaged, or its schema is not :data:`SCHEMA`.
    """
    manifest = read_manifest(path)
    try:
        data = path.with_suffix(".npz").read_bytes()
    except OSError as error:
        raise ArtefactError(f"cannot read the surrogate {path}: {error}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != manifest.get("sha256"):
        raise ArtefactError(f"{path} is damaged: its SHA-256 is {digest}, its manifest says {manifest.get('sha256')}")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            tables = {name: _decode(name, arrays) for name in ("mean", "log_std")}
        return Surrogate(**tables, link=link_from_dict(manifest["link"]), manifest=manifest)
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ArtefactError(f"{path} does not hold a surrogate of schema {SCHEMA}: {error}") from error


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a surrogate, without its tables.

    Raises:
        ArtefactError: It is missing, not JSON, or of another schema.
    """
    try:
        manifest = json.loads(path.with_suffix(".json").read_text())
    except (OSError, ValueError) as error:
        raise ArtefactError(f"cannot read the manifest of the surrogate {path}: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = manifest.get("schema") if isinstance(manifest, dict) else manifest
        raise ArtefactError(f"{path} has schema {found!r}, this version of anb_gym reads schema {SCHEMA}; refit it")
    return manifest


def shipped_path(family: str, metric: str) -> Path:
    """Where the package keeps the surrogate of a metric."""
    return artefact_path(Path(__file__).parent / "artefacts", family, metric)


def artefact_path(folder: Path, family: str, metric: str) -> Path:
    """The file of a family's surrogate of a metric below ``folder``."""
    return folder / family / f"{metric.replace('/', '-')}.npz"


@lru_cache(maxsize=None)
def load_shipped(family: str, metric: str) -> Surrogate:
    """The shipped surrogate of a metric, read once per process.

    Raises:
        ValueError: The family is not one of :data:`FAMILIES`.
        ArtefactError: The installation is damaged.
    """
    return load(shipped_path(choose(family, FAMILIES, "surrogate"), metric))


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name and renames it, creating its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _encode(name: str, tables: BlockTables) -> dict[str, NDArray[Any]]:
    dtype = np.float32 if tables.order == 3 or name == "log_std" else np.float64
    scale = np.abs(tables.values).max(initial=1e-300)
    differences = _along_axes(tables, _difference_matrices())
    differences[np.abs(differences) < 1e-13 * scale] = 0.0
    return {f"{name}_{tables.order}": differences.astype(dtype)}


def _decode(name: str, arrays: Mapping[str, NDArray[Any]]) -> BlockTables:
    (key,) = (key for key in arrays if key.rpartition("_")[0] == name)
    differences = BlockTables(int(key.rpartition("_")[2]), arrays[key].astype(np.float64))
    inverses = [np.linalg.inv(matrix) for matrix in _difference_matrices()]
    return BlockTables(differences.order, _along_axes(differences, inverses))


def _along_axes(tables: BlockTables, matrices: list[FloatArray]) -> FloatArray:
    """Applies each block's matrix to the axis of that block, in every table."""
    values = np.empty_like(tables.values)
    where = layout(tables.order)
    for blocks, start in zip(where.blocks, where.offsets, strict=True):
        table = tables.table(*blocks)
        for block in blocks:  # each product moves its axis to the end: after all of them the order is the first
            table = np.tensordot(table, matrices[block], axes=(0, 1))
        values[start : start + table.size] = table.ravel()
    return values


@lru_cache(maxsize=1)
def _difference_matrices() -> list[FloatArray]:
    """Per block, the matrix (states, states) that subtracts each choice's first option."""
    per_block = SPACE.cardinalities.reshape(N_BLOCKS, -1)
    return [reduce(np.kron, (_anchored(int(options)) for options in row)) for row in per_block]


def _anchored(options: int) -> FloatArray:
    matrix = np.eye(options)
    matrix[1:, 0] = -1.0
    return matrix
