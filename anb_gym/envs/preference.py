"""Rewards whose preference differs from episode to episode: weights of the objectives, or the bound of a metric.

## Description

The ids with `-Preference` are `BuildEnv` with `preference="sampled"`: each episode draws what it asks for, shows it in
the observation and scores by it, so that one policy can learn the whole Pareto front. With two metrics a preference is
one number u in 0..1: the weights are (u, 1 - u), accuracy first; the bound lies at u on the way from the nadir of the
device metric, its worst value on the exact front, to its ideal, the best.

## Action Space

As for `BuildEnv`: by default `Discrete(4)`, with masks.

## Observation Space

As for `BuildEnv`, then two cells with the weights, or one with u for a bound: by default `Box(0, 1, (102,), float32)`.

## Rewards

0 until the last step, then:

| `reward`        | Formula                                    | Optima                                               |
|-----------------|--------------------------------------------|------------------------------------------------------|
| `"chebyshev"`   | Minus the largest weight * (1 - objective) | Every member of the front, for some weights          |
| `"weighted"`    | Sum of weight * objective                  | The members of the front on its convex hull          |
| `"constrained"` | As for `BuildEnv`, with the bound          | The most accurate architecture that meets the bound  |

Objectives, units and the info of the last step are those of `BuildEnv`; `info["preference"]` has the weights, or the
bound in the metric's unit. With `reward_scale="unit"` every preference has the random mean 0 and the certified optimum
1; the mean is measured at 129 preferences and interpolated linearly.

## Starting State

No choice is made. `reset` draws u uniformly; with `noise=True` it then draws the seed of the episode's measurement
noise. `reset(options={"preference": [0.3, 0.7]})` sets the weights, `reset(options={"preference": 3000.0})` the bound.

## Episode End

The episode terminates when all 28 choices are made. It is never truncated.

## Arguments

`task` (by the id: one with two metrics), `surrogate`, `reward` (by the id `"chebyshev"`), `reward_scale`,
`granularity`, `observation`, `noise` and `render_mode`, as for `BuildEnv`. `target` and `weights` are what is sampled,
and cannot be given.

```python
>>> import gymnasium as gym
>>> env = gym.make("anb_gym:AccelNAS-VCK190-Preference-v0", reward="constrained", granularity="network")
>>> observation, info = env.reset(options={"preference": 3000.0})  # images/s, at least
>>> observation, reward, terminated, truncated, info = env.step([0] * 28)
>>> info["preference"], info["metrics"]["vck190/throughput"] > 3000.0, info["raw_reward"] == info["metrics"]["accuracy"]
(3000.0, True, True)

```

## Vectorized environment

`gym.make_vec` makes `anb_gym.envs.build.BuildVectorEnv`, whose copies differ in their preferences.

## Version History

* v0: First version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from anb_gym._errors import choose
from anb_gym._patience import said_if_long
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import MEASURING, random_metrics
from anb_gym.envs.outcomes import Outcome, Scoring, Seeds, describe
from anb_gym.fronts import NoFrontError
from anb_gym.rewards import PENALTY, FloatArray, Metrics, check_weights, front_extent
from anb_gym.rewards.formulas import chebyshev, constrained, normalise, relative_violation, weighted_sum
from anb_gym.scoring import REWARD_SCALES, Scores, measure
from anb_gym.space import States
from anb_gym.tasks import Task

#: Rewards that preferences can be sampled for.
PREFERENCES: Final = ("weighted", "chebyshev", "constrained")
#: Preferences at which the mean of random architectures is measured; it is interpolated between them.
N_MEANS: Final = 129
#: Rows whose optima are looked for at a time: rows times members of the front stay in cache.
_CHUNK: Final = 64


@dataclass(frozen=True)
class PreferredReward:
    """A reward of two metrics and a preference.

    Attributes:
        name: ``"weighted"``, ``"chebyshev"`` or ``"constrained"``.
        metrics: Accuracy and the device metric.
        ideal: The value of each metric that is 1 as an objective.
        nadir: The value that is 0.
    """

    name: str
    metrics: tuple[str, ...]
    ideal: tuple[float, ...]
    nadir: tuple[float, ...]

    def bound(self, preference: FloatArray | float) -> Any:
        """The bound of the device metric, in its unit, at preferences in 0..1."""
        return self.nadir[1] + preference * (self.ideal[1] - self.nadir[1])

    def __call__(self, values: Metrics, preference: FloatArray) -> FloatArray:
        """The reward of metrics and preferences, ``float64`` of one shape or that broadcast."""
        columns = [values[name] for name in self.metrics]
        if self.name == "constrained":
            violation = relative_violation(self.metrics[1], columns[1], self.bound(preference))
            return constrained(columns[0], violation, PENALTY)
        scalarise = weighted_sum if self.name == "weighted" else chebyshev
        return scalarise(normalise(columns, self.ideal, self.nadir), (preference, 1.0 - preference))


class Scale(NamedTuple):
    """What the rewards of every preference are worth.

    Attributes:
        means: Mean of uniformly random architectures at evenly spaced preferences, ``float64`` (N_MEANS,).
        front: The metrics of the members of the exact front.
    """

    means: FloatArray
    front: Metrics


class PreferenceScorer:
    """Scores architectures by one preference each. As :class:`~anb_gym.scoring.Scorer`, with a preference per row.

    In unit scale, for every preference, 0 is the mean of uniformly random architectures and 1 the certified optimum:
    the best member of the exact front. The mean is measured at 129 preferences and interpolated linearly.

    Args:
        task: A task with two metrics.
        surrogate: Family of the surrogates; None for the default.
        reward: A name in :data:`PREFERENCES`.
        scale: ``"unit"`` or ``"raw"``.

    Raises:
        ValueError: An argument has an unknown or impossible value.
        NoFrontError: The unit scale needs the exact front, and there is none for this surrogate.
    """

    n_objectives = 1

    def __init__(self, task: Task, surrogate: str | None, reward: Any, scale: str) -> None:
        if reward == "product":
            raise ValueError(
                "reward must not be 'product' with a sampled preference: another target only multiplies the product "
                f"by a number, so the same architecture is best for all; use one of {PREFERENCES}"
            )
        name = choose(reward, PREFERENCES, "reward, with a sampled preference,")
        if len(task.metrics) != 2:
            raise ValueError(f"preference needs a task with two metrics, {task.name!r} has {task.metrics}")
        self.task = task
        self.benchmark = Benchmark(surrogate)
        self.reward = PreferredReward(name, task.metrics, *front_extent(task))
        self.unit = choose(scale, REWARD_SCALES, "reward_scale") == "unit"
        try:
            self._scale: Scale | None = measure_scale(self.reward, self.benchmark.surrogate)
        except NoFrontError as error:
            if self.unit:
                raise NoFrontError(f'reward_scale="unit" of preferences needs the exact front: {error}') from None
            self._scale = None

    def __call__(self, states: States, preference: FloatArray, noise_seeds: Seeds | None = None) -> Scores:
        """Scores architectures.

        Args:
            states: Block states, ``int64`` (n, 7), within the space.
            preference: In 0..1, ``float64`` (n,).
            noise_seeds: Seeds of their measurement noise, ``uint64`` (n,); None for no noise.
        """
        metrics, exact = measure(self.benchmark, self.task.metrics, states, noise_seeds)
        raw = self.reward(metrics, preference)
        if self._scale is None:
            return Scores(metrics, exact, raw, raw)
        best = self._best(preference, self._scale.front)
        mean = np.interp(preference, np.linspace(0.0, 1.0, N_MEANS), self._scale.means)
        exactly = raw if exact is metrics else self.reward(exact, preference)
        regret = np.maximum(0.0, (best - exactly) / (best - mean))
        return Scores(metrics, exact, (raw - mean) / (best - mean) if self.unit else raw, raw, regret)

    def _best(self, preference: FloatArray, front: Metrics) -> FloatArray:
        best = np.empty(len(preference))
        for start in range(0, len(preference), _CHUNK):
            rows = slice(start, start + _CHUNK)
            best[rows] = self.reward(front, preference[rows, None]).max(axis=1)
        return best


@lru_cache(maxsize=64)
def measure_scale(reward: PreferredReward, surrogate: str) -> Scale:
    """The scale of a reward on a surrogate; remembered for the process.

    Raises:
        NoFrontError: There is no exact front for this surrogate.
    """
    benchmark = Benchmark(surrogate)
    members = benchmark.front(reward.metrics[1]).objectives
    with said_if_long(MEASURING):
        values = random_metrics(surrogate, reward.metrics)
        means = [reward(values, np.array(preference)).mean() for preference in np.linspace(0.0, 1.0, N_MEANS)]
    return Scale(np.array(means), dict(zip(reward.metrics, np.ascontiguousarray(members.T), strict=True)))


class PreferenceScoring(Scoring):
    """Scores episodes by a preference that is drawn at reset, uniformly.

    Args:
        scorer: Scores by preferences.
    """

    fractions = True
    options = ("preference",)

    def __init__(self, scorer: PreferenceScorer) -> None:
        self._scorer = scorer
        self.benchmark = scorer.benchmark
        self.n_context = 1 if scorer.reward.name == "constrained" else 2

    def task(self, context: FloatArray) -> Task:
        return self._scorer.task

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> FloatArray:
        given = options.get("preference")
        if self.n_context == 2:
            first = rng.random() if given is None else 0.0
            return np.array([first, 1.0 - first] if given is None else check_weights(given, 2, "preference"))
        return np.array([rng.random() if given is None else self._parse_bound(given)])

    def __call__(self, states: States, context: FloatArray, seeds: Seeds | None) -> list[Outcome]:
        preference = np.ascontiguousarray(context[:, 0])
        scores = self._scorer(states, preference, seeds)
        shown = context.copy() if self.n_context == 2 else self._scorer.reward.bound(preference)
        info = describe(states, scores, seeds) | {"preference": shown}
        return [Outcome(np.arange(len(states)), scores.reward, info)]

    def _parse_bound(self, bound: Any) -> float:
        reward = self._scorer.reward
        low, high = sorted((reward.nadir[1], reward.ideal[1]))
        number = isinstance(bound, int | float | np.integer | np.floating) and not isinstance(bound, bool)
        if not number or not low <= bound <= high:
            raise ValueError(f"preference must be a bound of {reward.metrics[1]} in {low}..{high}, got {bound!r}")
        return (float(bound) - reward.nadir[1]) / (reward.ideal[1] - reward.nadir[1])
