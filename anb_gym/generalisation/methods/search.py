"""Search on the device itself: what was measured is all that is designed."""

from __future__ import annotations

import zlib

import numpy as np

from anb_gym.agents.probe_policy import first_front
from anb_gym.generalisation.devices import accuracy
from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.generalisation.methods.constants import best_constants
from anb_gym.generalisation.protocol import Answer, Meter
from anb_gym.space import N_BLOCKS, SPACE, Indices


class RandomSearch:
    """Random networks, all of them measured."""

    about = "random networks"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        rng = _generator(meter)
        while meter.left:
            meter.measure(rng.integers(SPACE.size, size=meter.left))
        return _measured(meter, rng)


class LocalSearch:
    """In turn the next of the best constants and a change of one block of the best that were measured."""

    about = "in turn one of the best constants and a change of one block of the best that were measured"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        constants, rng = best_constants(known), _generator(meter)
        while meter.left:
            number = len(meter.indices)
            if number % 2 == 0:
                new = [index for index in constants.tolist() if index not in set(meter.indices.tolist())][:1]
                meter.measure(np.array(new, dtype=np.int64))
            if number % 2 or number == len(meter.indices):
                parent = SPACE.index_to_states(rng.choice(_best(meter))[None])
                block = rng.integers(N_BLOCKS)
                parent[0, block] = rng.integers(SPACE.block_sizes[block])
                meter.measure(SPACE.states_to_index(parent))
        return _measured(meter, rng, constants[:1])


def _generator(meter: Meter) -> np.random.Generator:
    """Of the device and of how many measurements were made."""
    return np.random.default_rng([len(meter.indices), zlib.crc32(meter.name.encode())])


def _best(meter: Meter) -> Indices:
    """What was measured and is not dominated."""
    members: Indices = meter.indices[first_front(accuracy(meter.states), meter.log_seconds)]
    return members


def _measured(meter: Meter, rng: np.random.Generator, otherwise: Indices | None = None) -> Answer:
    """What was measured; without any measurement one network, of which nothing is known."""
    if not meter.budget:
        only = rng.integers(SPACE.size, size=1) if otherwise is None else otherwise
        return Answer(only, np.zeros(1), np.ones(1))
    return Answer(meter.indices, meter.log_seconds, np.zeros(len(meter.indices)))
