"""Fronts on disk: one JSON file per surrogate family and metric. Floats survive JSON exactly.

Fronts of the dataset's metrics ship with the package, those of a device lie in its folder. What a user makes of
shipped surrogates goes into a folder of the user, which is read as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from anb_gym._errors import choose
from anb_gym._files import Fields, read_object, refusing, user_folder, write_atomically
from anb_gym.devices import device_of, folder_of
from anb_gym.exact.results import Front, Optimum
from anb_gym.fronts.results import CertifiedFront
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.surrogates.store import FAMILIES, load_shipped

#: Version of the file format; files of another version are refused.
SCHEMA: Final = 1
#: Where the shipped fronts of the dataset's metrics are.
SHIPPED: Final = Path(__file__).parent / "shipped"
#: Metrics that have a front: accuracy alone, and accuracy with each device metric.
FRONTS: Final = ("accuracy", *DEVICE_METRICS)


class FrontError(ValueError):
    """A front's file is damaged or of another schema."""


class NoFrontError(FrontError):
    """There is no front of these metrics on the surrogates that are loaded."""


def front_path(family: str, metric: str, folder: Path | None = None) -> Path:
    """The file of a family's front of accuracy and a metric: below ``folder``, by default where it ships."""
    if folder is None:
        of_device = folder_of(metric)
        folder = of_device / "fronts" if of_device else SHIPPED
    return folder / family / f"{metric.replace('/', '-')}.json"


def own_folder(metric: str) -> Path:
    """Folder into which fronts of a metric go: that of a device of one's own, else that of the user."""
    device = device_of(metric)
    return (device.folder if device and not device.ships else user_folder()) / "fronts"


def front_metrics(metric: str) -> tuple[str, ...]:
    """The metrics of a front, accuracy first.

    Raises:
        ValueError: The metric has no front.
    """
    choose(metric, FRONTS, "metric")
    return ("accuracy",) if metric == "accuracy" else ("accuracy", metric)


def artefact_checksums(family: str, metric: str) -> dict[str, str]:
    """SHA-256 of the surrogates' files behind a front, by metric."""
    return {name: load_shipped(family, name).checksum for name in front_metrics(metric)}


@cache
def load_front(family: str, metric: str) -> CertifiedFront:
    """The front of accuracy and a metric, read once per process: the shipped one, else that in the user's folder.

    Raises:
        ValueError: The family or the metric is unknown.
        NoFrontError: There is none for the surrogates that are loaded.
        FrontError: Its file is damaged.
    """
    front_metrics(metric)
    shipped = front_path(choose(family, FAMILIES, "surrogate"), metric)
    other = None
    for path in dict.fromkeys([shipped, front_path(family, metric, own_folder(metric))]):
        if path.exists():
            front = read_front(path)
            if dict(front.artefacts) == artefact_checksums(family, metric):
                return front
            other = other or path
    remedy = f"run: anb-gym solve --surrogate {family} --metrics {metric}"
    if other:
        raise NoFrontError(f"the front {other} is of other surrogates than those loaded; {remedy}")
    raise NoFrontError(f"there is no front of {metric!r} for the surrogate {family!r}; {remedy}")


def read_front(path: Path) -> CertifiedFront:
    """Reads a file, whatever surrogates it is of.

    Raises:
        FrontError: It is missing, damaged or of another schema.
    """
    fields = _read_fields(path)
    with refusing(path, FrontError):
        surrogate = choose(fields.get("surrogate", str), FAMILIES, "surrogate")
        metrics = tuple(fields.items("metrics", str))
        if not metrics or metrics != front_metrics(metrics[-1]):
            raise ValueError(f"metrics must be accuracy, and perhaps a device metric, got {metrics}")
        read = Front.from_dict if len(metrics) > 1 else Optimum.from_dict
        result, smallest = read(fields.get("result", dict)), Optimum.from_dict(fields.get("smallest", dict))
        artefacts = fields.fields("artefacts")
        return CertifiedFront(
            surrogate, metrics, result, smallest, {name: artefacts.get(name, str) for name in artefacts.content}
        )


def save_front(front: CertifiedFront, folder: Path | None = None) -> Path:
    """Writes a front's file, by default below :func:`own_folder`; an interrupted write leaves the old one."""
    content = {
        "schema": SCHEMA,
        "surrogate": front.surrogate,
        "metrics": list(front.metrics),
        "artefacts": dict(front.artefacts),
        "smallest": front.smallest.to_dict(),
        "result": front.result.to_dict(),
    }
    path = front_path(front.surrogate, front.metrics[-1], folder or own_folder(front.metrics[-1]))
    _write(path, content)
    load_front.cache_clear()
    return path


def rename_metrics(source: Path, target: Path, names: Mapping[str, str]) -> None:
    """Copies a front's file, whose metrics need not be known, under other names of metrics.

    Args:
        source: The file.
        target: The copy.
        names: From old to new names.

    Raises:
        FrontError: The file is damaged or of another schema.
    """
    fields = _read_fields(source)
    content = dict(fields.content)
    with refusing(source, FrontError):
        content["metrics"] = [names.get(metric, metric) for metric in fields.items("metrics", str)]
        content["artefacts"] = {names.get(m, m): digest for m, digest in fields.get("artefacts", dict).items()}
    _write(target, content)


def _read_fields(path: Path) -> Fields:
    """A file's content without its checksum, which is right."""
    fields = read_object(path, FrontError)
    fields.check_schema(SCHEMA)
    rest = {name: value for name, value in fields.content.items() if name != "sha256"}
    if fields.get("sha256", str) != _digest(rest):
        raise fields.refusal("it is damaged: its content does not have the SHA-256 that it names")
    return replace(fields, content=rest)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_atomically(path, (json.dumps({**content, "sha256": _digest(content)}) + "\n").encode())


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
