"""Many copies of an environment, stepped at once.

## Description

`gym.make_vec(id, num_envs=n)` makes them, for every id. Everything they return equals what Gymnasium's `SyncVectorEnv`
of n environments returns; the copies step as arrays, and the surrogates are asked once for all of them.

## Action Space

The batch of the environment's: by default `MultiDiscrete([4, ...])`, one cell per copy. `infos["action_mask"]` is one
`int8` array (num_envs, actions) after every reset and step, and `action_masks()` the same as `bool`.

## Observation Space

The batch of the environment's: by default `Box(0, 1, (num_envs, 100), float32)`.

## Rewards

`float64` (num_envs,), or `float32` (num_envs, objectives) for a vector reward. Infos are arrays with one row per copy,
each with a mask of the copies that have it, such as `infos["regret"]` and `infos["_regret"]`. `call`, `get_attr` and
`set_attr` are those of `SyncVectorEnv`; `set_attr` sets the generators, `"np_random"`, and labels of your own, because
the copies share the environment's attributes.

## Starting State

That of the environment. `reset(seed=5)` seeds copy i with 5 + i, `reset(seed=[...])` each with its own; all copies get
the `options`.

## Episode End

Episodes have the same number of steps, but for `AccelNAS-Probe-v0` and
`AccelNAS-TwoFidelity-v0`, so copies end together unless some were reset with
a mask. What follows is `autoreset_mode`:

| `autoreset_mode` | After the end                                                                                  |
|------------------|------------------------------------------------------------------------------------------------|
| `"NextStep"`     | The next step resets the copy and ignores its action                                           |
| `"SameStep"`     | It is reset at once; `infos["final_obs"]` and `infos["final_info"]` tell how it ended          |
| `"Disabled"`     | Call `reset(options={"reset_mask": mask})`, with `bool` (num_envs,), before the next step      |

## Arguments

| Argument            | Default      | Meaning                                          |
|---------------------|--------------|--------------------------------------------------|
| `num_envs`          | `1`          | How many copies                                  |
| `autoreset_mode`    | `"NextStep"` | See above; a name or Gymnasium's `AutoresetMode` |
| `max_episode_steps` | `None`       | No less than the steps of an episode; no effect  |

and those of the environment.

```python
>>> import gymnasium as gym
>>> envs = gym.make_vec("anb_gym:AccelNAS-A100-v0", num_envs=1024)
>>> observations, infos = envs.reset(seed=0)
>>> for _ in range(28):
...     observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
>>> bool(terminated.all()), infos["metrics"]["accuracy"].shape
(True, (1024,))

```

## Version History

* v0: First version.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import Rows
from anb_gym.envs.core.copies import CopiesVectorEnv
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.infos import Columns
from anb_gym.envs.core.inputs import Actions
from anb_gym.problems import AnyProblem, joined
from anb_gym.space import SPACE


class ArchitectureVectorEnv(CopiesVectorEnv):
    """Copies of an environment that builds an architecture, see :class:`~anb_gym.envs.core.copies.CopiesVectorEnv`."""

    env_type: ClassVar[type[ArchitectureEnv]]
    single_env: ArchitectureEnv

    def _make_room(self) -> None:
        self.rules = self.single_env.rules
        self._choices = np.zeros((self.num_envs, SPACE.n_choices), dtype=np.int8)
        self._request = self.rules.problem.ask.blank(self.num_envs)
        self._noise_seeds = np.zeros(self.num_envs, dtype=np.uint64)
        self._running = {key: np.array([value]) for key, value in self.rules.running.items()}

    @property
    def problem(self) -> AnyProblem:
        """The problem: the worth of complete architectures, and what an episode may ask for."""
        return self.rules.problem

    def action_masks(self) -> NDArray[np.bool_]:
        masks: NDArray[np.bool_] = self.rules.transition.masks[self._steps].astype(np.bool_)
        return masks

    def single(self, row: int) -> ArchitectureEnv:
        rows = slice(row, row + 1)
        step = int(self._steps[row])
        self.single_env.take_over(step, self._choices[rows], self._request[rows], self._noise_seeds[rows])
        return self.single_env

    def _parse(self, actions: Any) -> Actions:
        return self.rules.transition.parse_batch(actions, self.num_envs)

    def _no_rewards(self) -> NDArray[Any]:
        dim = self.rules.reward_dim
        return super()._no_rewards() if dim is None else np.zeros((self.num_envs, dim), dtype=np.float32)

    def _start(self, rows: Rows, options: dict[str, Any]) -> None:
        if self.rules.random:
            drawn = [self.rules.draw(self._generator(row), options) for row in self._numbers[rows].tolist()]
            if drawn:
                self._request[rows] = joined([request for request, _ in drawn])
                self._noise_seeds[rows] = [seed for _, seed in drawn]
            if self.noise_seed is not None:
                self._noise_seeds[rows] = self.noise_seed
        self._observations[rows] = self.rules.first(self._request[rows], len(self._numbers[rows]))

    def _info(self, step: int, rows: Rows) -> Columns:
        mask = self.rules.transition.masks[step : step + 1]
        return {"action_mask": mask, **self._running} if step else {"action_mask": mask}

    def _advance(self, step: int, rows: Rows, actions: Actions, rewards: NDArray[Any]) -> None:
        chosen = self.rules.transition.choose(step, actions)
        made = step * chosen.shape[1]
        self._choices[rows, made : made + chosen.shape[1]] = chosen
        observations = self._observations[rows]
        self.rules.encoding.write(observations, made, chosen)
        if not isinstance(rows, slice):  # then it is a copy
            self._observations[rows] = observations

    def _finish(self, rows: Rows, rewards: NDArray[Any]) -> list[tuple[NDArray[np.int64], Columns]]:
        ended = []
        for ending in self.rules.score(self._choices[rows], self._request[rows], self._noise_seeds[rows]):
            numbers = self._numbers[rows][ending.rows]
            rewards[numbers] = ending.rewards
            if self.observer is not None:
                cells = self._observations[numbers, self._observations.shape[1] - self.rules.problem.ask.n_cells :]
                self.observer(ending.info["index"], ending.rewards, ending.info.get("regret"), cells)
            ended.append((numbers, {"action_mask": self.rules.transition.masks[-1:], **ending.info}))
        return ended
