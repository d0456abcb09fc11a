"""What a method may know and do, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.generalisation.devices import Device
from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.hardware import PROBES
from anb_gym.space import SPACE, Indices, States

#: Measurements that a method may spend.
BUDGETS: Final = (0, 5, 10, 20, 40, 80, 160)
#: Designs in an answer, at most: as many as policies make (:data:`anb_gym.agents.scores.N_DESIGNS`).
N_DESIGNS: Final = 1001


class BudgetError(ValueError):
    """A method asked for more measurements than it has."""


class Meter:
    """A device that can be measured so many times; the same network again is free.

    Args:
        device: The device.
        budget: Different networks that may be measured.
    """

    def __init__(self, device: Device, budget: int) -> None:
        self._device, self.budget = device, budget
        self.name, self.kind = device.name, device.kind
        self._times: dict[int, float] = {}

    @property
    def left(self) -> int:
        """How many measurements are left."""
        return max(0, self.budget - len(self._times))

    @property
    def indices(self) -> Indices:
        """What was measured, in order, ``int64`` (m,)."""
        return np.array(list(self._times), dtype=np.int64)

    @property
    def states(self) -> States:
        """Block states of the same, ``int64`` (m, 7)."""
        return SPACE.index_to_states(self.indices)

    @property
    def log_seconds(self) -> FloatArray:
        """Logarithms of the times, ``float64`` (m,)."""
        return np.log(np.array(list(self._times.values()), dtype=np.float64))

    def measure(self, indices: Indices) -> None:
        """Measures networks, ``int64`` (n,), without noise.

        Raises:
            BudgetError: More are new than are left.
        """
        new = [int(index) for index in dict.fromkeys(indices.tolist()) if index not in self._times]
        if len(new) > self.left:
            raise BudgetError(f"{len(new)} new networks, {self.left} measurements are left")
        if new:
            found = self._device.seconds(SPACE.index_to_states(np.array(new)))
            self._times.update(zip(new, found.tolist(), strict=True))

    def measure_probes(self) -> None:
        """Measures the probes, as many as can be, the most informative first."""
        self.measure(np.array(PROBES[: self.budget], dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Answer:
    """Designs for a device, and what is thought of their times.

    Attributes:
        indices: Of the designs, ``int64`` (k,), at most :data:`N_DESIGNS`.
        log_seconds: Predicted logarithms of their seconds, ``float64`` (k,).
        std: Standard deviations of these, ``float64`` (k,).
    """

    indices: Indices
    log_seconds: FloatArray
    std: FloatArray


class Method(Protocol):
    """A way to design for a device nobody has seen.

    Attributes:
        about: What it does, in one line.
    """

    about: str

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        """Designs for the device behind a meter, with at most its budget of measurements.

        What was measured is known exactly: the runner sees to that in the answer. With a larger budget the method goes
        on with the same meter: some measurements are made already.
        """
