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
| `"bounded"`     | The same in the scale of `BoundBuildEnv`   | The same                                             |

Objectives, units and the info of the last step are those of `BuildEnv`; `info["preference"]` has the weights, or the
bound in the metric's unit. With `reward_scale="unit"` every preference has the random mean 0 and the certified optimum
1; the mean is measured at 129 preferences and interpolated linearly. Under `"constrained"` it contains violations, so
a hundredth of regret is worth 0.2 to 1.3 points of accuracy; the scale of `"bounded"`, which the ids with `-Bound`
have, does not.

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

import inspect
from typing import Any, Final

from anb_gym._errors import choose
from anb_gym.fronts import NoFrontError, load_front
from anb_gym.fronts.store import front_key
from anb_gym.problems import Ask, AskBound, AskKeptBound, AskWeights
from anb_gym.rewards import Reward, find_reward, front_extent, make_reward, reward_names
from anb_gym.tasks import Task

#: Rewards of this package that preferences can be sampled for.
PREFERENCES: Final = ("weighted", "chebyshev", "constrained", "bounded")


def sampled_preference(reward: Any, task: Task, surrogate: str) -> tuple[Reward, Ask]:
    """The reward of a name and what every episode asks of it: weights, or a bound between nadir and ideal.

    Raises:
        ValueError: There is no preference for the reward or the task.
        NoFrontError: It needs the exact front, and there is none.
    """
    if reward == "product":
        raise ValueError(
            "reward must not be 'product' with a sampled preference: another target only multiplies the product "
            f"by a number, so the same architecture is best for all; use one of {PREFERENCES}"
        )
    names = [name for name in reward_names() if _asked(find_reward(name))]
    is_path = isinstance(reward, str) and ":" in reward and _asked(find_reward(reward))
    name = reward if is_path else choose(reward, names, "reward, with a sampled preference,")
    if len(task.metrics) != 2:
        raise ValueError(f"preference needs a task with two metrics, {task.name!r} has {task.metrics}")
    ideal, nadir = front_extent(task)
    ask: Ask = AskWeights()
    if name == "bounded":
        return make_reward(name, task), sampled_bound(task, surrogate)
    if "bound" in _asked(find_reward(name)):
        ask = AskBound(task.metrics[1], nadir[1], ideal[1])
    return make_reward(name, task), ask


def sampled_bound(task: Task, surrogate: str) -> AskKeptBound:
    """The bounds between nadir and ideal of the surrogate's exact front, or where it has none of the default's."""
    try:
        front = load_front(surrogate, *front_key(task.metrics))
        ideal, nadir = front.ideal, front.nadir
    except NoFrontError:  # raw rewards and costs need none
        ideal, nadir = front_extent(task)
    return AskKeptBound(task.metrics[1], nadir[1], ideal[1])


def _asked(found: Any) -> set[str]:
    """The parameters of a reward's class that can be a preference: a row may have values of its own."""
    known = inspect.signature(found.__call__).parameters if isinstance(found, type) else ()
    return {"weights", "bound"} & set(known)
