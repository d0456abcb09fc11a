"""Copies of an environment stepped as one batch: seeds, masks, autoreset and the form of infos.

What an action does to the copies, and what they then show and are worth, is up to subclasses.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._types import FloatArray, Rows
from anb_gym.envs.core.each_copy import EachCopy
from anb_gym.envs.core.infos import Columns
from anb_gym.envs.core.inputs import NOT_BEGUN, Actions, check_options, parse_mask, parse_mode, parse_seeds

#: See :attr:`CopiesVectorEnv.observer`.
Observer = Callable[[NDArray[np.int64], NDArray[Any], FloatArray | None, NDArray[Any]], None]

#: All copies; a slice makes views.
_ALL: Final = slice(None)


class CopiesVectorEnv(EachCopy):
    """Copies of an environment in one batch, made by ``gymnasium.make_vec``; subclasses say of which.

    Everything it returns equals what Gymnasium's ``SyncVectorEnv`` of the copies returns, in all autoreset modes; the
    surrogates are asked once for all copies. ``infos["action_mask"]`` is one ``int8`` array (num_envs, actions), and
    ``action_masks()`` the same as ``bool``.

    Args:
        num_envs: How many copies, at least 1.
        autoreset_mode: What happens to a copy whose episode is over, see https://farama.org/Vector-Autoreset-Mode:
            ``"NextStep"``: its next step resets it and ignores its action; ``"SameStep"``: it is reset at once, and
            ``infos["final_obs"]`` and ``infos["final_info"]`` tell how it ended; ``"Disabled"``: call
            ``reset(options={"reset_mask": mask})``, with ``bool`` (num_envs,), before the next step.
        max_episode_steps: None, or at least the steps of the longest episode, which has no effect.
        **arguments: Those of the environment.

    Attributes:
        single_env: One copy, for all that the copies have in common.
        observer: Called with every batch of architectures that is measured: their index ``int64`` (n,), their reward
            ``float64`` (n,) or (n, objectives), their regret without noise, ``float64`` (n,) or None, and the cells of
            what their episodes ask for, (n, cells). An architecture that an episode of editing begins with is not among
            them, nor one that a step leaves as it is. None for nobody.
        noise_seed: Seed of the measurement noise of all episodes that start from now on, in place of those that they
            draw; None for those.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """

    #: The class of the copies, and whether their episodes are truncated at the end, not terminated.
    env_type: ClassVar[type[gymnasium.Env[Any, Any]]]
    truncates: ClassVar[bool] = False

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(integer(num_envs, 1, "num_envs"), self.env_type(**arguments))
        single = self.single_env
        self.n_steps: int = single.n_steps
        if max_episode_steps is not None and not (
            isinstance(max_episode_steps, Integral) and max_episode_steps >= self.n_steps
        ):
            raise ValueError(f"max_episode_steps must be None or at least {self.n_steps}, got {max_episode_steps!r}")
        self.autoreset_mode = parse_mode(autoreset_mode)
        self.metadata = {**single.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = single.render_mode
        self.single_action_space, self.single_observation_space = single.action_space, single.observation_space
        self.action_space = batch_space(single.action_space, self.num_envs)
        self.observation_space = batch_space(single.observation_space, self.num_envs)

        #: The next step of each copy: -1 before the first reset, ``_over`` when its episode is over.
        self._steps = np.full(self.num_envs, -1)
        self._over: int = self.n_steps
        self._observations: NDArray[Any] = np.zeros(self.observation_space.shape or (), self.observation_space.dtype)
        self._numbers = np.arange(self.num_envs)
        self.observer: Observer | None = None
        self.noise_seed: int | None = None
        self._make_room()

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
        others = check_options(options, ("reset_mask", *self.single_env.reset_options))
        rows: Rows = parse_mask(others.pop("reset_mask"), self.num_envs) if "reset_mask" in others else _ALL
        if len(self._numbers[rows]) < self.num_envs and (self._steps < 0).any():
            raise ResetNeeded(f"call reset() of all copies before one with a mask: {NOT_BEGUN}")
        started = self._numbers[rows]
        for row, of_copy in zip(started, parse_seeds(seed, self.num_envs, started), strict=True):
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
            Observations, rewards, whether episodes terminated, whether they were truncated, and infos.

        Raises:
            ValueError: The actions have another shape, are no integers or lie outside the action space.
            ResetNeeded: A copy has no episode, or its episode is over and autoreset is disabled.
        """
        parsed = self._parse(actions)
        groups = self._groups()
        if groups[0][0] < 0:
            raise ResetNeeded(f"call reset() before step(): {NOT_BEGUN}")
        if groups[-1][0] == self._over and self.autoreset_mode is AutoresetMode.DISABLED:
            over = np.flatnonzero(self._steps == self._over).tolist()
            raise ResetNeeded(
                f"call reset(options={{'reset_mask': mask}}) before step(): the episodes of the copies {over} are over"
            )
        rewards = self._no_rewards()
        ended, never = np.zeros((2, self.num_envs), dtype=np.bool_)
        infos: dict[str, Any] = {}
        for step, rows in groups:
            if step == self._over:
                self._begin(rows, {}, infos)
                continue
            self._advance(step, rows, parsed[rows], rewards)
            for after, of_those in self._next(step, rows):
                self._steps[of_those] = after
                if after < self._over:
                    self._add(infos, self._info(after, of_those), of_those)
                else:
                    ended[of_those] = True
                    self._end(of_those, rewards, infos)
        terminated, truncated = (never, ended) if self.truncates else (ended, never)
        return self._observations.copy(), rewards, terminated, truncated, infos

    def render(self) -> tuple[Any, ...] | None:
        """Pictures of the copies, a tuple of what each ``render`` gives; None, with a warning, without ``render_mode``.

        Raises:
            ResetNeeded: No episode has begun.
        """
        if self.render_mode is None:
            self.single_env.render()  # which warns
            return None
        return tuple(self.single(row).render() for row in range(self.num_envs))

    @abstractmethod
    def _make_room(self) -> None:
        """Makes the arrays of what episodes are about, a row per copy."""

    @abstractmethod
    def _parse(self, actions: Any) -> Actions:
        """The actions of all copies, or a ``ValueError``."""

    @abstractmethod
    def _start(self, rows: Rows, options: dict[str, Any]) -> None:
        """Makes the first observations of copies."""

    @abstractmethod
    def _info(self, step: int, rows: Rows) -> Columns:
        """Infos of copies before a step, a column each."""

    @abstractmethod
    def _advance(self, step: int, rows: Rows, actions: Actions, rewards: NDArray[Any]) -> None:
        """Steps copies that are all at ``step``: makes their next observations, and rewards that are not zero."""

    @abstractmethod
    def _finish(self, rows: Rows, rewards: NDArray[Any]) -> list[tuple[NDArray[np.int64], Columns]]:
        """The numbers of copies that have ended and their last infos; makes rewards that only an end has."""

    def _next(self, step: int, rows: Rows) -> list[tuple[int, Rows]]:
        """The next steps of copies that have made ``step``, where all need not have the same."""
        return [(step + 1, rows)]

    def _no_rewards(self) -> NDArray[Any]:
        """Rewards of zero of all copies."""
        return np.zeros(self.num_envs)

    def _groups(self) -> list[tuple[int, Rows]]:
        """Copies by their next step, ascending: one group while all are together, which is the common case."""
        first = self._steps[0]
        if (self._steps == first).all():
            return [(int(first), _ALL)]
        return [(int(step), np.flatnonzero(self._steps == step)) for step in np.unique(self._steps)]

    def _begin(self, rows: Rows, options: dict[str, Any], infos: dict[str, Any]) -> None:
        """Starts episodes and adds their infos."""
        self._start(rows, options)
        self._steps[rows] = 0
        self._add(infos, self._info(0, rows), rows)

    def _end(self, rows: Rows, rewards: NDArray[Any], infos: dict[str, Any]) -> None:
        """Adds the last infos of episodes, and begins anew at once if the mode says so."""
        at_once = self.autoreset_mode is AutoresetMode.SAME_STEP
        for numbers, info in self._finish(rows, rewards):
            self._add(infos, {"final_info": info} if at_once else info, numbers)
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
