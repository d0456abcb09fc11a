"""Files that no reader may trust, by what is wrong with them."""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

#: What makes a path something that no reader of any format may read.
PLACES: Mapping[str, Callable[[Path], Any]] = {
    "missing": lambda path: None,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": lambda path: _socket(path),
    "a link to itself": lambda path: path.symlink_to(path),
    "too large": lambda path: _sparse(path, 2**40),
    "empty": lambda path: path.write_bytes(b""),
}

#: Content that no file of text may have.
TEXTS: Mapping[str, bytes] = {
    "not UTF-8": b'{"schema": "\xff"}',
    "zeros": bytes(100),
    "nested": b"[" * 100_000,
    "nested in fields": b'{"a":' * 100_000,
}

#: Content that no JSON file may have.
JSONS: Mapping[str, bytes] = {
    **TEXTS,
    "not JSON": b"{",
    "two documents": b"{} {}",
    "a huge integer": b'{"schema": 1' + b"0" * 400 + b"}",
    "a huger integer": b'{"schema": 1' + b"0" * 10_000 + b"}",
    "NaN": b'{"schema": NaN}',
    "infinite": b'{"schema": 1e999}',
    "twice": b'{"schema": 1, "schema": 1}',
    "null": b"null",
    "a number": b"1",
    "a list": b"[]",
    "no fields": b"{}",
    "a null schema": b'{"schema": null}',
    "a list as schema": b'{"schema": []}',
}

#: Content that no YAML file may have.
YAMLS: Mapping[str, bytes] = {
    **TEXTS,
    "not YAML": b"a: [",
    "two documents": b"a: 1\n---\na: 1\n",
    "aliases that multiply": b"a0: &a0 [x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 12)),
    "merges that multiply": b"a0: &a0 {x: 1}\n"
    + b"".join(b"a%d: &a%d {<<: [%s]}\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 12)),
    "an alias of itself": b"a: &a [*a]\n",
    "a huge integer": b"a: 1" + b"0" * 400 + b"\n",
    "a huge hexadecimal integer": b"a: 0x" + b"F" * 100_000 + b"\n",
    "a huge angle": b"a: 1" + b":00" * 1000 + b"\n",
    "an object": b"a: !!python/object/apply:os.system [exit]\n",
    "a list as name": b"? [a]\n: 1\n",
    "twice": b"a: 1\na: 1\n",
    "a control character": b"a: \x07\n",
    "a date": b"a: 2024-13-45\n",
    "text": b"text\n",
    "a list": b"[]\n",
    "null": b"~\n",
}


def npz(members: Mapping[str, bytes | np.ndarray], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An ``.npz`` file of arrays, or of bytes instead of arrays."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as file:
        for name, content in members.items():
            if isinstance(content, np.ndarray):
                array = io.BytesIO()
                np.lib.format.write_array(array, content)
                content = array.getvalue()
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The header of an array whose data is not there."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def bad_arrays(good: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """Files that are as one with good arrays, but for one thing."""
    whole = npz(good)
    name, array = next((name, array) for name, array in good.items() if array.ndim)
    encrypted = bytearray(npz(good, zipfile.ZIP_STORED))
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.index(start) + flags] |= 1
    bomb = bytearray(npz(good))
    at = bomb.index(b"PK\x01\x02") + 24
    bomb[at : at + 4] = (2**32 - 2).to_bytes(4, "little")
    damaged = bytearray(npz(good, zipfile.ZIP_STORED))
    damaged[damaged.index(b"\x93NUMPY") + 20] ^= 1
    double = io.BytesIO(whole)
    with zipfile.ZipFile(double, "a") as file:
        file.writestr("other.txt", b"")
    return {
        "not a zip file": b"PK",
        "cut short": whole[: len(whole) // 2],
        "encrypted": bytes(encrypted),
        "damaged": bytes(damaged),
        "no arrays": npz({}),
        "not an array": npz({**good, name: b"text"}),
        "a foreign member": double.getvalue(),
        "packed by bzip2": npz(good, zipfile.ZIP_BZIP2),
        "objects": npz({**good, name: np.array([None], dtype=object)}),
        "a huge header": npz({**good, name: header("<f8", (2**60,))}),
        "nothing many times": npz({**good, name: header("<U0", (2**60,))}),
        "a negative size": npz({**good, name: header("<f8", (-1,))}),
        "a bomb": bytes(bomb),
        "a field of structures": npz({**good, name: np.zeros(3, dtype=[("a", "f8")])}),
        "the wrong dtype": npz({**good, name: array.astype(np.complex128)}),
        "text for numbers": npz({**good, name: np.full(array.shape, "text")}),
        "the wrong shape": npz({**good, name: array[None]}),
        "an array missing": npz({key: value for key, value in good.items() if key != name}),
    }


def tar(members: Mapping[str, bytes | Mapping[str, Any]]) -> bytes:
    """A ``.tar.gz`` archive of files, or of whatever the fields of their ``TarInfo`` say."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
            else:
                for field, value in content.items():
                    setattr(info, field, value)
                file.addfile(info)
    return buffer.getvalue()


def bad_archives(name: str, content: bytes) -> dict[str, bytes]:
    """Archives that hold a good member and something bad."""
    good, other = {name: content}, name.replace("0", "1")
    return {
        "not packed": b"text",
        "cut short": tar(good)[:-20],
        "no members": tar({}),
        "a link": tar({**good, other: {"type": tarfile.LNKTYPE, "linkname": name}}),
        "a symbolic link": tar({**good, other: {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}}),
        "a pipe": tar({**good, other: {"type": tarfile.FIFOTYPE}}),
        "a device": tar({**good, other: {"type": tarfile.CHRTYPE}}),
        "an absolute name": tar({**good, f"/{other}": content}),
        "a name that leads out": tar({**good, f"../{other}": content}),
        "a foreign member": tar({**good, "other.txt": b""}),
        **{f"{what} in a member": tar({name: text}) for what, text in JSONS.items()},
    }


def mutations(value: Any) -> list[tuple[str, Any]]:
    """Copies of JSON data in which one field is missing, null or of another type, with what was done."""
    found: list[tuple[str, Any]] = []
    for key, item in value.items() if isinstance(value, dict) else ():
        found.append((f"no {key}", {name: other for name, other in value.items() if name != key}))
        others: list[Any] = [None, [] if isinstance(item, dict) else {}]
        others += [[item], "nonsense"] if not isinstance(item, str) else [5, True]
        found += [(f"{key} = {json.dumps(other)[:20]}", {**value, key: other}) for other in others]
        found += [(f"{key}.{what}", {**value, key: inner}) for what, inner in mutations(item)]
    return found


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)
