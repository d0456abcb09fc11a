"""The environment that measures networks on a device never seen, each at a price, and then designs for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from anb_gym._errors import integer, non_negative
from anb_gym._types import Rows
from anb_gym.benchmark import Benchmark
from anb_gym.envs import rendering
from anb_gym.envs.core.copies import CopiesVectorEnv
from anb_gym.envs.core.infos import Columns, first_row
from anb_gym.envs.core.inputs import NOT_BEGUN, OVER, Actions, check_options, parse_actions
from anb_gym.envs.core.measuring import MEASURE, SUBMIT, Builds, Measuring
from anb_gym.envs.core.rules import RENDER_MODES, Interface
from anb_gym.problems import MeasuredProblem

#: Networks that an episode may measure, and what each costs, by default.
BUDGET: Final = 10
PRICE: Final = 0.01

_Observation = NDArray[Any]
_Info = dict[str, Any]


class ProbeEnv(gymnasium.Env[_Observation, Any]):
    """Measures networks on a device never seen, each at a price, and then designs the most accurate under a bound.

    ## Description

    A network has to run at so many images/s on the device on your desk, and should be as accurate as that allows.
    Nothing is known of the device, and so nothing of how hard this is, until something is measured: any network, one
    after the other, until the next is submitted as the design. Devices are those of `GeneratedBuildEnv`, other ones to
    test on, and the real ones. What to measure next depends on what was measured before, so this is a problem of
    sequential decisions, with the certified optimum of every device for tests as its reference.

    An episode builds networks one after the other. The first action of a build says what the network is for: to be
    measured, or to be submitted, which ends the episode. Those that follow are the network's choices, as for
    `BuildEnv`. The network that is submitted need not have been measured, and what was measured is no design.

    ## Action Space

    `granularity` says how much one action decides:

    | `granularity` | Steps of a build | Action space              | Action                                          |
    |---------------|------------------|---------------------------|-------------------------------------------------|
    | `"network"`   | 1                | `MultiDiscrete`, 29 cells | The purpose, and the positions of all options   |
    | `"block"`     | 8                | `Discrete(48)`            | The purpose, then the states of all seven blocks|
    | `"choice"`    | 29               | `Discrete(4)`             | The purpose, then the positions of all options  |

    The purpose is 0 to measure, 1 to submit. Once the budget is spent both submit. As for `BuildEnv` every action is
    allowed, a of n that would do stands for `a % n`, and the mask in `info["action_mask"]`, or `action_masks()`, names
    each once: for `MultiDiscrete` the two purposes and the options of all choices, one after the other.

    ## Observation Space

    `Box(0, 1, (103 + 72 * budget,), float32)`, by default 823 cells:

    | Cells   | Content                                                                                            |
    |---------|----------------------------------------------------------------------------------------------------|
    | 0-99    | The network that is being built: choices made and their number, as for `BuildEnv`                  |
    | 100-101 | What it is for: to be measured, to be submitted                                                    |
    | 102     | The part of the budget that is left                                                                |
    | 103-    | A row of 72 cells per measurement: one-hot of the network's choices, and its time; zero until then |

    A time is shown relative to what the bound allows: 0.5 is just allowed, 0 is e^-4 times and 1 is e^4 times as long.
    That is all that is shown of the device and of the bound.

    ## Rewards

    Minus `price` at the end of each measurement. At the end 1 for the best accuracy that meets the bound on this
    device, and 0 for that of the network with the best metric of all, which meets every bound without being measured,
    or for what is a point below the best where that is nearer; whatever else meets the bound has at least 0. A network
    that misses it has minus the part of the bound by which it does, at least -1. The best is certified as
    `GeneratedBuildEnv` says.

    `info["cost"]` is 0 at every step until the last. The info of the last step contains `device`, `preference`, the
    bound in its unit, `measurements`, their number, and of the network that was submitted `architecture`, `index`,
    `metrics`, `raw_reward`, its accuracy, `cost`, the relative violation, and `regret`, where the optimum is certified,
    in points of accuracy and infinite if the bound is missed.

    ## Starting State

    Nothing is measured. `reset` draws the device, uniformly, and the bound, at even ratios between nadir and ideal of
    the metric on the device's front; with `probe_noise` it then draws the seed of the noise: in an episode a network
    always measures the same. `reset(options={"device": "vck190", "preference": 3000.0})` sets them.

    ## Episode End

    The episode terminates with the network that is submitted, after `budget + 1` builds at most. It is never truncated.

    ## Arguments

    | Argument      | Default        | Meaning                                                                         |
    |---------------|----------------|---------------------------------------------------------------------------------|
    | `kind`        | `"throughput"` | or `"latency"`                                                                  |
    | `devices`     | `"train"`      | `"train"`: seeds 0 to 9,999; `"test"`: 1,000,000 to 1,000,199; or seeds         |
    | `leave_out`   | `None`         | `"fpga"`, `"tpu"`, `"gpu"` or `"cpu"`, which the distribution then has not seen |
    | `probe_noise` | `0.0`          | Standard deviation of the logarithm of a measured time                          |
    | `budget`      | `10`           | Networks that may be measured, at least 1                                       |
    | `price`       | `0.01`         | Reward that a measurement costs, at least 0                                     |
    | `certified`   | `False`        | `True`: certify the optima of all devices, when first met; needs `exact`        |
    | `surrogate`   | `None`         | Of accuracy and of real devices, as for `BuildEnv`                              |
    | `granularity` | `"network"`    | `"network"`, `"block"` or `"choice"`                                            |
    | `render_mode` | `None`         | `None`, `"ansi"` for a table or `"rgb_array"` for a picture of the blocks       |

    ```python
    >>> import gymnasium as gym
    >>> from anb_gym import EFFICIENTNET_B0
    >>> env = gym.make("anb_gym:AccelNAS-Probe-v0")
    >>> observation, info = env.reset(options={"device": "vck190", "preference": 3000.0})
    >>> b0 = EFFICIENTNET_B0.choices.tolist()
    >>> observation, reward, terminated, truncated, info = env.step([0, *b0])
    >>> reward, terminated, round(float(observation[174]), 3)  # e^(8 * 0.039) times as long as is allowed
    (-0.01, False, 0.539)
    >>> observation, reward, terminated, truncated, info = env.step([1, *b0])
    >>> round(reward, 3), terminated, info["measurements"]
    (-0.269, True, 1)

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.probe.ProbeVectorEnv`, whose copies differ in device and bound, and end when they
    submit.

    ## Version History

    * v0: First version.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012 - declared so by Gymnasium

    def __init__(
        self,
        kind: str = "throughput",
        devices: str | Sequence[int] = "train",
        leave_out: str | None = None,
        probe_noise: float = 0.0,
        budget: int = BUDGET,
        price: float = PRICE,
        certified: bool = False,
        surrogate: str | None = None,
        granularity: str = "network",
        render_mode: str | None = None,
    ) -> None:
        #: All that decides an episode.
        self.rules = Measuring(
            make_problem(kind, devices, leave_out, probe_noise, surrogate, certified),
            Interface(granularity, render_mode=render_mode).granularity,
            integer(budget, 1, "budget"),
            non_negative(price, "price"),
        )
        self.render_mode = render_mode
        self.action_space = self.rules.action_space()
        self.observation_space = self.rules.observation_space()
        #: Steps made of the present build, -1 before the first reset, those of a build when the episode is over.
        self._step = -1
        self._builds = self.rules.blank(1)
        self._observations = self.rules.first(1)
        self.task = self.problem.task_of(self._builds.request)
        #: Metrics and reward of the design, for ``render``.
        self._outcome: tuple[dict[str, float], float] | None = None

    @property
    def problem(self) -> MeasuredProblem:
        """The problem: what a design is worth, and how long networks take."""
        return self.rules.problem

    @property
    def n_steps(self) -> int:
        """Steps of an episode, at most."""
        return self.rules.n_steps

    @property
    def reset_options(self) -> tuple[str, ...]:
        """Names of the options of ``reset``."""
        return self.problem.ask.options

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[_Observation, _Info]:
        """Starts an episode.

        Args:
            seed: Seeds the generator of devices, bounds and noise.
            options: ``"device"``, a seed or a name, and ``"preference"``, a bound in the metric's unit.

        Returns:
            The first observation, and an info with the action mask.

        Raises:
            ValueError: An option is unknown or has an impossible value.
        """
        options = check_options(options, self.reset_options)
        super().reset(seed=seed)
        self._builds = self.rules.blank(1)
        self._builds.request = self.problem.ask.draw(self.np_random, options)
        self._observations = self.rules.first(1)
        self.task = self.problem.task_of(self._builds.request)
        self._step, self._outcome = 0, None
        return self._observations[0].copy(), self._info()

    def step(self, action: Any) -> tuple[_Observation, float, bool, bool, _Info]:
        """Goes on with the network that is being built; measures or submits it when it is complete.

        Args:
            action: An action of the action space.

        Returns:
            Observation, reward, whether a network was submitted, False, and an info.

        Raises:
            ResetNeeded: The episode is over or was never started.
            ValueError: The action is outside the action space.
        """
        rules = self.rules
        if self._step < 0 or self._step == rules.n_build:
            raise ResetNeeded(f"call reset() before step(): {NOT_BEGUN if self._step < 0 else OVER}")
        reward = float(rules.advance(self._step, self._builds, self._observations, rules.parse_one(action))[0])
        self._step += 1
        observation = self._observations[0].copy()
        if self._step == rules.n_build and self._builds.purpose[0] == SUBMIT:
            reward, info = self._evaluate()
            return observation, reward, True, False, info
        self._step %= rules.n_build
        return observation, reward, False, False, self._info()

    def take_over(self, step: int, builds: Builds) -> None:
        """Takes over an episode from a vector environment, to ``render`` it; the arrays are batches of one."""
        self._step, self._builds, self._outcome = step, builds, None
        self.task = self.problem.task_of(builds.request)
        if step == self.rules.n_build:
            self._evaluate()

    def action_masks(self) -> NDArray[np.bool_]:
        """Mask of valid actions, ``bool``: none before the first reset and after the end of an episode."""
        return self._mask().astype(np.bool_)

    def render(self) -> str | NDArray[np.uint8] | None:
        """The network that is being built, as ``render_mode`` says: a table, at the end with metrics, or a picture.

        Raises:
            ResetNeeded: No episode has begun.
        """
        choices = None if self._step < 0 else self._builds.choices[0, : self.rules.n_choices(self._step)].tolist()
        shown = rendering.render(self.render_mode, self.task, self.problem.surrogate, choices, *(self._outcome or ()))
        return (
            f"{shown}\nmeasured: {self._builds.measured[0]} of {self.rules.budget}" if isinstance(shown, str) else shown
        )

    def _mask(self) -> NDArray[np.int8]:
        mask: NDArray[np.int8] = self.rules.masks(np.array([self._step]), self._builds.measured)[0]
        return mask

    def _info(self) -> _Info:
        return {"action_mask": self._mask(), "cost": 0.0}

    def _evaluate(self) -> tuple[float, _Info]:
        """Reward and info of the design."""
        (ending,) = self.rules.submit(self._builds)
        info = first_row(ending.info)
        self._outcome = (info["metrics"], float(ending.rewards[0]))
        return self._outcome[1], info


