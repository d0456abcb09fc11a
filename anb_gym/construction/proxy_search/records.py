"""Records of the units of a proxy search, and what makes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Protocol

from anb_gym._files import read_object, refusing, write_atomically
from anb_gym.construction.units import Trained, Unit

#: Folder of the records inside the folder of a search.
RECORDS: Final = "records"
#: Folder of what evaluations keep while they run, such as checkpoints.
WORK: Final = "work"


class Evaluator(Protocol):
    """Trains units. It is pickled and sent to the workers."""

    def conditions(self) -> Mapping[str, Any]:
        """Conditions that decide the result beside the unit, such as the data and the width, as JSON has it."""
        ...

    def __call__(self, unit: Unit, folder: Path) -> Trained:
        """Evaluates a unit; ``folder`` is its own, where an evaluation that was killed left its checkpoint."""
        ...


def complete(evaluator: Evaluator, unit: Unit, folder: Path) -> Trained:
    """Evaluates a unit and writes its record, unless the record is there. This is what workers run.

    The record is written before the outcome is handed back, so whatever dies later, it is not lost; and a worker that
    repeats the unit of one that died after writing finds it done.

    Raises:
        ValueError: There is a record of another scheme or of other conditions.
        OSError: The record cannot be written.
    """
    conditions = evaluator.conditions()
    outcome = read_record(folder, unit, conditions)
    if outcome is None:
        work = folder / WORK / str(unit)
        outcome = evaluator(unit, work)
        content = {**_identity(unit, conditions), **asdict(outcome)}
        write_atomically(record_path(folder, unit), (json.dumps(content, indent=2) + "\n").encode())
        shutil.rmtree(work, ignore_errors=True)
    return outcome


def read_record(folder: Path, unit: Unit, conditions: Mapping[str, Any]) -> Trained | None:
    """The outcome of a unit, None if there is no record of it.

    Raises:
        ValueError: The record is damaged, or of another scheme or of other conditions; the message names the file and
            what differs.
    """
    path = record_path(folder, unit)
    where = f"{path} is damaged, delete it to evaluate the unit again"
    try:
        record = read_object(path, ValueError, optional=True, where=where)
    except FileNotFoundError:
        return None
    for name, expected in _identity(unit, conditions).items():
        if (found := record.content.get(name)) != expected:
            raise ValueError(
                f"{path} is a record of another search: its {name} is {found!r}, this search has {expected!r}; "
                "give another folder, or delete the records to evaluate them again"
            )
    with refusing(where, ValueError):
        return Trained(record.get("accuracy", float), record.get("seconds", float))


def record_path(folder: Path, unit: Unit) -> Path:
    """The file of a unit's record."""
    return folder / RECORDS / f"{unit}.json"


def _identity(unit: Unit, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Identity of a unit: fields that its record must agree with, as JSON gives them back."""
    identity = {
        "architecture": unit.architecture,
        "seed": unit.seed,
        "scheme": unit.scheme.to_dict(),
        "conditions": dict(conditions),
    }
    decoded: dict[str, Any] = json.loads(json.dumps(identity))
    return decoded
