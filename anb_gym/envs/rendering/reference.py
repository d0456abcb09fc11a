"""References beside a network's metrics: random architectures, the exact front and EfficientNet-B0."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.benchmark import PREDICTED, Benchmark
from anb_gym.devices import KINDS
from anb_gym.fronts import NoFrontError
from anb_gym.metrics import GENERATED
from anb_gym.problems.target_devices import named_device
from anb_gym.space import EFFICIENTNET_B0, SPACE, States
from anb_gym.tasks import Task

_N_RANDOM: Final = 1_000


@dataclass(frozen=True, eq=False)
class Reference:
    """Metrics of known architectures, without noise.

    Attributes:
        task: The task, whose metrics are the columns.
        units: The unit of each metric.
        random: Metrics of random architectures, ``float64`` (n, metrics).
        efficientnet: Metrics of EfficientNet-B0, ``float64`` (metrics,).
        front: Metrics of the exact front, ``float64`` (k, metrics), best accuracy first; empty if none is
            there, as for tasks with more than two metrics.
    """

    task: Task
    units: tuple[str, ...]
    random: FloatArray
    efficientnet: FloatArray
    front: FloatArray

    @property
    def labels(self) -> tuple[str, ...]:
        """Each metric with its unit."""
        return tuple(f"{name} ({unit})" for name, unit in zip(self.task.metrics, self.units, strict=True))

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The smallest and the largest value of each metric, ``float64`` (metrics,)."""
        known = np.vstack([self.random, self.efficientnet, self.front])
        return known.min(axis=0), known.max(axis=0)


@lru_cache(maxsize=64)
def reference(task: Task, surrogate: str) -> Reference:
    """The reference of a task, as a family of surrogates sees it.

    Args:
        task: The task.
        surrogate: Family of the surrogates.
    """
    if task.metrics[-1] in GENERATED.values():
        return _of_generated(task, surrogate)
    benchmark = Benchmark(surrogate)

    def columns(states: States) -> FloatArray:
        values = benchmark.query_states(states, task.metrics)
        return np.stack([values[name] for name in task.metrics], axis=1)

    front = np.empty((0, len(task.metrics)))
    if len(task.metrics) <= 2:
        with suppress(NoFrontError):
            front = benchmark.front_of(task.metrics).objectives
    random = _random()
    units = tuple(PREDICTED[name] for name in task.metrics)
    return Reference(task, units, columns(random), columns(EFFICIENTNET_B0.states[None])[0], front)


def _of_generated(task: Task, surrogate: str) -> Reference:
    """The reference of a device that is known to the problem alone."""
    assert task.device is not None
    device = named_device(task.device, task.kind, surrogate)

    def columns(states: States) -> FloatArray:
        return np.stack([device.accuracy(states), device.performance(states)], axis=1)

    front = np.empty((0, 2))
    if device.certified:
        front = np.stack([device.front.accuracy, device.front.performance], axis=1)
    units = (PREDICTED["accuracy"], KINDS[task.kind][0])
    return Reference(task, units, columns(_random()), columns(EFFICIENTNET_B0.states[None])[0], front)


def _random() -> States:
    return SPACE.to_states(SPACE.sample(_N_RANDOM, np.random.default_rng(0)))
