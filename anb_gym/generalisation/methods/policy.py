"""The policy that reads ten probes, trained on generated devices; it is this package's own."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.agents import load_probe_agent
from anb_gym.agents.probe_conditioned import ProbeConditioned
from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.generalisation.methods.scaled import measure_along, of_cells, scaled
from anb_gym.generalisation.protocol import Answer, Meter
from anb_gym.hardware import N_PROBES
from anb_gym.space import SPACE, Indices


class Policy:
    """The policy that ships, see :class:`anb_gym.agents.ProbePolicy`, its family left out.

    It stands for the controller of "Searching on a budget" (Capuano et al. 2025, https://arxiv.org/abs/2504.00663),
    which is trained on synthetic devices too and adapts to a real one by ten measurements in its context, but chooses
    these itself, edits one network, and weighs accuracy and latency once and for all. With more than ten measurements
    its own designs are measured; with fewer it is blind.

    Args:
        about: What it does.
        blind: Whether it is shown the mean of the training devices in place of the probes. It was not trained to be.
    """

    def __init__(self, about: str, *, blind: bool = False) -> None:
        self.about, self.blind = about, blind

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        meter.measure_probes()
        blind = self.blind or len(meter.indices) < N_PROBES
        designs, cells = _designs(known.leave_out, None if blind else tuple(meter.log_seconds[:N_PROBES].tolist()))
        if len(meter.indices) >= N_PROBES:
            measure_along(meter, designs)
        unit = 1.0 if len(meter.indices) else float(known.average.mean() / cells.mean())
        return scaled(known, meter, designs, of_cells(unit * cells))


@lru_cache(maxsize=16)
def _designs(leave_out: str | None, log_seconds: tuple[float, ...] | None) -> tuple[Indices, FloatArray]:
    """Designs, and seconds of all block states up to a factor, for the times of the probes."""
    agent = load_probe_agent(leave_out)
    assert isinstance(agent, ProbeConditioned)
    policy = agent.policy
    logs = policy.probe_mean.astype(np.float64) if log_seconds is None else np.array(log_seconds)
    return SPACE.states_to_index(policy.design(logs)), policy.estimate(logs[None])[0]
