"""The environment that spends a budget of training time on cheap and on dear evaluations of networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from anb_gym._errors import choose, number
from anb_gym.benchmark import Benchmark
from anb_gym.devices import explained
from anb_gym.envs.core.campaign import Campaign
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.sequence import SequenceEnv, SequenceVectorEnv
from anb_gym.problems import Problem, TwoFidelityProblem
from anb_gym.problems.cost import longest_hours
from anb_gym.rewards import make_reward
from anb_gym.tasks import TASKS, under_reference

#: Simulated GPU-hours of an episode, by default: some 80 evaluations under the proxy scheme, or 15 under the reference.
HOURS: Final = 200.0


class TwoFidelityEnv(SequenceEnv):
    """Spends a budget of training time on networks, each trained under a cheap scheme or a dear one.

    ## Description

    A network is to be good under the reference scheme, 50 epochs at 224 px. A training of that kind costs 13 simulated
    GPU-hours on average, one under the proxy scheme, 16 epochs at up to 192 px, 2.5, and the two do not quite agree.
    An episode is a campaign: it builds networks one after the other and buys an evaluation of each at one of these two
    fidelities, until its hours are spent. What it has found then is judged under the reference scheme.

    The first 28 choices of a build are the network's, as for `BuildEnv`; the last action says what to buy.

    ## Action Space

    `granularity` says how much one action decides:

    | `granularity` | Steps of a build | Action space              | Action                                           |
    |---------------|------------------|---------------------------|--------------------------------------------------|
    | `"choice"`    | 29               | `Discrete(4)`             | The positions of all options, then the fidelity  |
    | `"block"`     | 8                | `Discrete(48)`            | The states of all seven blocks, then the fidelity|
    | `"network"`   | 1                | `MultiDiscrete`, 29 cells | The positions of all options, and the fidelity   |

    The fidelity is 0 for the proxy scheme, 1 for the reference. As for `BuildEnv` every action is allowed, a of n that
    would do stands for `a % n`, and the mask in `info["action_mask"]`, or `action_masks()`, names each once: for
    `MultiDiscrete` the options of all choices, one after the other, and the two fidelities. It leaves out what the
    hours cannot pay for: this network's training, or for `MultiDiscrete`, where the network is not known yet, any.

    ## Observation Space

    `Box(0, 1, (319,), float32)`:

    | Cells   | Content                                                                                            |
    |---------|----------------------------------------------------------------------------------------------------|
    | 0-99    | The network that is being built: choices made and their number, as for `BuildEnv`                  |
    | 100     | The part of the hours that is left                                                                 |
    | 101-102 | At what the last network was evaluated: proxy, reference; zero before the first                    |
    | 103-174 | The best network at the proxy: one-hot of its choices, and what was told of it; zero until then    |
    | 175-246 | The same at the reference                                                                          |
    | 247-318 | The same of the last network                                                                       |

    What was told is the reward in the unit scale of its fidelity: 0.5 is the mean of random architectures, 0.75 the
    certified optimum, 0 is -2 and 1 is 2.

    ## Rewards

    The incumbent is the network of which the best was told at the reference; until one was bought there, at the proxy.
    The reward of a purchase is by how much the incumbent's worth has changed: its reward under the reference scheme
    without noise, in unit scale, at first 0. So the sum of an episode's rewards is the worth of what it submits, 1 for
    the certified optimum; noise can make a worse network the incumbent, and then a reward is negative.

    The info of the last step contains of the incumbent `architecture`, `index`, `metrics` as a reference training
    shows them, `raw_reward`, `regret` and `cost` as for `BuildEnv`, and with noise `exact_metrics` and `noise_seed`;
    `evaluations`, their numbers by fidelity, and `hours`, what they cost.

    ## Starting State

    No choice is made and nothing is bought. `reset` draws the seed of the episode's noise: in an episode a network
    bought twice at a fidelity shows the same.

    ## Episode End

    The episode terminates when the hours cannot pay for any network, or with a purchase that they cannot pay for, which
    is not made. It is never truncated.

    ## Arguments

    | Argument      | Default      | Meaning                                                                           |
    |---------------|--------------|-----------------------------------------------------------------------------------|
    | `task`        | `"Accuracy"` | Name in `anb_gym.tasks.TASKS`, such as `"VCK190"`                                 |
    | `hours`       | `200.0`      | The budget in simulated GPU-hours, at least 31.2: any network can be bought       |
    | `surrogate`   | `None`       | As for `BuildEnv`                                                                 |
    | `reward`      | `"product"`  | `"product"`, `"bounded"`, `"accuracy"`, `"weighted"` or `"chebyshev"`             |
    | `target`      | `None`       | As for `BuildEnv`, the same at both fidelities                                    |
    | `weights`     | `None`       | As for `BuildEnv`                                                                 |
    | `noise`       | `True`       | Whether evaluations have the noise of one training                                |
    | `granularity` | `"choice"`   | `"choice"`, `"block"` or `"network"`                                              |
    | `render_mode` | `None`       | `None`, `"ansi"` for a table or `"rgb_array"` for a picture of the blocks         |
    | `world`       | `None`       | As for `BuildEnv`                                                                 |

    Noise, unit scales and training times are those of `anb_gym.noise`, of the ids of the two schemes, such as
    `AccelNAS-VCK190-v0` and `AccelNAS-Reference-VCK190-v0`, and of `anb_gym.problems.cost`. In a study the id is a task
    whose controllers buy evaluations by themselves.

    ```python
    >>> import gymnasium as gym
    >>> from anb_gym import EFFICIENTNET_B0
    >>> env = gym.make("anb_gym:AccelNAS-TwoFidelity-v0", granularity="network", noise=False)
    >>> observation, info = env.reset(seed=0)
    >>> b0 = EFFICIENTNET_B0.choices.tolist()
    >>> observation, reward, terminated, truncated, info = env.step([*b0, 0])
    >>> round(reward, 3), terminated, round(float(observation[100]), 3)  # 2.6 of 200 hours
    (0.717, False, 0.987)
    >>> observation, reward, terminated, truncated, info = env.step([*b0, 1])
    >>> reward, round(float(observation[100]), 3)  # nothing new is known to be better
    (0.0, 0.921)

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.two_fidelity.TwoFidelityVectorEnv`, whose copies end when their hours are spent.

    ## Version History

    * v0: First version.
    """

    rules: Campaign

    def __init__(
        self,
        task: str = "Accuracy",
        hours: float = HOURS,
        surrogate: str | None = None,
        reward: str = "product",
        target: float | None = None,
        weights: Sequence[float] | None = None,
        noise: bool = True,
        granularity: str = "choice",
        render_mode: str | None = None,
        world: int | None = None,
    ) -> None:
        interface = Interface(granularity, noise=noise, render_mode=render_mode)
        problem = make_problem(task, surrogate, reward, target, weights, world)
        super().__init__(Campaign(problem, interface.granularity, _checked(hours), interface.noise), render_mode)

    def _caption(self) -> str:
        proxy, reference = self._builds.bought[0]
        left = f"hours left: {self._builds.left[0]:.1f} of {self.rules.hours:g}"
        return f"{left}; bought: {proxy} at the proxy, {reference} at the reference"

    def _shown(self) -> list[int]:
        over = self._step == self.rules.n_build
        return self._builds.incumbent[0].tolist() if over else super()._shown()


def make_problem(
    task: str = "Accuracy",
    surrogate: str | None = None,
    reward: str = "product",
    target: float | None = None,
    weights: Sequence[float] | None = None,
    world: int | None = None,
) -> TwoFidelityProblem:
    """The problem of an environment with two fidelities; see :class:`TwoFidelityEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value.
        NoFrontError: A reward or its scale needs the exact front, and there is none for this surrogate.
    """
    if not isinstance(reward, str):
        raise ValueError(f"reward must be a name, which both fidelities understand, got {reward!r}")
    with explained(task):
        of, family = TASKS[choose(task, TASKS, "task")], Benchmark(surrogate, world).surrogate
    proxy = Problem(of, make_reward(reward, of, target, weights), surrogate=family)
    judged = under_reference(of)
    return TwoFidelityProblem(judged, make_reward(reward, judged, target, weights), surrogate=family, proxy=proxy)


def _checked(hours: Any) -> float:
    """Hours that pay for any network at the reference."""
    if (value := number(hours, "hours")) < (least := longest_hours("reference")):
        raise ValueError(f"hours must pay for any network at the reference, at least {least:.1f}, got {hours!r}")
    return value


class TwoFidelityVectorEnv(SequenceVectorEnv):
    """Copies of :class:`TwoFidelityEnv`."""

    env_type = TwoFidelityEnv
