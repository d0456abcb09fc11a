"""Recorded scales: reading ``tasks.json``, that of the package and those of devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from anb_gym._files import Fields, read_object
from anb_gym._types import FloatArray
from anb_gym.benchmark import METRICS
from anb_gym.devices import folder_of
from anb_gym.fronts import NoFrontError
from anb_gym.surrogates.store import FAMILIES, load_shipped
from anb_gym.tasks import Task

#: The name of the file that records scales.
FILE: Final = "tasks.json"
#: The name of the file that records scales in worlds.
WORLDS_FILE: Final = "worlds.json"
#: Version of its format.
SCHEMA: Final = 2
#: What is recorded of a :class:`Calibration` and a :class:`FrontScale`.
_SCALE: Final[dict[str, type]] = {
    "random_mean": float,
    "best": float,
    "architecture": str,
    "how": str,
    "certified": bool,
}
_FRONT: Final[dict[str, type]] = {
    "points": int,
    "ideal": list,
    "nadir": list,
    "reference_point": list,
    "hypervolume": float,
}
#: What is recorded of a front besides where it is known what was measured.
_MEASURED: Final[dict[str, type]] = {
    "within_data": float,
    "practical_reference_point": list,
    "practical_hypervolume": float,
    "practical_within_data": float,
}


#: What is recorded of a :class:`Resolution`, and besides where the task has two metrics or its data were halved.
_RESOLUTION: Final[dict[str, type]] = {"regret": float, "worlds": int, "widened": float}
_RESOLVED: Final[dict[str, type]] = {"hypervolume": float, "practical_hypervolume": float, "halves": list}


class CalibrationError(ValueError):
    """A file of reward scales is damaged or of another schema."""


@dataclass(frozen=True)
class FrontScale:
    """Extent of the exact front of a task's two metrics, in their units.

    Attributes:
        points: How many architectures are on it.
        ideal: The best of each metric.
        nadir: The worst of each metric on the front.
        reference_point: The nadir made worse by a tenth of the front's extent, though no less than 0.
        hypervolume: What the front dominates above the reference point.
        within_data: The share of it that those members dominate which lie within what was measured; None, as all that
            follows, where nothing says what was measured.
        practical_reference_point: The worst network of practical use: an accuracy of
            :data:`~anb_gym.surrogates.labels.USEFUL_ACCURACY`, and the median of the device metric over the measured
            networks of at least that accuracy, rounded to four significant digits.
        practical_hypervolume: What the front dominates above the practical reference point.
        practical_within_data: The share of that which members within the data dominate.
    """

    points: int
    ideal: tuple[float, float]
    nadir: tuple[float, float]
    reference_point: tuple[float, float]
    hypervolume: float
    within_data: float | None = None
    practical_reference_point: tuple[float, float] | None = None
    practical_hypervolume: float | None = None
    practical_within_data: float | None = None


def front_scale(task: Task) -> FrontScale:
    """Ideal, nadir, reference points and hypervolumes of a task's exact front on the default surrogate.

    The reference points belong to the task: use them for every surrogate.

    Raises:
        ValueError: The task has not two metrics.
        NoFrontError: Nothing is recorded for it; the message names the command that does.
    """
    if len(task.metrics) != 2:
        raise ValueError(f"task must have two metrics, {task.name!r} has {task.metrics}")
    record = records(task.metrics).get(task.name, {}).get("front")
    if record is None:
        raise NoFrontError(
            f"there is no scale of the task {task.name!r}; run: anb-gym calibrate --device {task.device}"
        )
    values: dict[str, Any] = {name: pair(v) if isinstance(v, list) else v for name, v in record.items()}
    return FrontScale(**values)


@dataclass(frozen=True)
class Resolution:
    """Bands of a task below which differences between good results are ties: nature could have it either way.

    Attributes:
        regret: Of regrets of the default reward, see :func:`anb_gym.robustness.resolution`.
        worlds: In how many worlds that was seen.
        widened: How many times as much as in these worlds the device metric was taken to deviate.
        hypervolume: Of hypervolumes above the task's first reference point, as shares of the exact front's; None, as
            what follows, where it was not measured.
        practical_hypervolume: The same above the practical one.
        halves: Regrets of each half of the data's optimum under the surrogate of the other half.
    """

    regret: float
    worlds: int
    widened: float
    hypervolume: float | None = None
    practical_hypervolume: float | None = None
    halves: tuple[float, float] | None = None


def record_name(task: Task, surrogate: str) -> str:
    """The name under which a task is recorded on a surrogate."""
    return task.name if surrogate == FAMILIES[0] else f"{task.name} {surrogate}"


def resolution_of(task: Task, surrogate: str = FAMILIES[0]) -> Resolution | None:
    """The recorded bands of a task below which differences are ties; None where there are none."""
    record = records(task.metrics).get(record_name(task, surrogate), {}).get("resolution")
    if record is None:
        return None
    values: dict[str, Any] = {name: pair(v) if isinstance(v, list) else v for name, v in record.items()}
    return Resolution(**values)


def records(metrics: Iterable[str] = METRICS) -> dict[str, Mapping[str, Any]]:
    """Records of tasks with these metrics, by name of the task; files of other devices need not be good.

    Raises:
        CalibrationError: A file is damaged or of another schema.
    """
    folders = dict.fromkeys(folder for metric in metrics if (folder := folder_of(metric)))
    paths = (own_file(), *(folder / FILE for folder in folders))
    return {name: record for path in paths for name, record in read_records(path).items()}


def is_recorded(metric: str, surrogate: str) -> bool:
    """Whether a file records the scales of a device metric's task as the tables are now."""
    tables = {name: load_shipped(surrogate, name).checksum for name in ("accuracy", metric)}
    try:
        return any(record["tables"] == tables and "front" in record for record in records([metric]).values())
    except CalibrationError:
        return False


