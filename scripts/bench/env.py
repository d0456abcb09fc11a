"""Prints what environment steps cost: of one copy, of many at once, and while an agent trains.

All is averaged over whole episodes and measured in turns, so that other load on the machine meets all alike. A single
environment is measured by Gymnasium's own ``benchmark_step``, beside CartPole. The native vector environment and
``SyncVectorEnv`` of the same environment take the same actions; a step of all copies counts once per copy, and is
compared with a step of CartPole too. PPO of
Stable-Baselines3 trains in the recommended settings, on the native environment and on SB3's ``DummyVecEnv``.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter
from typing import Any

import _readme
import gymnasium
import numpy as np
import torch
from gymnasium.utils.performance import benchmark_step
from gymnasium.vector import VectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from anb_gym.envs.sb3 import make_vec_env

REFERENCE = "CartPole-v1"


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ids",
        nargs="+",
        default=["anb_gym:AccelNAS-VCK190-v0", "anb_gym:AccelNAS-Edit-VCK190-v0"],
        help="environments to measure; the agent trains on the first",
    )
    parser.add_argument("--copies", type=int, default=1024, help="copies of the vector environments")
    parser.add_argument("--seconds", type=int, default=1, help="duration of one measurement of a single environment")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each; the median counts")
    arguments = parser.parse_args()
    for env_id in arguments.ids:
        compare_single(env_id, arguments.seconds, arguments.rounds)
        compare_vector(env_id, arguments.copies, arguments.seconds, arguments.rounds)
    compare_generated(arguments.copies, arguments.rounds)
    compare_training(arguments.ids[0], arguments.rounds)


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


def compare_vector(env_id: str, copies: int, seconds: int, rounds: int) -> None:
    """Prints how many steps of copies a second the native vector environment and ``SyncVectorEnv`` make."""
    reference = gymnasium.make(REFERENCE)
    native, synchronous = "native vector environment", "SyncVectorEnv"
    environments = {
        native: gymnasium.make_vec(env_id, copies),
        synchronous: gymnasium.make_vec(env_id, copies, vectorization_mode="sync"),
    }
    speeds: dict[str, list[float]] = {name: [] for name in environments}
    shares = []
    for _ in range(rounds):
        # One episode of the slower takes about as long as many of the faster.
        for name, episodes in ((native, 20), (synchronous, 1)):
            speeds[name].append(_steps_per_second(environments[name], episodes))
        shares.append(benchmark_step(reference, seconds, seed=0) / speeds[native][-1])
    for name, values in speeds.items():
        print(f"{f'{name}, {copies} copies':40} {median(values):12,.0f} steps per second")
    ratios = [fast / slow for fast, slow in zip(speeds[native], speeds[synchronous], strict=True)]
    print(f"{'ratio':40} {median(ratios):12.1f}")
    print(f"{f'native, in steps of {REFERENCE}':40} {median(shares):12.3f}")


def compare_generated(copies: int, rounds: int) -> None:
    """Prints how fast copies with a generated device each are, beside others that draw something in every episode."""
    ids = [f"anb_gym:AccelNAS-{name}-v0" for name in ("Transfer", "VCK190-Preference", "Generated")]
    environments = [gymnasium.make_vec(id, copies, **({"devices": "test"} if id == ids[-1] else {})) for id in ids]
    for envs in environments:  # what is found out once per device
        _steps_per_second(envs, 4)
    speeds = [[_steps_per_second(envs, 20) for envs in environments] for _ in range(rounds)]
    for id, values in zip(ids, zip(*speeds, strict=True), strict=True):
        print(f"{f'{id[8:]}, {copies} copies':40} {median(values):12,.0f} steps per second")
    for column, id in enumerate(ids[:-1]):
        ratios = [row[-1] / row[column] for row in speeds]
        print(f"{f'ratio to {id[8:]}':40} {median(ratios):12.2f}")


def compare_training(env_id: str, rounds: int) -> None:
    """Prints how many frames a second SB3 makes, without an agent and while PPO trains, on one core."""

    def make() -> gymnasium.Env[Any, Any]:
        return gymnasium.make(env_id, disable_env_checker=True)

    torch.set_num_threads(1)
    copies, n_steps = _readme.COPIES, _readme.PPO["n_steps"]
    environments: dict[str, VecEnv] = {
        "make_vec_env": make_vec_env(env_id, copies),
        "DummyVecEnv": DummyVecEnv([make] * copies),
    }
    agents = {
        name: PPO("MlpPolicy", envs, seed=0, device="cpu", **_readme.PPO).learn(copies * n_steps)
        for name, envs in environments.items()
    }
    for title, updates, run in (
        ("SB3 without agent", 10, lambda name, steps: _step_all(environments[name], steps)),
        ("SB3's PPO", 2, lambda name, steps: agents[name].learn(steps * copies)),
    ):
        speeds: dict[str, list[float]] = {name: [] for name in environments}
        for _ in range(rounds):
            for name, values in speeds.items():
                start = perf_counter()
                run(name, updates * n_steps)
                values.append(updates * n_steps * copies / (perf_counter() - start))
        for name, values in speeds.items():
            print(f"{f'{title}, {name}, {copies} copies':40} {median(values):12,.0f} frames per second")
        ratios = [fast / slow for fast, slow in zip(*speeds.values(), strict=True)]
        print(f"{'ratio':40} {median(ratios):12.2f}")


def _step_all(envs: VecEnv, steps: int) -> None:
    """Steps without choosing actions, which would take longer than the steps."""
    envs.reset()
    actions = np.zeros((envs.num_envs, *envs.action_space.shape), dtype=np.int64)
    for _ in range(steps):
        envs.step(actions)


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
