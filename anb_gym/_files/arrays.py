"""NumPy's ``.npz`` files."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._files.reading import BYTES_LIMIT, read_bytes, refusing


def pack_arrays(arrays: Mapping[str, Any]) -> bytes:
    """The ``.npz`` file that :func:`read_arrays` reads; the same bytes for the same arrays."""
    buffer = io.BytesIO()
    content: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, **content)
    return buffer.getvalue()


def read_arrays(
    path: Path, error: type[Exception], *, limit: int = BYTES_LIMIT, optional: bool = False
) -> dict[str, NDArray[Any]]:
    """Reads an ``.npz`` file, see :func:`read_bytes` and :func:`parse_arrays`."""
    return parse_arrays(read_bytes(path, error, limit=limit, optional=optional), path, error, limit=limit)


def parse_arrays(
    data: bytes, where: object, error: type[Exception], *, limit: int = BYTES_LIMIT
) -> dict[str, NDArray[Any]]:
    """Arrays of numbers, truth values or text in an ``.npz`` file, by name.

    Args:
        data: The file.
        where: What errors call it.
        error: What is raised if anything is wrong with it.
        limit: How many bytes its arrays may have together.
    """
    arrays: dict[str, NDArray[Any]] = {}
    with refusing(where, error), zipfile.ZipFile(io.BytesIO(data)) as file:
        check_zip(data, limit=limit)
        for member in file.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name in arrays:
                raise ValueError(f"the member {member.filename!r} is not an array, or there twice")
            arrays[name] = _array(file.read(member), name)
    return arrays


def check_zip(data: bytes, *, limit: int) -> None:
    """Checks what a zip file says of its members before they are unpacked.

    Raises:
        ValueError: Their sizes add up to more than ``limit`` bytes, or one is encrypted or packed in a rare way.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        if (total := sum(member.file_size for member in file.infolist())) > limit:
            raise ValueError(f"its members must have at most {limit:,} bytes, they have {total:,}")
        for member in file.infolist():
            if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"the member {member.filename!r} is encrypted or packed in another way than deflate")


def take_array(arrays: dict[str, NDArray[Any]], name: str, dtype: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Takes one of the arrays of a file out of them, so that in the end those are left that nobody knows.

    Args:
        arrays: As :func:`read_arrays` gives them.
        name: Its name.
        dtype: The dtype that it must have, such as ``"float64"``; ``"str"`` is text of any length.
        shape: The shape that it must have; None is any length.

    Raises:
        ValueError: It is missing, of another dtype or shape, or not finite.
    """
    if name not in arrays:
        raise ValueError(f"the array {name!r} is missing")
    array = arrays.pop(name)
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or not (array.dtype.kind == "U" if dtype == "str" else array.dtype == dtype):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(
            f"the array {name!r} must be {dtype} of shape ({wanted}), got {array.dtype} of shape {array.shape}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"the array {name!r} must be finite")
    return array


def _array(data: bytes, name: str) -> NDArray[Any]:
    """An array in NumPy's format, if its header tells the size that it has."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"the array {name!r} is of the format {version}, expected 1.0 or 2.0")
    shape, _, dtype = read_header[version](stream)
    if dtype.kind not in "biufU" or dtype.itemsize == 0:
        raise ValueError(f"the array {name!r} must be of numbers, truth values or text, got {dtype}")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"the array {name!r} does not have the size that its header tells")
    stream.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array
