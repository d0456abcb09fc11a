"""Collections as one archive in the dataset's format."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from anb_gym._files import write_atomically
from anb_gym.construction.collection.folder import Collection, CollectionError
from anb_gym.construction.collection.records import encode, merge, renamed


def export(folders: Sequence[Path], archive: Path, names: Mapping[str, str] = MappingProxyType({})) -> int:
    """Writes collections as an archive that :func:`anb_gym.construction.dataset.load_dataset` reads.

    Collections with the same seed are merged: one record has the accuracy of one and the measurements of the others.
    Architectures without any value are left out. The manifests go beside it: ``cpu.json`` for ``cpu.tar.gz``. The same
    records give the same bytes.

    Args:
        folders: The collections, at least one.
        archive: The file, ``.tar.gz``.
        names: New names of device metrics, by those in the collections.

    Returns:
        How many records there are.

    Raises:
        CollectionError: Seeds differ, two collections have the same metric, or there are no records.
    """
    if not archive.name.endswith(".tar.gz"):
        raise CollectionError(f"archive must end in .tar.gz, got {str(archive)!r}")
    collections = [Collection(folder) for folder in folders]
    seeds = {collection.manifest["seed"] for collection in collections}
    if len(seeds) != 1:
        raise CollectionError(f"collections to merge must have the same seed, got {sorted(seeds)}")
    owners: dict[str, Path] = {}
    for collection in collections:
        for metric in collection.manifest["metrics"]:
            if metric in owners:
                raise CollectionError(
                    f"{metric} must be in one collection, it is in {owners[metric]} and {collection.folder}"
                )
            owners[metric] = collection.folder

    members: dict[str, bytes] = {}
    for number in range(max(len(collection.architectures) for collection in collections)):
        parts = [c.record(number) for c in collections if number < len(c.architectures)]
        if records := [record for record in parts if record]:
            record = merge(records)
            members[f"result_{number}.json"] = encode(renamed(record, names) if names else record)
    if not members:
        raise CollectionError(f"there are no records yet in {', '.join(map(str, folders))}")
    manifests = [
        {**collection.manifest, "metrics": [names.get(metric, metric) for metric in collection.manifest["metrics"]]}
        for collection in collections
    ]
    write_atomically(archive, pack(members))
    description = archive.with_name(archive.name.removesuffix(".tar.gz") + ".json")
    write_atomically(description, (json.dumps(manifests, indent=2) + "\n").encode())
    return len(members)


def pack(members: Mapping[str, bytes]) -> bytes:
    """A ``.tar.gz`` without times and owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)
