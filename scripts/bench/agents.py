"""Prints what the agents of our own reach, each figure with its target and beside PPO of Stable-Baselines3.

`scalar`: `policy_gradient` on every task with a scalar reward, medians over seeds: the best regret after 1,000
evaluations; and after a training that must take at most two seconds, the best regret and the mean reward of a thousand
sampled architectures. PPO trains in the README's settings, once on each task: its best regret after as many
evaluations and after all of its own, and the mean reward that it samples. `--compared` adds other agents with the
budgets of `policy_gradient`, such as `autoregressive_policy_gradient`: what the dependence between choices is worth.

`front`: `preference_conditioned` on every device metric, see preferences.py.

Some of these tasks were seen when settings were chosen: of `policy_gradient` the CPU's, and the others to compare; of
`preference_conditioned` CPU, VCK190, TPUv3 and A100. `--first-seed 1000` takes seeds not looked at then.

Seconds are process time; limit the threads of BLAS to one (OPENBLAS_NUM_THREADS=1) for those of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from time import process_time
from typing import Any, Final

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

import anb_gym
from anb_gym import agents
from anb_gym.envs.sb3 import make_vec_env
from anb_gym.problems import Problem
from anb_gym.space import SPACE

TASKS: Final = (
    "ZCU102", "VCK190", "TPUv2", "TPUv3", "A100", "RTX3090", "ZCU102-Latency", "VCK190-Latency", "CPU", "Accuracy",
)  # fmt: skip
#: PPO's settings in the README.
README: Final[Mapping[str, Any]] = {
    "n_steps": 28, "batch_size": 448, "gamma": 1.0, "gae_lambda": 1.0, "learning_rate": 1e-3, "ent_coef": 0.005,
}  # fmt: skip
N_ENVS: Final = 64
#: What is reported after few evaluations, and how many architectures are sampled for a mean reward.
FEW, N_SAMPLED = 1000, 1000


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", nargs="+", choices=POINTS, default=list(POINTS), help="what is measured")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, help="names of tasks as in ids")
    parser.add_argument("--seeds", type=int, default=10, help="agents of each kind")
    parser.add_argument("--first-seed", type=int, default=0, help="the others follow it")
    parser.add_argument("--evaluations", type=int, default=20_000, help="budget of the trainings of at most 2 s")
    parser.add_argument("--front-evaluations", type=int, default=200_000, help="budget of the trainings for a front")
    parser.add_argument("--peer-evaluations", type=int, default=5120, help="PPO's budget; 0 for no PPO")
    parser.add_argument("--compared", nargs="*", default=[], metavar="AGENT", help="agents measured beside")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for point in arguments.points:
        POINTS[point](arguments)


# --- scalar tasks --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """Figures of one agent on one task, medians over seeds: three with a target, and process seconds."""

    few: float
    regret: float
    reward: float
    few_seconds: float
    seconds: float


#: The targets: the largest regrets, the least mean reward and the most seconds.
TARGET: Final = Row(few=0.01, regret=0.001, reward=0.99, few_seconds=2.0, seconds=2.0)


def scalar_tasks(arguments: argparse.Namespace) -> None:
    """Prints the figures of agents on scalar tasks."""
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    print(f"scalar tasks: medians of {len(seeds)} seeds; {FEW:,} and {arguments.evaluations:,} evaluations")
    print(f"PPO: 1 seed, {arguments.peer_evaluations:,} evaluations")
    print(f"{'agent':32} {'task':16} {'regret, few':>12} {'regret':>9} {'mean reward':>12} {'s, few':>7} {'s':>7}")
    for name in ("policy_gradient", *arguments.compared):
        rows = []
        for task in arguments.tasks:
            rows.append(_row(name, f"AccelNAS-{task}-v0", arguments.evaluations, seeds))
            _print(name, task, rows[-1])
        worst = Row(
            max(row.few for row in rows),
            max(row.regret for row in rows),
            min(row.reward for row in rows),
            max(row.few_seconds for row in rows),
            max(row.seconds for row in rows),
        )
        _print(name, "worst", worst)
        _print("target", "worst", TARGET)
        reached = (
            worst.few <= TARGET.few
            and worst.regret <= TARGET.regret
            and worst.reward >= TARGET.reward
            and worst.seconds <= TARGET.seconds
        )
        print(f"{name}: targets {'reached' if reached else 'missed'}")
    if arguments.peer_evaluations:
        peers = []
        for task in arguments.tasks:
            peers.append(_peer(f"AccelNAS-{task}-v0", arguments.peer_evaluations, arguments.first_seed))
            _print("PPO of Stable-Baselines3", task, peers[-1])
        means = (fmean(getattr(row, name) for row in peers) for name in ("few", "regret", "reward"))
        _print("PPO of Stable-Baselines3", "mean", Row(*means, peers[0].few_seconds, peers[0].seconds))


def _row(name: str, id: str, evaluations: int, seeds: Sequence[int]) -> Row:
    """The figures of an agent."""
    _mean_reward(id, anb_gym.EFFICIENTNET_B0)  # reads tables
    few, much, rewards, few_seconds, seconds = [], [], [], [], []
    for seed in seeds:
        start = process_time()
        _, record = agents.train(name, id, FEW, seed=seed)
        few_seconds.append(process_time() - start)
        few.append(float(record.regret.min()))
        start = process_time()
        agent, record = agents.train(name, id, evaluations, seed=seed)
        seconds.append(process_time() - start)
        much.append(float(record.regret.min()))
        rewards.append(_mean_reward(id, agent.design(N_SAMPLED, greedy=False)))
    return Row(median(few), median(much), median(rewards), median(few_seconds), median(seconds))


class _Recorder(BaseCallback):
    """Records the regret of every architecture."""

    def __init__(self) -> None:
        super().__init__()
        self.regret: list[float] = []

    def _on_step(self) -> bool:
        self.regret += [self.locals["infos"][i]["regret"] for i in np.flatnonzero(self.locals["dones"])]
        return True


def _peer(id: str, evaluations: int, seed: int) -> Row:
    """The figures of PPO."""
    envs, recorder, start = make_vec_env(id, N_ENVS), _Recorder(), process_time()
    model = PPO("MlpPolicy", envs, seed=seed, device="cpu", **README)
    model.learn(evaluations * SPACE.n_choices, callback=recorder)
    seconds = process_time() - start
    made: list[int] = []
    observations = envs.reset()
    while len(made) < N_SAMPLED:
        observations, _, dones, infos = envs.step(model.predict(observations)[0])
        made += [infos[i]["index"] for i in np.flatnonzero(dones)]
    reward = _mean_reward(id, SPACE.from_index(np.array(made[:N_SAMPLED])))
    return Row(min(recorder.regret[:FEW]), min(recorder.regret), reward, seconds * FEW / evaluations, seconds)


def _mean_reward(id: str, choices: Any) -> float:
    problem = anb_gym.make_problem(id)
    assert isinstance(problem, Problem)
    return float(problem.evaluate(choices).reward.mean())


def _print(name: str, task: str, row: Row) -> None:
    figures = f"{row.few:12.4f} {row.regret:9.4f} {row.reward:12.4f} {row.few_seconds:7.2f} {row.seconds:7.2f}"
    print(f"{name:32} {task:16} {figures}", flush=True)


def whole_fronts(arguments: argparse.Namespace) -> None:
    """Prints the figures of one policy for a whole front, on tasks of a device."""
    from preferences import fronts

    tasks = [task for task in arguments.tasks if task != "Accuracy"]
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    fronts(tasks, seeds, arguments.front_evaluations, arguments.peer_evaluations)


#: What is measured, by name; one function each.
POINTS: Final[Mapping[str, Callable[[argparse.Namespace], None]]] = {"scalar": scalar_tasks, "front": whole_fronts}


if __name__ == "__main__":
    main()
