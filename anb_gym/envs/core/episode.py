"""What all environments that build an architecture share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._types import Seeds
from anb_gym.envs import rendering
from anb_gym.envs.core.actions import GRANULARITIES, Transition, transition
from anb_gym.envs.core.infos import Ending, describe, first_row
from anb_gym.envs.core.inputs import NOT_BEGUN, OVER, check_options
from anb_gym.envs.core.observations import OBSERVATIONS, Encoding, make_encoding
from anb_gym.problems import Problem, ProblemSet, Request
from anb_gym.space import SPACE, Choices
from anb_gym.tasks import Task

RENDER_MODES = ("ansi", "rgb_array")
#: Episodes in a row that end early, and their steps in all, before a warning: tests of environments make few steps.
_GIVEN_UP: Final = (3, 20)


@dataclass(frozen=True)
class Interface:
    """How an environment is acted on, observed and shown: the arguments that all families have.

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


@dataclass(frozen=True, eq=False)
class Rules:
    """All that decides an episode; single and vector environments hold the same.

    Attributes:
        transition: What actions choose, and which are valid.
        encoding: What observations show.
        problem: What complete architectures are worth, and what an episode may ask for.
        noisy: Whether metrics show measurement noise.
    """

    transition: Transition
    encoding: Encoding
    problem: Problem | ProblemSet
    noisy: bool

    @property
    def random(self) -> bool:
        """Whether a reset draws anything."""
        return self.noisy or self.problem.ask.n_cells > 0

    @property
    def reward_dim(self) -> int | None:
        """How many objectives a vector reward has, None for a scalar reward."""
        return self.problem.n_objectives if self.problem.is_vector else None

    @property
    def running(self) -> dict[str, float]:
        """What the infos of all steps but the last contain beside the mask."""
        return {} if self.problem.constraint is None else {"cost": 0.0}

    def draw(self, rng: np.random.Generator, options: dict[str, Any]) -> tuple[Request, int]:
        """The request of a new episode and the seed of its noise, 0 without noise."""
        request = self.problem.ask.draw(rng, options)
        return request, int(rng.integers(2**63)) if self.noisy else 0

    def first(self, request: Request, n: int) -> NDArray[Any]:
        """The first observations of n episodes with these requests."""
        return self.encoding.first(n, self.problem.ask.cells(request))

    def task(self, request: Request) -> Task:
        """The task of one episode."""
        return next(self.problem.parts(request))[1].task

    def score(self, choices: Choices, request: Request, seeds: Seeds) -> Iterator[Ending]:
        """The ends of episodes with complete choices ``int8`` (n, 28), their requests and noise seeds."""
        states = SPACE.to_states(choices)
        for rows, problem, asked in self.problem.parts(request):
            of_rows = seeds[rows] if self.noisy else None
            evaluation = problem.assess(states[rows], asked, of_rows)
            rewards = evaluation.reward.astype(np.float32) if problem.is_vector else evaluation.reward
            info = describe(states[rows], evaluation, of_rows) | self.problem.ask.shown(request[rows])
            yield Ending(rows, rewards, info)