def make_problem(
    kind: str = "throughput",
    devices: str | Sequence[int] = "train",
    leave_out: str | None = None,
    probe_noise: float = 0.0,
    surrogate: str | None = None,
    certified: bool = False,
) -> MeasuredProblem:
    """The problem of an environment that measures; see :class:`ProbeEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """
    return MeasuredProblem(
        kind,
        devices,
        leave_out,
        surrogate=Benchmark(surrogate).surrogate,
        probe_noise=probe_noise,
        certified=certified,
    )


class ProbeVectorEnv(CopiesVectorEnv):
    """Copies of :class:`ProbeEnv`: those at the same step of a build advance together, whatever they have measured."""

    env_type: ClassVar[type[ProbeEnv]] = ProbeEnv
    single_env: ProbeEnv

    def _make_room(self) -> None:
        self.rules = self.single_env.rules
        self._builds = self.rules.blank(self.num_envs)
        # Steps are counted from the beginning of the present build.
        self._over = self.rules.n_build

    @property
    def problem(self) -> MeasuredProblem:
        """The problem: what a design is worth, and how long networks take."""
        return self.rules.problem

    def action_masks(self) -> NDArray[np.bool_]:
        masks: NDArray[np.bool_] = self.rules.masks(self._steps, self._builds.measured).astype(np.bool_)
        return masks

    def single(self, row: int) -> ProbeEnv:
        self.single_env.take_over(int(self._steps[row]), self._builds[np.array([row])])
        return self.single_env

    def _parse(self, actions: Any) -> Actions:
        limits = self.rules.action_limits
        return parse_actions(actions, (self.num_envs, *limits.shape), limits)

    def _start(self, rows: Rows, options: dict[str, Any]) -> None:
        for row in self._numbers[rows].tolist():
            self._builds.request[row : row + 1] = self.problem.ask.draw(self._generator(row), options)
        if self.noise_seed is not None:
            self._builds.request.noise[rows] = self.noise_seed
        self._builds.measured[rows] = 0
        self._observations[rows] = self.rules.first(len(self._numbers[rows]))

    def _info(self, step: int, rows: Rows) -> Columns:
        numbers = self._numbers[rows]
        mask = self.rules.masks(np.full(len(numbers), step), self._builds.measured[numbers])
        return {"action_mask": mask, "cost": np.zeros(1)}

    def _advance(self, step: int, rows: Rows, actions: Actions, rewards: NDArray[Any]) -> None:
        builds, observations = self._builds[rows], self._observations[rows]
        rewards[rows] = self.rules.advance(step, builds, observations, actions)
        if not isinstance(rows, slice):  # then they are copies
            self._builds[rows], self._observations[rows] = builds, observations

    def _next(self, step: int, rows: Rows) -> list[tuple[int, Rows]]:
        if step + 1 < self._over:
            return super()._next(step, rows)
        numbers = self._numbers[rows]
        of = {after: numbers[self._builds.purpose[numbers] == p] for after, p in ((0, MEASURE), (self._over, SUBMIT))}
        return [(after, chosen) for after, chosen in of.items() if len(chosen)]

    def _finish(self, rows: Rows, rewards: NDArray[Any]) -> list[tuple[NDArray[np.int64], Columns]]:
        ended = []
        for ending in self.rules.submit(self._builds[rows]):
            numbers = self._numbers[rows][ending.rows]
            rewards[numbers] = ending.rewards
            if self.observer is not None:
                regret = ending.info.get("regret")
                self.observer(ending.info["index"], ending.rewards, regret, np.empty((len(numbers), 0)))
            ended.append((numbers, ending.info))
        return ended
