"""The table of tasks: what an environment asks for, independent of how it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, cast

from anb_gym import _ids
from anb_gym._errors import choose
from anb_gym.devices import DEVICES, KINDS, Device, explained
from anb_gym.metrics import ACCURACIES, DIRECTIONS, Direction
from anb_gym.surrogates.store import FAMILIES, surrogate_name

Kind = Literal["throughput", "latency", "accuracy", "all"]

#: Exponent of the performance ratio in the product reward, from MnasNet
#: (Tan et al. 2019, https://arxiv.org/abs/1807.11626, section 3).
EXPONENT: Final = 0.07


#: Metrics whose labels were corrected, with the surrogates that have them so: the TPUs were measured in three campaigns
#: whose limit on the host differs, see ``docs/surrogates.md``.
CORRECTED: Final = {f"{device}/throughput": (surrogate_name(FAMILIES[0], 1),) for device in ("tpuv2", "tpuv3")}


@dataclass(frozen=True, slots=True)
class Task:
    """A task: accuracy, and the metrics that are traded against it.

    Attributes:
        name: Such as ``"VCK190"`` or ``"ZCU102-Latency"``.
        metrics: Names of the metrics, accuracy first.
        kind: What is traded against accuracy; ``"accuracy"`` if nothing is, ``"all"`` if everything is.
        device: The device in the metrics' names, or None.
        target: Default target of the second metric, in its unit, or None. It is
            the 70th percentile of the dataset's 5,138 records (for latency the
            30th: as hard to reach) rounded to two significant digits.
        version: Version of the environment id.
        surrogates: The default surrogates of the versions of the id: where labels are corrected, the newer tables have
            a version of their own.
    """

    name: str
    metrics: tuple[str, ...]
    kind: Kind
    device: str | None = None
    target: float | None = None
    version: int = 0
    surrogates: tuple[str, ...] = FAMILIES[:1]

    @property
    def fidelity(self) -> str:
        """The scheme under which accuracy is meant: ``"proxy"`` or ``"reference"``."""
        return next(fidelity for fidelity, name in ACCURACIES.items() if name == self.metrics[0])

    @property
    def id(self) -> str:
        """The environment id with a scalar reward."""
        return _ids.FORMS["scalar"].format(task=self.name, version=self.version)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The direction of each metric."""
        return tuple(DIRECTIONS[metric] for metric in self.metrics)


def device_task(label: str, kind: str, target: float | None = None, device: str | None = None) -> Task:
    """The task of a device's throughput or latency; without its name the device is called as its label."""
    device = device or label.lower()
    name = _ids.LATENCY_TASK if kind == "latency" else _ids.THROUGHPUT_TASK
    metrics = ("accuracy", f"{device}/{kind}")
    surrogates = FAMILIES[:1] + CORRECTED.get(metrics[1], ())
    return Task(name.format(label=label), metrics, cast(Kind, kind), device, target, surrogates=surrogates)


def _device_tasks(devices: list[Device]) -> list[Task]:
    """The tasks of devices: first those of throughput, then those of latency."""
    return [
        device_task(device.label, kind, device.metrics[kind].target, device.name)
        for kind in KINDS
        for device in devices
        if kind in device.metrics
    ]


#: Tasks of the devices of the dataset. Those of other devices are no part of what is made of several devices: what its
#: observations and rewards mean must not depend on the installation.
DATASET_TASKS: Final = tuple(_device_tasks([device for device in DEVICES.values() if device.dataset]))

#: All tasks with a scalar reward by name.
TASKS: Final[Mapping[str, Task]] = MappingProxyType(
    {
        task.name: task
        for task in (
            *DATASET_TASKS,
            *(task for device in DEVICES.values() if not device.dataset for task in _device_tasks([device])),
            Task(_ids.ACCURACY_TASK, ("accuracy",), "accuracy"),
        )
    }
)


def under_reference(task: Task) -> Task:
    """A task with accuracy under the reference scheme, on the first tables."""
    name, metrics = _ids.REFERENCE_TASK.format(task=task.name), (ACCURACIES["reference"], *task.metrics[1:])
    return replace(task, name=name, metrics=metrics, surrogates=FAMILIES[:1])


#: The same with accuracy under the reference scheme, by name.
REFERENCE_TASKS: Final[Mapping[str, Task]] = MappingProxyType(
    {task.name: task for task in map(under_reference, TASKS.values())}
)

#: Accuracy against every device metric of the dataset at once; it has a vector reward only.
ALL_DEVICES: Final = Task(_ids.ALL_TASK, ("accuracy", *(task.metrics[1] for task in DATASET_TASKS)), "all")


def get_task(name: str) -> Task:
    """The task of a name.

    Raises:
        ValueError: There is none; the message suggests the nearest.
        DeviceError: It is of a device that could not be read; the message says why.
    """
    tasks = {**TASKS, **REFERENCE_TASKS, ALL_DEVICES.name: ALL_DEVICES}
    with explained(name):
        return tasks[choose(name, tasks, "task")]


def select_tasks(*, kind: str | None = None, device: str | None = None, fidelity: str = "proxy") -> tuple[Task, ...]:
    """All tasks of a kind, on a device, or both.

    Args:
        kind: ``"throughput"``, ``"latency"`` or ``"accuracy"``.
        device: Such as ``"vck190"``.
        fidelity: The scheme of accuracy: ``"proxy"`` or ``"reference"``.

    Raises:
        ValueError: No task has such a kind, device or fidelity.

    Example:
        >>> [task.name for task in select_tasks(kind="latency")]
        ['ZCU102-Latency', 'VCK190-Latency']
    """
    tasks = tuple((REFERENCE_TASKS if choose(fidelity, ACCURACIES, "fidelity") == "reference" else TASKS).values())
    if kind is not None:
        choose(kind, sorted({task.kind for task in tasks}), "kind")
        tasks = tuple(task for task in tasks if task.kind == kind)
    if device is not None:
        with explained(device):
            choose(device, sorted({task.device for task in TASKS.values() if task.device}), "device")
        tasks = tuple(task for task in tasks if task.device == device)
    return tasks
