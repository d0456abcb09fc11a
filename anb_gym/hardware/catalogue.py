"""Many generated devices at once: their tables in arrays, asked row by row."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.generated import draw, tables
from anb_gym.hardware.prior import load_prior
from anb_gym.hardware.probes import N_PROBES, probe_states
from anb_gym.hardware.units import log_seconds_of
from anb_gym.space import SPACE, States
from anb_gym.surrogates.links import host_factor

#: Devices that are made together: neighbours of a device that is asked for are asked for too.
_CHUNK: Final = 32


class Catalogue:
    """Generated devices of one kind and distribution; each is made when it is first asked for, and kept.

    What it says of a seed equals what :func:`anb_gym.devices.generate` says, to the bit. A device takes 2 kB.

    Args:
        kind: ``"throughput"`` or ``"latency"``.
        leave_out: A family of real devices that the distribution must not have seen.
    """

    def __init__(self, kind: str, leave_out: str | None) -> None:
        self.kind, self.leave_out = kind, leave_out
        self._row: dict[int, int] = {}
        self._cells: FloatArray = np.empty((0, int(SPACE.block_sizes.sum())))
        self._hosts: FloatArray = np.empty(0)
        self._logs: FloatArray = np.empty((0, N_PROBES))

    def cells(self, seeds: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Sums that tables add, ``float64`` (n, 264): seconds without the host, or ms; and the hosts' seconds (n,)."""
        rows = self._rows(seeds)
        return self._cells[rows], self._hosts[rows]

    def performance(self, seeds: NDArray[np.int64], states: States) -> FloatArray:
        """Images/s or ms, ``float64`` (n,), of one architecture a device, or of several on one.

        Args:
            seeds: The devices, ``int64`` (n,) or (1,).
            states: Block states, ``int64`` (n, 7).
        """
        rows = self._rows(seeds)
        return self._linked(self._cells[rows[:, None], states + STARTS], self._hosts[rows])

    def log_times(self, seeds: NDArray[np.int64]) -> FloatArray:
        """Natural logarithms of seconds of the probes, ``float64`` (n, 10)."""
        rows = self._rows(seeds)  # first: it makes the devices
        return self._logs[rows]

    def _linked(self, of_blocks: FloatArray, hosts: FloatArray) -> FloatArray:
        return linked(self.kind, np.add.reduce(of_blocks, axis=1), hosts)  # in the order of tables: to the last bit

    def _rows(self, seeds: NDArray[np.int64]) -> NDArray[np.int64]:
        known = self._row
        wanted = seeds.tolist()
        first = sorted({seed - seed % _CHUNK for seed in wanted if seed not in known})
        if first:
            chunks = [tables(draw(range(start, start + _CHUNK), load_prior(self.leave_out))) for start in first]
            seconds, host, latency = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
            values = seconds if self.kind == "throughput" else 1e3 * latency
            hosts = host if self.kind == "throughput" else np.zeros_like(host)
            new = [seed for start in first for seed in range(start, start + _CHUNK)]
            cells, hosts = (array.astype(np.float32).astype(np.float64) for array in (values, hosts))
            probes = [self._linked(cells[:, states + STARTS], hosts) for states in probe_states()]
            logs = log_seconds_of(self.kind, np.stack(probes, axis=1))
            # Seeds are known last, and rows that an interrupted call has left are written over.
            at = len(known)
            self._cells = np.concatenate([self._cells[:at], cells])
            self._hosts = np.concatenate([self._hosts[:at], hosts])
            self._logs = np.concatenate([self._logs[:at], logs])
            known.update(zip(new, range(at, at + len(new)), strict=True))
        return np.fromiter((known[seed] for seed in wanted), dtype=np.int64, count=len(wanted))


def linked(kind: str, totals: FloatArray, hosts: FloatArray) -> FloatArray:
    """Images/s or ms of sums of cells and hosts' seconds, arrays that broadcast."""
    return totals if kind == "latency" else 1.0 / (totals * host_factor(totals, hosts))


@lru_cache(maxsize=16)
def catalogue(kind: str, leave_out: str | None = None) -> Catalogue:
    """The catalogue of the process."""
    return Catalogue(kind, leave_out)
