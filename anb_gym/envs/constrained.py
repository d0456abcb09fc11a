"""The environment that builds an architecture under a constraint whose violation is a cost, not a reward."""

from __future__ import annotations

from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.problems import Problem
from anb_gym.rewards import Bounded, Constrained, make_reward
from anb_gym.tasks import get_task


class ConstrainedBuildEnv(ArchitectureEnv):
    """Builds an architecture as :class:`~anb_gym.envs.build.BuildEnv` does, with accuracy as reward and a cost.

    ## Description

    As for `BuildEnv`, as a constrained Markov decision process: maximise the accuracy subject to a bound of the
    device metric. Algorithms of safe reinforcement learning read the cost in `info["cost"]`. For the same problem
    with one number to maximise, use `reward="bounded"` of `BuildEnv`; for a bound that changes from episode to episode,
    the ids with `-Bound`.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `BuildEnv`: by default `Box(0, 1, (100,), float32)`.

    ## Rewards

    0 until the last step, then the accuracy, whether the bound is met or not. With `reward_scale="unit"` 1 is the
    constrained optimum, the certified best accuracy of all architectures that meet the bound, and 0 the mean accuracy
    of random architectures that meet it (where that is less than a point below the best, a point below); with `"raw"`
    it is in percent.

    `info["cost"]` is 0 at every step until the last, where it is the relative violation of the bound,
    `max(0, 1 - throughput / target)` or `max(0, latency / target - 1)`: 0 if the architecture meets it.
    `env.unwrapped.problem.optimum` is the certified optimum. A policy whose *expected* cost is limited can do better by
    choosing between two architectures at random: `anb_gym.Benchmark().front("vck190/throughput").best_mixtures(0.01,
    bound=3000.0)` is the best that it can do.

    The info of the last step contains `architecture`, `index`, `metrics`, `raw_reward` (the accuracy in percent) and
    `cost`, and with noise `exact_metrics` and `noise_seed`, as for `BuildEnv`; reward and cost are of `metrics`.
    `regret` is in points of accuracy, without noise and whatever the scale: how far the accuracy lies below the best
    that meets the bound. It is infinite for a network that misses the bound, so that no mean hides one: tell the
    violation rate, and the loss of those that meet the bound, as two numbers.

    ## Starting State

    No choice is made. With `noise=True`, `reset` draws the seed of the episode's measurement noise.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    `task` (by the id: one with two metrics), `surrogate`, `reward_scale`, `target` (the bound, in the device metric's
    unit; `None`: the task's target; a bound that no architecture meets is refused, with the nearest that can be met),
    `granularity`, `observation`, `noise`, `render_mode` and `world`, as for `BuildEnv`; `version` (by the id).

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-VCK190-Constrained-v1", granularity="network", target=4900.0)
    >>> observation, info = env.reset(seed=0)
    >>> observation, reward, terminated, truncated, info = env.step([2] + [0] * 27)
    >>> throughput = info["metrics"]["vck190/throughput"]
    >>> info["cost"] == max(0.0, (4900.0 - throughput) / 4900.0)
    True

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.constrained.ConstrainedBuildVectorEnv`; `infos["cost"]` is `float64` (num_envs,).

    ## Version History

    * v1: In unit scale 0 and 1 are of the architectures that meet the bound, and the regret of a network that misses it
      is infinite. A bound that no architecture meets is refused.
    * v0: First version. Unit scale is that of the task `Accuracy`: 0 is the mean of all random architectures, 1 the
      best accuracy of all, which need not meet the bound. A network that misses the bound has the regret of one of no
      accuracy. A bound that no architecture meets is warned of, and leads to no `regret`. Gymnasium warns that there
      is a newer version. Specifications and calls of the class that name no version are of this one.
    """

    def __init__(
        self,
        task: str,
        surrogate: str | None = None,
        reward_scale: str = "unit",
        target: float | None = None,
        granularity: str = "choice",
        observation: str = "onehot",
        noise: bool = False,
        render_mode: str | None = None,
        version: int = 0,
        world: int | None = None,
    ) -> None:
        problem = make_problem(task, surrogate, reward_scale, target, version, world)
        super().__init__(problem, Interface(granularity, observation, noise, render_mode))


def make_problem(
    task: str,
    surrogate: str | None = None,
    reward_scale: str = "unit",
    target: float | None = None,
    version: int = 0,
    world: int | None = None,
) -> Problem:
    """The problem of an environment with a constraint; see :class:`ConstrainedBuildEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value, or no architecture meets the bound.
        NoFrontError: The unit scale of version 1 needs the exact front, and there is none for this surrogate.
    """
    of, family = get_task(task), Benchmark(surrogate, world).surrogate
    if isinstance(version, bool) or version not in (0, 1):
        raise ValueError(f"version must be 0 or 1, got {version!r}")
    constraint = make_reward("bounded" if version else "constrained", of, target)
    assert isinstance(constraint, Constrained | Bounded)
    return Problem(of, make_reward("accuracy", of), reward_scale, family, constraint=constraint)


class ConstrainedBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`ConstrainedBuildEnv`."""

    env_type = ConstrainedBuildEnv
