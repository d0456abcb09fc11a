"""Prints what environment steps cost: of one copy beside CartPole, and of many beside Gymnasium's vector environment.

All is averaged over whole episodes and measured in turns, so that other load on the machine meets all alike. A single
environment is measured by Gymnasium's own ``benchmark_step``. The native vector environment and ``SyncVectorEnv`` of
the same environment take the same actions; a step of all copies counts once per copy.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter

import gymnasium
from gymnasium.utils.performance import benchmark_step
from gymnasium.vector import VectorEnv

REFERENCE = "CartPole-v1"


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", default="anb_gym:AccelNAS-VCK190-v0", help="environment to measure")
    parser.add_argument("--copies", type=int, default=1024, help="copies of the vector environments")
    parser.add_argument("--seconds", type=int, default=1, help="duration of one measurement of a single environment")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each; the median counts")
    arguments = parser.parse_args()
    compare_single(arguments.id, arguments.seconds, arguments.rounds)
    compare_vector(arguments.id, arguments.copies, arguments.rounds)


def compare_single(env_id: str, seconds: int, rounds: int) -> None:
    """Prints the cost of a step of one environment and of CartPole."""
    environments = {name: gymnasium.make(name) for name in (env_id, REFERENCE)}
    costs: dict[str, list[float]] = {name: [] for name in environments}
    for _ in range(rounds):
        for name, environment in environments.items():
            costs[name].append(1e6 / benchmark_step(environment, seconds, seed=0))
    for name, values in costs.items():
        print(f"{name:40} {median(values):12.2f} µs per step")
    ratios = [cost / reference for cost, reference in zip(costs[env_id], costs[REFERENCE], strict=True)]
    print(f"{'ratio':40} {median(ratios):12.2f}")


def compare_vector(env_id: str, copies: int, rounds: int) -> None:
    """Prints how many steps of copies a second the native vector environment and ``SyncVectorEnv`` make."""
    native, synchronous = "native vector environment", "SyncVectorEnv"
    environments = {
        native: gymnasium.make_vec(env_id, copies),
        synchronous: gymnasium.make_vec(env_id, copies, vectorization_mode="sync"),
    }
    speeds: dict[str, list[float]] = {name: [] for name in environments}
    for _ in range(rounds):
        # One episode of the slower takes about as long as many of the faster.
        for name, episodes in ((native, 20), (synchronous, 1)):
            speeds[name].append(_steps_per_second(environments[name], episodes))
    for name, values in speeds.items():
        print(f"{f'{name}, {copies} copies':40} {median(values):12,.0f} steps per second")
    ratios = [fast / slow for fast, slow in zip(speeds[native], speeds[synchronous], strict=True)]
    print(f"{'ratio':40} {median(ratios):12.1f}")


def _steps_per_second(envs: VectorEnv, episodes: int) -> float:
    """The speed over whole episodes, with the step in which copies are reset."""
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = [envs.action_space.sample() for _ in range(29)]
    start = perf_counter()
    for _ in range(episodes):
        for batch in actions:
            _, _, terminated, _, _ = envs.step(batch)
    elapsed = perf_counter() - start
    if terminated.any():
        raise RuntimeError("the last step was to reset all copies: is the granularity not 'choice'?")
    return episodes * len(actions) * envs.num_envs / elapsed


if __name__ == "__main__":
    main()
