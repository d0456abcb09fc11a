"""A device without noise, small trainings, and collections that can run in a process of their own."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from anb_gym.complexity import macs
from anb_gym.construction.collection import Step, collect_accuracy, collect_throughput
from anb_gym.construction.collection.devices import CPU
from anb_gym.construction.data import Digits
from anb_gym.construction.schemes import Recipe, Scheme
from anb_gym.construction.trainer import Trainer
from anb_gym.construction.units import Unit
from anb_gym.space import Architecture

SMALL = Architecture(
    expansion=(1, 4, 1, 1, 1, 1, 1), kernel=(3,) * 7, layers=(1, 2, 1, 1, 1, 1, 1), se=(False, True, *(False,) * 5)
)
SCHEME = Scheme(16, 2, 0, 0, 32, 32, Recipe(rate_batch=16, rate=0.05, peak_epoch=1, evaluation_ratio=1))


@dataclass
class Abacus:
    """Computes what it claims to measure, slightly other values every time; some architectures fail on it."""

    name: str = "abacus"
    speed: float = 1e9
    failing: tuple[int, ...] = ()
    seen: list[int] = field(default_factory=list)

    @property
    def metrics(self) -> tuple[str, ...]:
        return (f"{self.name}/throughput", f"{self.name}/latency")

    def protocol(self) -> dict[str, Any]:
        return {"name": self.name, "speed": self.speed}

    def machine(self) -> dict[str, Any]:
        return {"beads": 100}

    def measure(self, architecture: Architecture) -> dict[str, float]:
        self.seen.append(architecture.index)
        if architecture.index in self.failing:
            raise RuntimeError("a bead is stuck")
        rate = self.speed / int(macs(architecture)[0]) * (1 + len(self.seen) % 5 / 10_000)
        return {f"{self.name}/throughput": rate, f"{self.name}/latency": 1000 / rate}


@dataclass(frozen=True)
class SmallTrainer(Trainer):
    """Trains for real, on few random images; ends its process at one architecture, or fails with a full disk."""

    deadly: int | None = None
    full: int | None = None

    def train(self, unit: Unit, folder: Path) -> Any:
        if unit.architecture == self.deadly:
            os._exit(1)
        if unit.architecture == self.full:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        return super().train(unit, folder)

    def _data(self) -> Digits:
        rng = torch.Generator().manual_seed(0)
        train, validation = ((torch.rand(n, 1, 28, 28, generator=rng) * 255, torch.arange(n) % 10) for n in (32, 20))
        return Digits(train, validation)


def small_trainer(**options: Any) -> SmallTrainer:
    return SmallTrainer(network={"width": 0.1}, **options)


def throughput(folder: Path, device: Abacus | None = None, **options: Any) -> list[Step]:
    return list(collect_throughput(folder, device or Abacus(), **{"n": 4, "seed": 5, "passes": 2, **options}))


def accuracy(folder: Path, trainer: Trainer | None = None, **options: Any) -> list[Step]:
    with ThreadPoolExecutor(1) as executor:
        steps = collect_accuracy(folder, SCHEME, trainer or small_trainer(), executor, **{"n": 2, "seed": 5, **options})
        return list(steps)


def run_throughput(folder: Path) -> None:
    device = CPU(resolution=32, seconds=0.01)
    for _ in collect_throughput(folder, device, n=3, seed=3, passes=2):
        pass


def run_accuracy(folder: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        for _ in collect_accuracy(folder, SCHEME, small_trainer(), executor, n=4, seed=3):
            pass
