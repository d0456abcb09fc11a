"""The environment that builds an architecture decision by decision, with a scalar reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from anb_gym._errors import choose
from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.envs.preference import sampled_preference
from anb_gym.problems import Problem
from anb_gym.rewards import Metrics, make_reward
from anb_gym.tasks import get_task

#: What ``preference`` can be, beside None.
PREFERENCES: Final = ("sampled",)


class BuildEnv(ArchitectureEnv):
    """Builds an image classifier of the MnasNet space, choice by choice, and scores it when it is complete.

    ## Description

    An architecture is 28 choices: for each of seven blocks, in order, the expansion factor e in {1, 4, 6}, the
    kernel size k in {3, 5}, the number of layers l in {1, 2, 3} (block 5: {1, 2, 3, 4}) and squeeze-excitation
    se in {no, yes}. An episode makes them in this order. Surrogates of measurements then give the network's
    ImageNet accuracy and its throughput or latency on the task's device.

    ## Action Space

    `granularity` says how much one action decides:

    | `granularity` | Steps | Action space              | Action                                                      |
    |---------------|-------|---------------------------|-------------------------------------------------------------|
    | `"choice"`    | 28    | `Discrete(4)`             | The position of the option to choose                        |
    | `"block"`     | 7     | `Discrete(48)`            | The state of the block: ((e * 2 + k) * layers + l) * 2 + se |
    | `"network"`   | 1     | `MultiDiscrete`, 28 cells | The positions of all options                                |

    Where n actions would do, which is 2 or 3 options of 4, or 36 states of 48, action a stands for `a % n`, so every
    action is allowed; the mask shows the actions below n, which name each option once. The mask is in
    `info["action_mask"]` (`int8`, as `Discrete.sample(mask=...)` takes it) after `reset` and after every step, all
    zeros after the last. `action_masks()` returns it as `bool` for MaskablePPO of sb3-contrib. Every action of
    `MultiDiscrete` is valid: its mask, the options of all choices one after the other, is all ones.

    ## Observation Space

    `"onehot"`, `Box(0, 1, (100,), float32)`:

    | Cells  | Content                                                                                         |
    |--------|-------------------------------------------------------------------------------------------------|
    | 0-70   | One-hot of every choice made, 3 + 2 + 3 + 2 cells per block (block 5: 3 + 2 + 4 + 2); else zero |
    | 71-99  | One-hot of the number of choices made, 0 to 28                                                  |

    `"tokens"`, `Box(0, n, (28,), int8)`: per choice 0 while it is open, then the position of its option, from 1 to
    the number of options n.

    With `preference="sampled"` cells follow, two with the weights of the objectives, or one with the bound, 0 at the
    nadir of the device metric and 1 at its ideal; tokens are `float32` then.

    ## Rewards

    0 until the last step, then the task's reward:

    | `reward`        | Formula                                                                                        |
    |-----------------|------------------------------------------------------------------------------------------------|
    | `"product"`     | accuracy * (throughput / target)^0.07, or accuracy * (target / latency)^0.07                   |
    | `"weighted"`    | Sum of weight * objective                                                                      |
    | `"chebyshev"`   | Minus the largest weight * (1 - objective)                                                     |
    | `"constrained"` | Accuracy where throughput >= target, or latency <= target; else -100 * relative violation      |
    | `"bounded"`     | The same with violations of at most 1, and in another unit scale, see below                    |
    | `"accuracy"`    | Accuracy; so is `"product"` on the task without a device                                       |

    Accuracy is in percent, throughput in images/s, latency in ms. An objective is a metric scaled so that 1 is its
    best value on the exact Pareto front of the default surrogate, the ideal, and 0 the worst on it, the nadir. The
    relative violation is the part of the target by which it is missed.

    With `reward_scale="unit"` the reward is shifted and scaled so that uniformly random architectures have mean 0 and
    the best architecture has 1; with `"raw"` it is the formula's own number.

    The best architecture is the certified optimum over the whole space, as the surrogate sees it; it need not be
    the best network in reality. It is certified for the named rewards, with any target and weights, on surrogates
    whose exact fronts ship with the package or were made by `anb-gym solve`; `anb_gym.calibration.calibration` tells.
    For a function, of which nothing is known, and for other surrogates it is the best that coordinate ascent finds.

    Under `"constrained"` the random mean contains violations, which makes a unit many points of accuracy. Under
    `"bounded"` 0 is the mean accuracy of the random architectures that meet the bound, and 1 the certified optimum.
    Those that meet it have at least -1; one that misses it has -1 less the relative violation, at least -2.
    `info["cost"]` tells the relative violation, and `regret` is in points of accuracy; see the ids with `-Bound`. A
    bound that no architecture meets is refused.

    Where the optimum is certified, `info["regret"]` is (optimum - reward) / (optimum - random mean) of the reward
    without noise, in either scale. The registered `reward_threshold` is 0.99 in unit scale: a controller whose
    mean reward reaches it is within a hundredth of the way from random architectures to the optimum.

    With `preference="sampled"` each episode has weights (`"weighted"`, `"chebyshev"`) or a target (`"constrained"`,
    `"bounded"`) of its own, so that one policy can learn the whole front. Optimum and random mean, and so scale and
    regret, are those of the episode's preference; the mean is measured at 129 preferences and interpolated linearly.
    `"product"` is refused: another target multiplies it by a number, so that the same architecture is best for all
    targets.

    The info of the last step contains:

    | Key             | Content                                                                            |
    |-----------------|------------------------------------------------------------------------------------|
    | `architecture`  | The architecture as a string, see `Architecture.parse`                             |
    | `index`         | Its index in the search space                                                      |
    | `metrics`       | The task's metrics by name, as the reward saw them                                 |
    | `raw_reward`    | The reward before scaling                                                          |
    | `regret`        | Only if the optimum is certified: see above; 0 for the optimum                     |
    | `cost`          | Only under `"bounded"`, and 0 in the infos of all steps: the relative violation    |
    | `preference`    | Only with `preference="sampled"`: the weights, or the bound in the metric's unit   |
    | `exact_metrics` | Only with `noise=True`: the metrics without noise                                  |
    | `noise_seed`    | Only with `noise=True`: `Benchmark.query(index, noise=noise_seed)` gives `metrics` |

    ## Starting State

    No choice is made. With `preference="sampled"`, `reset` draws the preference: the accuracy's weight, or the
    bound's position between nadir and ideal, uniform in 0..1. `reset(options={"preference": [0.3, 0.7]})` sets the
    weights, accuracy first, `reset(options={"preference": 3000.0})` the bound in the metric's unit. With `noise=True`,
    `reset` draws the seed of the episode's measurement noise.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated. A smaller `max_episode_steps` would cut
    the only reward of every episode: `gymnasium.make_vec` refuses it, and with `gymnasium.make` resets warn of it.

    ## Arguments

    | Argument       | Default     | Meaning                                                                           |
    |----------------|-------------|-----------------------------------------------------------------------------------|
    | `task`         | by the id   | Name in `anb_gym.tasks.TASKS`                                                     |
    | `surrogate`    | `None`      | Family: `"gp"`, `"xgb"` or `"lgb"`; `None`: `"gp"`, the best                      |
    | `reward`       | `"product"` | See above; or a function, see below; `"chebyshev"` in the `-Preference` ids       |
    | `reward_scale` | `"unit"`    | `"unit"` or `"raw"`                                                               |
    | `target`       | `None`      | Target, or bound, in the device metric's unit; `None`: the task's                 |
    | `weights`      | `None`      | Weights of the objectives, accuracy first, with the sum 1; `None`: equal ones     |
    | `preference`   | `None`      | `None`, or `"sampled"`: weights or target are drawn anew for each episode         |
    | `granularity`  | `"choice"`  | `"choice"`, `"block"` or `"network"`                                              |
    | `observation`  | `"onehot"`  | `"onehot"` or `"tokens"`                                                          |
    | `noise`        | `False`     | Whether metrics show the noise of one measurement                                 |
    | `render_mode`  | `None`      | `None`, `"ansi"` for a table or `"rgb_array"` for a picture of the blocks         |
    | `world`        | `None`      | `None`, or the number of a world: a sample of what the data allow, see below      |

    A function as `reward` maps the task's metrics, `{name: float64 (n,)}`, to n finite numbers, larger is better; an
    object of `anb_gym.rewards` is taken as it is. All other arguments are plain values, so that `spec.to_json()` works;
    with a function it does not, and the function has to be picklable where the environment is sent to another process.
    The unit scale of a combination that `tasks.json` does not record is measured when the first such environment is
    made, in about a second. An argument that contradicts the id is refused.

    With `world=7` metrics, scale, optimum and regret are those of the surrogate's world 7, as of
    `anb_gym.Benchmark(world=7)`. Only `"gp"` has worlds. Where the world's optimum is not recorded, it is searched for
    when the first such environment is made, in some ten seconds, with the extra `exact`; without it none is certified.

    Registered are `AccelNAS-{task}-v0` for every task, and `AccelNAS-{task}-Preference-v0`, with sampled preferences,
    for every task with two metrics.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-VCK190-v0")
    >>> observation, info = env.reset(seed=0)
    >>> terminated = False
    >>> while not terminated:
    ...     action = env.action_space.sample(mask=info["action_mask"])
    ...     observation, reward, terminated, truncated, info = env.step(action)
    >>> sorted(info)
    ['action_mask', 'architecture', 'index', 'metrics', 'raw_reward', 'regret']

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.build.BuildVectorEnv`, which steps many copies at once, equal to Gymnasium's
    `SyncVectorEnv` of them in every value and some hundred times as fast.

    ```python
    >>> envs = gym.make_vec("anb_gym:AccelNAS-VCK190-Preference-v0", num_envs=3, granularity="network")
    >>> observations, infos = envs.reset(seed=0, options={"preference": [0.25, 0.75]})
    >>> observations[:, 100:].tolist()
    [[0.25, 0.75], [0.25, 0.75], [0.25, 0.75]]
    >>> _, rewards, terminated, _, infos = envs.step(envs.action_space.sample())
    >>> rewards.shape, terminated.tolist(), infos["architecture"].shape, infos["metrics"]["accuracy"].shape
    ((3,), [True, True, True], (3,), (3,))

    ```

    ## Version History

    * v0: First version.
    """

    def __init__(
        self,
        task: str,
        surrogate: str | None = None,
        reward: str | Callable[[Metrics], Any] = "product",
        reward_scale: str = "unit",
        target: float | None = None,
        weights: Sequence[float] | None = None,
        preference: str | None = None,
        granularity: str = "choice",
        observation: str = "onehot",
        noise: bool = False,
        render_mode: str | None = None,
        world: int | None = None,
    ) -> None:
        problem = make_problem(task, surrogate, reward, reward_scale, target, weights, preference, world)
        super().__init__(problem, Interface(granularity, observation, noise, render_mode))


def make_problem(
    task: str,
    surrogate: str | None = None,
    reward: Any = "product",
    reward_scale: str = "unit",
    target: float | None = None,
    weights: Sequence[float] | None = None,
    preference: str | None = None,
    world: int | None = None,
) -> Problem:
    """The problem of an environment with a scalar reward; see :class:`BuildEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value.
        NoFrontError: A reward or its scale needs the exact front, and there is none for this surrogate.
    """
    of, family = get_task(task), Benchmark(surrogate, world).surrogate
    if preference is None:
        return Problem(of, make_reward(reward, of, target, weights), reward_scale, family)
    choose(preference, PREFERENCES, "preference")
    for name, value in (("target", target), ("weights", weights)):
        if value is not None:
            raise ValueError(f"{name} must be None: a sampled preference takes its place, got {value!r}")
    made, ask = sampled_preference(reward, of, family)
    return Problem(of, made, reward_scale, family, ask)


class BuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`BuildEnv`."""

    env_type = BuildEnv
