"""Many copies of an environment as one vector environment of Stable-Baselines3.

## Description

Stable-Baselines3 refuses Gymnasium's vector environments. `make_vec_env` gives it the native ones of this package:
everything they return equals what SB3's `DummyVecEnv` of single environments returns, and stepping them takes about a
tenth of the time. What remains is the policy's: set few torch threads, many copies and large batches. Do not
discount where the last step alone is rewarded; in the ids that edit, take `gamma=0.9`, `gae_lambda=0.9` and
`ent_coef=0.01`.

## Action Space

That of one environment, as SB3 has it: by default `Discrete(4)`. MaskablePPO of sb3-contrib finds the valid actions.

## Observation Space

That of one environment: by default `Box(0, 1, (100,), float32)`.

## Rewards

Those of the environment, `float32`, as SB3 has them. Ids with a vector reward are refused. Statistics of episodes are
those of SB3's `Monitor`: `rollout/ep_rew_mean` is logged, `info["episode"]` has return, length and time.

## Starting State

That of the environment. `seed` and `set_options` count for the next `reset`.

## Episode End

A copy whose episode is over starts anew at once: its info has `terminal_observation`, `reset_infos` the info of the
new episode.

## Arguments

`make_vec_env(env_id, n_envs=1, seed=None, **arguments)` takes the arguments of SB3's own `make_vec_env`: `env_kwargs`
(or the environment's arguments as they are), `start_index`, `monitor_dir` and `monitor_kwargs` do what they do there.
`vec_env_cls` and `wrapper_class` are refused: there are no single environments to arrange or to wrap. The extra
`agents` installs Stable-Baselines3.

```python
>>> from sb3_contrib import MaskablePPO
>>> from anb_gym.envs.sb3 import make_vec_env
>>> envs = make_vec_env("AccelNAS-VCK190-v0", n_envs=64)
>>> agent = MaskablePPO("MlpPolicy", envs, n_steps=28, batch_size=448, gamma=1.0, gae_lambda=1.0, seed=0)
>>> agent.learn(64 * 28).num_timesteps
1792

```

## Version History

* v0: First version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._extras import needing
from anb_gym.envs.core.copies import CopiesVectorEnv
from anb_gym.envs.families import PREFIX, ids

with needing("agents"):
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecEnv
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

    from anb_gym.envs.adapters.sb3_monitor import EpisodeMonitor

#: Arguments of SB3's ``make_vec_env`` that native copies cannot follow, and why.
_REFUSED: Final = {
    "vec_env_cls": "all copies are one vector environment in this process",
    "vec_env_kwargs": "all copies are one vector environment in this process",
    "wrapper_class": "there is no single environment to wrap; wrap the result, as in VecFrameStack or VecNormalize",
    "wrapper_kwargs": "there is no single environment to wrap; wrap the result, as in VecFrameStack or VecNormalize",
}


def make_vec_env(
    env_id: str,
    n_envs: int = 1,
    seed: int | None = None,
    start_index: int = 0,
    monitor_dir: str | Path | None = None,
    wrapper_class: None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    vec_env_cls: None = None,
    vec_env_kwargs: Mapping[str, Any] | None = None,
    monitor_kwargs: Mapping[str, Any] | None = None,
    wrapper_kwargs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> NativeVecEnv:
    """Makes an environment of Stable-Baselines3 with many copies that step together.

    It takes the arguments of SB3's own ``make_vec_env`` and, like that, tells of every episode in
    ``info["episode"]``, so that ``rollout/ep_rew_mean`` is logged.

    Args:
        env_id: Such as ``"AccelNAS-VCK190-v0"``, with a scalar reward.
        n_envs: How many copies, at least 1.
        seed: Copy i is seeded with ``seed + i`` at the first reset; None for fresh entropy. Algorithms that have a
            seed of their own seed their environments.
        start_index: The number of the first copy, for the names of files and the seed of the action space.
        monitor_dir: Where each copy writes its episodes, ``{number}.monitor.csv``; None for nowhere.
        wrapper_class: None: there is no single environment to wrap.
        env_kwargs: Arguments of the environment; by default ``render_mode="rgb_array"``, as SB3 has it.
        vec_env_cls: None: the class is :class:`NativeVecEnv`.
        vec_env_kwargs: None, or empty.
        monitor_kwargs: Arguments of SB3's ``Monitor``: ``allow_early_resets``, ``info_keywords``,
            ``override_existing``.
        wrapper_kwargs: None, or empty.
        **arguments: More arguments of the environment.

    Returns:
        A :class:`NativeVecEnv`.

    Raises:
        ValueError: An argument has an unknown or impossible value, the reward is a vector, or the id is not one of
            this package.
        gymnasium.error.Error: The id is unknown.
    """
    n_envs = integer(n_envs, 1, "n_envs")
    start_index = integer(start_index, 0, "start_index")
    seed = None if seed is None else integer(seed, 0, "seed")
    given = {
        "vec_env_cls": vec_env_cls,
        "vec_env_kwargs": vec_env_kwargs,
        "wrapper_class": wrapper_class,
        "wrapper_kwargs": wrapper_kwargs,
    }
    for name, reason in _REFUSED.items():
        if given[name]:
            raise ValueError(f"{name} must be None, got {given[name]!r}: {reason}, or use SB3's own make_vec_env")
    for name, mapping in (("env_kwargs", env_kwargs), ("monitor_kwargs", monitor_kwargs)):
        if mapping is not None and not isinstance(mapping, Mapping):
            raise ValueError(f"{name} must be a dict or None, got {mapping!r}")
    env_kwargs = env_kwargs or {}
    if twice := sorted(env_kwargs.keys() & arguments):
        raise ValueError(f"{twice[0]} must be given once, got it in env_kwargs and beside it")
    if not isinstance(env_id, str):
        raise ValueError(f"env_id must be a string, got {env_id!r}; use SB3's own make_vec_env for classes")
    spec = gymnasium.spec(env_id.removeprefix(PREFIX))
    if spec.id not in ids() and not str(spec.vector_entry_point).startswith("anb_gym."):
        raise ValueError(f"env_id must be of anb_gym, got {env_id!r}; use SB3's own make_vec_env for others")
    native = gymnasium.make_vec(
        env_id,
        n_envs,
        autoreset_mode=AutoresetMode.SAME_STEP,
        **{"render_mode": "rgb_array", **env_kwargs, **arguments},
    )
    monitor = EpisodeMonitor(n_envs, spec.id, monitor_dir, start_index, monitor_kwargs or {})
    envs = NativeVecEnv(cast(CopiesVectorEnv, native), monitor)
    if seed is not None:
        envs.seed(seed)
        envs.action_space.seed(seed + start_index)
    return envs


class NativeVecEnv(VecEnv):
    """A vector environment of this package in the form that Stable-Baselines3 takes.

    Args:
        env: With ``autoreset_mode="SameStep"`` and a scalar reward.
        monitor: Statistics of episodes; None for none.

    Attributes:
        env: The same.

    Raises:
        ValueError: The vector environment is of another kind.
    """

    def __init__(self, env: CopiesVectorEnv, monitor: EpisodeMonitor | None = None) -> None:
        if env.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ValueError(f"env must have the autoreset mode 'SameStep', got {env.autoreset_mode.value!r}")
        if (dim := getattr(env, "reward_dim", None)) is not None:
            raise ValueError(
                f"env must have a scalar reward: Stable-Baselines3 takes no vectors, got {dim}"
                " objectives; use an id without -MO, or reward='weighted' or 'chebyshev'"
            )
        self.env = env
        self._monitor = monitor
        self._begun = False
        self._actions: NDArray[Any] = np.empty(0)
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.metadata = env.single_env.metadata

    def reset(self) -> NDArray[Any]:
        """Starts an episode of every copy, with the seeds and options that were set for it.

        Returns:
            The first observations, (n_envs, cells).

        Raises:
            ValueError: The options do not fit the copies, or one has an impossible value.
        """
        if len(self._options) != self.num_envs:
            raise ValueError(f"options must be a dict or {self.num_envs} of them, got {len(self._options)}")
        if self._monitor is not None:
            self._monitor.begin()
        # Copies with the same options start together: nearly always all of them.
        together: dict[int, list[int]] = {}
        for row, options in enumerate(self._options):
            together.setdefault(id(options) if options else 0, []).append(row)
        if len(together) > 1 and not self._begun:
            self.env.reset()  # it refuses to start some copies before all have begun
        for rows in together.values():
            options = dict(self._options[rows[0]])
            if len(together) > 1:
                options["reset_mask"] = np.isin(np.arange(self.num_envs), rows)
            observations, infos = self.env.reset(seed=self._seeds, options=options)
            of_copies = _split(infos, self.num_envs)
            for row in rows:
                self.reset_infos[row] = of_copies[row]
        self._begun = True
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: Any) -> None:
        """Keeps the actions for :meth:`step_wait`."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Steps every copy, and starts those anew whose episode ends.

        Returns:
            Observations, rewards ``float32`` (n_envs,), whether episodes ended, ``bool`` (n_envs,), and an info per
            copy, all fresh. The first info of the new episode is in ``reset_infos``.

        Raises:
            ValueError: The actions have another shape, are no integers or lie outside the action space.
            ResetNeeded: No episode has begun.
        """
        observations, rewards, terminated, truncated, infos = self.env.step(self._actions)
        dones = terminated | truncated
        ends, last = infos.pop("final_info", {}), infos.pop("final_obs", None)
        of_copies = _split(infos, self.num_envs)
        if last is not None:
            of_ends = _split(ends, self.num_envs)
            for row in np.flatnonzero(dones).tolist():
                self.reset_infos[row] = of_copies[row]
                of_copies[row] = {**of_ends[row], "terminal_observation": last[row]}
        for info, cut in zip(of_copies, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = cut
        if self._monitor is not None:
            self._monitor.add(rewards, dones, of_copies)
        return observations, rewards.astype(np.float32), dones, of_copies

    def action_masks(self) -> NDArray[np.bool_]:
        """Masks of valid actions, ``bool`` (n_envs, actions)."""
        return self.env.action_masks()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of copies: what ``set_attr`` set, else that of the environment in the copy's state.

        Raises:
            AttributeError: There is none of this name.
        """
        return [self.env.attribute(row, attr_name) for row in self._rows(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets an attribute of copies, see :meth:`~anb_gym.envs.core.copies.CopiesVectorEnv.set_attr`.

        Raises:
            ValueError: The copies share it.
        """
        for row in self._rows(indices):
            self.env.set_attribute(row, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> Any:
        """Calls a method of the environment in the state of each copy, such as ``action_masks`` or ``render``.

        Raises:
            ValueError: The method would start or step single copies.
            AttributeError: There is none of this name.
        """
        return self.env.call_copies(self._rows(indices), method_name, method_args, method_kwargs, "method_name")

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Whether copies are wrapped: as if by ``Monitor`` if they are monitored, by nothing else."""
        wrapped = self._monitor is not None and issubclass(Monitor, wrapper_class)
        return [wrapped for _ in self._rows(indices)]

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """The pictures of all copies; needs ``render_mode="rgb_array"``."""
        if self.render_mode != "rgb_array":
            raise ValueError(f"render_mode must be 'rgb_array' for pictures, got {self.render_mode!r}")
        pictures: list[NDArray[np.uint8]] = self.env_method("render")
        return pictures

    def close(self) -> None:
        """Closes the vector environment, and the files of its episodes."""
        self.env.close()
        if self._monitor is not None:
            self._monitor.close()

    def _rows(self, indices: VecEnvIndices) -> list[int]:
        return [range(self.num_envs)[index] for index in self._get_indices(indices)]


def _split(columns: Mapping[str, Any], n: int) -> list[dict[str, Any]]:
    """The infos of n copies from those of a vector environment: columns, each with the mask of the rows that it has."""
    infos: list[dict[str, Any]] = [{} for _ in range(n)]
    for key, column in columns.items():
        if f"_{key}" not in columns:  # a mask
            continue
        if isinstance(column, Mapping):
            values: list[Any] = _split(column, n)
        else:
            values = column.tolist() if column.ndim == 1 else list(column)
        for info, value, present in zip(infos, values, columns[f"_{key}"].tolist(), strict=True):
            if present:
                info[key] = value
    return infos
