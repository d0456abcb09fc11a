"""Estimate, then solve: times of all block states from those of a few networks, and the front of the estimate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.generalisation.methods.beliefs import NOISE, Belief, Fitted, of_training
from anb_gym.generalisation.methods.scaled import thinned
from anb_gym.generalisation.protocol import Answer, Meter
from anb_gym.hardware import N_PROBES
from anb_gym.space import SPACE, Indices

#: Members of a front among which they are chosen.
_CANDIDATES: Final = 200
#: Other devices that the measurements allow, whose fronts are designed as well.
_SAMPLES: Final = 4


class Estimate:
    """Fit first, then search: what is believed after the probes and, beyond them, random networks."""

    about = "cost model fitted to the probes, then to random networks; the front of the estimate"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        meter.measure_probes()
        rng = np.random.default_rng(0)
        while meter.left:
            meter.measure(rng.integers(SPACE.size, size=meter.left))
        return answer(of_training(known, meter), known)


class Active:
    """The same, but networks are measured where the front that is thought best is least sure.

    Args:
        about: What it does.
        believe: What is believed after what was measured.
    """

    def __init__(self, about: str, believe: Callable[[Knowledge, Meter], Belief] = of_training) -> None:
        self.about, self.believe = about, believe

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        return answer(self.learn(known, meter), known)

    def learn(self, known: Knowledge, meter: Meter) -> Belief:
        """Spends the budget; returns what is believed then."""
        meter.measure_probes()
        belief = self.believe(known, meter)
        while meter.left:
            front = np.setdiff1d(known.front(belief.cells), meter.indices)
            if not len(front):  # all is measured that is thought best
                front = np.setdiff1d(known.pool, meter.indices)
            # As many again as were measured, before the front is looked for again.
            several = max(N_PROBES, len(meter.indices))
            meter.measure(_most_telling(belief, thinned(front, _CANDIDATES), min(several, meter.left)))
            belief = self.believe(known, meter)
        return belief


class Hedged(Active):
    """The same, and the fronts of some devices that are as likely: what one misses another may have."""

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        belief = self.learn(known, meter)
        others: Any = belief.draws(_SAMPLES) if isinstance(belief, Fitted) else []
        fronts = [known.front(cells) for cells in (belief.cells, *others)]
        return _of(belief, np.unique(np.concatenate(fronts)))


def answer(belief: Belief, known: Knowledge) -> Answer:
    """The front of the expected cells, and how sure its times are."""
    return _of(belief, known.front(belief.cells))


def _of(belief: Belief, indices: Indices) -> Answer:
    indices = thinned(indices)
    return Answer(indices, *belief.times(SPACE.index_to_states(indices)))


def _most_telling(belief: Belief, candidates: Indices, n: int) -> Indices:
    """The candidates after whose measurement least remains unknown of all of them, chosen one after the other."""
    rest = belief.covariance(SPACE.index_to_states(candidates))
    chosen: list[int] = []
    for _ in range(min(n, len(candidates))):
        gains = (rest**2).sum(axis=1) / (np.diag(rest) + NOISE**2)
        gains[chosen] = -1.0
        best = int(gains.argmax())
        chosen.append(best)
        rest = rest - np.outer(rest[best], rest[best]) / (rest[best, best] + NOISE**2)
    return candidates[chosen]
