"""The one place for files: whatever is wrong with one becomes one line that names it, at bounded cost."""

from __future__ import annotations

import errno
import json
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import bad_files
import numpy as np
import pytest

from anb_gym import _files as files
from anb_gym._errors import printable


class BadFileError(ValueError):
    """What the readers here document."""


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """Whatever a reader is given, it may not take more than a few hundred MiB."""
    with open("/proc/self/statm") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def refused(path: Path, read: Callable[[Path, type[Exception]], object], error: type[Exception] = BadFileError) -> str:
    with pytest.raises(error) as raised:
        read(path, error)
    message = str(raised.value)
    assert type(raised.value) is error
    assert message.startswith(str(path))
    assert message.isprintable()
    assert len(message) < len(str(path)) + 400
    return message


def read_yaml(path: Path, error: type[Exception]) -> object:
    return files.read_yaml(path, error, extra="study")


READERS = [files.read_text, files.read_object, read_yaml, files.read_arrays, files.read_archive]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("what", [name for name in bad_files.PLACES if name != "empty"])
def test_paths_that_are_no_files(what: str, read: Callable[[Path, type[Exception]], object], tmp_path: Path) -> None:
    path = tmp_path / "file"
    bad_files.PLACES[what](path)
    for error in (BadFileError, ValueError, OSError):
        refused(path, read, error)


def test_only_an_optional_file_may_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        files.read_json(tmp_path / "nowhere", BadFileError, optional=True)
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadFileError, match="folder: it must be a file, it is a folder"):
        files.read_json(tmp_path / "folder", BadFileError, optional=True)


@pytest.mark.parametrize("what", bad_files.JSONS)
def test_json(what: str, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\n.json"
    path.write_bytes(bad_files.JSONS[what])
    if what in ("no fields", "a null schema", "a list as schema"):
        with pytest.raises(BadFileError) as raised:
            files.read_object(path, BadFileError).get("schema", int)
    else:
        with pytest.raises(BadFileError) as raised:
            files.read_object(path, BadFileError)
    assert str(raised.value).startswith(printable(str(path)))
    assert str(raised.value).isprintable()


def test_values_by_name_and_type() -> None:
    content = {"text": "a", "integer": 1, "number": 2.5, "list": [1, 2], "object": {"null": None}, "flag": True}
    fields = files.Fields(content, "file", BadFileError)
    assert fields.get("text", str) == "a"
    assert fields.get("integer", float) == 1.0
    assert fields.items("list", int) == [1, 2]
    assert fields.get("other", int, 7) == 7
    for name, kind, message in (
        ("other", int, "file: the field 'other' is missing"),
        ("flag", int, "file: 'flag' must be an integer, got True"),
        ("flag", float, "file: 'flag' must be a number, got True"),
        ("integer", bool, "file: 'integer' must be true or false, got 1"),
        ("number", int, "file: 'number' must be an integer, got 2.5"),
        ("text", list, "file: 'text' must be a list, got 'a'"),
    ):
        with pytest.raises(BadFileError, match=message):
            fields.get(name, kind)
    with pytest.raises(BadFileError, match=r"file: list\[0\] must be text, got 1"):
        fields.items("list", str)
    with pytest.raises(BadFileError, match="file: object: 'null' must be a number, got None"):
        fields.fields("object").get("null", float)


@pytest.mark.parametrize("what", bad_files.YAMLS)
def test_yaml(what: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(bad_files.YAMLS[what])
    if what in ("text", "a list", "null"):
        assert read_yaml(path, BadFileError) in ("text", [], None)
    else:
        refused(path, read_yaml)


def test_aliases_that_do_not_explode_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("a: &a {x: 0b1111, y: 18446744073709551615}\nb: {<<: *a, z: *a}\n")
    a = {"x": 15, "y": 2**64 - 1}
    assert read_yaml(path, BadFileError) == {"a": a, "b": {**a, "z": a}}


GOOD = {"values": np.arange(6.0).reshape(2, 3), "count": np.array(3), "text": np.array("text")}


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    np.savez_compressed(path, **GOOD, fortran=np.asfortranarray(GOOD["values"]))
    arrays = files.read_arrays(path, BadFileError)
    assert all(np.array_equal(arrays[name], GOOD[name]) for name in GOOD)
    assert arrays["fortran"].flags.f_contiguous
    for what, data in bad_files.bad_arrays(GOOD).items():
        path.write_bytes(data)

        def read(path: Path, error: type[Exception]) -> object:
            with files.refusing(path, error):
                return files.take_array(files.read_arrays(path, error), "values", "float64", (None, 3))

        assert refused(path, read), what


def test_an_array_must_be_finite() -> None:
    with pytest.raises(ValueError, match="the array 'a' must be finite"):
        files.take_array({"a": np.array([np.nan])}, "a", "float64", (1,))


def test_archives(tmp_path: Path) -> None:
    path = tmp_path / "file.tar.gz"
    for what, data in bad_files.bad_archives("folder/record_0.json", b"{}").items():
        path.write_bytes(data)
        if what in ("no members", "a foreign member") or what.endswith("in a member"):  # for its reader to refuse
            files.read_archive(path, BadFileError)
        else:
            assert refused(path, files.read_archive), what
    path.write_bytes(bad_files.tar({"file": bytes(2**20)}))
    assert files.read_archive(path, BadFileError) == {"file": bytes(2**20)}
    with pytest.raises(BadFileError, match="at most 1,048,576 bytes when unpacked"):
        files.read_archive(path, BadFileError, limit=2**20)


@pytest.mark.parametrize("function", ["fsync", "replace", "chmod"])
def test_a_full_disk_is_named_and_nothing_left(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="No space left on device: .*file'") as raised:
        files.write_atomically(path, b"new")
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(path))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"
    with pytest.raises(OSError, match="No space left on device: .*new'") as raised:
        files.create(tmp_path / "new", b"new")
    assert raised.value.filename == str(tmp_path / "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_killed_writers_leave_can_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr(os, "unlink", lambda *_: (_ for _ in ()).throw(PermissionError))
    with pytest.raises(KeyboardInterrupt):
        files.write_atomically(tmp_path / "folder" / "file.json", b"{}")
    monkeypatch.undo()
    assert len(list((tmp_path / "folder").iterdir())) == 1
    (tmp_path / "folder" / ".hidden").write_text(json.dumps({}))
    files.remove_temporaries(tmp_path)
    assert [p.name for p in (tmp_path / "folder").iterdir()] == [".hidden"]


def test_foreign_names_on_a_terminal() -> None:
    assert printable("a\x1b[31m\r\nb\u202e\udc80 é漢") == "a\\x1b[31m\\r\\nb\\u202e\\udc80 é漢"


def test_a_folder_that_vanishes_is_made_again(tmp_path, monkeypatch):
    make, vanishing = tempfile.mkstemp, [True]

    def vanish(**options):
        if vanishing and vanishing.pop():
            options["dir"].rmdir()
        return make(**options)

    monkeypatch.setattr(tempfile, "mkstemp", vanish)
    files.write_atomically(tmp_path / "a" / "b", b"x")
    assert (tmp_path / "a" / "b").read_bytes() == b"x"


def test_exactly_one_creates_a_file(tmp_path):
    assert files.create(tmp_path / "a" / "b", b"one")
    assert not files.create(tmp_path / "a" / "b", b"two")
    assert os.listdir(tmp_path / "a") == ["b"]
    assert (tmp_path / "a" / "b").read_bytes() == b"one"
