"""Trains the agents that read probes and ship, one a family of real devices left out, and prints what they are worth.

For each family left out, on each metric of its devices: coverage of the exact front by the greedy designs for 1,001
weights, by at most 1,001 designs of the policy, and by 350; the regret of the design whose product is expected to be
best; and coverage after 16, 64 and 256 measurements, see :mod:`anb_gym.agents.few_shot`. Seed 0 ships.

    python scripts/pretrain_probe_policies.py --seeds 5
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import numpy as np

from anb_gym import SPACE, Benchmark
from anb_gym._types import FloatArray
from anb_gym.agents import Agent, saving, train
from anb_gym.agents.few_shot import adapt
from anb_gym.agents.pretraining import FOLDER, probe_agent_name
from anb_gym.agents.probe_conditioned import ProbeConditioned
from anb_gym.hardware import FAMILIES
from anb_gym.hardware.costs import STARTS
from anb_gym.hardware.probes import probe_states
from anb_gym.hardware.units import in_unit, to_seconds
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.problems import TargetDevice
from anb_gym.problems.target_devices import device_number, target_device
from anb_gym.space import States

ID, EVALUATIONS, SHOTS = "AccelNAS-Generated-Preference-v0", 160_000, (16, 64, 256)


def coverage(device: TargetDevice, states: States) -> float:
    """Share of the exact front's hypervolume."""
    return device.coverage(device.accuracy(states), device.performance(states))


def judge(agent: ProbeConditioned, metric: str, shots: Sequence[int]) -> str:
    """One line of figures."""
    name, kind = metric.split("/")
    device = target_device(device_number(name, kind), kind, None, Benchmark().surrogate)

    def seconds(states: States) -> FloatArray:
        return to_seconds(kind, device.performance(states))

    logs = np.log(seconds(probe_states()))
    weights = np.linspace(0.0, 1.0, 1001)
    shown = agent.problem.ask.cells_of(np.repeat(logs[None], len(weights), axis=0), weights)
    answers = SPACE.to_states(agent.design_for(shown))
    designs = agent.policy.design(logs)
    times = agent.policy.estimate(logs[None])[0][designs + STARTS].sum(axis=1)
    chosen = designs[[device.product(device.accuracy(designs), in_unit(kind, times)).argmax()]]
    zero, one = device.product_level
    value = device.product(device.accuracy(chosen), device.performance(chosen))[0]
    parts = [f"weights {coverage(device, answers):.4f}", f"1001 {coverage(device, designs):.4f}"]
    parts.append(f"350 {coverage(device, agent.policy.design(logs, 350)):.4f}")
    parts.append(f"regret {(one - value) / (one - zero):.4f}")
    for n in shots:
        parts.append(f"+{n} {coverage(device, adapt(agent.policy, seconds, n).states):.4f}")
    return f"{metric:20} " + " ".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, trains, writes what ships (seed 0) and prints how good it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 .. n - 1; the first ships")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--shots", type=int, nargs="*", default=SHOTS, help="measurements beside the probes")
    parser.add_argument("--work", type=Path, default=Path("runs/probe_agents"), help="folder of the trainings")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in range(options.first, options.seeds):
        for family in (*FAMILIES, None) if seed == 0 else FAMILIES:
            name, started = probe_agent_name(family), process_time()
            agent: Agent
            agent, _ = train(
                "preference_conditioned",
                ID,
                options.evaluations,
                seed=seed,
                arguments={} if family is None else {"leave_out": family},
                folder=options.work / f"{name}-{seed}",
            )
            assert isinstance(agent, ProbeConditioned)
            print(f"seed {seed} without {family}: {process_time() - started:.0f} s", flush=True)
            if seed == 0:
                saving.save(options.out / f"{name}.npz", agent, None, name="preference_conditioned")
            for metric in DEVICE_METRICS if family else ():
                if family and metric.split("/")[0] in FAMILIES[family]:
                    print("  " + judge(agent, metric, options.shots), flush=True)


if __name__ == "__main__":
    main()