@lru_cache(maxsize=64)
def read_records(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Records of a file, by name of the task; nothing if it is not there. Read once per process.

    Raises:
        CalibrationError: It is damaged or of another schema.
    """
    try:
        fields = read_object(path, CalibrationError, optional=True)
    except FileNotFoundError:
        return {}
    fields.check_schema(SCHEMA)
    tasks = fields.fields("tasks")
    for name in tasks.content:
        _check_record(tasks.fields(name))
    return tasks.content


def _check_record(fields: Fields) -> None:
    """Checks what a file records of a task: it must be as :func:`~anb_gym.calibration.write_records` makes it."""
    fields.get("reward", dict)
    tables, scale = fields.fields("tables"), fields.fields("calibration")
    for metric in tables.content:
        tables.get(metric, str)
    parts: list[tuple[Fields, dict[str, type]]] = [(scale, _SCALE)]
    if "front" in fields:
        front = fields.fields("front")
        parts.append((front, _FRONT | {name: kind for name, kind in _MEASURED.items() if name in front}))
        for name in ("ideal", "nadir", "reference_point", "practical_reference_point"):
            if name in front and len(front.items(name, float)) != 2:
                raise front.refusal(f"{name} must be two numbers, got {front.content[name]}")
    if "resolution" in fields:
        bands = fields.fields("resolution")
        parts.append((bands, _RESOLUTION | {name: kind for name, kind in _RESOLVED.items() if name in bands}))
        if "halves" in bands and len(bands.items("halves", float)) != 2:
            raise bands.refusal(f"halves must be two numbers, got {bands.content['halves']}")
    for part, known in parts:
        for name in (*known, *part.content):
            if name not in known:
                raise part.refusal(f"the field {name!r} is unknown")
            part.get(name, known[name])


def own_file(name: str = FILE) -> Path:
    """The package's own file."""
    return Path(str(files("anb_gym").joinpath(name)))


def pair(values: Sequence[float] | FloatArray) -> tuple[float, float]:
    """Two numbers as floats."""
    first, second = values
    return float(first), float(second)
