"""The environment whose device changes from episode to episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anb_gym._errors import choose
from anb_gym.envs.base import ArchitectureEnv
from anb_gym.envs.outcomes import Outcome, Scoring, Seeds, TaskScoring
from anb_gym.envs.vector import ArchitectureVectorEnv
from anb_gym.rewards import FloatArray
from anb_gym.scoring import Scorer
from anb_gym.space import States
from anb_gym.tasks import Task, get_task


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
    `"chebyshev"`, `"constrained"` or `"accuracy"`, with each task's own target and equal weights), `reward_scale`,
    `granularity`, `observation`, `noise` and `render_mode`, as for `BuildEnv`.

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
    ) -> None:
        names = [] if isinstance(tasks, str) or not isinstance(tasks, Sequence) else list(tasks)
        if not names or len(set(map(str, names))) < len(names):
            raise ValueError(f"tasks must be one or more different names, got {tasks!r}")
        scorers = [Scorer(get_task(name), surrogate, reward, reward_scale) for name in names]
        super().__init__(TransferScoring(scorers), granularity, observation, noise, render_mode)


class TransferScoring(Scoring):
    """Scores episodes on the task that is drawn at reset; the context is its one-hot.

    Args:
        scorers: One per task.
    """

    options = ("task", "device")

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self._scorings = [TaskScoring(scorer) for scorer in scorers]
        self._tasks = [scorer.task for scorer in scorers]
        self._shown = np.eye(len(scorers))
        self.benchmark = scorers[0].benchmark
        self.n_context = len(scorers)

    def task(self, context: FloatArray) -> Task:
        return self._tasks[int(context.argmax())]

    def draw(self, rng: np.random.Generator, options: Mapping[str, Any]) -> FloatArray:
        tasks = self._tasks
        if options.get("device") is not None:
            device = choose(options["device"], sorted({task.device for task in tasks if task.device}), "device")
            tasks = [task for task in tasks if task.device == device]
        if options.get("task") is not None:
            tasks = [get_task(choose(options["task"], [task.name for task in tasks], "task"))]
        task = tasks[rng.integers(len(tasks))] if len(tasks) > 1 else tasks[0]
        shown: FloatArray = self._shown[self._tasks.index(task)]
        return shown

    def __call__(self, states: States, context: FloatArray, seeds: Seeds | None) -> list[Outcome]:
        task = context.argmax(axis=1)
        return [self._of_task(int(number), np.flatnonzero(task == number), states, seeds) for number in np.unique(task)]

    def _of_task(self, number: int, rows: Any, states: States, seeds: Seeds | None) -> Outcome:
        of_rows = None if seeds is None else seeds[rows]
        (outcome,) = self._scorings[number](states[rows], np.empty((len(rows), 0)), of_rows)
        info = outcome.info | {"task": np.full(len(rows), self._tasks[number].name, dtype=object)}
        return Outcome(rows, outcome.rewards, info)


class TransferBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`TransferBuildEnv`, each with a task of its own."""

    env_type = TransferBuildEnv
