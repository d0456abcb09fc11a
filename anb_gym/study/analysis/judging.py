"""Judges of a study's architectures: as their search saw them, as they are, and as another surrogate sees them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import Calibration, calibration
from anb_gym.fronts import NoFrontError
from anb_gym.rewards import Accuracy
from anb_gym.space import SPACE, Indices
from anb_gym.study.config import in_world_of
from anb_gym.study.problems import choose_id, described, noisy_by_default, problem_of
from anb_gym.study.runs import noise_seed
from anb_gym.study.telling import failing


class Judge:
    """Judges the architectures of one task of a study.

    Everything is in unit scale and to be maximised. With one objective random architectures have mean 0 and the
    optimum has 1; with several the ideal of each is 1 and its nadir 0.

    Args:
        id: Environment id of the task.
        arguments: Arguments of the environment that bear on scores, data as of JSON.
        noise: Whether the searches were told noisy measurements; None for what is usual on the task.
        failures: The part of the architectures whose measurement failed; None for none.
        worlds: Whether every search was in the world of its seed, where :meth:`at` judges it.

    Attributes:
        id: The environment id.
        problem: What was searched.
        arguments: As given.
        noise: Whether they were told noisy measurements.
        failures: The part of the architectures whose measurement failed; None for none.
        worlds: As given.

    Raises:
        ValueError: The id or an argument is unknown.
    """

    def __init__(
        self,
        id: str,
        arguments: Mapping[str, Any] | None = None,
        noise: bool | None = None,
        failures: float | None = None,
        worlds: bool = False,
    ) -> None:
        self.id = choose_id(id)
        self.problem = problem_of(self.id, arguments or {})
        self.arguments = dict(arguments or {})
        self.noise = noisy_by_default(self.problem) if noise is None else noise
        self.failures = failures
        self.worlds = worlds
        self._of_worlds: dict[int, Judge] = {}

    def __str__(self) -> str:
        return described(self.id, self.noise, self.arguments, self.failures, self.worlds)

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Judge:
        """The judge of a task as a study's results describe it: by the arguments' names."""
        noise, failures = bool(description.get("noise", False)), description.get("failures")
        worlds = bool(description.get("worlds", False))
        return cls(description["id"], description.get("arguments") or {}, noise, failures, worlds)

    def at(self, seed: int) -> Judge:
        """The judge of the run with a seed: of its world, where searches were in worlds. Each is made once."""
        if not self.worlds:
            return self
        if seed not in self._of_worlds:
            arguments = in_world_of(self.arguments, self.worlds, seed)
            self._of_worlds[seed] = Judge(self.id, arguments, self.noise, self.failures)
        return self._of_worlds[seed]

    @property
    def identity(self) -> tuple[Any, ...]:
        """What two tasks have in common that are one and the same: hashable."""
        return self.problem, self.noise, self.failures, self.worlds

    @property
    def n_objectives(self) -> int:
        """Number of objectives."""
        return self.problem.n_objectives

    @property
    def directions(self) -> tuple[str, ...]:
        """The direction of each objective: ``"max"``, whatever the metrics'."""
        return self.problem.directions

    @property
    def metrics(self) -> tuple[str, ...]:
        """The task's metrics."""
        return self.problem.metrics

    @property
    def families(self) -> list[str]:
        """Other families of surrogates that can judge the task's metrics."""
        return list(self.problem.judges)

    @property
    def calibration(self) -> Calibration | None:
        """Unit scale of a reward with one objective; None with several."""
        if self.n_objectives > 1:
            return None
        if self.problem.is_vector:  # of accuracy alone
            return calibration(Accuracy(self.metrics[0]), self.problem.surrogate)
        gauge = self.problem.gauge
        assert isinstance(gauge, Calibration)
        return gauge

    @cached_property
    def front(self) -> FloatArray | None:
        """The exact front, ``float64`` (k, n_objectives); None with one objective, and where none of several is known.

        Raises:
            NoFrontError: There are two objectives, and their front is not there; the message says how it is made.
        """
        if self.n_objectives == 1:
            return None
        try:
            return self.problem.front_rewards
        except NoFrontError:
            if self.n_objectives == 2:
                raise
            return None

    @cached_property
    def reference_point(self) -> FloatArray:
        """The worst values that count, ``float64`` (n_objectives,): the task's own, or else the nadir less a margin."""
        return self.problem.reference_point

    @cached_property
    def practical_reference_point(self) -> Any:
        """The worst values of practical use, ``float64`` (2,); None where there is no such point."""
        return self.problem.practical_reference_point

    def told(self, index: Indices, seed: int) -> FloatArray:
        """The objectives as the search with a seed was told them, ``float64`` (n, n_objectives)."""
        noise = noise_seed(self.noise, seed)
        states = SPACE.index_to_states(index)
        told = self.problem.score(self.problem.measure(states, noise)).reshape(len(index), -1)
        return failing(told, states, self.failures, seed)

    def values(self, index: Indices) -> FloatArray:
        """The task's metrics without noise in their own units, ``float64`` (n, metrics)."""
        values = self.problem.measure(SPACE.index_to_states(index))
        return np.stack([values[name] for name in self.metrics], axis=1)

    def exact(self, index: Indices, family: str | None = None) -> FloatArray:
        """The objectives without noise, ``float64`` (n, n_objectives).

        Args:
            index: Architectures, ``int64`` (n,).
            family: Another family of surrogates to ask. Its answers are in the scale of the family that was
                searched, so that both can be compared; they can exceed 1.

        Raises:
            ValueError: There is no such family for the task's metrics.
        """
        states = SPACE.index_to_states(index)
        if family is None:
            metrics = self.problem.measure(states)
        else:
            metrics = Benchmark(choose(family, self.families, "family")).query_states(states, self.metrics)
        return self.problem.score(metrics).reshape(len(index), -1)
