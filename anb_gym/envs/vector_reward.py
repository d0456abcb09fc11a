"""The environment that builds an architecture, with one reward per metric."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from anb_gym.calibration import calibration
from anb_gym.envs.build import BuildEnv
from anb_gym.fronts import NoFrontError
from anb_gym.rewards import Accuracy, FloatArray, Metrics


class MOBuildEnv(BuildEnv):
    """Builds an architecture as :class:`~anb_gym.envs.build.BuildEnv` does; its reward is a vector, one per metric.

    ## Description

    As for `BuildEnv`, for algorithms that look for a whole Pareto front. It follows the convention of MO-Gymnasium,
    without needing it: `reward_space`, `reward_dim` and `pareto_front(gamma)`, and `mo_gymnasium.wrappers` apply.

    ## Action Space

    `Discrete(4)`, with masks, as for `BuildEnv`.

    ## Observation Space

    `Box(0, 1, (100,), float32)`, as for `BuildEnv`.

    ## Rewards

    A `float32` array with one objective per metric of the task, accuracy first, larger is better; a fresh one at each
    step, zeros until the last. The task without a device has one objective, all others two. `reward_scale` is:

    * `"unit"`: objectives are shifted and scaled so that 1 is the ideal, the best value of the metric on the exact
      Pareto front, and 0 the nadir, the worst on the front. Off the front they can be negative, and with noise they
      can exceed 1. The single objective of the task without a device is 0 for the mean of uniformly random
      architectures instead, and 1 for the certified optimum.
    * `"raw"`: accuracy in percent, throughput in images/s, and the negative of latency in ms.

    `pareto_front(gamma)` lists the discounted returns of all members of the certified front in this scale, without
    noise. It and the unit scale need the exact front of the surrogate, as the surrogate sees it: those of the default
    surrogate ship with the package, `anb-gym solve` makes others.

    The info of the last step contains `architecture`, `index` and `metrics`, and with noise `exact_metrics` and
    `noise_seed`, as for `BuildEnv`; regret is not defined for a vector.

    ## Starting State

    No choice is made. With `noise=True`, `reset` draws the seed of the episode's measurement noise.

    ## Episode End

    The episode terminates after 28 steps. It is never truncated.

    ## Arguments

    `task`, `surrogate`, `reward_scale`, `granularity`, `observation`, `noise` and `render_mode`, as for `BuildEnv`.
    There is no `reward` and no `target`.

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
    ) -> None:
        super().__init__(
            task,
            surrogate,
            reward_scale=reward_scale,
            granularity=granularity,
            observation=observation,
            noise=noise,
            render_mode=render_mode,
        )
        self.reward_dim = len(self.task.metrics)
        self.reward_space = spaces.Box(-np.inf, np.inf, (self.reward_dim,), np.float32)

    def pareto_front(self, gamma: float) -> list[NDArray[np.float64]]:
        """The discounted returns of the certified front, one per member, best accuracy first.

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
        front = self.benchmark.front(self.task.metrics[-1])
        discount = float(gamma) ** (self._transition.n_steps - 1)
        return list(discount * self._scale(front.objectives))

    def _set_reward(self, reward: str | Callable[[Metrics], Any], scale: str, target: float | None) -> None:
        self._signs = np.where(np.array(self.task.directions) == "max", 1.0, -1.0)
        #: The objectives, before scaling, that are 0 and 1 in the reward.
        self._zero, self._one = np.zeros(len(self._signs)), np.ones(len(self._signs))
        if scale == "raw":
            return
        try:
            front = self.benchmark.front(self.task.metrics[-1])
        except NoFrontError as error:
            raise NoFrontError(f'reward_scale="unit" of a vector reward needs the exact front: {error}') from None
        if len(self._signs) == 1:
            known = calibration(Accuracy(), self.benchmark.surrogate)
            self._zero[:], self._one[:] = known.random_mean, known.best
        else:
            objectives = front.objectives * self._signs
            self._zero, self._one = objectives.min(axis=0), objectives.max(axis=0)

    def _no_reward(self) -> NDArray[np.float32]:
        return np.zeros(len(self._signs), dtype=np.float32)

    def _score(self, values: Metrics, exact: Metrics) -> tuple[NDArray[np.float32], dict[str, Any]]:
        columns = np.stack([values[name] for name in self.task.metrics], axis=1)
        return self._scale(columns)[0].astype(np.float32), {}

    def _scale(self, columns: FloatArray) -> FloatArray:
        """The objectives of metrics, both ``float64`` (n, metrics)."""
        scaled: FloatArray = (columns * self._signs - self._zero) / (self._one - self._zero)
        return scaled
