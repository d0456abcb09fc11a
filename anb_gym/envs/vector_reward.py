"""The environment that builds an architecture, with one reward per metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from numbers import Real
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.metrics import choose_metric
from anb_gym.problems import Problem
from anb_gym.rewards import Objectives
from anb_gym.tasks import ALL_DEVICES, Task, get_task


class VectorRewards(ArchitectureEnv):
    """What environments with a vector reward have beside others, as MO-Gymnasium wants it."""

    @property
    def reward_dim(self) -> int:
        """Number of objectives."""
        return self.problem.n_objectives

    @cached_property
    def reward_space(self) -> spaces.Box:
        """The space of rewards."""
        return spaces.Box(-np.inf, np.inf, (self.reward_dim,), np.float32)

    def pareto_front(self, gamma: float) -> list[NDArray[np.float64]]:
        """The discounted returns of the front, one per member, best accuracy first.

        Args:
            gamma: Discount factor; the only reward comes at the last step.

        Returns:
            Arrays ``float64`` (reward_dim,) in the scale of the reward, whose ``float32`` they round to.

        Raises:
            ValueError: The discount factor is not a number in 0..1.
            NoFrontError: No exact front is there for this surrogate; the message names the command that makes it.
        """
        if isinstance(gamma, bool) or not isinstance(gamma, Real) or not 0.0 <= gamma <= 1.0:
            raise ValueError(f"gamma must be a number in 0..1, got {gamma!r}")
        return list(float(gamma) ** (self.n_steps - 1) * self._front_rewards())

    def _front_rewards(self) -> FloatArray:
        """Rewards of the members of the front, ``float64`` (n, objectives)."""
        assert isinstance(self.problem, Problem)
        return self.problem.front_rewards


class MOBuildEnv(VectorRewards):
    """Builds an architecture as :class:`~anb_gym.envs.build.BuildEnv` does; its reward is a vector, one per metric.

    ## Description

    As for `BuildEnv`, for algorithms that look for a whole Pareto front. It follows the convention of MO-Gymnasium,
    without needing it: `reward_space`, `reward_dim` and `pareto_front(gamma)`, and `mo_gymnasium.wrappers` apply.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `BuildEnv`: by default `Box(0, 1, (100,), float32)`.

    ## Rewards

    A `float32` array with one objective per metric of the task, accuracy first, larger is better; a fresh one at each
    step, zeros until the last. The task `Accuracy` has one objective, `All` has accuracy and the metrics of all eight
    devices and kinds, all others two. `reward_scale` is:

    * `"unit"`: objectives are shifted and scaled so that 1 is the ideal, the best value of the metric on the exact
      Pareto front, and 0 the nadir, the worst on the front. Off the front they can be negative, and with noise they
      can exceed 1. The single objective of `Accuracy` is 0 for the mean of uniformly random architectures instead, and
      1 for the certified optimum. On `All` each device metric is scaled by its front with accuracy, and accuracy by
      the best and the worst on these fronts.
    * `"raw"`: accuracy in percent, throughput in images/s, and the negative of latency in ms.

    `pareto_front(gamma)` lists the discounted returns of all members of the certified front in this scale, without
    noise; for more than three metrics there is none. It and the unit scale need the exact front of the surrogate, as
    the surrogate sees it: those of the default surrogate ship with the package, `anb-gym solve` makes others.

    The info of the last step contains `architecture`, `index` and `metrics`, and with noise `exact_metrics` and
    `noise_seed`, as for `BuildEnv`; regret is not defined for a vector.

    ## Starting State

    No choice is made. With `noise=True`, `reset` draws the seed of the episode's measurement noise.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    `task`, `surrogate`, `reward_scale`, `granularity`, `observation`, `noise`, `render_mode` and `world`, as for
    `BuildEnv`. There is no `reward` and no `target`. On `All` `metrics` takes two or more of the devices' metrics, as
    in `metrics=["vck190", "zcu102/latency"]`; accuracy is always the first. The front of these three metrics ships,
    6,380 architectures; `anb-gym solve --metrics a100+tpuv3` makes another in some minutes.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-VCK190-MO-v0")
    >>> observation, info = env.reset(seed=0)
    >>> observation, reward, terminated, truncated, info = env.step(2)
    >>> reward
    array([0., 0.], dtype=float32)
    >>> env.unwrapped.pareto_front(gamma=1.0)[0]  # the most accurate architecture is the slowest of the front
    array([1., 0.])

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.vector_reward.MOBuildVectorEnv`, whose rewards are `float32` (num_envs,
    reward_dim). It has `reward_space`, `reward_dim` and `pareto_front` too, and MO-Gymnasium's vector wrappers apply.

    ## Version History

    * v0: First version.
    """

    def __init__(
        self,
        task: str,
        surrogate: str | None = None,
        reward_scale: str = "unit",
        granularity: str = "choice",
        observation: str = "onehot",
        noise: bool = False,
        render_mode: str | None = None,
        world: int | None = None,
        metrics: Sequence[str] | None = None,
    ) -> None:
        problem = make_problem(task, surrogate, reward_scale, world, metrics)
        super().__init__(problem, Interface(granularity, observation, noise, render_mode))


def make_problem(
    task: str,
    surrogate: str | None = None,
    reward_scale: str = "unit",
    world: int | None = None,
    metrics: Sequence[str] | None = None,
) -> Problem:
    """The problem of an environment with a vector reward; see :class:`MOBuildEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown value.
        NoFrontError: The unit scale needs the exact front, and there is none for this surrogate.
    """
    of = get_task(task)
    if metrics is not None:
        of = _traded(of, metrics)
    return Problem(of, Objectives(of.metrics), reward_scale, Benchmark(surrogate, world).surrogate)


def _traded(task: Task, metrics: Sequence[str]) -> Task:
    """The task of all metrics, with some of the devices' alone."""
    if task != ALL_DEVICES:
        raise ValueError(
            f"metrics must be None but for the task {ALL_DEVICES.name!r}, got {metrics!r} for {task.name!r}"
        )
    names = list(metrics) if isinstance(metrics, Sequence | np.ndarray) and not isinstance(metrics, str) else []
    chosen = list(dict.fromkeys(choose_metric(name, task.metrics, "metrics") for name in names))
    devices = [name for name in chosen if name != task.metrics[0]]
    if len(devices) < 2:
        raise ValueError(f"metrics must be two or more different metrics of devices, got {metrics!r}")
    return replace(task, metrics=(task.metrics[0], *devices))


class MOBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`MOBuildEnv`: rewards are ``float32`` (num_envs, reward_dim)."""

    env_type: ClassVar[type[ArchitectureEnv]] = MOBuildEnv
    single_env: VectorRewards

    @property
    def reward_dim(self) -> int:
        """Number of objectives."""
        return self.single_env.reward_dim

    @property
    def reward_space(self) -> spaces.Box:
        """The space of one copy's rewards."""
        return self.single_env.reward_space

    def pareto_front(self, gamma: float) -> list[NDArray[np.float64]]:
        """As :meth:`VectorRewards.pareto_front`, of the first copy where copies differ."""
        first = self.single(0)
        assert isinstance(first, VectorRewards)
        return first.pareto_front(gamma)
