"""The environment whose device changes from episode to episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.problems import Problem, ProblemSet
from anb_gym.rewards import make_reward
from anb_gym.tasks import get_task


class TransferBuildEnv(ArchitectureEnv):
    """Builds an architecture as :class:`~anb_gym.envs.build.BuildEnv` does, for another device in each episode.

    ## Description

    As for `BuildEnv`, for one policy that designs for many devices, or that is trained on some and tested on others.
    The observation shows which task the episode asks for.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `BuildEnv`, then one cell per task in the order of the argument `tasks`, the one-hot of the episode's task:
    by default `Box(0, 1, (108,), float32)`.

    ## Rewards

    The reward of the episode's task, as for `BuildEnv`. In unit scale every task has the random mean 0 and the
    certified optimum 1.

    The info of the last step contains `task`, the name of the episode's task, and what it contains for `BuildEnv`.
    A vector environment's `infos["metrics"]` has the metrics of all tasks present, each with its mask.

    ## Starting State

    No choice is made. `reset` draws the task, uniformly; with `noise=True` it then draws the seed of the episode's
    measurement noise. `reset(options={"task": "VCK190-Latency"})` sets the task, `reset(options={"device": "vck190"})`
    draws among the tasks of one device.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    `tasks` (names of tasks, by the id those with two metrics), `surrogate`, `reward` (`"product"`, `"weighted"`,
    `"chebyshev"`, `"constrained"`, `"bounded"` or `"accuracy"`, with each task's own target and equal weights),
    `reward_scale`, `granularity`, `observation`, `noise`, `render_mode` and `world`, as for `BuildEnv`.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-Transfer-v0", granularity="network")
    >>> observation, info = env.reset(seed=0, options={"device": "a100"})
    >>> observation, reward, terminated, truncated, info = env.step([0] * 28)
    >>> info["task"], list(info["metrics"])
    ('A100', ['accuracy', 'a100/throughput'])

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.transfer.TransferBuildVectorEnv`, whose copies differ in their tasks.

    ## Version History

    * v0: First version.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        surrogate: str | None = None,
        reward: str = "product",
        reward_scale: str = "unit",
        granularity: str = "choice",
        observation: str = "onehot",
        noise: bool = False,
        render_mode: str | None = None,
        world: int | None = None,
    ) -> None:
        problems = make_problem(tasks, surrogate, reward, reward_scale, world)
        super().__init__(problems, Interface(granularity, observation, noise, render_mode))


def make_problem(
    tasks: Sequence[str],
    surrogate: str | None = None,
    reward: Any = "product",
    reward_scale: str = "unit",
    world: int | None = None,
) -> ProblemSet:
    """The problems, one per task, of an environment; see :class:`TransferBuildEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """
    names = [] if isinstance(tasks, str) or not isinstance(tasks, Sequence) else list(tasks)
    if not names or len(set(map(str, names))) < len(names):
        raise ValueError(f"tasks must be one or more different names, got {tasks!r}")
    family = Benchmark(surrogate, world).surrogate
    of = [get_task(name) for name in names]
    return ProblemSet(tuple(Problem(task, make_reward(reward, task), reward_scale, family) for task in of))


class TransferBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`TransferBuildEnv`, each with a task of its own."""

    env_type = TransferBuildEnv
