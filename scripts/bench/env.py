"""Prints what a step of an environment costs beside one of CartPole, averaged over whole episodes.

Both are made by ``gymnasium.make`` and measured by Gymnasium's own ``benchmark_step``, in turns, so that other
load on the machine meets both alike.
"""

from __future__ import annotations

import argparse
from statistics import median

import gymnasium
from gymnasium.utils.performance import benchmark_step

REFERENCE = "CartPole-v1"


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", default="anb_gym:AccelNAS-VCK190-v0", help="environment to measure")
    parser.add_argument("--seconds", type=int, default=1, help="duration of one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each environment; the median counts")
    arguments = parser.parse_args()

    environments = {name: gymnasium.make(name) for name in (arguments.id, REFERENCE)}
    costs: dict[str, list[float]] = {name: [] for name in environments}
    for _ in range(arguments.rounds):
        for name, environment in environments.items():
            costs[name].append(1e6 / benchmark_step(environment, arguments.seconds, seed=0))
    for name, values in costs.items():
        print(f"{name:32} {median(values):6.2f} µs per step")
    ratios = [cost / reference for cost, reference in zip(costs[arguments.id], costs[REFERENCE], strict=True)]
    print(f"{'ratio':32} {median(ratios):6.2f}")


if __name__ == "__main__":
    main()
