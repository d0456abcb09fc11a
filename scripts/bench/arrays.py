"""Prints how fast tables and environments are on arrays of JAX and PyTorch, beside numpy's and gymnax's CartPole.

All on one core, in turns, in seconds of processor time, of which the least counts: other load on the machine only adds.
Environments take random actions, 1,024 copies at once, a whole episode in one ``scan`` under ``jit``; of every 28 steps
of ours one scores, so evaluations a second stand beside steps. The state goes through the loop, in ours with the
observation; rewards and ends of episodes come out of it. CartPole's observations are not asked for.

gymnax is not among the pinned packages, since gymnax 1.0.1 needs a Gymnasium below 1.4. Without it its line is missing.
To have it, install gymnax and this package into another environment.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

import anb_gym.jax
from anb_gym import SPACE, Benchmark
from anb_gym._extras import is_installed

METRICS = ("accuracy", "vck190/throughput")


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", type=int, default=100_000, help="rows of a query")
    parser.add_argument("--copies", type=int, default=1024, help="copies of the environments")
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each; the least counts")
    parser.add_argument(
        "--ids",
        nargs="+",
        default=[
            "AccelNAS-VCK190-v0",
            "AccelNAS-VCK190-MO-v0",
            "AccelNAS-VCK190-Preference-v0",
            "AccelNAS-Transfer-v0",
        ],
        help="environments to measure",
    )
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    compare_queries(arguments.architectures, arguments.rounds)
    compare_environments(arguments.ids, arguments.copies, arguments.rounds)


def compare_queries(n: int, rounds: int) -> None:
    """Prints how many rows a second every library answers, of one metric and of two."""
    choices = SPACE.sample(n, np.random.default_rng(0))
    bench = Benchmark()
    calls: dict[str, Callable[[list[str]], Any]] = {"numpy": lambda names: bench.query(choices, names)}
    for dtype in ("float32", "float64"):
        with jax.enable_x64(dtype == "float64"):
            tables, rows = bench.to_jax(dtype=dtype, metrics=METRICS), jnp.asarray(choices)
        ask = jax.jit(lambda tables, rows, names: tables.query(rows, names), static_argnums=2)
        calls[f"JAX {dtype}"] = partial(_jitted, ask, tables, rows, dtype == "float64")
        if is_installed("torch"):
            import torch

            torch.set_num_threads(1)
            on_torch, tensor = bench.to_torch(dtype=getattr(torch, dtype), metrics=METRICS), torch.tensor(choices)
            calls[f"PyTorch {dtype}"] = partial(_asked, on_torch, tensor)
    for metrics in (METRICS[:1], METRICS):
        seconds = _least({name: partial(call, list(metrics)) for name, call in calls.items()}, rounds)
        for name, value in seconds.items():
            speed, ratio = n * len(metrics) / value / 1e6, seconds["numpy"] / value
            print(f"query, metrics {len(metrics)}: {name:16} {speed:7.2f} M rows and metrics/s, {ratio:5.2f} x numpy")


def compare_environments(ids: list[str], copies: int, rounds: int) -> None:
    """Prints how many steps and evaluations a second environments make."""
    calls: dict[str, Callable[[], Any]] = {}
    for id in ids:
        env, params = anb_gym.jax.make(id)
        calls[f"{id}, JAX"] = _jax_episodes(env, params, copies)
        calls[f"{id}, numpy"] = _numpy_episodes(gymnasium.make_vec(f"anb_gym:{id}", copies), copies)
    if is_installed("gymnax"):
        import gymnax

        env, params = gymnax.make("CartPole-v1")
        calls["gymnax's CartPole"] = _jax_episodes(env, params, copies)
    for call in calls.values():
        begun = time.process_time()
        call()
        print(f"compiled, and one episode, in {time.process_time() - begun:5.2f} s")
    for name, value in _least(calls, rounds).items():
        steps = 28 * copies / value / 1e6
        evaluations = "" if "CartPole" in name else f", {steps / 28:6.3f} M evaluations/s"
        print(f"{name:40} {steps:7.2f} M steps/s{evaluations}")


def _jax_episodes(env: Any, params: Any, copies: int) -> Callable[[], Any]:
    space = env.action_space(params)

    def episodes(key: jax.Array, state: Any, params: Any) -> Any:
        def step(state: Any, key: jax.Array) -> Any:
            choose, ahead = jax.random.split(key)
            # A quarter of the time went into uniform integers.
            actions = (jax.random.bits(choose, (copies,), jnp.uint8) % space.n).astype(jnp.int32)
            _, state, rewards, terminated, _, _ = jax.vmap(env.step, (0, 0, 0, None))(
                jax.random.split(ahead, copies), state, actions, params
            )
            return state, (rewards, terminated)

        return jax.lax.scan(step, state, jax.random.split(key, 28))

    _, state = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(0), copies), params)
    run, key = jax.jit(episodes), jax.random.key(1)
    return lambda: jax.block_until_ready(run(key, state, params))


def _numpy_episodes(envs: Any, copies: int) -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    n_actions = int(envs.single_action_space.n)

    def episodes() -> None:
        envs.reset(seed=0) if not hasattr(envs, "_begun") else envs.reset()
        envs._begun = True
        for _ in range(28):
            envs.step(rng.integers(n_actions, size=copies))

    return episodes


def _asked(tables: Any, rows: Any, names: list[str]) -> Any:
    return tables.query(rows, names)


def _jitted(ask: Any, tables: Any, rows: Any, double: bool, names: list[str]) -> Any:
    with jax.enable_x64(double):
        return jax.block_until_ready(ask(tables, rows, tuple(names)))


def _least(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of processor time of each call, called in turns; the first call is not counted."""
    found = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            begun = time.process_time()
            call()
            found[name] = min(found[name], time.process_time() - begun)
    return found


if __name__ == "__main__":
    main()
