"""Many copies of an environment that builds an architecture, stepped at once."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from anb_gym.envs.base import ArchitectureEnv
from anb_gym.envs.outcomes import Columns
from anb_gym.envs.transition import Actions
from anb_gym.space import SPACE

#: Rows of copies: all of them as a slice, which makes views, or their numbers.
Rows = slice | NDArray[np.int64]
_ALL = slice(None)


class ArchitectureVectorEnv(gymnasium.vector.VectorEnv[NDArray[Any], Any, NDArray[Any]]):
    """Copies of an environment in one batch, made by ``gymnasium.make_vec``; subclasses say of which.

    Everything it returns equals what Gymnasium's ``SyncVectorEnv`` of the copies returns, in all autoreset modes; the
    surrogates are asked once for all that end together. ``infos["action_mask"]`` is one ``int8`` array
    (num_envs, actions), and ``action_masks()`` the same as ``bool``.

    Args:
        num_envs: How many copies, at least 1.
        autoreset_mode: What happens to a copy whose episode is over, see https://farama.org/Vector-Autoreset-Mode:
            ``"NextStep"``: its next step resets it and ignores its action; ``"SameStep"``: it is reset at once, and
            ``infos["final_obs"]`` and ``infos["final_info"]`` tell how it ended; ``"Disabled"``: call
            ``reset(options={"reset_mask": mask})``, with ``bool`` (num_envs,), before the next step.
        max_episode_steps: None, or at least the steps of an episode, which has no effect.
        **arguments: Those of the environment.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """

    #: The class of the copies.
    env_type: ClassVar[type[ArchitectureEnv]]

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **arguments: Any,
    ) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, int | np.integer) or num_envs < 1:
            raise ValueError(f"num_envs must be an integer of at least 1, got {num_envs!r}")
        #: One copy, for all that the copies have in common.
        self.single_env = single = self.env_type(**arguments)
        self.rules = single.rules
        if max_episode_steps is not None and max_episode_steps < self.rules.transition.n_steps:
            least = self.rules.transition.n_steps
            raise ValueError(f"max_episode_steps must be None or at least {least}, got {max_episode_steps!r}")
        self.num_envs = int(num_envs)
        self.autoreset_mode = _parse_mode(autoreset_mode)
        self.metadata = {**single.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = single.render_mode
        self.single_action_space, self.single_observation_space = single.action_space, single.observation_space
        self.action_space = batch_space(single.action_space, self.num_envs)
        self.observation_space = batch_space(single.observation_space, self.num_envs)

        #: The next step of each copy: -1 before the first reset, ``n_steps`` when its episode is over.
        self._steps = np.full(self.num_envs, -1)
        self._choices = np.zeros((self.num_envs, SPACE.n_choices), dtype=np.int8)
        self._context = np.zeros((self.num_envs, self.rules.scoring.n_context))
        self._noise_seeds = np.zeros(self.num_envs, dtype=np.uint64)
        self._observations = self.rules.encoding.first(self._context)
        self._generators: list[np.random.Generator | None] = [None] * self.num_envs
        self._generator_seeds = [-1] * self.num_envs
        self._numbers = np.arange(self.num_envs)
        self._running = {key: np.array([value]) for key, value in self.rules.scoring.running.items()}

    @property  # type: ignore[misc] # as in SyncVectorEnv: there is one per copy, and none can be set
    def np_random(self) -> Any:
        """The generators of the copies, a tuple."""
        return tuple(self._generator(row) for row in range(self.num_envs))

    @property
    def np_random_seed(self) -> Any:
        """The seeds of these, a tuple."""
        for row in range(self.num_envs):
            self._generator(row)
        return tuple(self._generator_seeds)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode of every copy, or of those that a mask names.

        Args:
            seed: Copy i is seeded with ``seed + i``, or with ``seed[i]``; None keeps the generators.
            options: ``"reset_mask"``, ``bool`` (num_envs,), says which copies start anew, and is none of the options
                of the copies, which all get the others.

        Returns:
            All observations, and the infos of the copies that started.

        Raises:
            ValueError: The seeds do not fit the copies, or an option has an impossible value.
            ResetNeeded: A mask before the first reset of all.
        """
        others = dict(options or {})
        rows = self._parse_mask(others.pop("reset_mask")) if "reset_mask" in others else _ALL
        for row, of_copy in zip(
            self._numbers[rows], _parse_seeds(seed, self.num_envs, self._numbers[rows]), strict=True
        ):
            if of_copy is not None:
                self._generators[row], self._generator_seeds[row] = seeding.np_random(of_copy)
        infos: dict[str, Any] = {}
        self._begin(rows, others, infos)
        return self._observations.copy(), infos

    def step(
        self, actions: Any
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Steps every copy.

        Args:
            actions: One per copy, an integer array of the shape of the action space.

        Returns:
            Observations, rewards, whether each architecture is complete, falses, and infos.

        Raises:
            ValueError: The actions have another shape, are no integers or lie outside the action space.
            ResetNeeded: A copy has no episode, or its episode is over and autoreset is disabled.
        """
        tables, dim = self.rules.transition, self.rules.scoring.reward_dim
        parsed = tables.parse_batch(actions, self.num_envs)
        groups = self._groups()
        if groups[0][0] < 0:
            raise ResetNeeded("call reset() before step(): no episode has begun")
        if groups[-1][0] == tables.n_steps and self.autoreset_mode is AutoresetMode.DISABLED:
            over = np.flatnonzero(self._steps == tables.n_steps).tolist()
            raise ResetNeeded(f"call reset(options={{'reset_mask': mask}}) before step(): copies {over} are over")
        rewards = np.zeros(self.num_envs) if dim is None else np.zeros((self.num_envs, dim), dtype=np.float32)
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        infos: dict[str, Any] = {}
        for step, rows in groups:
            if step == tables.n_steps:
                self._begin(rows, {}, infos)
                continue
            self._advance(step, rows, parsed[rows])
            if step + 1 < tables.n_steps:
                self._add(infos, {"action_mask": tables.masks[step + 1 : step + 2], **self._running}, rows)
            else:
                terminated[rows] = True
                self._end(rows, rewards, infos)
        return self._observations.copy(), rewards, terminated, np.zeros(self.num_envs, dtype=np.bool_), infos

    def render(self) -> tuple[Any, ...] | None:
        """What ``render`` of each copy gives, a tuple; None, with a warning, without ``render_mode``.

        Raises:
            ResetNeeded: No episode has begun.
        """
        if self.render_mode is None:
            self.single_env.render()  # which warns
            return None
        return tuple(self.single(row).render() for row in range(self.num_envs))

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are valid now, ``bool`` (num_envs, actions): none before the first reset and after an end."""
        masks: NDArray[np.bool_] = self.rules.transition.masks[self._steps].astype(np.bool_)
        return masks

    def single(self, row: int) -> ArchitectureEnv:
        """The environment of a copy as it is now: to look at and to render, until another copy is asked for."""
        rows = slice(row, row + 1)
        step = int(self._steps[row])
        self.single_env.take_over(step, self._choices[rows], self._context[rows], self._noise_seeds[rows])
        return self.single_env

    def _groups(self) -> list[tuple[int, Rows]]:
        """Copies by their next step, ascending: one group while all are together, which is the common case."""
        first = self._steps[0]
        if (self._steps == first).all():
            return [(int(first), _ALL)]
        return [(int(step), np.flatnonzero(self._steps == step)) for step in np.unique(self._steps)]

    def _begin(self, rows: Rows, options: dict[str, Any], infos: dict[str, Any]) -> None:
        """Starts episodes and adds their infos."""
        if self.rules.random:
            for row in self._numbers[rows].tolist():
                self._context[row], self._noise_seeds[row] = self.rules.draw(self._generator(row), options)
        self._observations[rows] = self.rules.encoding.first(self._context[rows])
        self._steps[rows] = 0
        self._add(infos, {"action_mask": self.rules.transition.masks[:1]}, rows)

    def _advance(self, step: int, rows: Rows, actions: Actions) -> None:
        """Makes the next choices of copies that are all at ``step``."""
        chosen = self.rules.transition.choose(step, actions)
        made = step * chosen.shape[1]
        self._choices[rows, made : made + chosen.shape[1]] = chosen
        observations = self._observations[rows]
        self.rules.encoding.write(observations, made, chosen)
        if not isinstance(rows, slice):  # then it is a copy
            self._observations[rows] = observations
        self._steps[rows] = step + 1

    def _end(self, rows: Rows, rewards: NDArray[Any], infos: dict[str, Any]) -> None:
        """Scores complete architectures, and begins anew at once if the mode says so."""
        at_once = self.autoreset_mode is AutoresetMode.SAME_STEP
        for outcome in self.rules.score(self._choices[rows], self._context[rows], self._noise_seeds[rows]):
            numbers = self._numbers[rows][outcome.rows]
            rewards[numbers] = outcome.rewards
            self._add(infos, {"final_info": outcome.info} if at_once else outcome.info, numbers)
        if at_once:
            last = self._observations[rows].copy()
            final = np.empty(len(last), dtype=object)
            for position, observation in enumerate(last):
                final[position] = observation
            self._add(infos, {"final_obs": final}, rows)
            self._begin(rows, {}, infos)

    def _add(self, infos: dict[str, Any], columns: Columns, rows: Rows) -> None:
        """Adds columns of some copies to infos, in the form of ``VectorEnv._add_info``, whose rule this is in bulk.

        A column has one row per copy, or a single one for all of them.
        """
        for key, column in columns.items():
            if isinstance(column, dict):
                self._add(infos.setdefault(key, {}), column, rows)
            else:
                if key not in infos:
                    shape = (self.num_envs, *column.shape[1:])
                    infos[key] = np.full(shape, None) if column.dtype == object else np.zeros(shape, column.dtype)
                infos[key][rows] = column
            infos.setdefault(f"_{key}", np.zeros(self.num_envs, dtype=np.bool_))[rows] = True

    def _generator(self, row: int) -> np.random.Generator:
        generator = self._generators[row]
        if generator is None:
            generator, self._generator_seeds[row] = seeding.np_random(None)
            self._generators[row] = generator
        return generator

    def _parse_mask(self, mask: Any) -> NDArray[np.int64]:
        described = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else repr(mask)
        if not isinstance(mask, np.ndarray) or mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise ValueError(f"options['reset_mask'] must be a bool array of shape ({self.num_envs},), got {described}")
        if not mask.any():
            raise ValueError("options['reset_mask'] must name at least one copy, got none")
        if not mask.all() and (self._steps < 0).any():
            raise ResetNeeded("call reset() of all copies before one with a mask: no episode has begun")
        return np.flatnonzero(mask)


def _parse_mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        names = ", ".join(repr(option.value) for option in AutoresetMode)
        raise ValueError(f"autoreset_mode must be one of {names}, got {mode!r}") from None


def _parse_seeds(seed: Any, n: int, rows: NDArray[np.int64]) -> list[int | None]:
    """The seeds of the copies in ``rows``."""
    if seed is None:
        return [None] * len(rows)
    if isinstance(seed, Integral):
        return [int(seed) + row for row in rows.tolist()]
    if not isinstance(seed, Sequence | np.ndarray) or len(seed) != n:
        raise ValueError(f"seed must be an integer, None or {n} of these, got {seed!r}")
    return [None if seed[row] is None else int(seed[row]) for row in rows.tolist()]
