"""Archives, read in memory."""

from __future__ import annotations

import io
import tarfile
import zlib
from pathlib import Path
from typing import Final

from anb_gym._files.reading import BYTES_LIMIT, read_bytes, refusing

#: Members that an archive may have.
_MEMBERS: Final = 1_000_000


def read_archive(
    path: Path, error: type[Exception], *, limit: int = BYTES_LIMIT, optional: bool = False
) -> dict[str, bytes]:
    """Contents of the files in a ``.tar.gz`` archive by name, see :func:`read_bytes` and :func:`parse_archive`."""
    return parse_archive(read_bytes(path, error, limit=limit, optional=optional), path, error, limit=limit)


def parse_archive(data: bytes, where: object, error: type[Exception], *, limit: int = BYTES_LIMIT) -> dict[str, bytes]:
    """Contents of the files in a ``.tar.gz`` archive by name, in its order; nothing is extracted.

    Folders are passed over. Links, pipes, devices, and names that are absolute or lead out of the archive are errors.

    Args:
        data: The archive.
        where: What errors call it.
        error: What is raised if anything is wrong with it.
        limit: How many bytes it may have when unpacked.
    """
    files: dict[str, bytes] = {}
    with refusing(where, error), tarfile.open(fileobj=io.BytesIO(_unpacked(data, limit)), mode="r:") as tar:
        for number, member in enumerate(tar):
            if number == _MEMBERS:
                raise ValueError(f"it must have at most {_MEMBERS:,} members")
            if member.name.startswith("/") or ".." in member.name.split("/"):
                raise ValueError(f"the member {member.name!r} leads out of the archive")
            if member.isdir():
                continue
            file = tar.extractfile(member) if member.isreg() else None
            if file is None or member.issparse():
                raise ValueError(f"the member {member.name!r} is a link, a pipe or a device, expected files only")
            content = file.read()
            if len(content) != member.size or member.name in files:
                raise ValueError(f"the member {member.name!r} is cut short or there twice")
            files[member.name] = content
    return files


def _unpacked(data: bytes, limit: int) -> bytes:
    """The unpacked content of gzip, of at most ``limit`` bytes."""
    parts, size = [], 0
    while data:
        stream = zlib.decompressobj(wbits=31)
        part = stream.decompress(data, limit - size + 1)
        size += len(part)
        if size > limit:
            raise ValueError(f"it must have at most {limit:,} bytes when unpacked")
        if not stream.eof:
            raise ValueError("it is cut short")
        parts.append(part)
        data = stream.unused_data.lstrip(b"\0")  # members may follow each other, and padding
    return b"".join(parts)
