"""The environment whose bound changes from episode to episode."""

from __future__ import annotations

from typing import Final

from anb_gym._errors import choose
from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.envs.preference import sampled_bound
from anb_gym.problems import Problem
from anb_gym.rewards import Bounded, make_reward
from anb_gym.tasks import get_task

#: What ``reward`` can be: one number that contains violations, or the accuracy beside a cost.
REWARDS: Final = ("bounded", "accuracy")


class BoundBuildEnv(ArchitectureEnv):
    """Builds an architecture as :class:`~anb_gym.envs.build.BuildEnv` does, under another bound in each episode.

    ## Description

    As for `BuildEnv`: make the network as accurate as a bound of the device metric allows, so many images/s at least or
    so many ms at most. Each episode draws its bound and shows it in the observation, so that one policy can learn to
    design for all of them. What is best under every bound is known and certified.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `BuildEnv`, then one cell, where the bound lies between the nadir of the metric, its worst value on the exact
    front, 0, and its ideal, the best value of all architectures, 1: by default `Box(0, 1, (101,), float32)`.

    ## Rewards

    0 until the last step. For ordinary algorithms one number, `reward="bounded"`, with the unit scale

    | The bound is | Reward                                                                                           |
    |--------------|--------------------------------------------------------------------------------------------------|
    | met          | (accuracy - mean) / (best - mean), at least -1                                                   |
    | missed       | -1 - relative violation, at least -2                                                             |

    where *best* is the certified best accuracy of all architectures that meet the bound, and *mean* the mean accuracy
    of random architectures that meet it. So 1 is the constrained optimum, every network that meets the bound has more
    than every one that does not, and a violation costs a limited amount. The *relative violation* is the part of the
    bound by which it is missed, `1 - throughput / bound` or `latency / bound - 1`.

    For algorithms of safe reinforcement learning `reward="accuracy"`: (accuracy - mean) / (best - mean), whether the
    bound is met or not, and the cost apart. In both forms `info["cost"]` is 0 at every step until the last, where it
    is the relative violation.

    The mean is measured for every bound, however few architectures meet it, on a weighted sample that becomes denser
    towards the best metric (`anb_gym.calibration.tail_sample`). Its standard error is below 0.02 of a unit, mostly
    below 0.003. Near the ideal those that meet the bound are alike: there the mean counts as 1 point below the best, so
    that a unit is never less.

    With `reward_scale="raw"` the reward is the accuracy in percent; under `"bounded"` minus the percent by which the
    bound is missed, at most 100, if it is.

    The info of the last step contains `architecture`, `index`, `metrics`, `raw_reward`, `cost`, `preference` (the bound
    in the metric's unit), and with noise `exact_metrics` and `noise_seed`, as for `BuildEnv`; reward and cost are of
    `metrics`. `regret` is in points of accuracy, without noise and whatever the scale: how far the accuracy lies below
    the best that meets the bound. It is infinite for a network that misses the bound, so that no mean hides one: tell
    the violation rate, and the loss of those that meet the bound, as two numbers.

    ## Starting State

    No choice is made. `reset` draws where the bound lies between nadir and ideal, uniformly; with `noise=True` it then
    draws the seed of the episode's measurement noise. `reset(options={"preference": 3000.0})` sets the bound, in the
    metric's unit, and keeps it to the last bit: the metric of a network can be asked for, and that network meets it.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    `task` (by the id: one with two metrics), `surrogate`, `reward` (`"bounded"` or `"accuracy"`), `reward_scale`
    (`"unit"`, and `regret`, need the exact front of the surrogate), `granularity`, `observation`, `noise`,
    `render_mode` and `world`, as for `BuildEnv`.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-VCK190-Bound-v0", granularity="network")
    >>> problem = env.unwrapped.problem
    >>> best = problem.best_under(3000.0)  # images/s, at least
    >>> observation, info = env.reset(options={"preference": 3000.0})
    >>> observation, reward, terminated, truncated, info = env.step(problem.space.from_index(best.indices)[0])
    >>> reward, info["regret"], info["cost"], info["preference"]
    (1.0, 0.0, 0.0, 3000.0)

    ```

    For a fixed bound as one number, use `reward="bounded"` of `BuildEnv`; with the cost apart, the ids with
    `-Constrained`. `anb_gym.Benchmark().front("vck190/throughput").best_mixtures` has the best of random choices
    between architectures, for limits of the expected metric or the expected cost.

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.bound.BoundBuildVectorEnv`, whose copies differ in their bounds.

    ## Version History

    * v0: First version.
    """

    def __init__(
        self,
        task: str,
        surrogate: str | None = None,
        reward: str = "bounded",
        reward_scale: str = "unit",
        granularity: str = "choice",
        observation: str = "onehot",
        noise: bool = False,
        render_mode: str | None = None,
        world: int | None = None,
    ) -> None:
        problem = make_problem(task, surrogate, reward, reward_scale, world)
        super().__init__(problem, Interface(granularity, observation, noise, render_mode))


def make_problem(
    task: str,
    surrogate: str | None = None,
    reward: str = "bounded",
    reward_scale: str = "unit",
    world: int | None = None,
) -> Problem:
    """The problem of an environment with sampled bounds; see :class:`BoundBuildEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value.
        NoFrontError: Unit scale needs the exact front, and there is none for this surrogate.
    """
    of, family = get_task(task), Benchmark(surrogate, world).surrogate
    bounded = make_reward("bounded", of)
    assert isinstance(bounded, Bounded)
    ask = sampled_bound(of, family)
    if choose(reward, REWARDS, "reward") == "bounded":
        return Problem(of, bounded, reward_scale, family, ask)
    return Problem(of, make_reward("accuracy", of), reward_scale, family, ask, constraint=bounded)


class BoundBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`BoundBuildEnv`, each with a bound of its own."""

    env_type = BoundBuildEnv
