"""Trains algorithms of morl-baselines on an id with a vector reward and compares the fronts with the certified one.

Runs in .venv-morl, see README.md. For each algorithm, and for random search with as many episodes, it prints the
hypervolume of all architectures that were evaluated while training, as a share of the certified front's. For
algorithms also that of the architectures which the trained policies design, greedily, for evenly spaced preferences.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any, Final

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

os.environ["WANDB_MODE"] = "disabled"  # morl-baselines imports it; nothing is logged
from morl_baselines.common.weights import equally_spaced_weights
from morl_baselines.multi_policy.envelope.envelope import Envelope
from morl_baselines.multi_policy.gpi_pd.gpi_pd import GPILS
from morl_baselines.multi_policy.pcn.pcn import PCN

import anb_gym  # noqa: F401 - registers the ids
from anb_gym.pareto import normalised_hypervolume

Vectors = NDArray[np.float64]

#: The reference point, in objectives: the nadir, which is 0, made worse by a tenth of the front's extent, which is 1.
REFERENCE: Final = -0.1
#: Preferences for which trained policies design architectures.
N_PREFERENCES: Final = 20


class RewardRecorder(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps the reward vector of every episode that ends.

    Args:
        env: An environment whose only reward comes at the end.
        title: Of a progress bar over ``episodes``; None for none.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], title: str | None = None, episodes: int = 0) -> None:
        super().__init__(env)
        self.vectors: list[Vectors] = []
        self._bar = tqdm(total=episodes, desc=title, unit=" networks", mininterval=0.5, disable=title is None)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps, and keeps the reward of a last step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self.vectors.append(np.array(reward, dtype=np.float64))
            self._bar.update()
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        """Ends the bar."""
        self._bar.close()
        super().close()


def random_search(env: RewardRecorder, steps: int, seed: int) -> None:
    """Random valid actions."""
    env.action_space.seed(seed)
    _, info = env.reset(seed=seed)
    for _ in range(steps):
        _, _, terminated, _, info = env.step(env.action_space.sample(mask=info["action_mask"]))
        if terminated:
            _, info = env.reset()


def pcn(env: RewardRecorder, designs: RewardRecorder, steps: int, seed: int) -> None:
    """Pareto Conditioned Networks (Reymond et al. 2022): a policy conditioned on the return that is wanted."""
    dimension = env.unwrapped.reward_dim  # type: ignore[attr-defined]
    length = env.unwrapped.rules.transition.n_steps  # type: ignore[attr-defined]
    scaling = np.array([*[1.0] * dimension, 1.0 / length], dtype=np.float32)
    agent = PCN(env, scaling, learning_rate=1e-3, hidden_dim=128, log=False, seed=seed, device="cpu")
    agent.save = lambda: None  # else it writes the model into the working folder while it trains
    most = np.ones(dimension, dtype=np.float32)
    reference, first = np.full(dimension, REFERENCE), max(1, min(100, steps // length // 4))
    agent.train(
        steps, RewardRecorder(designs.env), reference, num_er_episodes=first, max_return=most, max_buffer_size=200
    )
    agent.evaluate(designs, most, n=N_PREFERENCES)


def envelope(env: RewardRecorder, designs: RewardRecorder, steps: int, seed: int) -> None:
    """Envelope Q-learning (Yang et al. 2019): Q-values conditioned on the weights of a linear preference."""
    agent = Envelope(env, **_q_learning(steps, seed))
    agent.train(steps)
    _design(agent, designs)


def gpi_ls(env: RewardRecorder, designs: RewardRecorder, steps: int, seed: int) -> None:
    """GPI-LS (Alegre et al. 2023): linear support chooses the weights to train for."""
    agent = GPILS(env, gradient_updates=1, **_q_learning(steps, seed))
    agent.train(
        steps,
        RewardRecorder(designs.env),
        np.full(env.unwrapped.reward_dim, REFERENCE),  # type: ignore[attr-defined]
        num_eval_episodes_for_front=1,
        timesteps_per_iter=max(1, steps // 10),
        checkpoints=False,
    )
    _design(agent, designs)


def _q_learning(steps: int, seed: int) -> dict[str, Any]:
    """Settings of both algorithms that learn Q-values: no discount, as only the last step is rewarded."""
    return {
        "learning_rate": 1e-3,
        "initial_epsilon": 1.0,
        "final_epsilon": 0.05,
        "epsilon_decay_steps": steps // 2,
        "net_arch": [128, 128],
        "batch_size": 64,
        "buffer_size": steps,
        "gamma": 1.0,
        "log": False,
        "seed": seed,
        "device": "cpu",
    }


def _design(agent: Any, designs: RewardRecorder) -> None:
    """Greedy episodes of a policy that is conditioned on weights."""
    for weights in equally_spaced_weights(designs.unwrapped.reward_dim, N_PREFERENCES):  # type: ignore[attr-defined]
        observation, _ = designs.reset()
        over = False
        while not over:
            observation, _, over, _, _ = designs.step(agent.eval(observation, weights.astype(np.float32)))


ALGORITHMS: Final[dict[str, Callable[[RewardRecorder, RewardRecorder, int, int], None]]] = {
    "PCN": pcn,
    "Envelope": envelope,
    "GPI-LS": gpi_ls,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, trains and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--id", default="AccelNAS-VCK190-MO-v0", help="environment with a vector reward")
    parser.add_argument("--granularity", default="choice", help='"choice" (28 steps an episode) or "block" (7)')
    parser.add_argument("--episodes", type=int, default=1000, help="architectures that each algorithm evaluates")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS), help="which to train")
    parser.add_argument("--seed", type=int, default=0, help="of algorithms and environments")
    given = parser.parse_args(arguments)
    if given.episodes < 10:
        parser.error(f"--episodes must be at least 10, got {given.episodes}")
    torch.set_num_threads(1)

    def make(title: str | None = None) -> RewardRecorder:
        return RewardRecorder(gymnasium.make(given.id, granularity=given.granularity), title, given.episodes)

    front = make().unwrapped.pareto_front(gamma=1.0)  # type: ignore[attr-defined]

    def share(vectors: Sequence[Vectors]) -> float:
        dimension = len(front[0])
        return normalised_hypervolume(vectors, front, [REFERENCE] * dimension, ["max"] * dimension)

    steps = given.episodes * make().unwrapped.rules.transition.n_steps  # type: ignore[attr-defined]
    rows: list[dict[str, Any]] = []
    for name in ("random search", *given.algorithms):
        for seed in (random.seed, np.random.seed, torch.manual_seed):
            seed(given.seed)
        env, designs = make(name), make()
        env.reset(seed=given.seed)
        began = time.perf_counter()
        if name in ALGORITHMS:
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                ALGORITHMS[name](env, designs, steps, given.seed)
        else:
            random_search(env, steps, given.seed)
        seconds = time.perf_counter() - began
        env.close()
        row = {"name": name, "evaluated": len(env.vectors), "share": share(env.vectors), "seconds": seconds}
        rows.append(row | ({"designs": share(designs.vectors)} if designs.vectors else {}))
    print(f"{'':14} {'evaluated':>9} {'hypervolume':>12} {'of the designs':>15} {'seconds':>8}")
    for row in rows:
        of_designs = f"{row['designs']:15.3f}" if "designs" in row else " " * 15
        print(f"{row['name']:14} {row['evaluated']:9,} {row['share']:12.3f} {of_designs} {row['seconds']:8.1f}")


if __name__ == "__main__":
    main()
