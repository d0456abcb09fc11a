"""The environment that builds an architecture under a constraint whose violation is a cost, not a reward."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from anb_gym.envs.base import ArchitectureEnv
from anb_gym.envs.outcomes import Outcome, Seeds, TaskScoring
from anb_gym.envs.vector import ArchitectureVectorEnv
from anb_gym.rewards import Constrained, FloatArray, make_reward
from anb_gym.rewards.formulas import relative_violation
from anb_gym.scoring import Scorer, warn_if_unmet
from anb_gym.space import States
from anb_gym.tasks import Task, get_task


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
    `cost`, and with noise `exact_metrics` and `noise_seed`, as for `BuildEnv`; reward and cost are of `metrics`.

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
        scoring = CostScoring(get_task(task), surrogate, reward_scale, target)
        super().__init__(scoring, granularity, observation, noise, render_mode)


class CostScoring(TaskScoring):
    """Scores episodes by accuracy, with the violation of a bound in the info.

    Args:
        task: A task with two metrics.
        surrogate: Family of the surrogates; None for the default.
        scale: ``"unit"`` or ``"raw"``.
        target: The bound, in the device metric's unit; None for the task's target.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """

    running = MappingProxyType({"cost": 0.0})

    def __init__(self, task: Task, surrogate: str | None, scale: str, target: float | None) -> None:
        constraint = make_reward("constrained", task, target)
        assert isinstance(constraint, Constrained)
        self._constraint = constraint
        super().__init__(Scorer(task, surrogate, "accuracy", scale))
        warn_if_unmet(constraint, self.benchmark.surrogate)

    def __call__(self, states: States, context: FloatArray, seeds: Seeds | None) -> list[Outcome]:
        outcomes = super().__call__(states, context, seeds)
        for outcome in outcomes:
            self._add_cost(outcome.info)
        return outcomes

    def _add_cost(self, info: dict[str, Any]) -> None:
        name = self._constraint.performance
        # The accuracy's own regret would call an architecture that misses the bound better than the optimum.
        info.pop("regret", None)
        info["cost"] = relative_violation(name, info["metrics"][name], self._constraint.bound)


class ConstrainedBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`ConstrainedBuildEnv`."""

    env_type = ConstrainedBuildEnv
