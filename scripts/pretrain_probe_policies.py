"""Trains the policies that read probes and ship, one a family of real devices left out, and prints what they are worth.

For each family left out: coverage of the exact fronts of its devices by at most 1,001 designs, and by 350; and by the
policy that reads the estimate after 16, 64 and 256 more measurements, of its own designs, which count themselves.
Bounds: 50 evenly spaced log times within the exact front; the design is the most accurate whose predicted time, with a
margin of 1.645 standard deviations or none, meets the bound.

    python scripts/pretrain_probe_policies.py --seeds 1
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import numpy as np

from anb_gym import Benchmark
from anb_gym._types import FloatArray
from anb_gym.agents import ProbePolicy, train_probe_policy
from anb_gym.agents.probe_policy import FOLDER
from anb_gym.calibration import front_scale
from anb_gym.hardware import FAMILIES
from anb_gym.hardware.estimation import estimate
from anb_gym.hardware.probes import probe_states
from anb_gym.hardware.units import to_seconds
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.pareto import normalised_hypervolume
from anb_gym.space import States
from anb_gym.tasks import TASKS

SHOTS, N_BOUNDS = (16, 64, 256), 50


def seconds_of(metric: str, states: States) -> FloatArray:
    """True seconds of a device metric."""
    values = Benchmark().query_states(states, [metric])[metric]
    return to_seconds(metric.partition("/")[2], values)


def coverage(metric: str, states: States) -> float:
    """Share of the exact front's hypervolume."""
    front = Benchmark().front(metric)
    task = next(task for task in TASKS.values() if task.metrics[-1] == metric and task.device)
    values = Benchmark().query_states(states, front.metrics)
    points = np.stack([values[name] for name in front.metrics], axis=1)
    return normalised_hypervolume(points, front.objectives, front_scale(task).reference_point, front.directions)


def under_bounds(metric: str, designs: States, mean: FloatArray, std: FloatArray, margin: float) -> tuple[float, float]:
    """Mean loss of accuracy of designs that meet their bound, and the share that break it."""
    bench = Benchmark()
    front = bench.front(metric)
    best, values = front.objectives.T
    allowed = to_seconds(metric.partition("/")[2], values)
    bounds = np.exp(np.linspace(np.log(allowed.min()), np.log(allowed.max()), N_BOUNDS))
    accuracy, seconds = bench.query_states(designs, ["accuracy"])["accuracy"], seconds_of(metric, designs)
    cautious = mean + margin * std
    losses, broken = [], 0
    for bound in bounds:
        fits = cautious <= np.log(bound)
        chosen = np.where(fits, accuracy, -np.inf).argmax() if fits.any() else cautious.argmin()
        if seconds[chosen] > bound * (1.0 + 1e-9):
            broken += 1
        else:
            losses.append(best[allowed <= bound * (1.0 + 1e-9)].max() - accuracy[chosen])
    return float(np.mean(losses)) if losses else np.nan, broken / N_BOUNDS


def judge(policy: ProbePolicy, metric: str, family: str) -> str:
    """One line of figures."""
    probes, kind = probe_states(), metric.split("/")[1]
    times = seconds_of(metric, probes)
    logs = np.log(times)
    designs = policy.design(logs)
    believed = estimate(probes, times, kind, leave_out=family)
    mean, std = believed.predict(designs)
    parts = [f"{metric:20} 1001 {coverage(metric, designs):.4f} 350 {coverage(metric, policy.design(logs, 350)):.4f}"]
    for margin in (0.0, 1.645):
        loss, broken = under_bounds(metric, designs, mean, std, margin)
        parts.append(f"margin {margin:.1f}: loss {loss:.2f} broken {broken:.0%}")
    for shots in SHOTS:
        measured = designs[np.linspace(0, len(designs) - 1, shots).astype(int)]
        known = np.concatenate([probes, measured])
        after = estimate(known, seconds_of(metric, known), kind, leave_out=family)
        again = policy.design(logs, cells=after.tables.values)
        parts.append(f"+{shots} {coverage(metric, np.concatenate([again, measured])):.4f}")
    return "  ".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, trains, writes what ships (seed 0) and prints how good it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 .. n - 1; the first ships")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in range(options.first, options.seeds):
        for family in (*FAMILIES, None) if seed == 0 else FAMILIES:
            started = process_time()
            policy = train_probe_policy(seed=seed, leave_out=family, steps=options.steps)
            print(f"seed {seed} without {family}: {process_time() - started:.0f} s", flush=True)
            if seed == 0:
                policy.save(options.out / f"{family or 'all'}.npz")
            for metric in DEVICE_METRICS if family else ():
                if family and metric.split("/")[0] in FAMILIES[family]:
                    print("  " + judge(policy, metric, family), flush=True)


if __name__ == "__main__":
    main()
