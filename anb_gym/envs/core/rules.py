"""Rules of an episode: the problem, and how an environment is acted on, observed and shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._types import Seeds
from anb_gym.envs.core.actions import GRANULARITIES, Transition, transition
from anb_gym.envs.core.infos import Ending, describe
from anb_gym.envs.core.observations import OBSERVATIONS, Encoding, make_encoding
from anb_gym.problems import AnyProblem, Request
from anb_gym.space import SPACE, Choices

RENDER_MODES = ("ansi", "rgb_array")


@dataclass(frozen=True)
class Interface:
    """Arguments that all families have: how an environment is acted on, observed and shown.

    Attributes:
        granularity: A name in :data:`anb_gym.envs.core.actions.GRANULARITIES`.
        observation: A name in :data:`anb_gym.envs.core.observations.OBSERVATIONS`.
        noise: Whether metrics show the noise of one measurement.
        render_mode: None, ``"ansi"`` or ``"rgb_array"``.

    Raises:
        ValueError: An argument has an unknown value.
    """

    granularity: str = "choice"
    observation: str = "onehot"
    noise: bool = False
    render_mode: str | None = None

    def __post_init__(self) -> None:
        choose(self.granularity, GRANULARITIES, "granularity")
        choose(self.observation, OBSERVATIONS, "observation")
        if not isinstance(self.noise, bool):
            raise ValueError(f"noise must be True or False, got {self.noise!r}")
        if self.render_mode is not None:
            choose(self.render_mode, RENDER_MODES, "render_mode")


@dataclass(frozen=True)
class Rules:
    """Rules of an episode; single and vector environments hold the same.

    A frozen value that pickles small: tables are found again where they are needed.

    Attributes:
        problem: What complete architectures are worth, and what an episode may ask for.
        interface: How it is acted on, observed and shown.
    """

    problem: AnyProblem
    interface: Interface

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def transition(self) -> Transition:
        """The choices of actions, and which are valid."""
        return transition(self.interface.granularity)

    @cached_property
    def encoding(self) -> Encoding:
        """The encoding of observations."""
        ask = self.problem.ask
        return make_encoding(self.interface.observation, ask.n_cells, ask.fractions)

    @cached_property
    def moves(self) -> Moves | None:
        """The steps of one environment, as :func:`moves` finds them."""
        return moves(self.interface.granularity, self.interface.observation)

    @property
    def n_steps(self) -> int:
        """Steps of an episode."""
        return self.transition.n_steps

    @property
    def noisy(self) -> bool:
        """Whether metrics show measurement noise."""
        return self.interface.noise

    @property
    def random(self) -> bool:
        """Whether a reset draws anything."""
        return self.noisy or self.problem.ask.n_cells > 0

    @cached_property
    def reward_dim(self) -> int | None:
        """Number of objectives of a vector reward, None for a scalar reward."""
        return self.problem.n_objectives if self.problem.is_vector else None

    @cached_property
    def running(self) -> dict[str, float]:
        """Content of the infos of all steps but the last, beside the mask."""
        return {} if self.problem.limit is None else {"cost": 0.0}

    def draw(self, rng: np.random.Generator, options: dict[str, Any]) -> tuple[Request, int]:
        """The request of a new episode and the seed of its noise, 0 without noise."""
        request = self.problem.ask.draw(rng, options)
        return request, int(rng.integers(2**63)) if self.noisy else 0

    def first(self, request: Request, n: int) -> NDArray[Any]:
        """The first observations of n episodes with these requests."""
        return self.encoding.first(n, self.problem.ask.cells(request))

    def score(self, choices: Choices, request: Request, seeds: Seeds) -> Iterator[Ending]:
        """The ends of episodes with complete choices ``int8`` (n, 28), their requests and noise seeds."""
        states = SPACE.to_states(choices)
        for rows, problem, asked in self.problem.parts(request):
            of_rows = seeds[rows] if self.noisy else None
            evaluation = problem.assess(states[rows], asked, of_rows)
            rewards = evaluation.reward.astype(np.float32) if problem.is_vector else evaluation.reward
            info = describe(states[rows], evaluation, of_rows) | self.problem.ask.shown(request[rows])
            yield Ending(rows, rewards, info)


#: Per step and action, the choices that are made, and the cells of an observation that change, with their values.
Moves = list[list[tuple[list[int], list[tuple[int, float]]]]]


@lru_cache(maxsize=len(GRANULARITIES) * len(OBSERVATIONS))
def moves(granularity: str, observation: str) -> Moves | None:
    """Steps of one environment, for which arrays of one row are slow; None if the action is the choices."""
    tables, encoding = transition(granularity), make_encoding(observation, 0, False)
    if tables.table is None:
        return None
    found: Moves = []
    before = encoding.first(tables.table.shape[1], np.empty((1, 0)))
    for step, chosen in enumerate(tables.table):
        after = before.copy()
        encoding.write(after, step * tables.choices_per_step, chosen)
        found.append(
            [
                (made.tolist(), [(cell, row[cell].item()) for cell in np.flatnonzero(changed).tolist()])
                for made, row, changed in zip(chosen, after, after != before, strict=True)
            ]
        )
        before = after
    return found
