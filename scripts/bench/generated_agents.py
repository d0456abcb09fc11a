"""Scores agents on the ids with generated devices: greedy, on the 200 test devices and on real ones.

Agents that learn from rewards have 512 devices for training: in unit scale a new device costs a search.

    python scripts/bench/generated_agents.py
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import process_time

import numpy as np

from anb_gym.agents import Agent, Assignment, load_probe_agent, make_agent, train
from anb_gym.agents.designs import designs_on
from anb_gym.agents.scores import score
from anb_gym.hardware import TEST_SEEDS
from anb_gym.problems.target_devices import real_metrics
from anb_gym.reports.markdown import table

SCALAR, PREFERENCE = "AccelNAS-Generated-v0", "AccelNAS-Generated-Preference-v0"
#: Agents that learn from rewards, and their settings.
LEARNERS: tuple[tuple[str, dict[str, bool]], ...] = (
    ("policy_gradient", {}),
    ("policy_gradient", {"blind": True}),
    ("ppo", {}),
    ("ppo", {"blind": True}),
)


def row(agent: Agent, id: str, n: int) -> list[str]:
    """What an agent's greedy designs are worth: regret, or coverage and reward."""
    devices: list[int | str] = [*TEST_SEEDS, *(metric.partition("/")[0] for metric in real_metrics("throughput"))]
    found = [score(designs_on(agent, device, n, greedy=True), greedy=True) for device in devices]
    test, real = found[: len(TEST_SEEDS)], found[len(TEST_SEEDS) :]
    if id == SCALAR:
        regrets = np.array([part.regret for part in test], dtype=np.float64)
        first = [f"{regrets.mean():.3f}", f"{np.median(regrets):.3f}", f"{regrets.max():.3f}"]
        return [*first, *(f"{part.regret:.3f}" for part in real)]
    covered = np.array([part.coverage for part in test], dtype=np.float64)
    reward = np.mean([part.reward for part in test])
    first = [f"{reward:.3f}", f"{np.median(covered):.3f}", f"{covered.min():.3f}"]
    return [*first, *(f"{part.coverage:.3f}" for part in real)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, trains and prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluations", type=int, default=10_000)
    parser.add_argument("--weights", type=int, default=201, help="preferences for each device")
    options = parser.parse_args(arguments)
    names = [metric.partition("/")[0] for metric in real_metrics("throughput")]
    shipped = load_probe_agent()
    for id, first in ((SCALAR, ["mean", "median", "worst"]), (PREFERENCE, ["reward", "covered", "worst"])):
        rows = []
        agent = make_agent("preference_conditioned", Assignment(id, shipped.assignment.evaluations, 0))
        agent.restore(shipped.state())
        rows.append(
            [f"`preference_conditioned`, {agent.assignment.evaluations:,}", "", *row(agent, id, options.weights)]
        )
        print(rows[-1], flush=True)
        for name, settings in LEARNERS:
            started = process_time()
            devices = {"devices": list(range(512))}
            agent, _ = train(name, id, options.evaluations, seed=options.seed, arguments=devices, settings=settings)
            seconds = process_time() - started
            what = f"`{name}`{', blind' if settings else ''}, {options.evaluations:,}"
            rows.append([what, f"{seconds:.0f}", *row(agent, id, options.weights)])
            print(rows[-1], flush=True)
        print("\n".join(table(["agent, evaluations", "seconds", *first, *names], rows)))


if __name__ == "__main__":
    main()
