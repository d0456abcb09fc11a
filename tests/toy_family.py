"""A family of environments as a user would add it: one file, and one row in ``test_families.py``."""

from anb_gym.benchmark import Benchmark
from anb_gym.envs.core.episode import ArchitectureEnv
from anb_gym.envs.core.rules import Interface
from anb_gym.envs.core.vector import ArchitectureVectorEnv
from anb_gym.problems import Problem
from anb_gym.rewards import make_reward
from anb_gym.tasks import get_task


class FastEnv(ArchitectureEnv):
    """Builds an architecture for speed, as long as it is accurate enough."""

    def __init__(
        self,
        task: str,
        weight: float = 0.9,
        granularity: str = "block",
        noise: bool = False,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(make_problem(task, weight), Interface(granularity, "tokens", noise, render_mode))


def make_problem(task: str, weight: float = 0.9) -> Problem:
    """The problem of an environment."""
    of = get_task(task)
    return Problem(of, make_reward("weighted", of, weights=(1.0 - weight, weight)), "unit", Benchmark().surrogate)


class FastVectorEnv(ArchitectureVectorEnv):
    """Copies of :class:`FastEnv`."""

    env_type = FastEnv
