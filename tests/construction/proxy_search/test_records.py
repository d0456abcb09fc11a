"""Records of units."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_search import Synthetic, config

from anb_gym.construction.proxy_search.records import WORK, complete, read_record, record_path
from anb_gym.construction.units import Trained, Unit

SCHEME = config().schemes()[0]
UNIT = Unit(12345, SCHEME, 3)


class Failing(Synthetic):
    def __call__(self, unit: Unit, folder: Path) -> Trained:
        raise AssertionError("evaluated although there is a record")


def test_a_record_is_written_once_and_read_back(tmp_path: Path) -> None:
    outcome = complete(Synthetic(), UNIT, tmp_path)
    assert read_record(tmp_path, UNIT, Synthetic().conditions()) == outcome
    assert complete(Failing(), UNIT, tmp_path) == outcome
    content = json.loads(record_path(tmp_path, UNIT).read_text())
    assert content["architecture"] == 12345
    assert content["scheme"] == SCHEME.to_dict()


def test_a_unit_has_its_own_folder_until_it_is_done(tmp_path: Path) -> None:
    seen = []

    class Checkpointing(Synthetic):
        def __call__(self, unit: Unit, folder: Path) -> Trained:
            folder.mkdir(parents=True)
            (folder / "checkpoint").write_text("state")
            seen.append(folder)
            return super().__call__(unit, folder)

    for unit in (UNIT, replace(UNIT, seed=4)):
        complete(Checkpointing(), unit, tmp_path)
    assert len(set(seen)) == 2
    assert not any(folder.exists() for folder in seen)
    assert all(folder.is_relative_to(tmp_path / WORK) for folder in seen)


def test_a_record_of_other_conditions_is_refused(tmp_path: Path) -> None:
    complete(Synthetic(), UNIT, tmp_path)
    with pytest.raises(ValueError, match=r"-3\.json is a record of another search: its conditions is .* delete"):
        complete(Synthetic(version=2), UNIT, tmp_path)


def test_a_record_of_another_scheme_is_refused(tmp_path: Path) -> None:
    complete(Synthetic(), UNIT, tmp_path)
    other = replace(UNIT, scheme=replace(SCHEME, recipe=replace(SCHEME.recipe, rate=0.1)))
    assert record_path(tmp_path, other) == record_path(tmp_path, UNIT)
    with pytest.raises(ValueError, match="its scheme is"):
        read_record(tmp_path, other, Synthetic().conditions())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ("[]", "must be an object"),
        (None, "accuracy must be a number in 0..100, got 101"),
    ],
    ids=["half", "list", "range"],
)
def test_a_damaged_record_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    complete(Synthetic(), UNIT, tmp_path)
    path = record_path(tmp_path, UNIT)
    path.write_text(text if text is not None else json.dumps({**json.loads(path.read_text()), "accuracy": 101}))
    with pytest.raises(ValueError, match=message) as error:
        read_record(tmp_path, UNIT, Synthetic().conditions())
    assert str(path) in str(error.value)


def test_a_full_disk_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        complete(Synthetic(), UNIT, tmp_path)
    monkeypatch.undo()
    assert read_record(tmp_path, UNIT, Synthetic().conditions()) is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    complete(Synthetic(), UNIT, tmp_path)


@pytest.mark.parametrize("values", [(float("nan"), 1.0), (-1.0, 1.0), (50.0, -1.0), (50.0, float("inf")), ("50", 1.0)])
def test_impossible_outcomes_are_refused(values: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Trained(*values)
