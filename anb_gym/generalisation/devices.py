"""Devices that designs are judged on: the truth about each, which no method may see but through measurements."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym._errors import integer
from anb_gym._files import read_arrays, refusing, take_array, write_atomically
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.hardware import FAMILIES, generate
from anb_gym.hardware.units import to_seconds
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.problems.generated_fronts import recorded
from anb_gym.space import SPACE, Indices, States
from anb_gym.surrogates.links import Link
from anb_gym.surrogates.tables import BlockTables
from anb_gym.tasks import EXPONENT

#: Surrogate of accuracy, and of the real devices.
SURROGATE: Final = "gp"
#: Random architectures whose mean reward is 0 in unit scale, and their seed.
N_RANDOM: Final = 20_000


class TruthError(ValueError):
    """A file of a device's exact front is damaged, or of other tables."""


@dataclass(frozen=True, eq=False)
class Device:
    """A device with everything that is known of it.

    Attributes:
        name: Such as ``"generated/2000000"`` or ``"vck190/throughput"``.
        kind: ``"throughput"`` or ``"latency"``.
        leave_out: The family of real devices that methods must not have seen; None for generated devices.
        mean: Tables of seconds per image, or of ms.
        link: From their sum to the metric.
        indices: Members of the exact front of accuracy and the metric, ``int64`` (k,).
    """

    name: str
    kind: str
    leave_out: str | None
    mean: BlockTables
    link: Link
    indices: Indices

    def metric(self, states: States) -> FloatArray:
        """The metric, ``float64`` (n,), in images/s or ms."""
        return self.link.value(self.mean(states))

    def seconds(self, states: States) -> FloatArray:
        """Seconds per image at throughput, or of latency, ``float64`` (n,)."""
        return to_seconds(self.kind, self.metric(states))

    @cached_property
    def front(self) -> FloatArray:
        """Accuracy and seconds of the exact front, ``float64`` (k, 2), fastest first."""
        states = SPACE.index_to_states(self.indices)
        points = np.stack([accuracy(states), self.seconds(states)], axis=1)
        ordered: FloatArray = points[np.lexsort((-points[:, 0], points[:, 1]))]
        return ordered

    @cached_property
    def random(self) -> FloatArray:
        """Accuracy and seconds of random architectures, ``float64`` (N_RANDOM, 2)."""
        states = random_states()
        return np.stack([accuracy(states), self.seconds(states)], axis=1)


def product(accuracies: FloatArray, seconds: FloatArray) -> FloatArray:
    """The scalar reward ``accuracy * seconds ** -0.07``: its target is a factor, which no regret sees."""
    reward: FloatArray = accuracies * seconds**-EXPONENT
    return reward


def accuracy(states: States) -> FloatArray:
    """Accuracy in percent, ``float64`` (n,)."""
    return Benchmark(SURROGATE).load("accuracy").predict(states)


def random_states() -> States:
    """The random architectures, ``int64`` (N_RANDOM, 7)."""
    return SPACE.index_to_states(np.random.default_rng(0).integers(SPACE.size, size=N_RANDOM))


def real_devices() -> Iterator[Device]:
    """The nine metrics of the real devices, each with its family left out."""
    bench = Benchmark(SURROGATE)
    families = {name: family for family, names in FAMILIES.items() for name in names}
    for metric in DEVICE_METRICS:
        name, kind = metric.split("/")
        if name in families:
            surrogate = bench.load(metric)
            yield Device(metric, kind, families[name], surrogate.mean, surrogate.link, bench.front(metric).indices)


def generated_device(seed: int, folder: Path) -> Device:
    """The throughput of a generated device, with its front: as it ships, else solved once and kept in a folder.

    Args:
        seed: The device's.
        folder: Where fronts are kept.

    Raises:
        TruthError: The file of its front is damaged.
        ModuleNotFoundError: There is none, and the extra ``exact`` is not installed.
    """
    integer(seed, 0, "seed")
    metric = generate(seed).metrics["throughput"]
    path = folder / f"{seed}.npz"
    if (shipped := recorded(seed, "throughput", None, SURROGATE)) is not None:
        indices = shipped
    elif path.exists():
        arrays = read_arrays(path, TruthError)
        with refusing(path, TruthError):
            indices = take_array(arrays, "indices", "int64", (None,))
            if not np.array_equal(take_array(arrays, "tables", "float64", (None,)), metric.mean.values):
                raise ValueError("it is of other tables; remove it to solve it anew")
    else:
        from anb_gym.exact import pareto_front

        tables = Benchmark(SURROGATE).load("accuracy").mean
        indices = pareto_front(tables, metric.mean, (True, False), workers=1).indices
        buffer = io.BytesIO()
        np.savez_compressed(buffer, indices=indices, tables=metric.mean.values)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    return Device(f"generated/{seed}", "throughput", None, metric.mean, metric.link, indices)
