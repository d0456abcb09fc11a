"""Base of all environments that build an architecture."""

from __future__ import annotations

from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym._types import Seeds
from anb_gym.envs import rendering
from anb_gym.envs.core.infos import first_row
from anb_gym.envs.core.inputs import NOT_BEGUN, OVER, check_options
from anb_gym.envs.core.ruled import RuledEnv
from anb_gym.envs.core.rules import Interface, Rules
from anb_gym.problems import AnyProblem, Request
from anb_gym.space import Choices

#: Episodes in a row that end early, and their steps in all, before a warning: tests of environments make few steps.
_GIVEN_UP: Final = (3, 20)


class ArchitectureEnv(RuledEnv):
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

    rules: Rules

    def __init__(self, problem: AnyProblem, interface: Interface) -> None:
        self.rules = rules = Rules(problem, interface)
        self.render_mode = interface.render_mode
        self.action_space = rules.transition.action_space()
        self.observation_space = rules.encoding.space
        #: What the episode asks for and the seed of its noise, as batches of one.
        self._request = problem.ask.blank(1)
        self._noise_seeds: Seeds = np.zeros(1, dtype=np.uint64)
        #: The next step, None before the first reset; the choices made, and what is seen of them.
        self._step: int | None = None
        self._choices: list[int] = []
        self._observation = rules.first(self._request, 1)[0]
        self.task = self.problem.task_of(self._request)
        self.benchmark = problem.benchmark
        #: After how many steps the last episodes were given up, and how many these are; None once one was complete.
        self._given_up: tuple[int, int] | None = (0, 0)
        #: Metrics and reward of the complete architecture, for ``render``.
        self._outcome: tuple[dict[str, float], Any] | None = None

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
        self.task = self.problem.task_of(self._request)
        self._observation = rules.first(self._request, 1)[0]
        self._step, self._choices, self._outcome = 0, [], None
        return self._observation.copy(), {"action_mask": rules.transition.masks[0].copy()}

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
        step, rules, observation = self._step, self.rules, self._observation
        tables, moves = rules.transition, rules.moves
        if step is None or step == tables.n_steps:
            raise ResetNeeded(f"call reset() before step(): {NOT_BEGUN if step is None else OVER}")
        parsed = tables.parse_one(action)
        if moves is None:
            chosen = tables.choose(step, parsed[None])
            rules.encoding.write(observation[None], 0, chosen)
            self._choices = chosen[0].tolist()
        else:
            made, shown = moves[step][parsed]
            self._choices += made
            for cell, value in shown:
                observation[cell] = value
        self._step = step = step + 1
        mask = tables.mask_rows[step].copy()
        if step < tables.n_steps:
            dim = rules.reward_dim
            nothing = 0.0 if dim is None else np.zeros(dim, dtype=np.float32)
            return observation.copy(), nothing, False, False, {"action_mask": mask, **rules.running}
        reward, info = self._evaluate()
        return observation.copy(), reward, True, False, {"action_mask": mask, **info}

    def take_over(self, step: int, choices: Choices, request: Request, noise_seeds: Seeds) -> None:
        """Takes over an episode from a vector environment, to ``render`` it; arrays are batches of one."""
        self._step = None if step < 0 else step
        self._choices = choices[0, : max(0, step) * self.rules.transition.choices_per_step].tolist()
        self._request, self._noise_seeds[:] = request, noise_seeds
        self.task = self.problem.task_of(request)
        self._outcome = None
        if step == self.rules.transition.n_steps:
            self._evaluate()

    def action_masks(self) -> NDArray[np.bool_]:
        """Mask of valid actions, ``bool``: none before the first reset and after the end of an episode."""
        tables = self.rules.transition
        mask: NDArray[np.bool_] = tables.masks[tables.n_steps if self._step is None else self._step].astype(np.bool_)
        return mask

    def render(self) -> str | NDArray[np.uint8] | None:
        """The blocks so far, as ``render_mode`` says: a table (at the end with metrics and reward), a picture or None.

        Raises:
            ResetNeeded: No episode has begun.
        """
        choices = None if self._step is None else self._choices
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
        choices = np.array([self._choices], dtype=np.int8)
        (ending,) = self.rules.score(choices, self._request, self._noise_seeds)
        reward = float(ending.rewards[0]) if ending.rewards.ndim == 1 else ending.rewards[0]
        info = first_row(ending.info)
        self._outcome = (info["metrics"], reward)
        return reward, info
