"""Seven agents design one image classifier together, one block each, following PettingZoo.

## Description

Agent `block_0` decides block 0 of the network, `block_1` block 1, and so on; the network and the tasks are those of
`anb_gym.envs.build.BuildEnv`. `env()` is PettingZoo's AEC form: agents act in turn and see the blocks before their own.
`parallel_env()` is its Parallel form: all agents act at once, in the only step of an episode. `raw_env()` is `env()`
without PettingZoo's checks of the order of calls. `pettingzoo.utils.aec_to_parallel` of `env()` equals
`parallel_env()`, and `env()` equals one agent's `BuildEnv` with `granularity="block"`.

## Action Space

`Discrete(48)` for every agent, so that agents can share a policy: the state of the block, that is its combination of
expansion, kernel, layers and squeeze-excitation, the last running fastest. Six blocks have 36 states, `block_5` has 48.
Action a stands for state `a % states`, so every action is allowed; the mask shows those that name each state once.
It is in `infos[agent]["action_mask"]` (`int8`, as `Discrete.sample(mask=...)` takes it) and not in the observation,
because PettingZoo's own test suite warns about observations that are not arrays.

## Observation Space

`Box(0, 1, (107,), float32)` for every agent:

| Cells   | Content                                                                                         |
|---------|-------------------------------------------------------------------------------------------------|
| 0-70    | One-hot of every choice made, 3 + 2 + 3 + 2 cells per block (block 5: 3 + 2 + 4 + 2); else zero |
| 71-99   | One-hot of the number of choices made, 0 to 28                                                  |
| 100-106 | One-hot of the agent's block                                                                    |

`state()` is the first 100 cells, for training with a central critic.

## Rewards

The team's: every agent gets the same, 0 until the network is complete and then the task's reward, as for `BuildEnv`.
Then the info of every agent is the last info of `BuildEnv`: `architecture`, `index`, `metrics`, `raw_reward` and, if
the optimum is certified, `regret`; with noise also `exact_metrics` and `noise_seed`.

## Starting State

No choice is made. With `noise=True`, `reset` draws the seed of the episode's measurement noise. Options are ignored.

## Episode End

All agents terminate together when the network is complete; none is ever truncated.

## Arguments

| Argument       | Default     | Meaning                                                                       |
|----------------|-------------|-------------------------------------------------------------------------------|
| `task`         | `"VCK190"`  | Name in `anb_gym.tasks.TASKS`                                                 |
| `surrogate`    | `None`      | Family: `"gp"`, `"xgb"` or `"lgb"`; `None`: `"gp"`, the best                  |
| `reward`       | `"product"` | As for `BuildEnv`: a name or a function                                       |
| `reward_scale` | `"unit"`    | `"unit"` or `"raw"`                                                           |
| `target`       | `None`      | Target or bound of the reward in the device metric's unit; `None`: the task's |
| `weights`      | `None`      | Weights of `"weighted"` and `"chebyshev"`; `None`: equal ones                 |
| `noise`        | `False`     | Whether metrics show the noise of one measurement                             |
| `render_mode`  | `None`      | `None`, `"human"` to print a table, `"ansi"` to return it, or `"rgb_array"`   |
| `world`        | `None`      | A world of the surrogate, as for `BuildEnv`                                   |

The extra `multiagent` installs PettingZoo; a picture needs the extra `render`.

```python
>>> from anb_gym.envs import accelnas_v0
>>> env = accelnas_v0.env(task="A100")
>>> env.reset(seed=0)
>>> for agent in env.agent_iter():
...     observation, reward, termination, truncation, info = env.last()
...     env.step(None if termination else env.action_space(agent).sample(mask=info["action_mask"]))
>>> sorted(info)
['architecture', 'index', 'metrics', 'raw_reward', 'regret']

```

## Version History

* v0: First version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym._extras import needing
from anb_gym.envs.build import BuildEnv
from anb_gym.envs.core.inputs import NOT_BEGUN, OVER
from anb_gym.envs.core.rules import RENDER_MODES
from anb_gym.rewards import Metrics
from anb_gym.space import N_BLOCKS

with needing("multiagent"):
    from pettingzoo import AECEnv, ParallelEnv
    from pettingzoo.utils.wrappers import OrderEnforcingWrapper

#: One agent per block, in the order in which they act.
AGENTS: Final = tuple(f"block_{block}" for block in range(N_BLOCKS))

_Observation = NDArray[np.float32]
_Info = dict[str, Any]


class Team:
    """Base of both forms: the agents and their spaces, around an environment that builds block by block.

    The arguments are those of the module's documentation.

    Attributes:
        possible_agents: All seven agents.
        agents: Those that still act.
        state_space: Space of :meth:`state`.
        problem: What the agents seek together.
        render_mode: None, ``"human"``, ``"ansi"`` or ``"rgb_array"``.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "accelnas_v0",
        "render_modes": ["human", *RENDER_MODES],
        "render_fps": 1,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        task: str = "VCK190",
        surrogate: str | None = None,
        reward: str | Callable[[Metrics], Any] = "product",
        reward_scale: str = "unit",
        target: float | None = None,
        weights: Sequence[float] | None = None,
        noise: bool = False,
        render_mode: str | None = None,
        world: int | None = None,
    ) -> None:
        if render_mode is not None:
            choose(render_mode, self.metadata["render_modes"], "render_mode")
        self.render_mode = render_mode
        self._build = BuildEnv(
            task,
            surrogate,
            reward=reward,
            reward_scale=reward_scale,
            target=target,
            weights=weights,
            granularity="block",
            noise=noise,
            render_mode="ansi" if render_mode == "human" else render_mode,
            world=world,
        )
        self.problem = self._build.problem
        self._transition = self._build.rules.transition
        self.state_space = self._build.rules.encoding.space
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        self._begun = False
        self._state = np.zeros(self.state_space.shape, dtype=np.float32)
        cells = len(self._state) + len(AGENTS)
        self._observation_spaces = {agent: spaces.Box(0.0, 1.0, (cells,), np.float32) for agent in AGENTS}
        self._action_spaces = {agent: self._transition.action_space() for agent in AGENTS}

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's observations, the same object at every call."""
        return self._observation_spaces[choose(agent, AGENTS, "agent")]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's actions, the same object at every call."""
        return self._action_spaces[choose(agent, AGENTS, "agent")]

    def state(self) -> _Observation:
        """The choices made so far, without the cells that tell agents apart: ``float32`` (100,)."""
        return self._state.copy()

    def observe(self, agent: str) -> _Observation:
        """Observation of an agent, ``float32`` (107,)."""
        identity = np.zeros(len(AGENTS), dtype=np.float32)
        identity[AGENTS.index(choose(agent, AGENTS, "agent"))] = 1.0
        return np.concatenate([self._state, identity])

    def render(self) -> str | NDArray[np.uint8] | None:
        """The blocks so far: a table, printed if the mode is ``"human"``, or a picture.

        Raises:
            ResetNeeded: No episode has begun.
        """
        drawn = self._build.render()
        if self.render_mode != "human":
            return drawn
        print(drawn)
        return None

    def close(self) -> None:
        """Nothing is left open."""

    def _begin(self, seed: int | None) -> dict[str, _Info]:
        """Starts an episode and returns the agents' infos."""
        self._state, _ = self._build.reset(seed=seed)
        self.agents, self._begun = list(AGENTS), True
        masks = self._transition.masks.copy()
        return {agent: {"action_mask": masks[block]} for block, agent in enumerate(AGENTS)}

    def _decide(self, action: Any) -> tuple[float, bool, _Info]:
        """Makes the next block; returns the team's reward, whether the network is complete, and the info."""
        self._state, reward, complete, _, info = self._build.step(action)
        del info["action_mask"]  # which ``reset`` has told each agent
        return reward, complete, info


