"""Designs that are the same for every device."""

from __future__ import annotations

import heapq
from functools import lru_cache
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.generalisation.devices import accuracy
from anb_gym.generalisation.knowledge import Knowledge
from anb_gym.generalisation.methods.scaled import of_average, scaled
from anb_gym.generalisation.protocol import Answer, Meter
from anb_gym.space import SPACE, Indices

#: Most constants that are chosen, candidates they are chosen from, and places along a device's front where they count.
_MOST: Final = 256
_CANDIDATES: Final = 4_000
_PLACES: Final = 200


class Constants:
    """The best n designs for training devices together, chosen one after the other; their own times are measured.

    Args:
        n: How many.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.about = f"the {n} designs that together cover most of the training devices' fronts; they are measured"

    def __call__(self, known: Knowledge, meter: Meter) -> Answer:
        chosen = best_constants(known)[: self.n]
        meter.measure(chosen[: meter.left])
        return scaled(known, meter, chosen, of_average(known))


@lru_cache(maxsize=8)
def best_constants(known: Knowledge) -> Indices:
    """Designs, the most valuable first, ``int64`` (n,).

    Greedy choice (Nemhauser, Wolsey and Fisher 1978, https://doi.org/10.1007/BF01588971) among members of the training
    devices' fronts, for the mean share of the hypervolume of these fronts. The hypervolume is summed over evenly spaced
    throughputs or latencies between the front's ends.
    """
    rng = np.random.default_rng(0)
    candidates = np.sort(rng.choice(known.pool, min(_CANDIDATES, len(known.pool)), replace=False))
    states = SPACE.index_to_states(candidates)
    accuracies = accuracy(states)
    rows = slice(0, len(known.fronts))
    times = known.seconds(states, rows)
    performance = 1.0 / times if known.kind == "throughput" else -times
    places, reached, worst = [], [], []
    for row, front in enumerate(known.fronts):
        members = SPACE.index_to_states(front)
        own = known.seconds(members, slice(row, row + 1))[0]
        ends = 1.0 / own if known.kind == "throughput" else -own
        at = np.linspace(ends.min(), ends.max(), _PLACES)
        places.append(at)
        reached.append(np.searchsorted(at, performance[row] + 1e-12 * np.abs(performance[row]), side="right"))
        worst.append(accuracy(members).min())
    gains = accuracies[None, :] - np.array(worst)[:, None]
    whole = _whole(known, places, np.array(worst))
    have = np.zeros((len(known.fronts), _PLACES))

    def gain(candidate: int) -> float:
        better = np.maximum(gains[:, candidate, None] - have, 0.0)
        counted = np.arange(_PLACES) < np.array([r[candidate] for r in reached])[:, None]
        return float(((better * counted).sum(axis=1) / whole).mean())

    heap = [(-np.inf, candidate) for candidate in range(len(candidates))]
    chosen: list[int] = []
    while len(chosen) < min(_MOST, len(candidates)):
        # What a candidate adds only falls: one that still adds most after it was looked at anew is the best.
        _, candidate = heapq.heappop(heap)
        now = gain(candidate)
        if heap and now < -heap[0][0]:
            heapq.heappush(heap, (-now, candidate))
            continue
        chosen.append(candidate)
        counted = np.arange(_PLACES) < np.array([r[candidate] for r in reached])[:, None]
        have = np.maximum(have, np.where(counted, gains[:, candidate, None], 0.0))
    return candidates[chosen]


def _whole(known: Knowledge, places: list[FloatArray], worst: FloatArray) -> FloatArray:
    """The hypervolume of each front, in the unit of the sums, ``float64`` (devices,)."""
    sums = []
    for row, (front, at) in enumerate(zip(known.fronts, places, strict=True)):
        states = SPACE.index_to_states(front)
        own = known.seconds(states, slice(row, row + 1))[0]
        performance = 1.0 / own if known.kind == "throughput" else -own
        order = np.argsort(performance)
        best = np.maximum.accumulate(accuracy(states)[order][::-1])[::-1]
        first = np.minimum(np.searchsorted(performance[order], at - 1e-12 * np.abs(at)), len(order) - 1)
        sums.append((best[first] - worst[row]).sum())
    return np.array(sums)
