"""Environments that build an architecture in batches, whose arrays stay on a device of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from anb_gym._errors import integer, shown
from anb_gym.arrays.libraries import torch_tables
from anb_gym.arrays.tables import Tables
from anb_gym.envs.core.rules import Rules
from anb_gym.functional.building import Building
from anb_gym.functional.making import rules_of
from anb_gym.functional.scoring import AnyScoring, Request
from anb_gym.problems import AnyProblem
from anb_gym.problems.asks import NOTHING
from anb_gym.space import N_BLOCKS

_OVER: Final = "the episodes are over: call reset"


@dataclass(eq=False)
class _Episodes:
    """Episodes of all copies, which are at the same step."""

    step: int
    states: Tensor
    observations: Tensor
    request: Request


class BuildEnv:
    """Builds an architecture in many copies at once, as the vector environment with the same id does.

    All copies are at the same step, and begin anew together, by :meth:`reset`. Actions, masks and observations are
    equal in every bit to those of the environment of numpy, and rewards to 1e-12 in float64. There is no noise.

    Args:
        rules: The rules.
        scoring: The worth of complete architectures.
        tables: The tables of the task's metrics.
        arrays: What unit scale and regret need beside.
        building: The transition.
        num_envs: Copies.
        generator: Source of what episodes ask for.
    """

    def __init__(
        self,
        rules: Rules,
        scoring: AnyScoring,
        tables: Tables,
        arrays: Mapping[str, Tensor],
        building: Building,
        num_envs: int,
        generator: torch.Generator | None,
    ) -> None:
        self.rules, self.scoring, self.tables, self.arrays = rules, scoring, tables, dict(arrays)
        self.num_envs, self.n_steps = num_envs, rules.n_steps
        self.device, self.dtype = tables.entries[0].device, tables.entries[0].dtype
        self._building, self._generator = building, generator
        self._episodes: _Episodes | None = None

    @property
    def problem(self) -> AnyProblem:
        """The problem, for all that is known of it."""
        return self.rules.problem

    @property
    def single_action_space(self) -> Any:
        """The action space of one copy, of Gymnasium."""
        return self.rules.transition.action_space()

    @property
    def single_observation_space(self) -> Any:
        """The observation space of one copy, of Gymnasium."""
        return self.rules.encoding.space

    def reset(self, asked: Any = None) -> Tensor:
        """Begins an episode of every copy.

        Args:
            asked: What episodes ask for: weights (num_envs, 2) or (2,), accuracy first; bounds in the metric's unit,
                (num_envs,) or (); numbers of tasks; or, where devices are generated, the number of one among them and
                the weight of accuracy or the bound, (num_envs, 2) or (2,). None, or NaN, to draw it.

        Returns:
            Observations (num_envs, cells).

        Raises:
            ValueError: Something is given and episodes ask for nothing, or it has another shape.
        """
        request = self._request(asked)
        states = torch.zeros((self.num_envs, N_BLOCKS), dtype=torch.int32, device=self.device)
        cells = self.scoring.cells(request) if request else torch.zeros((self.num_envs, 0), device=self.device)
        observations: Tensor = self._building.first(torch, cells)
        self._episodes = _Episodes(0, states, observations, request)
        return observations

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, bool, dict[str, Tensor]]:
        """Steps every copy.

        Args:
            actions: Integers (num_envs,), or choices (num_envs, 28). Those outside the action space are replaced by
                the nearest within it.

        Returns:
            Observations, rewards, whether the episodes terminated, and infos: ``action_mask``, and at the end
            ``states``, ``metrics`` in the order of the task's, and ``raw_reward``, ``regret`` and ``cost`` where the
            environment of numpy tells them.

        Raises:
            ValueError: The actions have another shape, or are no integers; there are no episodes, or they are over.
        """
        now, shape = self._episodes, (self.num_envs, *self.rules.transition.limits.shape)
        if now is None or now.step == self.n_steps:
            raise ValueError(f"step must follow reset: {'no episode has begun' if now is None else _OVER}")
        kind = getattr(actions, "dtype", None)
        if (
            not isinstance(actions, Tensor)
            or actions.shape != shape
            or actions.is_floating_point()
            or kind == torch.bool
        ):
            found = f"{kind} of the shape {tuple(actions.shape)}" if isinstance(actions, Tensor) else shown(actions)
            raise ValueError(f"actions must be a tensor of integers of the shape {shape}, got {found}")
        step = torch.full((self.num_envs,), now.step, dtype=torch.int32, device=self.device)
        states, observations = self._building.advance(step, now.states, now.observations, actions)
        self._episodes = _Episodes(now.step + 1, states, observations, now.request)
        infos: dict[str, Tensor] = {"action_mask": self.action_masks()}
        if now.step + 1 < self.n_steps:
            return observations, self._no_rewards(), False, infos
        infos |= {"states": states, **self.scoring.assess(self.tables, self.arrays, states, now.request)}
        return observations, infos.pop("reward"), True, infos

    def seed(self, seed: int) -> None:
        """Seeds what episodes ask for, with a generator of its own."""
        self._generator = torch.Generator(self.device).manual_seed(integer(seed, 0, "seed"))

    def action_masks(self) -> Tensor:
        """Masks of valid actions, ``int8`` (num_envs, actions)."""
        step = 0 if self._episodes is None else self._episodes.step
        mask: Tensor = self._building.arrays["masks"][step]
        return mask.expand(self.num_envs, -1)

    def _no_rewards(self) -> Tensor:
        dim = self.rules.reward_dim
        shape = (self.num_envs,) if dim is None else (self.num_envs, dim)
        return torch.zeros(shape, dtype=self.dtype, device=self.device)

    def _request(self, asked: Any) -> Request:
        ask = self.problem.ask
        if ask == NOTHING:
            if asked is not None:
                raise ValueError(f"asked must be None: episodes ask for nothing, got {shown(asked)}")
            return {}
        place: Any = {"device": self.device, "dtype": self.dtype}
        nothing = self.scoring.nothing
        shape = (self.num_envs, *nothing.shape)
        given = torch.as_tensor(nothing if asked is None else asked, **place)
        try:
            given = given.broadcast_to(shape)
        except RuntimeError:
            raise ValueError(f"asked must have the shape {shape}, got {tuple(given.shape)}") from None
        drawn = torch.rand((self.num_envs, *self.scoring.draws), generator=self._generator, **place)
        return self.scoring.request(drawn, given, self.arrays)


def make(
    id: str, num_envs: int = 1, *, device: Any = "cpu", dtype: Any = None, seed: int | None = None, **arguments: Any
) -> BuildEnv:
    """An environment that builds an architecture in many copies, on tensors.

    Args:
        id: An environment id, of building an architecture.
        num_envs: Copies.
        device: Where its tensors lie, as for :meth:`anb_gym.Benchmark.to_torch`.
        dtype: Of rewards and metrics, as there.
        seed: Seeds the generator of what episodes ask for; None for torch's global one.
        **arguments: Those of ``gymnasium.make``, but ``noise`` and ``render_mode``.

    Raises:
        ValueError: The id, an argument or its value is unknown, or the environment is none of those.
    """
    n = integer(num_envs, 1, "num_envs")
    rules, scoring = rules_of(id, arguments)
    tables = scoring.pack(torch_tables(scoring.functions(), device, dtype))
    where, kind = tables.entries[0].device, tables.entries[0].dtype
    arrays = {name: torch.as_tensor(array).to(where, kind) for name, array in scoring.arrays().items()}
    building = Building.of(rules).put(lambda array: torch.tensor(array).to(where))
    generator = None if seed is None else torch.Generator(where).manual_seed(integer(seed, 0, "seed"))
    return BuildEnv(rules, scoring, tables, arrays, building, n, generator)
