"""Prints how good designs are on generated devices that were not made for them: constants, and fronts of others.

The 200 devices for tests are split in two, and constants for one half are chosen, greedily, from the exact fronts of
the other. The donor is the other device whose probes' relative times are nearest. A device's score is that of its best
design, for each of 21 preferences or bounds where episodes have them::

    python scripts/judge_constants.py

It needs the extra ``pareto`` and a few minutes of one core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.hardware.catalogue import catalogue
from anb_gym.hardware.generated import TEST_SEEDS
from anb_gym.metrics import GENERATED
from anb_gym.problems.target_devices import TargetDevice, target_device
from anb_gym.reports.markdown import table
from anb_gym.rewards import chebyshev
from anb_gym.space import SPACE, States

COUNTS: Final = (1, 4, 16)
#: Members of the other half's fronts among which constants are chosen.
N_CANDIDATES: Final = 2_000
PLACES: Final = np.linspace(0.0, 1.0, 23)[1:-1]

#: From a device and block states (n, 7) to scores of each at each place, ``float64`` (places, n).
Scores = Callable[[TargetDevice, States], FloatArray]


def product(device: TargetDevice, states: States) -> FloatArray:
    """The reward of ``AccelNAS-Generated-v0`` in unit scale."""
    zero, one = device.product_level
    return (device.product(device.accuracy(states), device.performance(states))[None] - zero) / (one - zero)


def preference(device: TargetDevice, states: States) -> FloatArray:
    """The reward of ``-Preference`` in unit scale."""
    zero, one = device.chebyshev_level(PLACES)
    objectives = device.objectives(device.accuracy(states), device.performance(states))
    raw = np.stack([chebyshev(objectives, [w, 1.0 - w]) for w in PLACES.tolist()])
    return (raw - zero[:, None]) / (one - zero)[:, None]


def bounded(device: TargetDevice, states: States) -> FloatArray:
    """Points of accuracy above the best under a bound, never positive, of ``-Constrained``; -inf where it is missed."""
    (_, ideal), (_, nadir) = device.extent
    bounds = nadir + PLACES * (ideal - nadir)
    meets = device.sign * device.performance(states)[None] >= device.sign * bounds[:, None]
    return np.where(meets, device.accuracy(states)[None] - device.best_under(bounds)[:, None], -np.inf)


def coverage(device: TargetDevice, states: States) -> float:
    """The share of the front's hypervolume, of ``-MO``."""
    return device.coverage(device.accuracy(states), device.performance(states))


SCORES: Final[dict[str, Scores]] = {"": product, "-Preference": preference, "-Constrained": bounded}


def rows(kind: str) -> Iterator[list[str]]:
    """Rows of the table."""
    devices = [target_device(seed, kind, None, "gp") for seed in TEST_SEEDS]
    logs = catalogue(kind).log_times(np.array(TEST_SEEDS))
    logs -= logs.mean(axis=1, keepdims=True)
    distances = ((logs[:, None] - logs[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    donors = [devices[i].front.states for i in distances.argmin(axis=1).tolist()]
    halves = [devices[0::2], devices[1::2]]
    for name, scores in SCORES.items():
        found: dict[str, list[FloatArray]] = {str(k): [] for k in COUNTS}
        chosen_for = {}
        for half, other in ((0, 1), (1, 0)):
            chosen = constants(halves[other], scores)
            chosen_for[half] = chosen
            for device in halves[half]:
                values = scores(device, chosen)
                for k in COUNTS:
                    found[str(k)].append(values[:, :k].max(axis=1))
        found["donor"] = [scores(d, donor).max(axis=1) for d, donor in zip(devices, donors, strict=True)]
        yield [f"`AccelNAS-Generated{name}-v0`", kind, *(said(name, values) for values in found.values())]
        if name == "-Preference":
            covered = [
                [coverage(device, chosen_for[half][:k]) for k in COUNTS] for half in (0, 1) for device in halves[half]
            ]
            of_donors = [coverage(device, donor) for device, donor in zip(devices, donors, strict=True)]
            means = [*np.mean(covered, axis=0).tolist(), float(np.mean(of_donors))]
            yield ["`AccelNAS-Generated-MO-v0`", kind, *(f"{mean:.3f}" for mean in means)]


def said(name: str, values: list[FloatArray]) -> str:
    """A cell of the table."""
    together = np.array(values)
    if name != "-Constrained":
        return f"{together.mean():.3f}"
    unmet = np.isinf(together)
    return f"{-together[~unmet].mean():.2f} points, {unmet.mean():.0%} missed"


def constants(devices: list[TargetDevice], scores: Scores) -> States:
    """Block states (16, 7), chosen greedily: each adds most to the mean over devices and places of the best."""
    members = np.unique(np.concatenate([device.front.indices for device in devices]))
    candidates = np.random.default_rng(0).choice(members, min(N_CANDIDATES, len(members)), replace=False)
    states = SPACE.index_to_states(candidates)
    values = np.concatenate([scores(device, states) for device in devices])
    # A bound that is missed counts as ten points.
    values = np.maximum(values, -10.0)
    best, chosen = np.full(len(values), -np.inf), []
    for _ in range(max(COUNTS)):
        means = np.maximum(values, best[:, None]).mean(axis=0)
        chosen.append(int(means.argmax()))
        best = np.maximum(best, values[:, chosen[-1]])
    return states[chosen]


if __name__ == "__main__":
    header = ["id", "kind", *(f"{k} constants" if k > 1 else "1 constant" for k in COUNTS), "nearest donor"]
    print("\n".join(table(header, [row for kind in GENERATED for row in rows(kind)], numbers=False)))
