"""The environment that builds an architecture decision by decision."""

from __future__ import annotations

from collections.abc import Callable
from operator import index as to_int
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym._errors import choose
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import calibration, certified_calibration
from anb_gym.envs.rendering import picture, text_table
from anb_gym.envs.transition import N_CELLS, N_OPTION_CELLS, one_choice_per_step
from anb_gym.noise import Noise
from anb_gym.rewards import Metrics, make_reward
from anb_gym.space import SPACE, Architecture
from anb_gym.tasks import get_task

#: Options of the keyword arguments.
REWARD_SCALES: Final = ("unit", "raw")
GRANULARITIES: Final = ("choice",)
OBSERVATIONS: Final = ("onehot",)

_Observation = NDArray[np.float32]
_Info = dict[str, Any]


class BuildEnv(gymnasium.Env[_Observation, np.int64]):
    """Builds an image classifier of the MnasNet space, one choice at a time, and scores it when it is complete.

    ## Description

    An architecture is 28 choices: for each of seven blocks, in order, the expansion factor e in {1, 4, 6}, the
    kernel size k in {3, 5}, the number of layers l in {1, 2, 3} (block 5: {1, 2, 3, 4}) and squeeze-excitation
    se in {no, yes}. An episode makes them in this order. Surrogates of measurements then give the network's
    ImageNet accuracy and its throughput or latency on the task's device.

    ## Action Space

    `Discrete(4)`: the position of the option to choose. Where a choice has n < 4 options, action a stands for
    option `a % n`, so every action is allowed; the mask shows the actions below n, which name each option once.
    The mask is in `info["action_mask"]` (`int8`, as `Discrete.sample(mask=...)` takes it) after `reset` and after
    every step but the last, and `action_masks()` returns it as `bool` for MaskablePPO of sb3-contrib.

    ## Observation Space

    `Box(0, 1, (100,), float32)`:

    | Cells  | Content                                                                                         |
    |--------|-------------------------------------------------------------------------------------------------|
    | 0-70   | One-hot of every choice made, 3 + 2 + 3 + 2 cells per block (block 5: 3 + 2 + 4 + 2); else zero |
    | 71-99  | One-hot of the number of choices made, 0 to 28                                                  |

    ## Rewards

    0 until the last step, then the task's reward. `"product"` is accuracy * (throughput / target)^0.07, and
    accuracy * (target / latency)^0.07 for latency (accuracy in percent, throughput in images/s, latency in ms);
    `"accuracy"`, and `"product"` on the task without a device, is the accuracy alone. With `reward_scale="unit"`
    it is shifted and scaled so that uniformly random architectures have mean 0 and the best architecture has 1;
    with `"raw"` it is the formula's own number, near 60.

    The best architecture is the certified optimum over the whole space, as the surrogate sees it; it need not be
    the best network in reality. It is certified for the named rewards, with any target, on surrogates whose exact
    fronts ship with the package or were made by `anb-gym solve`; `anb_gym.calibration.calibration` tells. For a
    function, of which nothing is known, and for other surrogates it is the best that coordinate ascent finds.

    Where the optimum is certified, `info["regret"]` is (optimum - reward) / (optimum - random mean) of the reward
    without noise, in either scale. The registered `reward_threshold` is 0.99 in unit scale: a controller whose
    mean reward reaches it is within a hundredth of the way from random architectures to the optimum.

    The info of the last step contains:

    | Key             | Content                                                                          |
    |-----------------|----------------------------------------------------------------------------------|
    | `architecture`  | The architecture as a string, see `Architecture.parse`                           |
    | `index`         | Its index in the search space                                                    |
    | `metrics`       | The task's metrics by name, as the reward saw them                               |
    | `raw_reward`    | The reward before scaling                                                        |
    | `regret`        | Only if the optimum is certified: see above; 0 for the optimum                   |
    | `exact_metrics` | Only with `noise=True`: the metrics without noise                                |
    | `noise_seed`    | Only with `noise=True`: `Benchmark.query(index, noise=noise_seed)` gives `metrics` |

    ## Starting State

    No choice is made. With `noise=True`, `reset` draws the seed of the episode's measurement noise.

    ## Episode End

    The episode terminates after 28 steps. It is never truncated.

    ## Arguments

    | Argument       | Default     | Meaning                                                                   |
    |----------------|-------------|---------------------------------------------------------------------------|
    | `task`         | by the id   | Name in `anb_gym.tasks.TASKS`                                             |
    | `surrogate`    | `None`      | Family: `"gp"`, `"xgb"` or `"lgb"`; `None`: `"gp"`, the best              |
    | `reward`       | `"product"` | `"product"`, `"accuracy"` or a function, see below                        |
    | `reward_scale` | `"unit"`    | `"unit"` or `"raw"`                                                       |
    | `target`       | `None`      | Target of the product in the device metric's unit; `None`: the task's     |
    | `granularity`  | `"choice"`  | `"choice"`: one choice per step                                           |
    | `observation`  | `"onehot"`  | `"onehot"`: as above                                                      |
    | `noise`        | `False`     | Whether metrics show the noise of one measurement                         |
    | `render_mode`  | `None`      | `None`, `"ansi"` for a table or `"rgb_array"` for a picture of the blocks |

    A function as `reward` maps the task's metrics, `{name: float64 (n,)}`, to n finite numbers, larger is better. All
    other arguments are plain values, so that `spec.to_json()` works; with a function it does not, and the function
    has to be picklable where the environment is sent to another process. The unit scale of a combination that
    `tasks.json` does not record is measured when the first such environment is made, in about a second.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-VCK190-v0")
    >>> observation, info = env.reset(seed=0)
    >>> terminated = False
    >>> while not terminated:
    ...     action = env.action_space.sample(mask=info["action_mask"])
    ...     observation, reward, terminated, truncated, info = env.step(action)
    >>> sorted(info)
    ['architecture', 'index', 'metrics', 'raw_reward', 'regret']

    ```

    ## Version History

    * v0: First version.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012 - declared so by Gymnasium

    def __init__(
        self,
        task: str,
        surrogate: str | None = None,
        reward: str | Callable[[Metrics], Any] = "product",
        reward_scale: str = "unit",
        target: float | None = None,
        granularity: str = "choice",
        observation: str = "onehot",
        noise: bool = False,
        render_mode: str | None = None,
    ) -> None:
        self.task = get_task(task)
        self.benchmark = Benchmark(surrogate)
        self._set_reward(reward, choose(reward_scale, REWARD_SCALES, "reward_scale"), target)
        choose(granularity, GRANULARITIES, "granularity")
        choose(observation, OBSERVATIONS, "observation")
        if not isinstance(noise, bool):
            raise ValueError(f"noise must be True or False, got {noise!r}")
        self._noisy = noise
        self._noise_seed: int | None = None
        self.render_mode = (
            None if render_mode is None else choose(render_mode, self.metadata["render_modes"], "render_mode")
        )

        self._transition = one_choice_per_step()
        self.action_space = spaces.Discrete(self._transition.n_actions)
        self.observation_space = spaces.Box(0.0, 1.0, (N_CELLS,), np.float32)
        #: The next step, None before the first reset.
        self._step: int | None = None
        self._choices = np.zeros(SPACE.n_choices, dtype=np.int8)
        self._observation = self._transition.first_observation()
        #: Metrics and reward of the complete architecture, for ``render``.
        self._outcome: tuple[dict[str, float], Any] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[_Observation, _Info]:
        """Starts an episode.

        Args:
            seed: Seeds the generator of noise seeds; nothing else is random.
            options: Ignored.

        Returns:
            The first observation, and an info with the action mask.
        """
        super().reset(seed=seed)
        if self._noisy:
            self._noise_seed = int(self.np_random.integers(2**63))
        self._step, self._outcome = 0, None
        self._observation = self._transition.first_observation()
        return self._observation.copy(), {"action_mask": self._transition.masks[0].copy()}

    # The reward is a float here and a vector in the subclass of the vector-reward ids.
    def step(self, action: Any) -> tuple[_Observation, Any, bool, bool, _Info]:
        """Makes the next choice.

        Args:
            action: An integer in 0..3.

        Returns:
            Observation, reward, whether the architecture is complete, False, and an info.

        Raises:
            ResetNeeded: The episode is over or was never started.
            ValueError: The action is outside the action space.
        """
        step, transition = self._step, self._transition
        if step is None or step == transition.n_steps:
            raise ResetNeeded(f"call reset() before step(): {'no episode has begun' if step is None else 'it is over'}")
        number = self._validate(action)
        width = transition.choices_per_step
        made = step * width
        self._choices[made : made + width] = transition.choices[step, number]
        observation = self._observation
        observation[transition.cells[step, number]] = 1.0
        observation[N_OPTION_CELLS + made] = 0.0
        observation[N_OPTION_CELLS + made + width] = 1.0
        self._step = step = step + 1
        if step < transition.n_steps:
            return observation.copy(), self._no_reward(), False, False, {"action_mask": transition.masks[step].copy()}
        reward, info = self._evaluate()
        return observation.copy(), reward, True, False, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are valid now, ``bool`` (4,): none before the first reset and after the end of an episode."""
        step = self._transition.n_steps if self._step is None else self._step
        mask: NDArray[np.bool_] = self._transition.masks[step].astype(np.bool_)
        return mask

    def render(self) -> str | NDArray[np.uint8] | None:
        """The blocks so far, as ``render_mode`` says: a table (at the end with metrics and reward), a picture or None.

        Raises:
            ResetNeeded: No episode has begun.
        """
        if self.render_mode is None:
            gymnasium.logger.warn('render() shows nothing unless the environment is made with render_mode="ansi"')
            return None
        if self._step is None:
            raise ResetNeeded("call reset() before render(): no episode has begun")
        made: list[int] = self._choices[: self._step * self._transition.choices_per_step].tolist()
        return picture(made) if self.render_mode == "rgb_array" else text_table(made, *(self._outcome or ()))

    def _validate(self, action: Any) -> int:
        try:
            number = to_int(action)
        except TypeError:
            number = -1
        if not 0 <= number < self._transition.n_actions:
            raise ValueError(f"action must be an integer in 0..{self._transition.n_actions - 1}, got {action!r}")
        return number

    def _evaluate(self) -> tuple[Any, _Info]:
        """Reward and info of the complete architecture."""
        names = self.task.metrics
        states = SPACE.to_states(self._choices[None])
        values = exact = self.benchmark.query_states(states, names)
        index = int(SPACE.states_to_index(states)[0])
        if self._noise_seed is not None:
            values = self.benchmark.query(index, names, noise=Noise(self._noise_seed))
        metrics = _scalars(values)
        reward, of_reward = self._score(values, exact)
        info: _Info = {
            "architecture": str(Architecture.from_choices(self._choices)),
            "index": index,
            "metrics": metrics,
            **of_reward,
        }
        if self._noise_seed is not None:
            info |= {"exact_metrics": _scalars(exact), "noise_seed": self._noise_seed}
        self._outcome = (metrics, reward)
        return reward, info

    # What a reward is: a subclass with another kind of reward states these three anew.

    def _set_reward(self, reward: str | Callable[[Metrics], Any], scale: str, target: float | None) -> None:
        """Prepares the reward; ``task`` and ``benchmark`` are there."""
        self._reward = make_reward(reward, self.task, target)
        #: What zero and one mean, None for the raw scale; and what regret is measured against, None if not certified.
        self._unit = self._certified = None
        if scale == "unit":
            self._unit = calibration(self._reward, self.benchmark.surrogate)
            self._certified = self._unit if self._unit.certified else None
        else:
            self._certified = certified_calibration(self._reward, self.benchmark.surrogate)

    def _no_reward(self) -> Any:
        """The reward of every step but the last."""
        return 0.0

    def _score(self, values: Metrics, exact: Metrics) -> tuple[Any, _Info]:
        """The reward of one architecture's metrics, and what the last info says about it.

        Args:
            values: The metrics, each ``float64`` (1,).
            exact: The same without noise.
        """
        raw = self._reward(values)
        info: _Info = {"raw_reward": float(raw[0])}
        if self._certified is not None:
            info["regret"] = float(self._certified.regret(self._reward(exact))[0])
        return float((raw if self._unit is None else self._unit.to_unit(raw))[0]), info


def _scalars(values: Metrics) -> dict[str, float]:
    return {name: float(column[0]) for name, column in values.items()}
