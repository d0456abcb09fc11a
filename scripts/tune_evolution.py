"""Searches population and sample size of regularized evolution, on functions that no leaderboard reports.

Every setting of a grid runs with equal seeds on random sums over choices and pairs of choices, which nobody measured. A
run's score is the mean over budgets of the logarithm (base 10) of its regret, of which no less than 0.001 counts; that
of a setting is the mean over sums of the mean over runs, and the smallest is best. On the CPU's task, exact and with
noise, the same settings only check what was chosen. Written is a table of all settings; printed are the best, and how
far ahead of the others it is with runs drawn anew.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.baselines.regularized_evolution import RegularizedEvolution
from anb_gym.calibration import coordinate_ascent
from anb_gym.space import SPACE, States
from anb_gym.study.analysis.anytime import BUDGETS, incumbents
from anb_gym.study.problems import problem_of
from anb_gym.study.protocol import Brief
from anb_gym.study.runs import noise_seed

ROOT: Final = Path(__file__).resolve().parent.parent
TABLE: Final = ROOT / "configs" / "studies" / "results" / "regularized_evolution.csv"
POPULATIONS: Final = (10, 15, 20, 35, 50, 100)
#: Members of a tournament, drawn with replacement, as a multiple of the population.
SAMPLES: Final = (0.25, 0.5, 1.0, 2.0)
#: The paper's, and our default.
DEFAULT: Final = (100, 25)
#: Random sums, by seed, and the variance of pairs over that of choices.
SUMS: Final = (0, 1, 2, 3, 4, 5)
PAIRS: Final = 0.2
LEAST: Final = 1e-3
RESAMPLES: Final = 2000

#: From block states and the seed of a run to what is told and what is true, in unit scale.
Task = Callable[[States, int], tuple[FloatArray, FloatArray]]


def main() -> None:
    """Reads the command line, runs and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="of each setting on each task")
    parser.add_argument("--first-seed", type=int, default=1000, help="studies begin at 0")
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    tasks: dict[str, Task] = {f"sum-{seed}": on_sum(seed) for seed in SUMS}
    tasks |= {"CPU": on_cpu(False), "CPU-noisy": on_cpu(True)}
    grid = [(population, round(share * population)) for population, share in product(POPULATIONS, SAMPLES)]
    seeds = range(options.first_seed, options.first_seed + options.runs)
    scores = np.empty((len(grid), len(tasks), len(seeds)))
    for row, (population, sample) in enumerate(grid):
        for column, task in enumerate(tasks.values()):
            scores[row, column] = [score(task, seed, population, sample) for seed in seeds]
        print(f"{population}, {sample}: {scores[row, : len(SUMS)].mean():.3f}", flush=True)
    write_atomically(options.out, table(grid, list(tasks), scores).encode())
    for line in verdict(grid, list(tasks), scores):
        print(line)


def on_cpu(noisy: bool) -> Task:
    """The CPU's task."""
    problem = problem_of("AccelNAS-CPU-v0", {})

    def told(states: States, seed: int) -> tuple[FloatArray, FloatArray]:
        true = problem.score(problem.measure(states))
        return (problem.score(problem.measure(states, noise_seed(True, seed))) if noisy else true), true

    return told


def on_sum(seed: int) -> Task:
    """A random sum over choices and pairs of choices; effects of choices differ in size."""
    rng, n = np.random.default_rng([seed, 28]), SPACE.n_choices
    single = rng.normal(size=(n, 4)) * rng.lognormal(sigma=1.0, size=(n, 1))
    double = rng.normal(size=(n, n, 4, 4)) * rng.lognormal(sigma=1.0, size=(n, n, 1, 1))
    first, second = np.triu_indices(n, 1)
    places = np.arange(n)

    def parts(states: States) -> tuple[FloatArray, FloatArray]:
        c = SPACE.from_states(states).astype(np.int64)
        return single[places, c].sum(axis=1), double[first, second, c[:, first], c[:, second]].sum(axis=1)

    one, two = parts(SPACE.to_states(SPACE.sample(20_000, rng)))
    weight = float(np.sqrt(PAIRS) * one.std() / two.std())

    def value(states: States) -> FloatArray:
        single_part, double_part = parts(states)
        return single_part + weight * double_part

    mean, (_, best) = float((one + weight * two).mean()), coordinate_ascent(value, 200, seed)

    def told(states: States, _: int) -> tuple[FloatArray, FloatArray]:
        true = (value(states) - mean) / (best - mean)
        return true, true

    return told


def score(task: Task, seed: int, population: int, sample: int) -> float:
    """The score of one run."""
    brief = Brief(1, BUDGETS[-1])
    controller = RegularizedEvolution(
        brief, np.random.default_rng([seed, population, sample]), population_size=population, sample_size=sample
    )
    told, true = np.empty((2, brief.budget))
    for n in range(brief.budget):
        choices = controller.ask(1)
        told[n : n + 1], true[n : n + 1] = task(SPACE.to_states(choices), seed)
        controller.tell(choices, told[n : n + 1, None])
    regrets = 1.0 - true[incumbents(told)[np.array(BUDGETS) - 1]]
    return float(np.log10(np.maximum(regrets, LEAST)).mean())


def table(grid: list[tuple[int, int]], tasks: list[str], scores: FloatArray) -> str:
    """The table of all settings, best first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["population_size", "sample_size", "runs", "score", *tasks])
    means = scores.mean(axis=2)
    for row in np.argsort(means[:, : len(SUMS)].mean(axis=1)):
        score = means[row, : len(SUMS)].mean()
        writer.writerow([*grid[row], scores.shape[2], f"{score:.4f}", *(f"{mean:.4f}" for mean in means[row])])
    return text.getvalue()


def verdict(grid: list[tuple[int, int]], tasks: list[str], scores: FloatArray) -> Iterator[str]:
    """What the search found, and how thin it is."""
    rng, means = np.random.default_rng(0), scores.mean(axis=2)
    order = np.argsort(means[:, : len(SUMS)].mean(axis=1))
    best = order[0]
    draws = rng.integers(scores.shape[2], size=(RESAMPLES, scores.shape[2]))
    drawn = scores[:, : len(SUMS), draws].mean(axis=(1, 3))  # (settings, resamples)
    chosen = np.bincount(drawn.argmin(axis=0), minlength=len(grid))
    yield f"best: {grid[best]}; with runs drawn anew it is the best in {100 * chosen[best] / RESAMPLES:.0f} %"
    for row in [*order[1:5], grid.index(DEFAULT)]:
        low, high = np.quantile(drawn[row] - drawn[best], [0.025, 0.975])
        behind = (means[row] - means[best])[: len(SUMS)].mean()
        yield f"{grid[row]}: behind by {behind:.3f}, 95 % {low:.3f} to {high:.3f}"
    for column, task in enumerate(tasks):
        known = means[:, [other for other in range(len(SUMS)) if other != column]].mean(axis=1).argmin()
        rank, gain = int((means[:, column] < means[known, column]).sum()) + 1, means[grid.index(DEFAULT), column]
        yield (
            f"{task}: the best of the sums but this, {grid[known]}, is number {rank} of {len(grid)}, "
            f"{gain - means[known, column]:.3f} ahead of the default"
        )


if __name__ == "__main__":
    main()
