"""What all environments that build an architecture share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym.envs import rendering
from anb_gym.envs.encoding import Encoding, make_encoding
from anb_gym.envs.inputs import NOT_BEGUN, OVER, check_options
from anb_gym.envs.outcomes import Outcome, Scoring, Seeds, first_row
from anb_gym.envs.transition import Transition, transition
from anb_gym.rewards import FloatArray
from anb_gym.space import SPACE, Choices

RENDER_MODES = ("ansi", "rgb_array")
#: Episodes in a row that end early, and their steps in all, before a warning: tests of environments make few steps.
_GIVEN_UP: Final = (3, 20)


@dataclass(frozen=True, eq=False)
class Rules:
    """All that decides an episode; single and vector environments hold the same.

    Attributes:
        transition: What actions choose, and which are valid.
        encoding: What observations show.
        scoring: What complete architectures are worth, and what an episode asks for.
        noisy: Whether metrics show measurement noise.
    """

    transition: Transition
    encoding: Encoding
    scoring: Scoring
    noisy: bool

    @property
    def random(self) -> bool:
        """Whether a reset draws anything."""
        return self.noisy or self.scoring.n_context > 0

    def draw(self, rng: np.random.Generator, options: dict[str, Any]) -> tuple[FloatArray, int]:
        """The context of a new episode and the seed of its noise, 0 without noise."""
        context = self.scoring.draw(rng, options)
        return context, int(rng.integers(2**63)) if self.noisy else 0

    def score(self, choices: Choices, context: FloatArray, seeds: Seeds) -> list[Outcome]:
        """Outcomes of complete choices ``int8`` (n, 28), with their contexts and noise seeds."""
        return self.scoring(SPACE.to_states(choices), context, seeds if self.noisy else None)


class ArchitectureEnv(gymnasium.Env[NDArray[Any], Any]):
    """Builds an architecture step by step; subclasses say what it is worth.

    Args:
        scoring: What complete architectures are worth.
        granularity: A name in :data:`anb_gym.envs.transition.GRANULARITIES`.
        observation: A name in :data:`anb_gym.envs.encoding.OBSERVATIONS`.
        noise: Whether metrics show the noise of one measurement.
        render_mode: None, ``"ansi"`` or ``"rgb_array"``.

    Attributes:
        rules: All that decides an episode.
        task: The task of the present episode.
        benchmark: Where metrics come from.

    Raises:
        ValueError: An argument has an unknown value.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012 - declared so by Gymnasium

    def __init__(
        self, scoring: Scoring, granularity: str, observation: str, noise: bool, render_mode: str | None
    ) -> None:
        if not isinstance(noise, bool):
            raise ValueError(f"noise must be True or False, got {noise!r}")
        encoding = make_encoding(observation, scoring.n_context, scoring.fractions)
        self.rules = Rules(transition(granularity), encoding, scoring, noise)
        self.render_mode = None if render_mode is None else choose(render_mode, RENDER_MODES, "render_mode")
        self.action_space = self.rules.transition.action_space()
        self.observation_space = encoding.space
        #: The next step, None before the first reset. Everything below is a batch of one episode.
        self._step: int | None = None
        self._choices: Choices = np.zeros((1, SPACE.n_choices), dtype=np.int8)
        self._context: FloatArray = np.zeros((1, scoring.n_context))
        self._noise_seeds: Seeds = np.zeros(1, dtype=np.uint64)
        self._observations = encoding.first(self._context)
        self.task = scoring.task(self._context[0])
        self.benchmark = scoring.benchmark
        #: After how many steps the last episodes were given up, and how many these are; None once one was complete.
        self._given_up: tuple[int, int] | None = (0, 0)
        #: Metrics and reward of the complete architecture, for ``render``.
        self._outcome: tuple[dict[str, float], Any] | None = None

    @property
    def n_steps(self) -> int:
        """Steps of an episode."""
        return self.rules.transition.n_steps

    @property
    def reset_options(self) -> tuple[str, ...]:
        """Names of the options of ``reset``."""
        return self.rules.scoring.options

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
        self._context[0], self._noise_seeds[0] = rules.draw(self.np_random, options)
        self.task = rules.scoring.task(self._context[0])
        self._observations = rules.encoding.first(self._context)
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
            dim = rules.scoring.reward_dim
            nothing = 0.0 if dim is None else np.zeros(dim, dtype=np.float32)
            return (
                observation,
                nothing,
                False,
                False,
                {"action_mask": tables.masks[step].copy(), **rules.scoring.running},
            )
        reward, info = self._evaluate()
        return observation, reward, True, False, {"action_mask": tables.masks[step].copy(), **info}

    def take_over(self, step: int, choices: Choices, context: FloatArray, noise_seeds: Seeds) -> None:
        """Takes over an episode from a vector environment, to ``render`` it; arrays are batches of one."""
        self._step = None if step < 0 else step
        self._choices[:], self._context[:], self._noise_seeds[:] = choices, context, noise_seeds
        self.task = self.rules.scoring.task(self._context[0])
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
        return rendering.render(
            self.render_mode, self.task, self.rules.scoring.benchmark.surrogate, choices, *(self._outcome or ())
        )

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
        (outcome,) = self.rules.score(self._choices, self._context, self._noise_seeds)
        reward = float(outcome.rewards[0]) if outcome.rewards.ndim == 1 else outcome.rewards[0]
        info = first_row(outcome.info)
        self._outcome = (info["metrics"], reward)
        return reward, info
