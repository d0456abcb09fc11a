"""Exact fronts of generated devices that ship: those for tests, by seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._files import pack_arrays, parse_arrays, read_bytes, read_object, refusing, take_array, write_atomically
from anb_gym.space import Indices
from anb_gym.surrogates.store import shipped_checksum

#: Version of the format of the files.
SCHEMA: Final = 1
#: Where they are: ``throughput.npz`` and ``latency.npz``, each with a manifest beside it.
FOLDER: Final = Path(__file__).parent / "shipped"


class GeneratedFrontError(ValueError):
    """A file of fronts is damaged or of another schema."""


def recorded(seed: int, kind: str, leave_out: str | None, surrogate: str) -> Indices | None:
    """Indices of the members of the exact front of a device, or None if it does not ship.

    Raises:
        GeneratedFrontError: The file is damaged.
    """
    if leave_out is not None:
        return None
    return _fronts(kind, surrogate).get(seed)


@lru_cache(maxsize=32)
def recorded_seeds(kind: str, leave_out: str | None, surrogate: str) -> NDArray[np.int64]:
    """Seeds of the devices whose exact fronts ship, ``int64`` (n,); arguments and errors as of :func:`recorded`."""
    return np.array([] if leave_out is not None else list(_fronts(kind, surrogate)), dtype=np.int64)


@lru_cache(maxsize=8)
def _fronts(kind: str, surrogate: str) -> Mapping[int, Indices]:
    path = FOLDER / f"{kind}.npz"
    if not path.with_suffix(".json").exists():
        return {}
    manifest = read_object(path.with_suffix(".json"), GeneratedFrontError)
    manifest.check_schema(SCHEMA)
    if manifest.get("accuracy", str) != shipped_checksum(surrogate, "accuracy"):
        return {}  # fronts of another accuracy
    return read_fronts(path)


def read_fronts(path: Path) -> dict[int, Indices]:
    """Fronts of a file by seed.

    Raises:
        GeneratedFrontError: It is missing, damaged or of another schema.
    """
    manifest = read_object(path.with_suffix(".json"), GeneratedFrontError)
    manifest.check_schema(SCHEMA)
    data = read_bytes(path, GeneratedFrontError)
    if hashlib.sha256(data).hexdigest() != manifest.get("sha256", str):
        raise GeneratedFrontError(f"{path} must have the checksum of its manifest; it is damaged")
    arrays = parse_arrays(data, path, GeneratedFrontError)
    with refusing(path, GeneratedFrontError):
        seeds, sizes = (take_array(arrays, name, "int64", (None,)) for name in ("seeds", "sizes"))
        indices = take_array(arrays, "indices", "int64", (int(sizes.sum()),))
    return dict(zip(seeds.tolist(), np.split(indices, np.cumsum(sizes)[:-1]), strict=True))


def write_fronts(path: Path, fronts: Mapping[int, Indices], surrogate: str, notes: Mapping[str, Any]) -> None:
    """Writes fronts by seed, and the manifest.

    Args:
        path: The file, ``.npz``.
        fronts: Indices of the members by seed.
        surrogate: Of accuracy.
        notes: What the manifest says beside, JSON-ready.
    """
    data = pack_arrays(
        {
            "seeds": np.array(list(fronts)),
            "sizes": np.array([len(front) for front in fronts.values()]),
            "indices": np.concatenate([*fronts.values(), []]).astype(np.int64),
        }
    )
    manifest = {
        "schema": SCHEMA,
        "sha256": hashlib.sha256(data).hexdigest(),
        "accuracy": shipped_checksum(surrogate, "accuracy"),
        **notes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)
    write_atomically(path.with_suffix(".json"), (json.dumps(manifest, indent=1) + "\n").encode())
