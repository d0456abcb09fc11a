"""Prints how long training in one compiled function takes until a known optimum is found.

`examples/jax/policy_gradient.py` on every task with one reward, with one seed and with many at once, on one core;
`examples/jax/ppo.py` and PPO of Stable-Baselines3, in the README's settings, on the first. Optima are certified, and
whether one was found is told in float64 by the problem itself. `examples/jax/preference_conditioned.py` beside our
agent of that name: what the greedy designs for 1,001 weights cover of the exact hypervolume. Seconds are of processor
time.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import _readme
import jax
import numpy as np

import anb_gym.jax
from anb_gym import SPACE, agents
from anb_gym.agents.scores import coverage
from anb_gym.envs.families import FAMILIES

EXAMPLES = Path(__file__).parents[2] / "examples" / "jax"


def main() -> None:
    """Reads the command line, measures and prints."""
    family = FAMILIES["build"]
    tasks = [family.id_of(task, 0) for task in family.tasks if task.fidelity == "proxy"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", nargs="*", default=tasks, help="environments with a scalar reward")
    parser.add_argument("--seeds", type=int, default=64, help="seeds at once")
    fronts = ["AccelNAS-VCK190-Preference-v0", "AccelNAS-ZCU102-Preference-v0", "AccelNAS-RTX3090-Preference-v0"]
    parser.add_argument("--fronts", nargs="*", default=fronts, help="environments that draw weights")
    parser.add_argument("--front-seeds", type=int, default=5, help="seeds of each")
    parser.add_argument("--frames", type=int, default=60_000, help="steps of Stable-Baselines3's PPO; 0 for none")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    policy_gradient, ppo = _example("policy_gradient"), _example("ppo")
    for id in arguments.fronts:
        _measure_front(id, arguments.front_seeds)
    for id in arguments.ids:
        env, params = anb_gym.jax.make(id, granularity="network")
        for seeds in (1, arguments.seeds):
            _measure(f"{id}, policy gradient", policy_gradient, env, params, seeds)
    if not arguments.ids:
        return
    env, params = anb_gym.jax.make(arguments.ids[0])
    for seeds in (1, arguments.seeds):
        _measure(f"{arguments.ids[0]}, PPO", ppo, env, params, seeds)
    if arguments.frames:
        _measure_sb3(arguments.ids[0], arguments.frames)


def _measure(name: str, example: ModuleType, env: Any, params: Any, seeds: int) -> None:
    settings = example.Settings()
    keys = jax.random.split(jax.random.key(0), seeds)
    begun = time.process_time()
    # PPO's seeds are one batch.
    train_all = getattr(example, "train_all", jax.vmap(example.train, (None, None, 0, None)))
    run = jax.jit(partial(train_all, env, settings)).lower(keys, params).compile()
    compiled = time.process_time()
    found = jax.block_until_ready(run(keys, params))
    seconds = time.process_time() - compiled
    mean, best = np.asarray(found["mean"]), np.asarray(found["best"])
    text = f"compiled {compiled - begun:5.2f} s, trained {seconds:6.2f} s, mean reward {mean[:, -1].mean():.4f}"
    text += f", at least 0.99 {np.mean(mean[:, -1] >= 0.99):4.0%}"
    if "states" in found:
        regret = env.problem.evaluate(SPACE.states_to_index(np.asarray(found["states"]))).regret
        # In float32 the best of all is so close to the last update's that the first of its value counts.
        first = (best == best[:, -1:]).argmax(axis=1)[regret == 0.0] + 1
        text += f", optimum {np.mean(regret == 0.0):4.0%}"
        if len(first):
            evaluations = np.median(first) * settings.policies * settings.batch_size
            text += f", after {evaluations:,.0f} evaluations and {seconds * np.median(first) / mean.shape[1]:.3f} s"
    print(f"{name:42} {seeds:3} seeds: {text}", flush=True)


def _measure_front(id: str, seeds: int) -> None:
    example = _example("preference_conditioned")
    env, params = anb_gym.jax.make(id, granularity="network")
    settings, weights = example.Settings(), np.linspace(0.0, 1.0, 1001)
    compiled = seconds = 0.0
    designs = []
    for number in (1, seeds):  # what one seed takes is printed, what many find
        keys = jax.random.split(jax.random.key(0), number)
        begun = time.process_time()
        run = jax.jit(jax.vmap(partial(example.train, env, settings), (0, None))).lower(keys, params).compile()
        middle = time.process_time()
        found = jax.block_until_ready(run(keys, params))
        if number == 1:
            compiled, seconds = middle - begun, time.process_time() - middle
        designs = [example.greedy(logits, weights) for logits in found["logits"]]
    _print_front(f"{id}, JAX", designs, f"compiled {compiled:5.2f} s, trained {seconds:6.2f} s", env)
    designs = []
    begun = time.process_time()
    for seed in range(seeds):
        agent, _ = agents.train("preference_conditioned", id, settings.evaluations, seed=seed)
        designs.append(agent.design(len(weights), preference=np.stack([weights, 1.0 - weights], axis=1)))
    seconds = (time.process_time() - begun) / seeds
    _print_front(f"{id}, numpy", designs, f"trained {seconds:6.2f} s", env)


def _print_front(name: str, designs: list[Any], times: str, env: Any) -> None:
    shares = [coverage(env.problem, env.problem.benchmark.query(of, metrics=env.problem.metrics)) for of in designs]
    text = f"median {np.median(shares):.5f}, {min(shares):.5f} to {max(shares):.5f}"
    print(f"{name:42} {len(designs):3} seeds: {times} each, covered {text}", flush=True)


def _measure_sb3(id: str, frames: int) -> None:
    import torch
    from stable_baselines3 import PPO

    from anb_gym.envs.sb3 import make_vec_env

    torch.set_num_threads(1)
    envs = make_vec_env(f"anb_gym:{id}", _readme.COPIES)
    begun = time.process_time()
    model = PPO("MlpPolicy", envs, seed=0, device="cpu", **_readme.PPO).learn(frames)
    seconds = time.process_time() - begun
    rewards = [episode["r"] for episode in model.ep_info_buffer or []]
    mean = np.mean(rewards) if rewards else np.nan
    print(f"{id + ', PPO of Stable-Baselines3':42}   1 seed: trained {seconds:6.2f} s, mean reward {mean:.4f}")


def _example(name: str) -> ModuleType:
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))
    return import_module(name)


if __name__ == "__main__":
    main()
