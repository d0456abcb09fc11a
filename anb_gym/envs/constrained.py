"""The environment that builds an architecture under a constraint whose violation is a cost, not a reward."""

from __future__ import annotations

from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.problems import Problem
from anb_gym.rewards import Constrained, make_reward
from anb_gym.tasks import get_task


class ConstrainedBuildEnv(ArchitectureEnv):
    """Builds an architecture as :class:`~anb_gym.envs.build.BuildEnv` does, with accuracy as reward and a cost.

    ## Description

    As for `BuildEnv`, as a constrained Markov decision process: maximise the accuracy subject to a bound of the
    device metric. Algorithms of safe reinforcement learning read the cost in `info["cost"]`. For the same problem
    with one number to maximise, use `reward="constrained"` of `BuildEnv`.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `BuildEnv`: by default `Box(0, 1, (100,), float32)`.

    ## Rewards

    0 until the last step, then the accuracy. With `reward_scale="unit"` it is scaled as on the task `Accuracy`: 0 is
    the mean of uniformly random architectures, 1 the certified best accuracy, which need not meet the bound; with
    `"raw"` it is in percent.

    `info["cost"]` is 0 at every step until the last, where it is the relative violation of the bound,
    `max(0, 1 - throughput / target)` or `max(0, latency / target - 1)`: 0 if the architecture meets it.
    `anb_gym.Benchmark().optimum(anb_gym.rewards.Constrained("vck190/throughput", 3000.0))` is the certified optimum.

    The info of the last step contains `architecture`, `index`, `metrics`, `raw_reward` (the accuracy in percent) and
    `cost`, and with noise `exact_metrics` and `noise_seed`, as for `BuildEnv`; reward and cost are of `metrics`. Where
    that optimum is certified, `regret` is in points of accuracy, without noise and whatever the scale: how far the
    accuracy lies below the best that meets the bound. A network that misses the bound is of no use: it is as far below
    as one of no accuracy, so that each that meets the bound has less regret than each that does not. There is no
    `regret` where nothing meets the bound.

    ## Starting State

    No choice is made. With `noise=True`, `reset` draws the seed of the episode's measurement noise.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    `task` (by the id: one with two metrics), `surrogate`, `reward_scale`, `target` (the bound, in the device metric's
    unit; `None`: the task's target; a bound that no architecture meets is warned of), `granularity`, `observation`,
    `noise` and `render_mode`, as for `BuildEnv`.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-VCK190-Constrained-v0", granularity="network", target=4900.0)
    >>> observation, info = env.reset(seed=0)
    >>> observation, reward, terminated, truncated, info = env.step([2] + [0] * 27)
    >>> throughput = info["metrics"]["vck190/throughput"]
    >>> info["cost"] == max(0.0, (4900.0 - throughput) / 4900.0)
    True

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.constrained.ConstrainedBuildVectorEnv`; `infos["cost"]` is `float64` (num_envs,).

    ## Version History

    * v0: First version.
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
    ) -> None:
        problem = make_problem(task, surrogate, reward_scale, target)
        super().__init__(problem, Interface(granularity, observation, noise, render_mode))


def make_problem(
    task: str, surrogate: str | None = None, reward_scale: str = "unit", target: float | None = None
) -> Problem:
    """The problem of an environment with a constraint; see :class:`ConstrainedBuildEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """
    of, family = get_task(task), Benchmark(surrogate).surrogate
    constraint = make_reward("constrained", of, target)
    assert isinstance(constraint, Constrained)
    return Problem(of, make_reward("accuracy", of), reward_scale, family, constraint=constraint)


class ConstrainedBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`ConstrainedBuildEnv`."""

    env_type = ConstrainedBuildEnv
