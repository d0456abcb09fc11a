"""Split halves: what the optimum that one half of the data has is worth by the other half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from anb_gym._types import FloatArray
from anb_gym.calibration import N_RESTARTS, SEED, Level, coordinate_ascent
from anb_gym.calibration.measuring import random_states
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.families.gp import AdditiveGP
from anb_gym.construction.fitting import Job, fit_model, with_label, without_campaigns
from anb_gym.construction.splits import split_of
from anb_gym.rewards import Reward, make_reward
from anb_gym.space import States
from anb_gym.surrogates.links import Link
from anb_gym.surrogates.store import version_of
from anb_gym.surrogates.tables import BlockTables
from anb_gym.tasks import Task

#: A half of the data as functions: of every metric the tables and the link.
Half = Mapping[str, tuple[BlockTables, Link]]


@dataclass
class Halves:
    """Gaussian processes fitted to two random halves of the train and validation records, each when it is first needed.

    Attributes:
        dataset: Labels.
        seed: Selects the halves, and all that fits draw.
    """

    dataset: Dataset
    seed: int = 0

    def __post_init__(self) -> None:
        split = split_of(self.dataset)
        records = np.random.default_rng(self.seed).permutation(np.concatenate([split["train"], split["val"]]))
        self._records = np.array_split(records, 2)
        self._fitted: dict[tuple[str, int], list[tuple[BlockTables, Link]]] = {}

    def regrets(self, task: Task, surrogate: str) -> tuple[float, float]:
        """Regrets of the optimum of each half under the other half, in unit scale there.

        Optima are the best that :data:`~anb_gym.calibration.N_RESTARTS` coordinate ascents find; no front is certified
        for surrogates that serve once.

        Args:
            task: Its default reward is meant.
            surrogate: ``"gp"``, or a version of it.
        """
        version = version_of(surrogate)
        reward = make_reward("product", task)
        fits = {metric: self._fit(metric, version) for metric in task.metrics}
        halves: list[Half] = [{metric: found[i] for metric, found in fits.items()} for i in range(2)]
        found = [coordinate_ascent(partial(_rewards, reward, half), N_RESTARTS, SEED) for half in halves]
        regrets = []
        for (states, _), half, (_, best) in zip(found, reversed(halves), reversed(found), strict=True):
            level = Level(float(_rewards(reward, half, random_states()).mean()), best)
            regrets.append(float(f"{level.regret(_rewards(reward, half, states[None]))[0]:.3g}"))
        return regrets[0], regrets[1]

    def _fit(self, metric: str, version: int) -> list[tuple[BlockTables, Link]]:
        """Both halves' fits of a metric, as `anb-gym fit` makes them of all records but without deviations."""
        if (metric, version) not in self._fitted:
            job, found = Job.configured("gp", metric, self.seed, version=version), []
            for records in self._records:
                with threadpool_limits(1):
                    _, rows = without_campaigns(job, with_label(self.dataset, metric, records, for_fit=True))
                    target, model = fit_model(job, rows.states, rows.metrics[metric])
                assert isinstance(model, AdditiveGP)
                found.append((target.tables(model.fold()), target.link))
            self._fitted[metric, version] = found
        return self._fitted[metric, version]


def _rewards(reward: Reward, half: Half, states: States) -> FloatArray:
    """Raw rewards of a half, ``float64`` (n,)."""
    return reward({metric: link.value(tables(states)) for metric, (tables, link) in half.items()})
