"""The environment that builds an architecture under bounds on several devices at once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from anb_gym import _ids
from anb_gym._errors import choose
from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.metrics import ACCURACIES
from anb_gym.problems.many_bounds import ManyBoundsProblem
from anb_gym.rewards import ManyBounds
from anb_gym.tasks import Task

#: The bounds by default: a processor in the cloud, one at the edge, and a card.
BOUNDS: Final[Mapping[str, float]] = MappingProxyType(
    {"vck190/throughput": 3600.0, "zcu102/latency": 6.0, "a100/throughput": 11000.0}
)


class ManyBoundsBuildEnv(ArchitectureEnv):
    """Builds an architecture as `BuildEnv` does, as accurate as bounds on several devices at once allow.

    ## Description

    One network has to serve several devices: so many images/s on some, so many milliseconds on others. A tenth of
    all architectures meets the bounds by default, and the best of these need not lie on a front of two metrics.
    It is certified nevertheless: branch and bound over the whole space, see `anb_gym.exact.constrained`.

    ## Action Space

    As for `BuildEnv`, by `granularity`.

    ## Observation Space

    As for `BuildEnv`, by `observation`.

    ## Rewards

    0 until the last step, then in raw scale the accuracy where all bounds are met, elsewhere minus the percent of a
    bound by which it is missed, of the bound that is missed by most, at most 100. In unit scale 0 is the mean accuracy
    of the random architectures that meet all bounds and 1 the certified best; those that meet the bounds have at least
    -1, the others -1 less the largest relative violation. Where fewer than 100 of 100,000 random architectures meet the
    bounds, 0 lies 5 points of accuracy below the best.

    `info["cost"]` is 0 until the last step, then the largest relative violation. The info of the last step has
    `architecture`, `index`, `metrics`, `raw_reward` and `regret`, which is in points of accuracy and infinite where a
    bound is missed.

    ## Starting State

    No choice is made. With `noise=True`, `reset` draws the seed of the episode's measurement noise.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    | Argument       | Default    | Meaning                                                                       |
    |----------------|------------|-------------------------------------------------------------------------------|
    | `bounds`       | `None`     | Metrics and their bounds, see below; a device alone is its throughput         |
    | `surrogate`    | `None`     | As for `BuildEnv`                                                             |
    | `fidelity`     | `"proxy"`  | `"reference"` for accuracy under the reference scheme                         |
    | `reward_scale` | `"unit"`   | `"unit"` or `"raw"`                                                           |
    | `granularity`  | `"choice"` | As for `BuildEnv`                                                             |
    | `observation`  | `"onehot"` | As for `BuildEnv`                                                             |
    | `noise`        | `False`    | Whether metrics show the noise of one measurement                             |
    | `render_mode`  | `None`     | As for `BuildEnv`                                                             |

    The bounds by default are 3,600 images/s on the VCK190, 6 ms on the ZCU102 and 11,000 images/s on the A100. Their
    optimum ships; that of others is searched for when the first such environment is made, in seconds, with the extra
    `exact`. Bounds that no architecture meets are refused; the message names the nearest value that can be met.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-Bounds-v0", granularity="network")
    >>> observation, info = env.reset(seed=0)
    >>> best = env.unwrapped.problem.optimum.architecture
    >>> observation, reward, terminated, truncated, info = env.step(best.choices)
    >>> reward, info["cost"], info["regret"], sorted(info["metrics"])
    (1.0, 0.0, 0.0, ['a100/throughput', 'accuracy', 'vck190/throughput', 'zcu102/latency'])

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.bounds.ManyBoundsBuildVectorEnv`.

    ## Version History

    * v0: First version.
    """

    def __init__(
        self,
        bounds: Mapping[str, float] | None = None,
        surrogate: str | None = None,
        fidelity: str = "proxy",
        reward_scale: str = "unit",
        granularity: str = "choice",
        observation: str = "onehot",
        noise: bool = False,
        render_mode: str | None = None,
    ) -> None:
        problem = make_problem(bounds, surrogate, fidelity, reward_scale)
        super().__init__(problem, Interface(granularity, observation, noise, render_mode))


def make_problem(
    bounds: Mapping[str, Any] | None = None,
    surrogate: str | None = None,
    fidelity: str = "proxy",
    reward_scale: str = "unit",
) -> ManyBoundsProblem:
    """The problem of an environment with several bounds; see :class:`ManyBoundsBuildEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value, or no architecture meets all bounds.
        NoFrontError: The optimum does not ship, and the extra ``exact`` is not installed.
    """
    if bounds is not None and not isinstance(bounds, Mapping):
        raise ValueError(f"bounds must map metrics to numbers, such as {dict(BOUNDS)}, got {bounds!r}")
    accuracy = ACCURACIES[choose(fidelity, ACCURACIES, "fidelity")]
    reward = ManyBounds(tuple((BOUNDS if bounds is None else bounds).items()), accuracy)
    task = Task(_ids.BOUNDS_TASK, reward.metrics, "all")
    return ManyBoundsProblem(task, reward, reward_scale, Benchmark(surrogate).surrogate)


class ManyBoundsBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`ManyBoundsBuildEnv`."""

    env_type = ManyBoundsBuildEnv
