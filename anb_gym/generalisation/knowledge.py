"""What is known before a device is seen: generated devices, their fronts, and the real devices of other families."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym._files import pack_arrays, read_arrays, refusing, take_array, write_atomically
from anb_gym._types import FloatArray
from anb_gym.agents.probe_policy import first_front
from anb_gym.benchmark import Benchmark
from anb_gym.generalisation.devices import SURROGATE, accuracy, real_devices
from anb_gym.hardware import TRAIN_SEEDS
from anb_gym.hardware.costs import STARTS, mean
from anb_gym.hardware.generated import draw, tables
from anb_gym.hardware.prior import load_prior
from anb_gym.space import SPACE, Indices, States
from anb_gym.surrogates.links import host_factor
from anb_gym.surrogates.tables import BlockTables

#: Training devices behind averages and moments, and those of them whose fronts are known.
N_DEVICES: Final = 4_000
N_FRONTS: Final = 100
#: Random architectures that the first front is looked for from.
_N_START: Final = 2_000


class KnowledgeError(ValueError):
    """A file of what is known is damaged."""


@dataclass(frozen=True, eq=False)
class Donor:
    """A known device.

    Attributes:
        name: Its name.
        indices: Its front, ``int64`` (k,).
        log_seconds: Logarithms of seconds of block states.
    """

    name: str
    indices: Indices
    log_seconds: Callable[[States], FloatArray]


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What methods know before they see a device.

    Attributes:
        kind: ``"throughput"`` or ``"latency"``, what is asked for.
        leave_out: The family of real devices that nothing here has seen.
        cells: Seconds of all block states of the training devices, ``float64`` (N_DEVICES, 264), without a host.
        hosts: Their hosts' seconds, ``float64`` (N_DEVICES,); 0 in latency.
        fronts: Fronts of the first N_FRONTS of them.
        folder: Where what methods have learned from it is kept.
    """

    kind: str
    leave_out: str | None
    cells: FloatArray
    hosts: FloatArray
    fronts: tuple[Indices, ...]
    folder: Path

    @property
    def name(self) -> str:
        """Such as ``"throughput-fpga"``: the kind and the family left out, or ``all``."""
        return f"{self.kind}-{self.leave_out or 'all'}"

    @cached_property
    def pool(self) -> Indices:
        """All members of these fronts, ``int64`` (n,), ascending."""
        return np.unique(np.concatenate(self.fronts))

    @cached_property
    def pool_states(self) -> States:
        """Block states of the same, ``int64`` (n, 7)."""
        return SPACE.index_to_states(self.pool)

    def seconds(self, states: States, rows: slice = slice(None)) -> FloatArray:
        """Seconds of architectures on training devices, ``float64`` (devices, n)."""
        alone = np.stack([self.cells[rows, column] for column in (states + STARTS).T]).sum(axis=0)
        together: FloatArray = alone * host_factor(alone, self.hosts[rows, None])
        return together

    @cached_property
    def donors(self) -> tuple[Donor, ...]:
        """The real devices of other families, all of their metrics, and the training devices with fronts."""
        real = [
            Donor(device.name, device.target.front.indices, _of_device(device.seconds))
            for device in real_devices()
            if device.unseen != self.leave_out
        ]
        generated = [Donor(f"training/{row}", front, self._of_row(row)) for row, front in enumerate(self.fronts)]
        return (*real, *generated)

    @cached_property
    def average(self) -> FloatArray:
        """The average device: mean over devices of their cells' share of the mean time, ``float64`` (264,).

        Its unit is the geometric mean of the devices' mean times.
        """
        means = self.mean_seconds
        shares: FloatArray = (self.cells / means[:, None]).mean(axis=0)
        return shares * float(np.exp(np.log(means).mean()))

    @cached_property
    def mean_seconds(self) -> FloatArray:
        """Mean seconds of random architectures on each training device, ``float64`` (N_DEVICES,), without a host."""
        return mean(self.cells)

    @cached_property
    def scale_std(self) -> float:
        """Standard deviation of the logarithm of the devices' mean times."""
        return float(np.log(self.mean_seconds).std())

    def front(self, cells: FloatArray) -> Indices:
        """The front of accuracy and a sum of cells, ``float64`` (264,), nearly exact, ``int64`` (k,)."""
        return _front(self, cells.tobytes())

    @cached_property
    def pool_accuracy(self) -> FloatArray:
        """Accuracy of the same in percent, ``float64`` (n,)."""
        return accuracy(self.pool_states)

    @cached_property
    def average_front(self) -> Indices:
        """The front of the average device, ``int64`` (k,)."""
        return self.front(self.average)

    def learned(self, method: str, learn: Callable[[], Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
        """What a method has learned from what is known: arrays, learned once and kept in the folder.

        Args:
            method: Its name.
            learn: Learns them anew; what it does must depend on nothing else.

        Raises:
            KnowledgeError: The file is damaged.
        """
        path = self.folder / f"{method}-{self.name}.npz"
        if not path.exists():
            data = pack_arrays(learn())
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        return {name: array.astype(np.float64) for name, array in read_arrays(path, KnowledgeError).items()}

    def _of_row(self, row: int) -> Callable[[States], FloatArray]:
        return lambda states: np.log(self.seconds(states, slice(row, row + 1))[0])


@lru_cache(maxsize=32)
def _front(known: Knowledge, cells: bytes) -> Indices:
    """The front of cells, looked for from those of the pool that no other is as good as."""
    values = np.frombuffer(cells)
    start = first_front(known.pool_accuracy, values[known.pool_states + STARTS].sum(axis=1))
    return front_from(values, known.pool_states[start])


def front_from(cells: FloatArray, start: States) -> Indices:
    """The front of accuracy and a sum of cells, looked for from some architectures, ``int64`` (k,)."""
    from anb_gym.exact import nearby_front

    accuracies = Benchmark(SURROGATE).load("accuracy").mean
    return SPACE.states_to_index(nearby_front(accuracies, BlockTables(1, cells), (True, False), start))


def _of_device(seconds: Callable[[States], FloatArray]) -> Callable[[States], FloatArray]:
    return lambda states: np.log(seconds(states))


@lru_cache(maxsize=8)
def load_knowledge(kind: str, leave_out: str | None, folder: Path) -> Knowledge:
    """What is known; fronts are solved once and kept in a folder.

    Args:
        kind: ``"throughput"`` or ``"latency"``.
        leave_out: A family of real devices, or None.
        folder: Where fronts are kept.

    Raises:
        KnowledgeError: The file of fronts is damaged.
        ModuleNotFoundError: There is none, and the extra ``exact`` is not installed.
    """
    seconds, host, latency = tables(draw(TRAIN_SEEDS[:N_DEVICES], load_prior(leave_out)))
    cells, hosts = (seconds, host) if kind == "throughput" else (latency, np.zeros_like(host))
    path = folder / f"training-{kind}-{leave_out or 'all'}.npz"
    if path.exists():
        arrays = read_arrays(path, KnowledgeError)
        with refusing(path, KnowledgeError):
            indices, ends = (take_array(arrays, name, "int64", (None,)) for name in ("indices", "ends"))
            fronts = np.split(indices, ends[:-1])
            if len(fronts) != N_FRONTS:
                raise ValueError(f"it must have {N_FRONTS} fronts, got {len(fronts)}; remove it to solve them anew")
    else:
        fronts = _solve(cells[:N_FRONTS])
        ends = np.cumsum([len(front) for front in fronts])
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, pack_arrays({"indices": np.concatenate(fronts), "ends": ends}))
    return Knowledge(kind, leave_out, cells, hosts, tuple(fronts), folder)


def _solve(cells: FloatArray) -> list[Indices]:
    """Fronts of devices, each looked for from those before."""
    rng = np.random.default_rng(0)
    pool = rng.integers(SPACE.size, size=_N_START)
    fronts: list[Indices] = []
    for row in cells:
        fronts.append(front_from(row, SPACE.index_to_states(pool)))
        pool = np.union1d(pool, fronts[-1])
    # The first ones had few to begin with.
    return [front_from(row, SPACE.index_to_states(pool)) for row in cells]
