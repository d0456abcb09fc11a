"""Recording scales: writing ``tasks.json``. Needs the extra ``pareto``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym.benchmark import Benchmark
from anb_gym.calibration.measuring import N_RANDOM, SEED, calibrate, checksums, describe
from anb_gym.calibration.records import FILE, SCHEMA, WORLDS_FILE, FrontScale, own_file, pair, read_records, record_name
from anb_gym.devices import Device, get_device
from anb_gym.fronts import CertifiedFront, NoFrontError
from anb_gym.metrics import ACCURACIES
from anb_gym.pareto import hypervolume
from anb_gym.rewards import make_reward
from anb_gym.surrogates.labels import USEFUL_ACCURACY, labels_of
from anb_gym.surrogates.store import FAMILIES
from anb_gym.surrogates.worlds import in_world
from anb_gym.tasks import DATASET_TASKS, Task, select_tasks

#: By how much of the front's extent the reference point is worse than the nadir.
_MARGIN: Final = 0.1


def measure_front(front: CertifiedFront) -> FrontScale:
    """Ideal, nadir, reference points and hypervolumes of a front of two metrics. Needs the extra ``pareto``."""
    ideal, nadir = np.array(front.ideal), np.array(front.nadir)
    reference = pair(np.maximum(0.0, nadir + _MARGIN * (nadir - ideal)))
    volume, share = _volume(front, reference)
    scale = FrontScale(len(front), pair(ideal), pair(nadir), reference, volume, share)
    labels = labels_of(front.metrics[1])
    if labels is None or labels.useful_median is None or front.metrics[0] != "accuracy":
        return scale
    practical = (USEFUL_ACCURACY, float(f"{labels.useful_median:.4g}"))
    volume, share = _volume(front, practical)
    return replace(
        scale, practical_reference_point=practical, practical_hypervolume=volume, practical_within_data=share
    )


def _volume(front: CertifiedFront, reference: tuple[float, float]) -> tuple[float, float | None]:
    """What a front dominates above a reference point, and the share that its members within the data dominate."""
    whole = hypervolume(front.objectives, reference, front.directions)
    if any(labels_of(metric) is None for metric in front.metrics) or whole <= 0.0:
        return whole, None
    return whole, hypervolume(front.objectives[front.within_data], reference, front.directions) / whole


def tasks_of(device: Device | None) -> list[Task]:
    """The tasks of a device, or of the dataset, by fidelity."""
    if device:
        return [task for fidelity in ACCURACIES for task in select_tasks(device=device.name, fidelity=fidelity)]
    known = {task.device for task in (*DATASET_TASKS, *select_tasks(kind="accuracy"))}
    return [task for fidelity in ACCURACIES for task in select_tasks(fidelity=fidelity) if task.device in known]


def write_records(device: str | None = None, path: Path | None = None) -> Path:
    """Measures the default reward and the front of tasks on the default surrogate and writes ``tasks.json``.

    Those with accuracy under the reference scheme are left out where their fronts are not there. What the file has of
    their resolution is of other scales and left out: :func:`anb_gym.robustness.write_resolutions` adds it.

    Args:
        device: The device whose tasks are meant; None for the tasks of the dataset.
        path: The file, by default the package's own or the one in the device's folder.

    Returns:
        The file.

    Raises:
        ValueError: No device of this name is known.
        NoFrontError: The exact fronts of these surrogates are not there: ``anb-gym solve --all`` makes them.
    """
    own = None if device is None else get_device(device)
    family = FAMILIES[0]
    measured: dict[str, dict[str, Any]] = {}
    for task in tasks_of(own):
        try:
            front = Benchmark(family).front_of(task.metrics)
        except NoFrontError:
            if task.fidelity == "proxy":
                raise
            continue
        reward = make_reward("product", task)
        for surrogate in task.surrogates:
            measured[record_name(task, surrogate)] = {
                "reward": describe(reward),
                "tables": checksums(reward, surrogate),
                "calibration": asdict(calibrate(reward, surrogate)),
            }
        if len(task.metrics) > 1:
            scale = asdict(measure_front(front))
            measured[task.name]["front"] = {name: value for name, value in scale.items() if value is not None}
    random = {"architectures": N_RANDOM, "seed": SEED}
    content = {"schema": SCHEMA, "surrogate": family, "random_mean_of": random, "tasks": measured}
    path = path or (own.folder / FILE if own else own_file())
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    read_records.cache_clear()
    return path


def write_world_records(
    tasks: Sequence[Task], worlds: Sequence[int], surrogate: str = FAMILIES[0], path: Path | None = None
) -> Iterator[tuple[str, bool]]:
    """Measures the default rewards of tasks in worlds, certified, and writes ``worlds.json`` after each.

    Goes on with what the file has. Needs the extra ``exact``; a world of a task takes some five seconds.

    Args:
        tasks: The tasks.
        worlds: The worlds.
        surrogate: Name of the surrogate.
        path: The file, by default the package's own.

    Yields:
        The name of each record, and whether it was measured now.
    """
    path = path or own_file(WORLDS_FILE)
    known = dict(read_records(path))
    for task in tasks:
        reward = make_reward("product", task)
        for world in worlds:
            here = in_world(surrogate, world)
            name, tables = f"{task.name} {here}", checksums(reward, here)
            done = name in known and known[name]["tables"] == tables
            if not done:
                measured = asdict(calibrate(reward, here))
                known[name] = {"reward": describe(reward), "tables": tables, "calibration": measured}
                content = {
                    "schema": SCHEMA,
                    "random_mean_of": {"architectures": N_RANDOM, "seed": SEED},
                    "tasks": known,
                }
                write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
                read_records.cache_clear()
            yield name, not done
