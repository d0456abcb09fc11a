"""The environment that measures networks on a device never seen, each at a price, and then designs for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from anb_gym._errors import integer, non_negative
from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.measuring import Measuring
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.sequence import SequenceEnv, SequenceVectorEnv
from anb_gym.problems import MeasuredProblem

#: Networks that an episode may measure, and what each costs, by default.
BUDGET: Final = 10
PRICE: Final = 0.01


class ProbeEnv(SequenceEnv):
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

    rules: Measuring

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
        rules = Measuring(
            make_problem(kind, devices, leave_out, probe_noise, surrogate, certified),
            Interface(granularity, render_mode=render_mode).granularity,
            integer(budget, 1, "budget"),
            non_negative(price, "price"),
        )
        super().__init__(rules, render_mode)

    def _caption(self) -> str:
        return f"measured: {self._builds.measured[0]} of {self.rules.budget}"


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


class ProbeVectorEnv(SequenceVectorEnv):
    """Copies of :class:`ProbeEnv`."""

    env_type = ProbeEnv
