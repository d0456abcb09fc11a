"""A collection on disk: a manifest, records, and failures.

::

    manifest.json        what is collected: kind, seed, n, passes, metrics, protocol, machine, versions
    records/result_<number>.json     in the dataset's format
    failures/<number>.json           architecture and error of a model that failed
    work/                what unfinished trainings and compilations keep

All files are written atomically, so a kill at any moment leaves whole records.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from anb_gym._errors import integer
from anb_gym._files import read_bytes, read_object, refusing, remove_temporaries, write_atomically
from anb_gym.construction.collection.records import RawRecord, decode, encode
from anb_gym.construction.collection.sampling import check_sample, sample_architectures
from anb_gym.construction.record_format import UNITS, DatasetError, device_field

#: Version of the folder's format; others are refused.
SCHEMA: Final = 1
#: So many failures in a row mean that not the models are at fault.
PATIENCE: Final = 10
#: What a folder must have in common with the collection that goes on in it; the rest is for information.
_IDENTITY: Final = ("schema", "kind", "seed", "metrics", "protocol", "machine")


class CollectionError(ValueError):
    """A collection cannot start or go on: a folder of another collection, a full disk, an executor that died."""


@dataclass(frozen=True)
class Step:
    """One architecture's turn.

    Attributes:
        number: Its record number.
        error: Why it failed; None if it did not.
    """

    number: int
    error: str | None = None


class Collection:
    """A folder of records.

    Args:
        folder: The folder, which must hold a manifest.

    Attributes:
        folder: The folder.
        manifest: Its manifest.
        architectures: What is collected, by record number.

    Raises:
        CollectionError: The folder holds no collection of this version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _read_manifest(folder)
        self.architectures = sample_architectures(self.manifest["n"], self.manifest["seed"])
        self._failures_in_a_row = 0

    @classmethod
    def begin(cls, folder: Path, manifest: Mapping[str, Any]) -> Collection:
        """Starts a collection, or goes on with one.

        Args:
            folder: Where.
            manifest: ``kind``, ``seed``, ``n``, ``passes``, ``metrics``, ``protocol``, and perhaps ``machine`` and
                ``versions``. In a folder that has a collection already, ``n`` and ``passes`` may be larger, versions
                may be others, all else must be the same.

        Raises:
            CollectionError: The folder has another collection; the message says what differs.
            ValueError: ``n`` or ``seed`` is out of range.
        """
        check_sample(manifest["n"], manifest["seed"])
        wanted = json.loads(json.dumps({"schema": SCHEMA, **manifest}))
        if (folder / "manifest.json").exists():
            found = _read_manifest(folder)
            identities = [_flat({key: part.get(key) for key in _IDENTITY}) for part in (found, wanted)]
            for key in identities[0] | identities[1]:
                old, new = (identity.get(key, "nothing") for identity in identities)
                if old != new:
                    raise CollectionError(
                        f"{folder} has another collection: its {key} is {old!r}, this one has {new!r}; "
                        f"give another folder, or the settings in {folder / 'manifest.json'}"
                    )
            for key in ("n", "passes"):
                if wanted[key] < found[key]:
                    raise CollectionError(f"{key} must be at least {found[key]}, that of {folder}, got {wanted[key]}")
            wanted = {**found, "n": wanted["n"], "passes": wanted["passes"]}
        elif (folder / "records").exists():
            raise CollectionError(f"{folder} has records but no manifest.json; give another folder")
        _write(folder / "manifest.json", (json.dumps(wanted, indent=2) + "\n").encode())
        remove_temporaries(folder)
        return cls(folder)

    def record(self, number: int) -> RawRecord | None:
        """The record of an architecture, None if there is none.

        Raises:
            DatasetError: It is damaged, or of another architecture.
        """
        path = self.record_path(number)
        try:
            record = decode(read_bytes(path, DatasetError, optional=True), str(path))
        except FileNotFoundError:
            return None
        if record["architecture"] != self.architectures[number].to_dict():
            raise DatasetError(f"{path} must be of the architecture {self.architectures[number]}, it is of another")
        return record

    def write(self, number: int, record: RawRecord) -> Step:
        """Writes a record."""
        _write(self.record_path(number), encode(record))
        self._failures_in_a_row = 0
        return Step(number)

    def failure(self, number: int) -> str | None:
        """Why an architecture failed, None if it did not.

        Raises:
            CollectionError: The file that says so is damaged; delete it to try the model again.
        """
        try:
            return read_object(self._failure_path(number), CollectionError, optional=True).get("error", str)
        except FileNotFoundError:
            return None

    def fail(self, number: int, error: BaseException) -> Step:
        """Writes down that an architecture failed.

        Raises:
            CollectionError: :data:`PATIENCE` of them failed in a row, or the error tells of a full disk.
            ModuleNotFoundError: The error: a package is missing.
        """
        raise_if_general(error, self.folder)
        message = f"{type(error).__name__}: {error}"
        content = {"architecture": str(self.architectures[number]), "error": message}
        _write(self._failure_path(number), (json.dumps(content, indent=2) + "\n").encode())
        self._failures_in_a_row += 1
        if self._failures_in_a_row == PATIENCE:
            raise CollectionError(
                f"{PATIENCE} models in a row failed, the last with {message}; when that is mended, run the same "
                "command with --retry-failed"
            ) from error
        return Step(number, message)

    def forget_failures(self) -> None:
        """Lets the models that failed be tried again."""
        shutil.rmtree(self.folder / "failures", ignore_errors=True)

    def record_path(self, number: int) -> Path:
        """The file of a record."""
        return self.folder / "records" / f"result_{number}.json"

    def _failure_path(self, number: int) -> Path:
        return self.folder / "failures" / f"{number}.json"


def raise_if_general(error: BaseException, folder: Path) -> None:
    """Raises for errors that say nothing about the model: a full disk, a missing package."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise CollectionError(
            f"cannot write into {folder}: {error.strerror}; all records so far are whole: make room and run the same "
            "command again"
        ) from error
    if isinstance(error, ModuleNotFoundError | CollectionError):
        raise error


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise_if_general(error, path.parent.parent if path.parent.name in ("records", "failures") else path.parent)
        raise


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = read_object(path, CollectionError, optional=True)
    except FileNotFoundError as error:
        raise CollectionError(f"{folder} has no collection: there is no {path}") from error
    manifest.check_schema(SCHEMA)
    with refusing(path, CollectionError):
        check_sample(manifest.get("n", int), manifest.get("seed", int))
        integer(manifest.get("passes", int), 1, "passes")
        for metric in manifest.items("metrics", str):
            if metric not in UNITS:
                device_field(metric)
    manifest.get("kind", str)
    return dict(manifest.content)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        result |= _flat(item, f"{name}.") if isinstance(item, Mapping) else {name: item}
    return result
