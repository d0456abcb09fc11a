"""The environments that improve an architecture, one changed choice per step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index as to_int
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym._errors import integer
from anb_gym._types import FloatArray, Rows, Seeds
from anb_gym.envs import rendering
from anb_gym.envs.build import make_problem
from anb_gym.envs.core.copies import CopiesVectorEnv
from anb_gym.envs.core.infos import Columns, architecture_strings, describe, first_row
from anb_gym.envs.core.inputs import NOT_BEGUN, OVER, Actions, check_options, parse_action, parse_actions
from anb_gym.envs.core.rules import RENDER_MODES, Interface
from anb_gym.problems import Evaluation, Problem
from anb_gym.rewards import Metrics
from anb_gym.space import SPACE, Architecture, Choices

_Observation = NDArray[np.float32]
_Info = dict[str, Any]

#: The choice that each action changes, and the option that the choice gets: ``int64`` (71,).
POSITIONS: Final = np.repeat(np.arange(SPACE.n_choices), SPACE.cardinalities)
OPTIONS: Final = np.concatenate([np.arange(n) for n in SPACE.cardinalities])
N_ACTIONS: Final = len(POSITIONS)
#: The first cell of every choice: an action has the number of the cell that shows its option.
_FIRST_CELLS: Final = np.cumsum(SPACE.cardinalities) - SPACE.cardinalities

#: Steps of an episode: as many as there are choices, so every architecture can be reached from every other.
HORIZON: Final = SPACE.n_choices


class EditEnv(gymnasium.Env[_Observation, np.int64]):
    """Improves an image classifier of the MnasNet space, one changed choice at a time.

    ## Description

    An episode begins with a complete architecture, random or given, as `BuildEnv` describes it. Each step sets one of
    its 28 choices to one of the choice's options, and the reward is by how much the architecture became better. It is
    local search, with the search left to the controller.

    ## Action Space

    `Discrete(71)`: the pairs of a choice and its option, in the order of the observation's cells. Action 2, for
    instance, gives block 0 the expansion factor 6, whatever it has now. An action that names an option that the
    architecture has already changes nothing, and its reward is 0; the mask leaves these 28 out, so a controller that
    keeps to it changes something at every step. The mask is in `info["action_mask"]` (`int8`, as
    `Discrete.sample(mask=...)` takes it) after `reset` and after every step, and `action_masks()` returns it as `bool`
    for MaskablePPO of sb3-contrib.

    ## Observation Space

    `Box(0, 1, (71,), float32)`: one-hot of the architecture's choices, 3 + 2 + 3 + 2 cells per block (block 5:
    3 + 2 + 4 + 2). The number of steps is not in it, because the horizon belongs to the training and not to the task;
    `gymnasium.wrappers.TimeAwareObservation` adds it to an environment that is made with `max_episode_steps` equal
    to `horizon`.

    ## Rewards

    The task's reward of the architecture after the step less that before it, so the rewards of an episode add up to
    what the last architecture has over the first. The task's reward, its `reward_scale`, `target` and `weights` are
    those of `BuildEnv`: by default a unit takes random architectures' mean to the certified optimum.

    Unlike in the ids that build, what a change is worth is known at once: to train agents, discount. PPO with 64
    copies, `gamma=0.9`, `gae_lambda=0.9` and `ent_coef=0.01` ends within 0.02 of the optimum after 5,120 episodes;
    with the settings for building, `gamma=1.0`, it learns nearly nothing in that time.

    The info of the last step contains:

    | Key             | Content                                                                            |
    |-----------------|------------------------------------------------------------------------------------|
    | `start`         | The architecture that the episode began with, as a string                          |
    | `architecture`  | The architecture now, as a string, see `Architecture.parse`                        |
    | `index`         | Its index in the search space                                                      |
    | `metrics`       | The task's metrics by name, as the reward saw them                                 |
    | `raw_reward`    | The task's reward of the architecture before scaling                               |
    | `regret`        | Only if the optimum is certified: how far the architecture is below it, 0 to about 1 |
    | `exact_metrics` | Only with `noise=True`: the metrics without noise                                  |
    | `noise_seed`    | Only with `noise=True`: `Benchmark.query(index, noise=noise_seed)` gives `metrics`   |

    ## Starting State

    A uniformly random architecture; the one in `start`; or that in `reset(options={"architecture": ...})`, for one
    episode. It can be an `Architecture`, its string or its index. With `noise=True`, `reset` draws the seed of the
    episode's measurement noise: an architecture measures the same whenever the episode comes to it.

    ## Episode End

    The episode is truncated after `horizon` steps and never terminates: bootstrap from the last observation.

    ## Arguments

    | Argument       | Default     | Meaning                                                                     |
    |----------------|-------------|-----------------------------------------------------------------------------|
    | `task`         | by the id   | Name in `anb_gym.tasks.TASKS`                                               |
    | `surrogate`    | `None`      | Family: `"gp"`, `"xgb"` or `"lgb"`; `None`: `"gp"`, the best                |
    | `reward`       | `"product"` | As for `BuildEnv`: a name or a function                                     |
    | `reward_scale` | `"unit"`    | `"unit"` or `"raw"`                                                         |
    | `target`       | `None`      | Target of the reward in the device metric's unit; `None`: the task's        |
    | `weights`      | `None`      | Weights of `"weighted"` and `"chebyshev"`; `None`: equal ones               |
    | `start`        | `None`      | String or index of every episode's first architecture; `None`: random       |
    | `horizon`      | `28`        | Steps of an episode, at least 1                                             |
    | `noise`        | `False`     | Whether metrics show the noise of one measurement                           |
    | `render_mode`  | `None`      | `None`, `"ansi"` for a table or `"rgb_array"` for a picture of the network  |
    | `world`        | `None`      | A world of the surrogate, as for `BuildEnv`                                 |

    A picture needs the extra `render`.

    ```python
    >>> import gymnasium as gym
    >>> import anb_gym
    >>> env = gym.make("anb_gym:AccelNAS-Edit-VCK190-v0")
    >>> observation, info = env.reset(options={"architecture": anb_gym.EFFICIENTNET_B0})
    >>> observation, reward, terminated, truncated, info = env.step(2)  # expansion 6 in block 0
    >>> f"{reward:.3f}"
    '-0.356'

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.edit.EditVectorEnv`, which steps many copies at once, equal to Gymnasium's
    `SyncVectorEnv` of them in every value.

    ## Version History

    * v0: First version.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012 - declared so by Gymnasium
    #: Names of the options of ``reset``.
    reset_options: Final = ("architecture",)

    def __init__(
        self,
        task: str,
        surrogate: str | None = None,
        reward: str | Callable[[Metrics], Any] = "product",
        reward_scale: str = "unit",
        target: float | None = None,
        weights: Sequence[float] | None = None,
        start: str | int | None = None,
        horizon: int = HORIZON,
        noise: bool = False,
        render_mode: str | None = None,
        world: int | None = None,
    ) -> None:
        #: What architectures are worth, and their task.
        self.problem = make_problem(task, surrogate, reward, reward_scale, target, weights, world=world)
        self.task = self.problem.task
        self._start = None if start is None else _parse(start, "start")
        #: Steps of an episode.
        self.n_steps = integer(horizon, 1, "horizon")
        self._noisy = Interface(noise=noise, render_mode=render_mode).noise
        self._seeds: Seeds = np.zeros(1, dtype=np.uint64)
        self.render_mode = render_mode
        self.action_space = spaces.Discrete(N_ACTIONS)
        self.observation_space = spaces.Box(0.0, 1.0, (N_ACTIONS,), np.float32)
        #: Steps made, None before the first reset; the architectures at the start and now; its worth and cells.
        self._made: int | None = None
        self._first = self._choices = np.zeros(SPACE.n_choices, dtype=np.int8)
        self._worth = 0.0
        self._observation = np.zeros(N_ACTIONS, dtype=np.float32)
        #: The choice that the last step named, and its reward, for ``render``.
        self._changed: int | None = None
        self._reward: float | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[_Observation, _Info]:
        """Starts an episode.

        Args:
            seed: Seeds the generator of random architectures and noise seeds.
            options: ``{"architecture": ...}`` to start from: an ``Architecture``, its string or its index.

        Returns:
            The first observation, and an info with the action mask.

        Raises:
            ValueError: An option is unknown, or its value is no architecture.
        """
        options = check_options(options, self.reset_options)
        super().reset(seed=seed)
        first, noise_seed = self.draw(self.np_random, options)
        self.take_over(0, first, first, noise_seed)
        return self._observation.copy(), {"action_mask": self._mask()}

    def step(self, action: Any) -> tuple[_Observation, float, bool, bool, _Info]:
        """Sets one choice to one of its options.

        Args:
            action: An integer in 0..70.

        Returns:
            Observation, improvement, False, whether this was the last step, and an info.

        Raises:
            ResetNeeded: The episode is over or was never started.
            ValueError: The action is outside the action space.
        """
        if self._made is None or self._made == self.n_steps:
            raise ResetNeeded(f"call reset() before step(): {NOT_BEGUN if self._made is None else OVER}")
        number = parse_action(action, N_ACTIONS)
        self._changed = position = int(POSITIONS[number])
        shown = int(_FIRST_CELLS[position] + self._choices[position])
        self._reward = 0.0
        if shown != number:
            self._choices[position] = OPTIONS[number]
            self._observation[shown], self._observation[number] = 0.0, 1.0
            worth = float(self.reward(self._choices[None], self._seeds)[0])
            self._reward, self._worth = worth - self._worth, worth
        self._made += 1
        observation = self._observation.copy()
        if self._made < self.n_steps:
            return observation, self._reward, False, False, {"action_mask": self._mask()}
        choices = self._choices[None]
        info = self.last_info(self._first[None], choices, self.assess(choices, self._seeds), self._seeds)
        return observation, self._reward, False, True, first_row(info)

    def draw(self, rng: np.random.Generator, options: dict[str, Any]) -> tuple[Choices, int]:
        """The architecture that a new episode begins with, ``int8`` (28,), and the seed of its noise."""
        # Both are drawn whether they are used or not: what is given does not change what is random.
        drawn = rng.integers(SPACE.cardinalities)  # as ``SPACE.sample`` does it for many, in half the time
        noise_seed = int(rng.integers(2**63))
        if "architecture" in options:
            return _parse(options["architecture"], 'options["architecture"]'), noise_seed
        return drawn.astype(np.int8) if self._start is None else self._start, noise_seed

    def take_over(
        self,
        made: int,
        first: Choices,
        choices: Choices,
        noise_seed: int,
        changed: int | None = None,
        reward: float | None = None,
    ) -> None:
        """Takes over an episode, new or from a vector environment.

        Args:
            made: Steps made, negative before the first episode.
            first: The architecture at its start, ``int8`` (28,).
            choices: That now.
            noise_seed: Seed of the measurement noise.
            changed: The choice that the last step named, None at the start.
            reward: Its reward.
        """
        self._made = None if made < 0 else made
        self._first, self._choices = first.copy(), choices.copy()
        self._seeds[0] = noise_seed
        self._changed, self._reward = changed, reward
        self._worth = float(self.reward(self._choices[None], self._seeds)[0])
        self._observation[:] = self._choices[POSITIONS] == OPTIONS

    def reward(self, choices: Choices, seeds: Seeds) -> FloatArray:
        """Rewards ``float64`` (n,) of architectures ``int8`` (n, 28) measured with these noise seeds, if any."""
        return self.problem.score(self.measure(choices, seeds))

    def measure(self, choices: Choices, seeds: Seeds) -> Metrics:
        """Metrics of architectures, as :meth:`reward`."""
        return self.problem.measure(SPACE.to_states(choices), seeds if self._noisy else None)

    def assess(self, choices: Choices, seeds: Seeds) -> Evaluation:
        """Evaluation of architectures, with arguments as those of :meth:`reward`."""
        return self.problem.assess(SPACE.to_states(choices), None, seeds if self._noisy else None)

    def last_info(self, first: Choices, choices: Choices, evaluation: Evaluation, seeds: Seeds) -> Columns:
        """Last infos of episodes, from their first and last architectures ``int8`` (n, 28)."""
        info = describe(SPACE.to_states(choices), evaluation, seeds if self._noisy else None)
        mask = (choices[:, POSITIONS] != OPTIONS).astype(np.int8)  # values are bootstrapped from the last observation
        return {"action_mask": mask, "start": architecture_strings(SPACE.to_states(first)), **info}

    def action_masks(self) -> NDArray[np.bool_]:
        """Mask of actions that change the architecture, ``bool`` (71,): none before a reset or after the end."""
        over = self._made is None or self._made == self.n_steps
        return np.zeros(N_ACTIONS, dtype=np.bool_) if over else self._mask().astype(np.bool_)

    def render(self) -> str | NDArray[np.uint8] | None:
        """The architecture now, as ``render_mode`` says: a table or a picture, with metrics and the last reward.

        Raises:
            ResetNeeded: No episode has begun.
        """
        choices = None if self._made is None else self._choices.tolist()
        metrics = None if self._made is None else first_row(dict(self.measure(self._choices[None], self._seeds)))
        surrogate = self.problem.surrogate
        return rendering.render(self.render_mode, self.task, surrogate, choices, metrics, self._reward, self._changed)

    def _mask(self) -> NDArray[np.int8]:
        mask: NDArray[np.int8] = (self._observation == 0.0).astype(np.int8)
        return mask


