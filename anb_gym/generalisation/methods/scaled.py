"""Times of a device that is like a known one, up to a factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.generalisation.protocol import N_DESIGNS, Answer, Meter
from anb_gym.hardware.costs import STARTS
from anb_gym.space import SPACE, Indices, States

#: Standard deviation of the logarithm of times whose factor was measured on one network alone.
_ONE: Final = 0.3


def scaled(known: Knowledge, meter: Meter, indices: Indices, log_seconds: Callable[[States], FloatArray]) -> Answer:
    """Designs whose times are those of a known device, times the factor that fits what was measured.

    Args:
        known: What is known.
        meter: The device.
        indices: The designs, ``int64`` (k,).
        log_seconds: Logarithms of seconds on the known device, of block states.
    """
    indices = thinned(indices)
    predicted, m = log_seconds(SPACE.index_to_states(indices)), len(meter.indices)
    if not m:
        return Answer(indices, predicted, np.full(len(indices), known.scale_std))
    apart = meter.log_seconds - log_seconds(meter.states)
    std = _ONE if m == 1 else float(apart.std(ddof=1)) * np.sqrt(1.0 + 1.0 / m)
    return Answer(indices, predicted + apart.mean(), np.full(len(indices), std))


def of_average(known: Knowledge) -> Callable[[States], FloatArray]:
    """Logarithms of seconds of block states on the average device."""
    return of_cells(known.average)


def of_cells(cells: FloatArray) -> Callable[[States], FloatArray]:
    """Logarithms of seconds of block states whose own seconds are ``float64`` (264,)."""
    return lambda states: np.log(cells[states + STARTS].sum(axis=1))


def measure_along(meter: Meter, indices: Indices) -> None:
    """Spends what is left of a budget on designs, evenly spaced along their order."""
    meter.measure(thinned(indices[~np.isin(indices, meter.indices)], meter.left))


def thinned(indices: Indices, n: int = N_DESIGNS) -> Indices:
    """At most n designs, evenly spaced along their order."""
    return indices[np.linspace(0, len(indices) - 1, min(n, len(indices))).round().astype(np.int64)]
