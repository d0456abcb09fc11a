"""Fronts on disk: one JSON file per surrogate, fidelity of accuracy and metric. Floats survive JSON exactly.

Fronts of the dataset's metrics ship with the package, those of a device lie in its folder. What a user makes of
shipped surrogates goes into a folder of the user, which is read as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

from anb_gym._errors import choose
from anb_gym._files import Fields, read_object, refusing, user_folder, write_atomically
from anb_gym.devices import Device, device_of, folder_of
from anb_gym.exact.results import Front, Optimum
from anb_gym.fronts.results import CertifiedFront
from anb_gym.metrics import ACCURACIES, DEVICE_METRICS, choose_metric
from anb_gym.surrogates.store import choose_surrogate, older, shipped_checksum

#: Version of the file format; files of another version are refused.
SCHEMA: Final = 1
#: Where the shipped fronts of the dataset's metrics are.
SHIPPED: Final = Path(__file__).parent / "shipped"
#: Metrics that have a front: accuracy alone, and accuracy with each device metric.
FRONTS: Final = ("accuracy", *DEVICE_METRICS)
#: Stands between the device metrics of a front with two of them.
AND: Final = "+"


class FrontError(ValueError):
    """A front's file is damaged or of another schema."""


class NoFrontError(FrontError):
    """There is no front of these metrics on the surrogates that are loaded."""


def front_path(surrogate: str, metric: str, folder: Path | None = None, fidelity: str = "proxy") -> Path:
    """The file of a surrogate's front of accuracy and a metric: below ``folder``, by default where it ships."""
    if folder is None:
        of_device = folder_of(metric) if front_device(metric) else None
        folder = of_device / "fronts" if of_device else SHIPPED
    prefix = "" if fidelity == "proxy" else f"{fidelity}-"
    return folder / surrogate / f"{prefix}{metric.replace('/', '-')}.json"


def front_device(metric: str) -> Device | None:
    """The device to which a front belongs; None for that of accuracy alone, and for that of two device metrics."""
    return None if AND in metric else device_of(metric)


def own_folder(metric: str) -> Path:
    """Folder into which fronts of a metric go: that of a device of one's own, else that of the user."""
    device = front_device(metric)
    return (device.folder if device and not device.ships else user_folder()) / "fronts"


def front_metrics(metric: str, fidelity: str = "proxy") -> tuple[str, ...]:
    """The metrics of a front, accuracy first.

    Raises:
        ValueError: The metric has no front, or the fidelity is unknown.
    """
    accuracy = ACCURACIES[choose(fidelity, ACCURACIES, "fidelity")]
    if metric == "accuracy":
        return (accuracy,)
    return (accuracy, *choose_front(metric).split(AND))


def choose_front(metric: object) -> str:
    """What a front is of beside accuracy, by full names: ``"zcu102/throughput+vck190/throughput"`` for "vck190+zcu102".

    Args:
        metric: ``"accuracy"``, a device metric, or two in any order with :data:`AND` between them. A device stands for
            its throughput.

    Raises:
        ValueError: There is no such metric, the same twice, or more than two.
        DeviceError: It is of a device that could not be read; the message says why.
    """
    if not isinstance(metric, str) or AND not in metric:
        return choose_metric(metric, FRONTS, "metric")
    parts = metric.split(AND)
    if not all(parts):
        raise ValueError(f"metric must have a device metric before and after {AND!r}, got {metric!r}")
    found = {choose_metric(part, DEVICE_METRICS, "metric") for part in parts}
    if len(found) != 2 or metric.count(AND) != 1:
        raise ValueError(f"metric must be one or two different device metrics, got {metric!r}")
    return AND.join(sorted(found, key=DEVICE_METRICS.index))


def front_key(metrics: tuple[str, ...]) -> tuple[str, str]:
    """The metric and the fidelity that :func:`front_metrics` has these metrics of."""
    fidelity = next((fidelity for fidelity, name in ACCURACIES.items() if name == metrics[0]), "proxy")
    return AND.join(sorted(metrics[1:], key=DEVICE_METRICS.index)) or "accuracy", fidelity


def artefact_checksums(surrogate: str, metric: str, fidelity: str = "proxy") -> dict[str, str]:
    """SHA-256 of the surrogates' files behind a front, by metric."""
    return {name: shipped_checksum(surrogate, name) for name in front_metrics(metric, fidelity)}


@cache
def load_front(surrogate: str, metric: str, fidelity: str = "proxy") -> CertifiedFront:
    """The front of accuracy and a metric, read once per process: the shipped one, else that in the user's folder.

    Raises:
        ValueError: The surrogate, the metric or the fidelity is unknown.
        NoFrontError: There is none for the surrogates that are loaded.
        FrontError: Its file is damaged.
    """
    metric, _ = front_key(front_metrics(metric, fidelity))
    choose_surrogate(surrogate)
    # Where a version has no tables of its own, the front is that of the version before.
    names, folders = dict.fromkeys([surrogate, older(surrogate)]), [None, own_folder(metric)]
    other = None
    for name, folder in product(names, folders):
        if (path := front_path(name, metric, folder, fidelity)).exists():
            front = read_front(path)
            if dict(front.artefacts) == artefact_checksums(surrogate, metric, fidelity):
                return replace(front, surrogate=surrogate)
            other = other or (path if name == surrogate else None)
    remedy = f"run: anb-gym solve --surrogate {surrogate} --metrics {metric}"
    remedy += "" if fidelity == "proxy" else f" --fidelity {fidelity}"
    if other:
        raise NoFrontError(f"the front {other} is of other surrogates than those loaded; {remedy}")
    raise NoFrontError(f"there is no front of {metric!r} for the surrogate {surrogate!r}; {remedy}")


def read_front(path: Path) -> CertifiedFront:
    """Reads a file, whatever surrogates it is of.

    Raises:
        FrontError: It is missing, damaged or of another schema.
    """
    fields = _read_fields(path)
    with refusing(path, FrontError):
        surrogate = choose_surrogate(fields.get("surrogate", str))
        metrics = tuple(fields.items("metrics", str))
        if not metrics or metrics != front_metrics(*front_key(metrics)):
            raise ValueError(f"metrics must be accuracy, and perhaps one or two device metrics, got {metrics}")
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
    metric, fidelity = front_key(front.metrics)
    path = front_path(front.surrogate, metric, folder or own_folder(metric), fidelity)
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