class EditVectorEnv(CopiesVectorEnv):
    """Copies of :class:`EditEnv`: at each step all architectures are scored together."""

    env_type: ClassVar[type[EditEnv]] = EditEnv
    truncates = True
    single_env: EditEnv

    def _make_room(self) -> None:
        #: Architectures at the start and now, the latter's worth, the choice that the last step named and its reward.
        self._first = np.zeros((self.num_envs, SPACE.n_choices), dtype=np.int8)
        self._choices = np.zeros((self.num_envs, SPACE.n_choices), dtype=np.int8)
        self._worth = np.zeros(self.num_envs)
        self._changed = np.zeros(self.num_envs, dtype=np.int64)
        self._rewards = np.zeros(self.num_envs)
        self._seeds = np.zeros(self.num_envs, dtype=np.uint64)

    @property
    def problem(self) -> Problem:
        """The problem: the worth of architectures."""
        return self.single_env.problem

    def action_masks(self) -> NDArray[np.bool_]:
        running = (self._steps >= 0) & (self._steps < self.n_steps)
        masks: NDArray[np.bool_] = running[:, None] & (self._observations == 0.0)
        return masks

    def single(self, row: int) -> EditEnv:
        step = int(self._steps[row])
        last = (int(self._changed[row]), float(self._rewards[row])) if step > 0 else (None, None)
        self.single_env.take_over(step, self._first[row], self._choices[row], int(self._seeds[row]), *last)
        return self.single_env

    def _parse(self, actions: Any) -> Actions:
        return parse_actions(actions, (self.num_envs,), np.array(N_ACTIONS))

    def _start(self, rows: Rows, options: dict[str, Any]) -> None:
        for row in self._numbers[rows].tolist():
            self._first[row], self._seeds[row] = self.single_env.draw(self._generator(row), options)
        if self.noise_seed is not None:
            self._seeds[rows] = self.noise_seed
        self._choices[rows] = self._first[rows]
        self._worth[rows] = self.single_env.reward(self._choices[rows], self._seeds[rows])
        self._observations[rows] = self._choices[rows][:, POSITIONS] == OPTIONS

    def _info(self, step: int, rows: Rows) -> Columns:
        return {"action_mask": (self._observations[rows] == 0.0).astype(np.int8)}

    def _advance(self, step: int, rows: Rows, actions: Actions, rewards: NDArray[Any]) -> None:
        numbers = self._numbers[rows]
        self._changed[rows] = positions = POSITIONS[actions]
        # Many actions name the option that is there already.
        shown = _FIRST_CELLS[positions] + self._choices[numbers, positions]
        other = np.flatnonzero(shown != actions)
        numbers, cells = numbers[other], actions[other]
        self._rewards[rows] = 0.0
        if len(numbers):
            self._choices[numbers, positions[other]] = OPTIONS[cells]
            self._observations[numbers, shown[other]] = 0.0
            self._observations[numbers, cells] = 1.0
            choices, seeds = self._choices[numbers], self._seeds[numbers]
            if self.observer is None:
                worth = self.single_env.reward(choices, seeds)
            else:
                evaluation = self.single_env.assess(choices, seeds)
                worth = evaluation.reward
                self.observer(SPACE.to_index(choices), worth, evaluation.regret, np.empty((len(worth), 0)))
            self._rewards[numbers] = worth - self._worth[numbers]
            self._worth[numbers] = worth
        rewards[rows] = self._rewards[rows]

    def _finish(self, rows: Rows, rewards: NDArray[Any]) -> list[tuple[NDArray[np.int64], Columns]]:
        choices, seeds = self._choices[rows], self._seeds[rows]
        evaluation = self.single_env.assess(choices, seeds)
        return [(self._numbers[rows], self.single_env.last_info(self._first[rows], choices, evaluation, seeds))]


def _parse(architecture: Any, argument: str) -> Choices:
    """Choices ``int8`` (28,) of an architecture, its string or its index."""
    try:
        if isinstance(architecture, Architecture):
            return architecture.choices
        if isinstance(architecture, str):
            return Architecture.parse(architecture).choices
        return Architecture.from_index(to_int(architecture)).choices
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{argument} must be an Architecture, its string or its index, got {architecture!r}: {error}"
        ) from None