class ArchitectureEnv(gymnasium.Env[NDArray[Any], Any]):
    """Builds an architecture step by step; subclasses say what it is worth.

    Args:
        problem: What complete architectures are worth.
        interface: How it is acted on, observed and shown.

    Attributes:
        rules: All that decides an episode.
        problem: What complete architectures are worth, and what an episode may ask for.
        task: The task of the present episode.
        benchmark: Where metrics come from.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012 - declared so by Gymnasium

    def __init__(self, problem: Problem | ProblemSet, interface: Interface) -> None:
        encoding = make_encoding(interface.observation, problem.ask.n_cells, problem.ask.fractions)
        self.rules = rules = Rules(transition(interface.granularity), encoding, problem, interface.noise)
        self.render_mode = interface.render_mode
        self.action_space = self.rules.transition.action_space()
        self.observation_space = encoding.space
        #: The next step, None before the first reset. Everything below is a batch of one episode.
        self._step: int | None = None
        self._choices: Choices = np.zeros((1, SPACE.n_choices), dtype=np.int8)
        self._request = problem.ask.blank(1)
        self._noise_seeds: Seeds = np.zeros(1, dtype=np.uint64)
        self._observations = rules.first(self._request, 1)
        self.task = rules.task(self._request)
        self.benchmark = problem.benchmark
        #: After how many steps the last episodes were given up, and how many these are; None once one was complete.
        self._given_up: tuple[int, int] | None = (0, 0)
        #: Metrics and reward of the complete architecture, for ``render``.
        self._outcome: tuple[dict[str, float], Any] | None = None

    @property
    def problem(self) -> Problem | ProblemSet:
        """What complete architectures are worth, and what an episode may ask for."""
        return self.rules.problem

    @property
    def n_steps(self) -> int:
        """Steps of an episode."""
        return self.rules.transition.n_steps

    @property
    def reset_options(self) -> tuple[str, ...]:
        """Names of the options of ``reset``."""
        return self.rules.problem.ask.options

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Seeds the generator of all that is random.
            options: What the class's documentation lists under Starting State.

        Returns:
            The first observation, and an info with the action mask.

        Raises:
            ValueError: An option is unknown or has an impossible value.
        """
        options = check_options(options, self.reset_options)
        super().reset(seed=seed)
        self._notice_given_up()
        rules = self.rules
        self._request, self._noise_seeds[0] = rules.draw(self.np_random, options)
        self.task = rules.task(self._request)
        self._observations = rules.first(self._request, 1)
        self._step, self._outcome = 0, None
        return self._observations[0].copy(), {"action_mask": rules.transition.masks[0].copy()}

    def step(self, action: Any) -> tuple[NDArray[Any], Any, bool, bool, dict[str, Any]]:
        """Makes the next choices.

        Args:
            action: An action of the action space.

        Returns:
            Observation, reward, whether the architecture is complete, False, and an info.

        Raises:
            ResetNeeded: The episode is over or was never started.
            ValueError: The action is outside the action space.
        """
        step, rules = self._step, self.rules
        tables = rules.transition
        if step is None or step == tables.n_steps:
            raise ResetNeeded(f"call reset() before step(): {NOT_BEGUN if step is None else OVER}")
        chosen = tables.choose(step, tables.parse_one(action))
        made, width = step * tables.choices_per_step, tables.choices_per_step
        self._choices[:, made : made + width] = chosen
        rules.encoding.write(self._observations, made, chosen)
        self._step = step = step + 1
        observation = self._observations[0].copy()
        if step < tables.n_steps:
            nothing = 0.0 if rules.reward_dim is None else np.zeros(rules.reward_dim, dtype=np.float32)
            return (
                observation,
                nothing,
                False,
                False,
                {"action_mask": tables.masks[step].copy(), **rules.running},
            )
        reward, info = self._evaluate()
        return observation, reward, True, False, {"action_mask": tables.masks[step].copy(), **info}

    def take_over(self, step: int, choices: Choices, request: Request, noise_seeds: Seeds) -> None:
        """Takes over an episode from a vector environment, to ``render`` it; arrays are batches of one."""
        self._step = None if step < 0 else step
        self._choices[:], self._request, self._noise_seeds[:] = choices, request, noise_seeds
        self.task = self.rules.task(request)
        self._outcome = None
        if step == self.rules.transition.n_steps:
            self._evaluate()

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are valid now, ``bool``: none before the first reset and after the end of an episode."""
        tables = self.rules.transition
        mask: NDArray[np.bool_] = tables.masks[tables.n_steps if self._step is None else self._step].astype(np.bool_)
        return mask

    def render(self) -> str | NDArray[np.uint8] | None:
        """The blocks so far, as ``render_mode`` says: a table (at the end with metrics and reward), a picture or None.

        Raises:
            ResetNeeded: No episode has begun.
        """
        made = None if self._step is None else self._step * self.rules.transition.choices_per_step
        choices = None if made is None else self._choices[0, :made].tolist()
        return rendering.render(self.render_mode, self.task, self.benchmark.surrogate, choices, *(self._outcome or ()))

    def _notice_given_up(self) -> None:
        """Warns if no episode is ever complete, as with too small a ``max_episode_steps``, of which nobody tells us."""
        step = self._step
        if self._given_up is None or not step:
            return
        if step == self.n_steps:
            self._given_up = None
            return
        after, times = self._given_up
        times = times + 1 if step == after else 1
        self._given_up = (step, times)
        if times >= _GIVEN_UP[0] and times * step >= _GIVEN_UP[1]:
            self._given_up = None
            gymnasium.logger.warn(
                f"all episodes so far, {times}, ended after {step} of {self.n_steps} steps, and only the last step has "
                f"a reward: max_episode_steps must be None or at least {self.n_steps}"
            )

    def _evaluate(self) -> tuple[Any, dict[str, Any]]:
        """Reward and info of the complete architecture."""
        (ending,) = self.rules.score(self._choices, self._request, self._noise_seeds)
        reward = float(ending.rewards[0]) if ending.rewards.ndim == 1 else ending.rewards[0]
        info = first_row(ending.info)
        self._outcome = (info["metrics"], reward)
        return reward, info