class TurnsEnv(Team, AECEnv):  # type: ignore[misc] # PettingZoo has no types
    """Agents act in turn, each seeing the blocks before its own: see the module's documentation."""

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Starts an episode.

        Args:
            seed: Seeds the generator of noise seeds; nothing else is random.
            options: Ignored.
        """
        self.infos = self._begin(seed)
        self.agent_selection = AGENTS[0]
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        self._cumulative_rewards = dict.fromkeys(AGENTS, 0.0)
        self.terminations = dict.fromkeys(AGENTS, False)
        self.truncations = dict.fromkeys(AGENTS, False)

    def step(self, action: Any) -> None:
        """Makes the choices of the selected agent's block.

        Args:
            action: An integer in 0..47; None for an agent that has finished.

        Raises:
            ResetNeeded: No agent is left, or the environment was never reset.
            ValueError: The action is outside the action space.
        """
        if not self.agents:
            raise ResetNeeded(f"call reset() before step(): {OVER if self._begun else NOT_BEGUN}")
        if self.terminations[self.agent_selection]:
            self._was_dead_step(action)
            return
        reward, complete, info = self._decide(action)
        self._cumulative_rewards[self.agent_selection] = 0.0
        self.rewards = dict.fromkeys(AGENTS, reward)
        self._accumulate_rewards()
        if complete:
            self.terminations = dict.fromkeys(AGENTS, True)
            self.infos = {agent: dict(info) for agent in AGENTS}
        self.agent_selection = AGENTS[(AGENTS.index(self.agent_selection) + 1) % len(AGENTS)]


class TogetherEnv(Team, ParallelEnv):  # type: ignore[misc] # PettingZoo has no types
    """All agents act at once, none seeing the others' blocks: see the module's documentation."""

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, _Observation], dict[str, _Info]]:
        """Starts an episode.

        Args:
            seed: Seeds the generator of noise seeds; nothing else is random.
            options: Ignored.

        Returns:
            Observations and infos by agent.
        """
        infos = self._begin(seed)
        return {agent: self.observe(agent) for agent in AGENTS}, infos

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, _Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, _Info]]:
        """Makes all choices.

        Args:
            actions: An integer in 0..47 by agent.

        Returns:
            Observations, rewards, terminations, truncations and infos by agent.

        Raises:
            ResetNeeded: The episode is over, or none has begun.
            ValueError: An agent is missing or unknown, or an action is outside the action space.
        """
        if not self.agents:
            raise ResetNeeded(f"call reset() before step(): {OVER if self._begun else NOT_BEGUN}")
        if not isinstance(actions, Mapping):
            raise ValueError(f"actions must be a dict with an action for each agent, got {actions!r}")
        if set(actions) != set(AGENTS):
            given = ", ".join(map(str, actions)) or "none"
            raise ValueError(f"actions must have the keys {', '.join(AGENTS)}, got {given}")
        for agent in AGENTS:  # before any of them acts
            try:
                self._transition.parse_one(actions[agent])
            except ValueError as error:
                raise ValueError(f"actions[{agent!r}]: {error}") from None
        for agent in AGENTS:
            reward, _, info = self._decide(actions[agent])
        self.agents = []
        return (
            {agent: self.observe(agent) for agent in AGENTS},
            dict.fromkeys(AGENTS, reward),
            dict.fromkeys(AGENTS, True),
            dict.fromkeys(AGENTS, False),
            {agent: dict(info) for agent in AGENTS},
        )


class _InOrder(OrderEnforcingWrapper):  # type: ignore[misc] # PettingZoo has no types
    """PettingZoo's checks of the order of calls; here a step after the end is an error, not a message."""

    def step(self, action: Any) -> None:
        if self._has_reset and not self.env.agents:
            self.env.step(action)
        super().step(action)


def raw_env(**arguments: Any) -> TurnsEnv:
    """The environment in which agents act in turn, without checks of the order of calls."""
    return TurnsEnv(**arguments)


def env(**arguments: Any) -> AECEnv:
    """The environment in which agents act in turn."""
    return _InOrder(raw_env(**arguments))


def parallel_env(**arguments: Any) -> TogetherEnv:
    """The environment in which all agents act at once."""
    return TogetherEnv(**arguments)
