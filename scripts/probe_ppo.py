"""Trains PPO of Stable-Baselines3 on ``AccelNAS-Probe-v0``, and writes docs/generalisation/measuring_ppo.md.

On its own PPO learns not to measure: a measurement costs at once, and pays only once designs heed it. So in the first
part of the training episodes measure one to three networks whatever the agent says, and then submit; after that it is
free. It is scored on the episodes that ``scripts/probe_heuristics.py`` plays.

    python scripts/probe_ppo.py --devices 63
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any, Final

import gymnasium
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnvWrapper

from anb_gym._files import write_atomically
from anb_gym.envs.core.measuring import MEASURE, SUBMIT
from anb_gym.envs.sb3 import make_vec_env
from anb_gym.hardware import TEST_SEEDS
from anb_gym.reports.markdown import table

PAGE: Final = Path(__file__).parents[1] / "docs" / "generalisation" / "measuring_ppo.md"
ID: Final = "AccelNAS-Probe-v0"
SETTINGS: Final[dict[str, Any]] = {
    "n_steps": 16, "batch_size": 256, "n_epochs": 6, "gamma": 1.0, "gae_lambda": 0.95, "learning_rate": 1e-3,
    "ent_coef": 0.003, "policy_kwargs": {"net_arch": [256, 256]}, "device": "cpu",
}  # fmt: skip
COPIES: Final = 64
#: Devices to train on: the front of each is searched for once, in a tenth of a second.
DEVICES: Final = 100
#: Measurements of an episode in the first part, at most.
MOST: Final = 3

TEXT: Final = """# PPO on `AccelNAS-Probe-v0`

<!-- written by scripts/probe_ppo.py -->

PPO of Stable-Baselines3, seed {seed}, {devices} devices for training, {forced:,} steps in episodes that measure one to
three networks whatever it says, then {free:,} steps on its own, {seconds:.0f} s of one core; scored on
{episodes} episodes, one on each of the first test devices, the same as those of [the heuristics](measuring.md).

{table}
"""


class MeasureFirst(VecEnvWrapper):
    """Episodes of one to three measurements, after which the network is submitted, until it is set free."""

    def __init__(self, envs: Any, seed: int) -> None:
        super().__init__(envs)
        self.free = False
        self._rng = np.random.default_rng(seed)
        self._left = self._rng.integers(1, MOST + 1, size=self.num_envs)

    def reset(self) -> Any:
        return self.venv.reset()

    def step_async(self, actions: np.ndarray) -> None:
        if not self.free:
            actions = actions.copy()
            actions[:, 0] = np.where(self._left > 0, MEASURE, SUBMIT)
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        observations, rewards, dones, infos = self.venv.step_wait()
        self._left = np.where(dones, self._rng.integers(1, MOST + 1, size=self.num_envs), self._left - 1)
        return observations, rewards, dones, infos


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains, scores, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forced", type=int, default=30_000, help="steps that measure first")
    parser.add_argument("--free", type=int, default=15_000, help="steps after them")
    parser.add_argument("--devices", type=int, default=100, help="test devices")
    parser.add_argument("--first-seed", type=int, default=TEST_SEEDS[0], help="of the devices; the test devices'")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    start = process_time()
    envs = MeasureFirst(make_vec_env(ID, COPIES, seed=options.seed, devices=list(range(DEVICES))), options.seed)
    agent = PPO("MlpPolicy", envs, seed=options.seed, **SETTINGS)
    for envs.free, steps in ((False, options.forced), (True, options.free)):
        for _ in range(5):
            if steps:
                agent.learn(steps // 5, reset_num_timesteps=False)
                last = agent.ep_info_buffer
                means = (float(np.mean([episode[key] for episode in last])) for key in "rl")
                print(agent.num_timesteps, "return {:.3f}, {:.2f} steps".format(*means), flush=True)
    seconds = process_time() - start
    seeds = range(options.first_seed, options.first_seed + options.devices)
    rows = []
    for name, greedy in (("greedy", True), ("sampled", False)):
        scores = np.array([_play(agent, seed, greedy) for seed in seeds])
        total, error = scores[:, 0].mean(), scores[:, 0].std(ddof=1) / np.sqrt(len(scores))
        rows.append([name, f"{total:.3f} ± {error:.3f}", *(f"{x:.3f}" for x in scores[:, 1:].mean(axis=0))])
    found = "\n".join(table(("", "return", "reward of the design", "bounds missed", "measurements"), rows))
    text = TEXT.format(
        seed=options.seed, devices=DEVICES, forced=options.forced, free=options.free, seconds=seconds,
        episodes=len(seeds), table=found,
    )  # fmt: skip
    write_atomically(options.out, text.encode())
    print(text)


def _play(agent: PPO, seed: int, greedy: bool) -> tuple[float, float, float, float]:
    """Return, reward of the design, whether the bound is missed, and measurements of the episode of a device."""
    env = gymnasium.make(f"anb_gym:{ID}")
    observation, _ = env.reset(seed=seed, options={"device": seed})
    total, terminated = 0.0, False
    while not terminated:
        action, _ = agent.predict(observation, deterministic=greedy)
        observation, reward, terminated, _, info = env.step(action)
        total += float(reward)
    return total, float(reward), float(info["cost"] > 0.0), float(info["measurements"])


if __name__ == "__main__":
    main()
