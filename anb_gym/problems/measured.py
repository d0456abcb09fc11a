"""The problem whose device is known by what an episode measures, and whose design has to keep a bound there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from anb_gym._errors import choose
from anb_gym._types import FloatArray
from anb_gym.calibration import Level
from anb_gym.calibration.bounded import LEAST
from anb_gym.hardware.units import log_seconds_of
from anb_gym.noise import normal
from anb_gym.problems.evaluation import Evaluation, measured
from anb_gym.problems.generated import AskDesign, Designs, GeneratedProblem
from anb_gym.space import SPACE, States


@dataclass(frozen=True)
class AskMeasuredDesign(AskDesign):
    """Every episode asks for a design for a device under a bound; nothing is told of either but by measuring.

    Bounds are drawn at even ratios between nadir and ideal: uniformly in the metric half of them would be so near the
    ideal that hardly anything but the fastest networks meets them.
    """

    @property
    def n_cells(self) -> int:
        return 0

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Designs:
        request = super().draw(rng, options)
        if np.isnan(request.bound[0]):
            device, place = int(request.device[0]), float(request.place[0])
            (_, ideal), (_, nadir) = self.on(device).extent
            low, high = sorted((nadir, ideal))  # beyond which rounding must not lead
            request.bound[0] = min(max(nadir * (ideal / nadir) ** place, low), high)
            request.place[0] = self.position(device, request.bound[0])
        return request

    def cells(self, request: Designs) -> FloatArray:
        return np.empty((len(request.device), 0))


@dataclass(frozen=True)
class MeasuredProblem(GeneratedProblem):
    """The most accurate design under a bound, for a device that only measurements tell of.

    The reward is 1 for the best accuracy that meets the bound on the episode's device, and 0 for the fastest network,
    which meets every bound without being measured, or :data:`~anb_gym.calibration.bounded.LEAST` points below the best
    where the two are nearer; nothing that meets the bound has less. What misses it has minus the relative violation, at
    least -1. Regret is in points of accuracy, infinite where the bound is missed, as under other bounds.
    """

    reward: str = "accuracy"

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self.reward, ("accuracy",), "reward")
        choose(self.scale, ("unit",), "reward_scale")

    @cached_property
    def ask(self) -> AskMeasuredDesign:
        """What an episode asks for."""
        return AskMeasuredDesign(**vars(super().ask))

    def log_times(self, states: States, request: Designs) -> FloatArray:
        """Natural logarithms of measured seconds, less that of the seconds that the episode's bound allows.

        Args:
            states: Block states, ``int64`` (n, 7).
            request: What the n episodes ask for.

        Returns:
            ``float64`` (n,), at most 0 where the bound is met, but for noise. In an episode a network always measures
            the same.
        """
        values = self.measure(states, request)[self.metrics[1]]
        logs = log_seconds_of(self.kind, values) - log_seconds_of(self.kind, self.ask.bounds(request))
        if self.probe_noise > 0.0:
            logs = logs + self.probe_noise * normal("probes", SPACE.states_to_index(states), request.noise)
        return logs

    def assess(self, states: States, request: Designs, noise: Any = None) -> Evaluation:
        exact = self.measure(states, request)
        metrics = measured(exact, states, noise)
        cost, level = self._cost(metrics, request), self._level(request)
        accuracy = metrics["accuracy"]
        reward = np.where(cost > 0.0, -np.minimum(1.0, cost), np.maximum(0.0, level.to_unit(accuracy)))
        regret = self._regret(exact, request, level) if self._is_certified(request).all() else None
        return Evaluation(metrics, exact, reward, accuracy.copy(), regret, cost)

    def _level(self, request: Designs) -> Level:
        zero, one = np.empty(len(request.device)), np.empty(len(request.device))
        bounds = self.ask.bounds(request)
        for number in np.unique(request.device).tolist():
            rows, device = np.flatnonzero(request.device == number), self.ask.on(number)
            one[rows] = best = device.best_under(bounds[rows])
            zero[rows] = np.minimum(device.extent[1][0], best - LEAST)
        return Level(zero, one)
