"""Environments whose device does not exist, changes from episode to episode, and is known by ten measurements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.envs.vector_reward import MOBuildVectorEnv, VectorRewards
from anb_gym.problems import Designs, GeneratedProblem


class GeneratedBuildEnv(ArchitectureEnv):
    """Builds an architecture as :class:`~anb_gym.envs.build.BuildEnv` does, for a device never seen in each episode.

    ## Description

    Which network is best on the device on your desk? All that is known of it is how long ten networks take, the probes
    (`anb_gym.hardware.PROBES`), and the observation shows that. Devices are generated
    (`anb_gym.devices.generate`): 10,000 to train on, 200 others to test on, whose optima are certified, and
    the real ones, through the same observation. So generalisation is measured as exact regret.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `BuildEnv`, then ten cells with the logarithm of each probe's time less the mean of these ten, so that 0.5 is
    the mean, 0 is e^-3 times and 1 is e^3 times as long: by default `Box(0, 1, (110,), float32)`.

    ## Rewards

    0 until the last step, then `accuracy * (throughput / reference) ** 0.07`, or `(reference / latency)`, where the
    reference is EfficientNet-B0's on the device. In unit scale uniformly random architectures have the mean 0 on every
    device and the best has 1. It is certified for the devices for tests and for real ones; for others it is the best
    that Pareto local search finds, in a tenth of a second when a device is first met: of 200 it missed none by more
    than 0.001. `certified=True` certifies it there too (a tenth of a second a device for this reward, half a second for
    preferences and bounds, on one core), so that every episode has its regret. The raw scale needs none of this.

    The info of the last step contains `device`, such as `"generated_7"` or `"vck190"`, and `architecture`, `index`,
    `metrics` (`"accuracy"`, and `"generated/throughput"` in images/s or `"generated/latency"` in ms, of real devices
    too) and `raw_reward`, as for `BuildEnv`, and `regret` where the optimum is certified.

    ## Starting State

    No choice is made. `reset` draws the device, uniformly; with `probe_noise` it then draws the seed of the probes'
    noise. `reset(options={"device": 1000003})` sets the seed of the device, `reset(options={"device": "vck190"})`
    presents a real one.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    | Argument      | Default        | Meaning                                                                         |
    |---------------|----------------|---------------------------------------------------------------------------------|
    | `kind`        | `"throughput"` | or `"latency"`                                                                  |
    | `devices`     | `"train"`      | `"train"`: seeds 0 to 9,999; `"test"`: 1,000,000 to 1,000,199; or seeds         |
    | `leave_out`   | `None`         | `"fpga"`, `"tpu"`, `"gpu"` or `"cpu"`, which the distribution then has not seen |
    | `probe_noise` | `0.0`          | Standard deviation of the logarithm of a probe's time                           |
    | `certified`   | `False`        | `True`: certify the optima of all devices, when first met; needs `exact`        |

    and `surrogate`, `reward_scale`, `granularity`, `observation`, `noise` (of accuracy; devices have none) and
    `render_mode`, as for `BuildEnv`. The reward is given by the id.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-Generated-v0", granularity="network", devices="test")
    >>> observation, info = env.reset(seed=0, options={"device": "a100"})
    >>> observation[100:].round(2).shape
    (10,)
    >>> observation, reward, terminated, truncated, info = env.step([0] * 28)
    >>> info["device"], list(info["metrics"])
    ('a100', ['accuracy', 'generated/throughput'])

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.generated.GeneratedBuildVectorEnv`, whose copies differ in their devices.

    ## Version History

    * v0: First version.
    """

    def __init__(
        self,
        reward: str,
        kind: str = "throughput",
        devices: str | Sequence[int] = "train",
        leave_out: str | None = None,
        probe_noise: float = 0.0,
        certified: bool = False,
        surrogate: str | None = None,
        reward_scale: str = "unit",
        granularity: str = "choice",
        observation: str = "onehot",
        noise: bool = False,
        render_mode: str | None = None,
    ) -> None:
        problem = make_problem(reward, kind, devices, leave_out, probe_noise, certified, surrogate, reward_scale)
        super().__init__(problem, Interface(granularity, observation, noise, render_mode))


class PreferenceGeneratedBuildEnv(GeneratedBuildEnv):
    """Builds an architecture as :class:`GeneratedBuildEnv` does, for another preference in each episode too.

    ## Description

    As for `GeneratedBuildEnv`, for one policy that answers for every device with its whole front.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `GeneratedBuildEnv`, then two cells, the weights of accuracy and of the device's metric: by default
    `Box(0, 1, (112,), float32)`.

    ## Rewards

    0 until the last step, then the Chebyshev reward of the `-Preference` ids, minus the largest weighted distance from
    the ideal; objectives are 0 at the nadir and 1 at the ideal of the device's front. In unit scale random
    architectures have the mean 0 for each device and preference, measured at 129 weights and interpolated, and the best
    member of the device's front has 1, certified where `GeneratedBuildEnv` says.

    The info of the last step has what it has there, and `preference`, the weights.

    ## Starting State

    No choice is made. `reset` draws the device and then the accuracy's weight, uniformly.
    `reset(options={"device": "vck190", "preference": [0.3, 0.7]})` sets them.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    Those of `GeneratedBuildEnv`.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-Generated-Preference-v0", granularity="network")
    >>> observation, info = env.reset(seed=0, options={"device": "vck190", "preference": [0.25, 0.75]})
    >>> observation[110:].tolist()
    [0.25, 0.75]

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.generated.PreferenceGeneratedBuildVectorEnv`.

    ## Version History

    * v0: First version.
    """


class ConstrainedGeneratedBuildEnv(GeneratedBuildEnv):
    """Builds an architecture as :class:`GeneratedBuildEnv` does, as accurate as a bound of its metric allows.

    ## Description

    As for `GeneratedBuildEnv`, with a bound that each episode draws and shows: so many images/s at least, or so many ms
    at most, on a device never seen. What is not known of the device shows in how often the bound is missed.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `GeneratedBuildEnv`, then one cell, where the bound lies between nadir, 0, and ideal, 1, of the device's
    front: by default `Box(0, 1, (111,), float32)`.

    ## Rewards

    0 until the last step, then the accuracy, whether the bound is met or not. In unit scale it is
    (accuracy - mean) / (best - mean) with the best accuracy under the bound and the mean of random architectures that
    meet it, at most 1 point below the best, as for the newer `-Constrained` and the `-Bound` ids. `info["cost"]` is 0
    at every step until the last, where it is the relative violation. `regret`, where the optimum is certified, is in
    points of accuracy, and infinite for a network that misses the bound.

    The info of the last step has what it has for `GeneratedBuildEnv`, `cost` and `preference`, the bound in its unit.

    ## Starting State

    No choice is made. `reset` draws the device, and then where the bound lies between nadir and ideal, uniformly.
    `reset(options={"device": "vck190", "preference": 3000.0})` sets them; the bound stays as it is given.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    Those of `GeneratedBuildEnv`.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-Generated-Constrained-v0", granularity="network")
    >>> observation, info = env.reset(options={"device": "vck190", "preference": 3000.0})
    >>> observation, reward, terminated, truncated, info = env.step([0] * 28)
    >>> info["cost"], info["preference"]
    (0.0, 3000.0)

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.generated.ConstrainedGeneratedBuildVectorEnv`.

    ## Version History

    * v0: First version.
    """


class MOGeneratedBuildEnv(GeneratedBuildEnv, VectorRewards):
    """Builds an architecture as :class:`GeneratedBuildEnv` does; its reward is a vector.

    ## Description

    As for `GeneratedBuildEnv`, with MO-Gymnasium's convention as for the `-MO` ids.

    ## Action Space

    As for `BuildEnv`: by default `Discrete(4)`, with masks.

    ## Observation Space

    As for `GeneratedBuildEnv`: by default `Box(0, 1, (110,), float32)`.

    ## Rewards

    A `float32` array, accuracy first, larger is better; zeros until the last step. In unit scale 1 is the ideal and 0
    the nadir of the exact front of the device: its ends are known without a search. `"raw"`: accuracy in percent, and
    throughput in images/s or the negative of latency in ms. `pareto_front(gamma)` lists the discounted returns of the
    front of the present episode's device, exact where `GeneratedBuildEnv` says that the optimum is certified.

    The info of the last step has `device`, `architecture`, `index` and `metrics`.

    ## Starting State

    As for `GeneratedBuildEnv`.

    ## Episode End

    The episode terminates when all 28 choices are made. It is never truncated.

    ## Arguments

    Those of `GeneratedBuildEnv`.

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("anb_gym:AccelNAS-Generated-MO-v0")
    >>> observation, info = env.reset(seed=0, options={"device": "vck190"})
    >>> env.unwrapped.pareto_front(gamma=1.0)[0]
    array([1., 0.])

    ```

    ## Vectorized environment

    `gym.make_vec` makes `anb_gym.envs.generated.MOGeneratedBuildVectorEnv`.

    ## Version History

    * v0: First version.
    """

    def _front_rewards(self) -> FloatArray:
        problem, request = self.problem, self._request
        assert isinstance(problem, GeneratedProblem)
        assert isinstance(request, Designs)
        states = problem.ask.on(int(request.device[0])).front.states
        return problem.assess(states, request[np.zeros(len(states), dtype=np.int64)]).reward


def make_problem(
    reward: str,
    kind: str = "throughput",
    devices: str | Sequence[int] = "train",
    leave_out: str | None = None,
    probe_noise: float = 0.0,
    certified: bool = False,
    surrogate: str | None = None,
    reward_scale: str = "unit",
) -> GeneratedProblem:
    """The problem of an environment with generated devices; see :class:`GeneratedBuildEnv` for the arguments.

    Raises:
        ValueError: An argument has an unknown or impossible value.
    """
    family = Benchmark(surrogate).surrogate
    return GeneratedProblem(kind, devices, leave_out, reward, reward_scale, family, probe_noise, certified)


class GeneratedBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`GeneratedBuildEnv`, each with a device of its own."""

    env_type = GeneratedBuildEnv


class PreferenceGeneratedBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`PreferenceGeneratedBuildEnv`, each with a device and a preference of its own."""

    env_type = PreferenceGeneratedBuildEnv


class ConstrainedGeneratedBuildVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`ConstrainedGeneratedBuildEnv`, each with a device and a bound of its own."""

    env_type = ConstrainedGeneratedBuildEnv


class MOGeneratedBuildVectorEnv(MOBuildVectorEnv):
    """Copies of :class:`MOGeneratedBuildEnv`: rewards are ``float32`` (num_envs, 2)."""

    env_type = MOGeneratedBuildEnv
