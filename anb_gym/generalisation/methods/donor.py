"""The front of another device."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from anb_gym.generalisation.knowledge import Donor, Knowledge
from anb_gym.generalisation.methods.scaled import measure_along, of_average, scaled
from anb_gym.generalisation.protocol import Answer, Meter
from anb_gym.hardware import N_PROBES, probe_states


class Average:
    """The front of the average training device, measured along; probes tell nothing but how fast the device is."""

    about = "the front of the average training device"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        meter.measure_probes()
        measure_along(meter, known.average_front)
        return scaled(known, meter, known.average_front, of_average(known))


class NearestDonor:
    """The front of the known device whose times of the probes correlate best with the device's, measured along."""

    about = "the front of the known device whose times of the probes correlate best"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        meter.measure_probes()
        if len(meter.indices) < 2:
            return Average()(known, meter)
        donor = nearest(known, meter)
        measure_along(meter, donor.indices)
        return scaled(known, meter, donor.indices, donor.log_seconds)


def nearest(known: Knowledge, meter: Meter) -> Donor:
    """The donor whose logarithms of times of the probes that were measured correlate best with the device's."""
    measured = meter.log_seconds[:N_PROBES]
    correlations = [np.corrcoef(times[: len(measured)], measured)[0, 1] for times in _probe_times(known)]
    return known.donors[int(np.argmax(correlations))]


@lru_cache(maxsize=8)
def _probe_times(known: Knowledge) -> list[np.ndarray]:
    states = probe_states()
    return [donor.log_seconds(states) for donor in known.donors]
