"""Trains algorithms of morl-baselines on ids with a vector reward, and scores what their policies design.

Runs in .venv-morl, see README.md. Settings are those of configs/agents/morl.yaml. A run is trained in a process of its
own, scored as ``anb-gym policies`` scores agents, and with ``--out`` kept: a run that is there is not trained again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout, suppress
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

os.environ["WANDB_MODE"] = "disabled"  # morl-baselines imports it; nothing is logged
from morl_baselines.common.pareto import get_non_dominated_inds
from morl_baselines.multi_policy.envelope.envelope import Envelope
from morl_baselines.multi_policy.gpi_pd.gpi_pd import GPILS
from morl_baselines.multi_policy.pcn.pcn import PCN, Transition

from anb_gym._files import read_yaml
from anb_gym.agents.designs import judged
from anb_gym.agents.policies import PolicyRun, load_results, peak_memory, write_results
from anb_gym.agents.scores import N_DESIGNS, score
from anb_gym.agents.zoo import settings_file
from anb_gym.envs.families import FAMILIES, ids, make_problem
from anb_gym.space import SPACE, Indices
from anb_gym.study.config import ControllerEntry

Floats = NDArray[np.float32]

#: Preferences for evaluations that would only be logged: morl-baselines spends 8 s on spacing its 100 evenly.
FEW: Final = 2
#: Settings of PCN that its training takes, not its constructor.
PCN_TRAINING: Final = ("num_er_episodes", "num_step_episodes", "num_model_updates", "max_buffer_size")


#: What a file of results has once.
KEYS: Final = ("agent", "id", "evaluations", "seed")


class BudgetSpent(Exception):
    """As many architectures are evaluated as may be."""


class Budget(gymnasium.Wrapper[Any, Any, Any, Any]):
    """One environment whose episodes are counted, whatever an algorithm uses them for.

    Args:
        run: The budget, the id and the environment's arguments.

    Attributes:
        run: The same.
        index: Architectures evaluated, in order, by their index.
    """

    def __init__(self, run: PolicyRun) -> None:
        super().__init__(gymnasium.make(f"anb_gym:{run.id}", **run.arguments))
        self.run = run
        self.index: list[int] = []
        self._bar = tqdm(total=run.evaluations, desc=f"{run.entry.name} {run.seed}", unit=" networks", mininterval=0.5)

    @property
    def length(self) -> int:
        """Steps of an episode."""
        return int(self.get_wrapper_attr("n_steps"))

    def copies(self, n: int) -> Any:
        """A native vector environment with copies of the environment, which counts nothing by itself."""
        mode = "vector_entry_point"
        return gymnasium.make_vec(f"anb_gym:{self.run.id}", n, vectorization_mode=mode, **self.run.arguments)

    def count(self, index: Sequence[int]) -> None:
        """Counts architectures that were evaluated."""
        self.index += index
        self._bar.update(len(index))

    def check(self, n: int) -> None:
        """Raises if so many more evaluations are beyond the budget."""
        if len(self.index) + n > self.run.evaluations:
            raise BudgetSpent

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Begins an episode if there is one left."""
        self.check(1)
        return super().reset(**options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps, and counts the architecture of a last step."""
        observation, reward, terminated, truncated, info = super().step(action)
        if terminated:
            self.count([int(info["index"])])
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        """Ends the bar."""
        self._bar.close()
        super().close()


class BatchPCN(PCN):
    """PCN whose episodes of a round, all with one command, step together as copies of a native vector environment."""

    def train(self, *args: Any, num_step_episodes: int, **settings: Any) -> None:
        """Trains until the budget of its environment is spent."""
        self._copies = self.env.copies(num_step_episodes)
        self._copies.reset(seed=self.seed)
        self._ready: list[list[Transition]] = []
        super().train(*args, num_step_episodes=num_step_episodes, **settings)

    def save(self, *args: Any) -> None:
        """Writes no model into the working folder while it trains."""

    def evaluate(self, *args: Any, **options: Any) -> tuple[None, None, None]:
        """Spends no evaluations on what would only be logged."""
        return None, None, None

    def _run_episode(self, env: Any, desired_return: Any, desired_horizon: Any, most: Any, *_: Any) -> Any:
        """The next episode of a round, of which PCN asks for one after the other."""
        if not self._ready:
            self.env.check(self._copies.num_envs)
            wanted = np.tile(desired_return, (self._copies.num_envs, 1))
            self._ready, index = self.episodes(self._copies, wanted, desired_horizon, most, greedy=False)
            self.env.count(index.tolist())
        return self._ready.pop()

    @torch.no_grad()
    def episodes(
        self, copies: Any, wanted: Floats, horizon: float, most: Floats, *, greedy: bool
    ) -> tuple[list[list[Transition]], Indices]:
        """Episodes for returns that are wanted, ``float32`` (copies, objectives), and what they designed."""
        found: list[list[Transition]] = [[] for _ in wanted]
        observations, _ = copies.reset()
        for _ in range(copies.n_steps):
            left = torch.full((len(wanted), 1), max(float(horizon), 1.0))
            logits = self.model(torch.as_tensor(observations), torch.as_tensor(wanted), left).numpy()
            actions = (logits if greedy else logits + self.np_random.gumbel(size=logits.shape)).argmax(axis=1)
            following, rewards, over, _, infos = copies.step(actions)
            for row, of in enumerate(found):
                of.append(Transition(observations[row], actions[row], rewards[row].copy(), following[row], over[row]))
            observations, horizon = following, horizon - 1.0
            wanted = np.minimum(wanted - rewards, most)
        return found, infos["index"]


class Sparse:
    """An algorithm that learns at every so many steps, not at each.

    Args:
        update_every: So many.
    """

    def __init__(self, *args: Any, update_every: int, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._every = update_every

    def update(self, *args: Any) -> None:
        """Learns if it is time to."""
        if self.global_step % self._every == 0:  # type: ignore[attr-defined]
            super().update(*args)  # type: ignore[misc]


class SparseEnvelope(Sparse, Envelope):
    """Envelope that learns at every so many steps."""


class SparseGPILS(Sparse, GPILS):
    """GPI-LS that learns at every so many steps."""


def pcn(budget: Budget, settings: dict[str, Any], seed: int) -> Indices:
    """Pareto Conditioned Networks (Reymond et al. 2022): a policy conditioned on the return that is wanted.

    Returns:
        What it designs for each non-dominated return in its memory.
    """
    training = {name: settings.pop(name) for name in PCN_TRAINING}
    training["num_er_episodes"] = min(training["num_er_episodes"], budget.run.evaluations // 4)
    dimension = budget.get_wrapper_attr("reward_dim")
    scaling, most = np.array([*[1.0] * dimension, 1.0 / budget.length]), np.ones(dimension, dtype=np.float32)
    agent = BatchPCN(budget, scaling, **settings, log=False, seed=seed, device="cpu")
    with suppress(BudgetSpent):
        agent.train(2**60, None, None, max_return=most, **training)
    returns = np.array([episode[0].reward for _, _, episode in agent.experience_replay])
    wanted = np.unique(returns[get_non_dominated_inds(returns)], axis=0)
    return agent.episodes(budget.copies(len(wanted)), wanted, budget.length, most, greedy=True)[1]


def envelope(budget: Budget, settings: dict[str, Any], seed: int) -> Indices:
    """Envelope Q-learning (Yang et al. 2019): Q-values conditioned on the weights of a linear preference."""
    agent = SparseEnvelope(budget, **_q_learning(budget, settings, seed))
    with suppress(BudgetSpent):
        agent.train(2**60, num_eval_weights_for_front=FEW)
    return _for_preferences(budget, agent.q_net)


def gpi_ls(budget: Budget, settings: dict[str, Any], seed: int) -> Indices:
    """GPI-LS (Alegre et al. 2023): linear support chooses the weights to train for, from evaluations that count."""
    steps = budget.run.evaluations * budget.length
    evaluating = {"num_eval_weights_for_front": FEW, "num_eval_episodes_for_front": 1, "checkpoints": False}
    evaluating["timesteps_per_iter"] = max(1, steps // settings.pop("iterations"))
    agent = SparseGPILS(budget, **_q_learning(budget, settings, seed))
    with suppress(BudgetSpent):
        agent.train(2 * steps, budget, None, **evaluating)
    return _for_preferences(budget, agent.q_nets[0].eval(), agent.weight_support)


def _q_learning(budget: Budget, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Arguments of both algorithms that learn Q-values: no discount, as only the last step is rewarded."""
    steps = budget.run.evaluations * budget.length
    exploring = int(settings.pop("exploration_fraction") * steps)
    given = {"buffer_size": steps, "epsilon_decay_steps": exploring, "gamma": 1.0}
    return given | settings | {"log": False, "seed": seed, "device": "cpu"}


@torch.no_grad()
def _for_preferences(budget: Budget, net: Any, support: Sequence[torch.Tensor] = ()) -> Indices:
    """What Q-values design, greedily, for evenly spaced preferences: the best action of any policy of the support.

    Without a support the policy of each preference is its own.
    """
    copies, first = budget.copies(N_DESIGNS), torch.linspace(0.0, 1.0, N_DESIGNS)
    weights = torch.stack([first, 1.0 - first], dim=1)
    observations, infos = copies.reset()
    for _ in range(copies.n_steps):
        shown = torch.as_tensor(observations)
        of_policies = [net(shown, of.expand(N_DESIGNS, 2)) for of in support or [weights]]
        worth = torch.stack([torch.einsum("nr,nar->na", weights, values) for values in of_policies])
        observations, _, _, _, infos = copies.step(worth.amax(dim=0).argmax(dim=1).numpy())
    return infos["index"]  # type: ignore[no-any-return]


#: Algorithms, where their classes are, and how they train here, by the names of their settings.
ALGORITHMS: Final[dict[str, tuple[str, Callable[[Budget, dict[str, Any], int], Indices]]]] = {
    "pcn": ("morl_baselines.multi_policy.pcn.pcn:PCN", pcn),
    "envelope": ("morl_baselines.multi_policy.envelope.envelope:Envelope", envelope),
    "gpi_ls": ("morl_baselines.multi_policy.gpi_pd.gpi_pd:GPILS", gpi_ls),
}


def defaults(algorithm: str) -> dict[str, Any]:
    """The settings that the file has for an algorithm."""
    return dict(read_yaml(settings_file("morl"), ValueError, extra="agents")[algorithm])


def identity(run: PolicyRun) -> dict[str, Any]:
    """What a run is, with a checksum of its default settings as JSON."""
    told = json.dumps(defaults(run.entry.name), sort_keys=True)
    return run.identity | {"defaults": hashlib.sha256(told.encode()).hexdigest()}


def carry_out(run: PolicyRun) -> dict[str, Any]:
    """Trains and scores in this process, as :func:`anb_gym.agents.policies.carry_out` does it for agents."""
    torch.set_num_threads(1)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(run.seed)
    settings = {**defaults(run.entry.name), **run.entry.settings}
    budget, problem = Budget(run), make_problem(run.id)
    budget.reset(seed=run.seed)
    budget.action_space.seed(run.seed)
    wall, cpu = time.perf_counter(), time.process_time()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        designs = ALGORITHMS[run.entry.name][1](budget, settings, run.seed)
    took = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    budget.close()
    found = score(judged(problem, SPACE.from_index(designs)), greedy=True)
    unique = len(set(budget.index))
    return {**identity(run), "scores": [asdict(found)], "unique": unique, **took, "memory": peak_memory()}


def policy_run(
    algorithm: str, id: str, evaluations: int, seed: int, granularity: str, settings: Mapping[str, Any] | None = None
) -> PolicyRun:
    """A run of one of the algorithms, with settings other than those of the file."""
    entry = ControllerEntry(algorithm, ALGORITHMS[algorithm][0], settings or {})
    return PolicyRun(entry, id, evaluations, seed, {"granularity": granularity})


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, trains and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", nargs="+", default=["AccelNAS-VCK190-MO-v0"], help="with rewards of two metrics")
    parser.add_argument("--granularity", default="block", help='"choice" (28 steps an episode) or "block" (7)')
    parser.add_argument("--evaluations", nargs="+", type=int, default=[1000], help="budgets, each trained anew")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS), help="which to train")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of algorithms and environments")
    parser.add_argument("--out", type=Path, metavar="FILE", help="results.json, which may have runs already")
    given = parser.parse_args(arguments)
    for id in given.ids:
        if ids().get(id) is not FAMILIES["vector_reward"] or len(make_problem(id).metrics) != 2:
            parser.error(f"--ids must have a vector reward of two metrics, such as AccelNAS-CPU-MO-v0, got {id}")
    for evaluations in given.evaluations:
        if evaluations < 20:
            parser.error(f"--evaluations must be at least 20, got {evaluations}")
    done = load_results(given.out) if given.out and given.out.exists() else {"name": "morl", "skipped": [], "runs": []}
    runs = [
        policy_run(algorithm, id, evaluations, seed, given.granularity)
        for evaluations in given.evaluations
        for seed in given.seeds
        for id in given.ids
        for algorithm in given.algorithms
    ]
    print(f"{'':10} {'id':24} {'evaluations':>11} {'seed':>4} {'coverage':>8} {'designs':>7} {'seconds':>7}")
    for run in runs:
        told = json.loads(json.dumps(identity(run)))
        found = next((of for of in done["runs"] if all(of[key] == told[key] for key in KEYS)), None)
        if found is not None and not told.items() <= found.items():
            parser.error(f"--out must have no run with other settings, {given.out} has, such as {found['agent']}")
        if found is None:
            with ProcessPoolExecutor(1, get_context("fork")) as process:  # generators and memory are a run's own
                found = process.submit(carry_out, run).result()
            done["runs"].append(found)
            if given.out:
                write_results(given.out, done)
        (of,) = found["scores"]
        what = f"{run.entry.name:10} {run.id:24} {run.evaluations:11,} {run.seed:4}"
        print(f"{what} {of['coverage']:8.4f} {of['designs']:7,} {found['seconds']:7.1f}", flush=True)


if __name__ == "__main__":
    main()
