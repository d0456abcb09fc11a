"""Environments that build an architecture as pure functions, with the interface of gymnax 1.x."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from anb_gym.arrays.libraries import jax_device, jax_tables
from anb_gym.arrays.tables import Tables
from anb_gym.envs.core.rules import Rules
from anb_gym.envs.families import PREFIX
from anb_gym.functional.building import Building
from anb_gym.functional.making import rules_of
from anb_gym.functional.scoring import AnyScoring, Request
from anb_gym.jax.spaces import Space, like
from anb_gym.problems import AnyProblem
from anb_gym.problems.asks import NOTHING
from anb_gym.space import N_BLOCKS


@partial(
    jax.tree_util.register_dataclass, data_fields=["tables", "arrays", "asked"], meta_fields=["max_steps_in_episode"]
)
@dataclass(frozen=True, eq=False)
class Params:
    """What an environment's rewards are made of, on a device.

    Attributes:
        tables: The tables of the task's metrics.
        arrays: What unit scale and regret need beside.
        asked: What all episodes ask for: weights (2,), accuracy first, or a bound in the metric's unit (); where there
            are several tasks, the number of one (); where devices are generated, the number of one among them, and the
            weight of accuracy or the bound (2,). NaN: drawn anew in each.
        max_steps_in_episode: Steps of an episode; they are no limit.
    """

    tables: Tables
    arrays: dict[str, jax.Array]
    asked: jax.Array
    max_steps_in_episode: int

    def replace(self, **changes: Any) -> Params:
        """Parameters with other values, such as ``asked=jnp.array([0.3, 0.7])``."""
        return replace(self, **changes)


@partial(jax.tree_util.register_dataclass, data_fields=["time", "states", "observation", "request"], meta_fields=[])
@dataclass(frozen=True, eq=False)
class State:
    """An episode.

    Attributes:
        time: Steps made, ``int32`` ().
        states: Block states, ``int32`` (7,), 0 where nothing is chosen.
        observation: What is seen of it.
        request: What it asks for, by name.
    """

    time: jax.Array
    states: jax.Array
    observation: jax.Array
    request: Request


@dataclass(frozen=True, eq=False)
class BuildEnv:
    """Builds an architecture, choice by choice, as the environment with the same id does.

    All methods are pure functions: under ``jit``, ``vmap`` and ``scan``. Actions, masks and observations are equal in
    every bit to those of the environment of numpy; rewards to 1e-12 in float64. There is no noise. Architectures are
    scored in steps in which some copy under ``vmap`` is complete, and in no other.

    Args:
        rules: The rules.
        scoring: The worth of complete architectures.
        default_params: See :class:`Params`.
        name: The environment's id.
    """

    rules: Rules
    scoring: AnyScoring
    default_params: Params
    name: str

    @property
    def problem(self) -> AnyProblem:
        """The problem, for all that is known of it."""
        return self.rules.problem

    @cached_property
    def _building(self) -> Building:
        # Constants of compiled functions: arrays of numpy until then.
        return Building.of(self.rules)

    @property
    def num_actions(self) -> int:
        """Number of actions of a choice or block; options of all choices for ``"network"``."""
        return int(self.rules.transition.masks.shape[1])

    def action_space(self, params: Params | None = None) -> Space:
        """The space of actions."""
        return like(self.rules.transition.action_space())

    def observation_space(self, params: Params | None = None) -> Space:
        """The space of observations."""
        return like(self.rules.encoding.space)

    def action_mask(self, state: State) -> jax.Array:
        """Mask of valid actions, ``int8`` (actions,)."""
        return jnp.asarray(self.rules.transition.masks)[state.time]

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Params | None = None) -> tuple[jax.Array, State]:
        """The first observation of an episode, and its state."""
        return self.reset_env(key, self.default_params if params is None else params)

    @partial(jax.jit, static_argnames=("self",))
    def step(
        self, key: jax.Array, state: State, action: Any, params: Params | None = None
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, jax.Array, dict[str, Any]]:
        """Steps an episode, and begins the next at once where it is over.

        Args:
            key: For what the next episode asks for.
            state: The episode.
            action: An integer, or choices (28,). Those outside the action space are replaced by the nearest within it.
            params: By default :attr:`default_params`, which become constants of what is compiled.

        Returns:
            Observation, state, reward, whether the episode terminated, False, and an info: that of :meth:`step_env`,
            and ``final_observation``.
        """
        params = self.default_params if params is None else params
        last, after, reward, terminated, info = self.step_env(key, state, action, params)
        request = state.request
        if request:
            drawn = _where_any(self._drawn, terminated, (key, terminated), params)
            request = jax.tree.map(lambda new, old: _select(terminated, new, old), drawn, request)
        begun = self._begin(request)
        following = jax.tree.map(lambda new, old: _select(terminated, new, old), begun, after)
        info = {**info, "terminated": terminated, "truncated": jnp.zeros_like(terminated), "final_observation": last}
        return following.observation, following, reward, terminated, info["truncated"], info

    def reset_env(self, key: jax.Array, params: Params) -> tuple[jax.Array, State]:
        """As :meth:`reset`."""
        state = self._begin(self._drawn((key, jnp.zeros((), bool)), params))
        return state.observation, state

    def step_env(
        self, key: jax.Array, state: State, action: Any, params: Params
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, dict[str, Any]]:
        """Steps an episode, and leaves it where it is over.

        Returns:
            Observation, state, reward, whether the episode terminated, and an info: ``discount``, ``action_mask``, and
            of a complete architecture ``states``, ``metrics`` in the order of the task's, and ``raw_reward``,
            ``regret`` and ``cost`` where the environment of numpy tells them; zeros before.
        """
        building = self._building.put(jnp.asarray)
        states, observation = building.advance(state.time, state.states, state.observation, self._checked(action))
        time = state.time + 1
        terminated = time >= building.n_steps
        worth = _where_any(self._worth, terminated, (states, state.request), params)
        worth = jax.tree.map(lambda value: _select(terminated, value, jnp.zeros_like(value)), worth)
        after = State(time, states, observation, state.request)
        info = {
            "discount": 1.0 - terminated.astype(jnp.float32),
            "action_mask": building.masks(jnp.minimum(time, building.n_steps)),
            "states": _select(terminated, states, jnp.zeros_like(states)),
            **worth,
        }
        return observation, after, info.pop("reward"), terminated, info

    def _checked(self, action: Any) -> jax.Array:
        """The action as an array; raises a ``ValueError`` unless it is like the action space."""
        made, shape = jnp.asarray(action), self.action_space().shape
        if made.shape != shape or not jnp.issubdtype(made.dtype, jnp.integer):
            raise ValueError(f"action must be integers of the shape {shape}, got {made.dtype} {made.shape}")
        return made

    # --- inside ----------------------------------------------------------------------------------------------------

    def _worth(self, rows: Any, params: Params) -> dict[str, jax.Array]:
        states, request = rows
        return self.scoring.assess(params.tables, params.arrays, states, request)

    def _drawn(self, rows: Any, params: Params) -> Request:
        """The requests of new episodes, from keys and an array of their shape."""
        if self.problem.ask == NOTHING:
            return {}
        key, like = rows
        draw: Callable[[jax.Array], jax.Array]
        draw = partial(jax.random.uniform, shape=self.scoring.draws, dtype=params.asked.dtype)
        for _ in range(like.ndim):
            draw = jax.vmap(draw)
        return self.scoring.request(draw(key), params.asked, params.arrays)

    def _begin(self, request: Request) -> State:
        cells = self.scoring.cells(request) if request else jnp.zeros((0,), jnp.float32)
        observation = self._building.first(jnp, cells)
        return State(jnp.zeros((), jnp.int32), jnp.zeros(N_BLOCKS, jnp.int32), observation, request)


def make(id: str, *, device: Any = None, dtype: Any = None, **arguments: Any) -> tuple[BuildEnv, Params]:
    """An environment that builds an architecture, on arrays of JAX.

    Args:
        id: An environment id, of building an architecture.
        device: Where its arrays lie, as for :meth:`anb_gym.Benchmark.to_jax`.
        dtype: Of rewards and metrics, as there.
        **arguments: Those of ``gymnasium.make``, but ``noise`` and ``render_mode``.

    Returns:
        The environment, and its default parameters.

    Raises:
        ValueError: The id, an argument or its value is unknown, or the environment is none of those.
    """
    rules, scoring = rules_of(id, arguments)
    device = jax_device(device)
    tables = scoring.pack(jax_tables(scoring.functions(), device, dtype))
    kind = tables.entries[0].dtype
    put = partial(jax.device_put, device=device)
    arrays = {name: put(array.astype(kind)) for name, array in scoring.arrays().items()}
    params = Params(tables, arrays, put(jnp.asarray(scoring.nothing, kind)), rules.n_steps)
    return BuildEnv(rules, scoring, params, id.removeprefix(PREFIX)), params


def _select(where: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    return jnp.where(where.reshape(where.shape + (1,) * (jnp.ndim(new) - where.ndim)), new, old)


def _where_any(compute: Callable[[Any, Any], Any], where: jax.Array, rows: Any, shared: Any) -> Any:
    """What a function makes of rows, but zeros where none of a whole batch needs it.

    ``lax.cond`` under ``vmap`` computes all rows whatever the condition. Here a batch is one call with one condition.

    Args:
        compute: From rows, with any axes before their own, and what is shared to arrays with these axes.
        where: Whether a row needs it.
        rows: Arrays of rows.
        shared: Arrays that all rows share.
    """

    @custom_vmap
    def of_all(where: jax.Array, rows: Any, shared: Any) -> Any:
        shapes = jax.eval_shape(compute, rows, shared)

        def nothing(rows: Any, shared: Any) -> Any:
            return jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)

        return jax.lax.cond(jnp.any(where), compute, nothing, rows, shared)

    def of_batch(size: int, batched: Any, where: jax.Array, rows: Any, shared: Any) -> Any:
        axes = jax.tree.map(lambda is_batched: 0 if is_batched else None, tuple(batched))
        if any(jax.tree.leaves(batched[2])):
            found = jax.vmap(compute, axes[1:], axis_size=size)(rows, shared)
        else:

            def spread(array: jax.Array, is_batched: bool) -> jax.Array:
                return array if is_batched else jnp.broadcast_to(array, (size, *array.shape))

            found = of_all(*jax.tree.map(spread, (where, rows), tuple(batched[:2])), shared)
        return found, jax.tree.map(lambda _: True, found)

    of_all.def_vmap(of_batch)
    return of_all(where, rows, shared)
