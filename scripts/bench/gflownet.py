"""Prints whether the GFlowNet samples in proportion to exp(reward / temperature), and what its diversity is worth.

First, on each task, the median over seeds of how the agent's distribution compares with the one that it is to learn.
That one is known from annealed importance sampling with resampling (Neal 2001, Del Moral et al. 2006), which measures
some ten million architectures and knows nothing of the agent. Rank correlations are of log-probabilities with rewards
over different architectures that the agent has not evaluated: `others` are samples of agents with other seeds, `exact`
samples of the distribution itself, `climbs` all that local search with restarts meets, `random` uniform architectures.
`marginal` is the largest error of a probability of an option. `log Z` is given as learned, by importance sampling with
the agent's own distribution, with the share of its samples that is effective, and by annealing.

Then what agents found after equal evaluations: how many different architectures with a reward of at least 0.95
(`good`), and how many of these there are no two of which differ in fewer than 5 choices (`modes`). Of the best thousand
different ones their mean reward, the mean number of choices, of 28, in which two differ, how many are better than all
their 43 neighbours, and the modes among them. And whether such a set holds what another family of surrogates prefers:
the regret of its best member as that family sees it, and in how many choices the hundred best that this family knows
differ from the nearest member, on average.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from time import process_time
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import anb_gym
from anb_gym import agents
from anb_gym._types import FloatArray
from anb_gym.baselines import BASELINES
from anb_gym.problems import Problem
from anb_gym.space import SPACE, Choices, distances
from anb_gym.study.config import ControllerEntry, Run, TaskEntry
from anb_gym.study.runs import execute

#: Architectures of a set whose diversity is told, their least distance and reward as modes, and a judge's best.
N_BEST, APART, GOOD, N_JUDGED = 1000, 5, 0.95, 100
#: Architectures behind a correlation.
N_HELD_OUT = 3000
#: Agents whose sets are compared.
COMPARED = (
    "random_search",
    "regularized_evolution",
    "local_search",
    "policy_gradient",
    "autoregressive_policy_gradient",
    "gflownet",
)


def main() -> None:
    """Reads the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["CPU", "VCK190", "TPUv3"], help="names of tasks as in ids")
    parser.add_argument("--evaluations", nargs="+", type=int, default=[10_000, 50_000], help="budgets")
    parser.add_argument("--seeds", type=int, default=3, help="agents of each kind")
    parser.add_argument("--first-seed", type=int, default=0, help="the others follow it")
    parser.add_argument("--temperature", type=float, default=0.01, help="of the GFlowNet")
    parser.add_argument(
        "--compared", nargs="*", default=COMPARED, help="agents and controllers whose sets are compared"
    )
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for task in arguments.tasks:
        id = f"AccelNAS-{task}-v0"
        for evaluations in arguments.evaluations:
            trained = [_gflownet(id, evaluations, seed, arguments.temperature) for seed in seeds]
            print_distribution(id, arguments.temperature, trained)
            if arguments.compared:
                print_diversity(id, arguments.compared, trained, seeds)


@dataclass(frozen=True)
class Trained:
    """A GFlowNet, the choices and rewards of what it evaluated, and the seconds of processor time that it took."""

    agent: Any
    choices: Choices
    reward: FloatArray
    seconds: float


def _gflownet(id: str, evaluations: int, seed: int, temperature: float) -> Trained:
    start = process_time()
    agent, record = agents.train("gflownet", id, evaluations, seed=seed, settings={"temperature": temperature})
    return Trained(agent, SPACE.from_index(record.index), record.reward, process_time() - start)


# --- the distribution ------------------------------------------------------------------------------------------------


def print_distribution(id: str, temperature: float, trained: Sequence[Trained]) -> None:
    """Compares agents with the distribution that they are to learn."""
    problem = anb_gym.make_problem(id)
    log_z, exact = anneal(problem, temperature, np.random.default_rng(1))
    random, climbs = SPACE.sample(N_HELD_OUT, np.random.default_rng(2)), _climbs(problem, N_HELD_OUT, seed=3)
    rows = []
    for one in trained:
        others = [other.agent.design(N_HELD_OUT, seed=4) for other in trained if other is not one]
        own = one.agent.design(len(exact), seed=5)
        sets = {"others": np.concatenate(others or [own]), "exact": exact, "climbs": climbs, "random": random}
        row = {f"{name}": _rank_correlation(problem, one, of) for name, of in sets.items()}
        row["marginal"] = float(np.abs(_marginals(own) - _marginals(exact)).max())
        weights = score(problem, own) / temperature - one.agent.log_probability(own)
        shares = np.exp(weights - weights.max())
        row |= {"log Z": float(one.agent.log_z()[0]), "sampled": weights.max() + np.log(shares.mean())}
        row |= {"effective": shares.sum() ** 2 / (shares**2).sum() / len(shares), "annealed": log_z}
        row |= {"mean reward": float(score(problem, own).mean()), "s": one.seconds}
        rows.append(row)
    print(f"\n{id}, {len(trained[0].reward):,} evaluations, temperature {temperature}, {len(trained)} seeds: medians")
    print(" ".join(f"{name:>11}" for name in rows[0]))
    print(" ".join(f"{median(row[name] for row in rows):11.3f}" for name in rows[0]))


def score(problem: Problem, choices: Choices) -> FloatArray:
    """Rewards of architectures, ``float64`` (n,)."""
    return problem.score(problem.measure(SPACE.to_states(choices)))


def anneal(
    problem: Problem, temperature: float, rng: np.random.Generator, n: int = 20_000, sweeps: int = 28
) -> tuple[float, Choices]:
    """The logarithm of the partition function of exp(reward / temperature), and samples of that distribution.

    Architectures are drawn uniformly; then the inverse temperature grows in steps that leave nine tenths of them
    effective. After each they are resampled by their weights and moved by Metropolis steps, which change one choice.

    Args:
        problem: What architectures are worth.
        temperature: The temperature at the end.
        rng: Source of randomness.
        n: How many architectures move at a time.
        sweeps: Metropolis steps of each after a step of temperature.

    Returns:
        The logarithm, and choices ``int8`` (n, 28).
    """
    choices = SPACE.sample(n, rng)
    reward, rows = score(problem, choices), np.arange(n)
    inverse, log_z = 0.0, float(np.log(SPACE.size))
    while inverse < 1.0 / temperature:
        step = _step(reward, 1.0 / temperature - inverse)
        weights = np.exp(step * (reward - reward.max()))
        log_z += float(np.log(weights.mean()) + step * reward.max())
        inverse += step
        ends = np.cumsum(weights)
        chosen = np.minimum(np.searchsorted(ends / ends[-1], (rows + rng.random()) / n), n - 1)
        choices, reward = choices[chosen], reward[chosen]
        for _ in range(sweeps):
            position = rng.integers(SPACE.n_choices, size=n)
            options = SPACE.cardinalities[position]
            moved = choices.copy()
            moved[rows, position] = (choices[rows, position] + rng.integers(1, options)) % options
            of_moved = score(problem, moved)
            accepted = np.log(rng.random(n)) < inverse * (of_moved - reward)
            choices[accepted], reward[accepted] = moved[accepted], of_moved[accepted]
    return log_z, choices


def _step(reward: FloatArray, largest: float) -> float:
    """The largest step of inverse temperature that leaves nine tenths of the samples effective, by bisection."""

    def effective(step: float) -> float:
        weights = np.exp(step * (reward - reward.max()))
        return float(weights.sum() ** 2 / (weights**2).sum() / len(weights))

    low, high = 0.0, largest
    if effective(high) >= 0.9:
        return high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if effective(middle) >= 0.9 else (low, middle)
    return low


def _climbs(problem: Problem, n: int, seed: int) -> Choices:
    """The first n architectures that local search with restarts meets."""
    rng = np.random.default_rng(seed)
    met: list[Choices] = []
    while len(met) < n:
        place = SPACE.sample(1, rng)[0]
        best, met, climbing = float(score(problem, place[None])[0]), [*met, place], True
        while climbing:
            neighbours = rng.permutation(SPACE.neighbours(place))
            better = np.flatnonzero(score(problem, neighbours) > best)
            climbing = len(better) > 0
            met += list(neighbours[: better[0] + 1] if climbing else neighbours)
            if climbing:
                place = neighbours[better[0]]
                best = float(score(problem, place[None])[0])
    return np.array(met[:n])


def _rank_correlation(problem: Problem, trained: Trained, choices: Choices) -> float:
    """Spearman's, of log-probabilities with rewards, over different architectures that were not evaluated."""
    index = np.setdiff1d(SPACE.to_index(choices), SPACE.to_index(trained.choices))
    held_out = SPACE.from_index(index)
    return float(spearmanr(trained.agent.log_probability(held_out), score(problem, held_out)).statistic)


def _marginals(choices: Choices) -> FloatArray:
    """The share of every option of every choice, (28, 4)."""
    return (choices[:, :, None] == np.arange(SPACE.cardinalities.max())).mean(axis=0)


# --- the diversity ---------------------------------------------------------------------------------------------------


def print_diversity(id: str, compared: Sequence[str], trained: Sequence[Trained], seeds: Sequence[int]) -> None:
    """Compares the best thousand architectures of agents and controllers after equal evaluations."""
    problem, evaluations = anb_gym.make_problem(id), len(trained[0].reward)
    assert isinstance(problem, Problem)
    judges = {family: replace(problem, surrogate=family) for family in problem.judges}
    preferred = {family: _preferred(judge) for family, judge in judges.items()}
    print(f"\n{id}, the best {N_BEST:,} of {evaluations:,} evaluations, {len(trained)} seeds: means")
    names = [
        "good",
        "modes",
        "reward",
        "distance",
        "optima",
        "of modes",
        *(f"{what} {f}" for f in judges for what in ("regret", "far")),
    ]
    print(f"{'':32}" + " ".join(f"{name:>11}" for name in names))
    for name in compared:
        rows = []
        for seed, of in zip(seeds, trained, strict=True):
            choices, reward = (of.choices, of.reward) if name == "gflownet" else _evaluated(name, id, evaluations, seed)
            good = _best(choices[reward >= GOOD], reward[reward >= GOOD])
            best = _best(choices, reward)[:N_BEST]
            row = [float(len(good)), _modes(good), float(score(problem, best).mean()), _distance(best)]
            row += [_optima(problem, best), _modes(best[score(problem, best) >= GOOD])]
            for family, judge in judges.items():
                row.append(1.0 - float(score(judge, best).max()))
                row.append(float(distances(preferred[family], best).mean()))
            rows.append(row)
        print(f"{name:32}" + " ".join(f"{fmean(column):11.4f}" for column in zip(*rows, strict=True)))


def _evaluated(name: str, id: str, evaluations: int, seed: int) -> tuple[Choices, FloatArray]:
    """What an agent or a controller evaluates."""
    if name in agents.AGENTS:
        record = agents.train(name, id, evaluations, seed=seed)[1]
        return SPACE.from_index(record.index), record.reward
    run = execute(Run(ControllerEntry(name, BASELINES[name].target), TaskEntry(id, id), seed, evaluations, None))
    assert run.reward is not None
    return SPACE.from_index(run.index), run.reward


def _best(choices: Choices, reward: FloatArray) -> Choices:
    """The different architectures, the best first."""
    _, first = np.unique(SPACE.to_index(choices), return_index=True)
    return choices[first[np.argsort(-reward[first], kind="stable")]]


def _distance(choices: Choices) -> float:
    """In how many choices two of them differ on average."""
    counts = (choices[:, :, None] == np.arange(SPACE.cardinalities.max())).sum(axis=0)
    n = len(choices)
    return float(SPACE.n_choices - (counts * (counts - 1)).sum() / (n * (n - 1)))


def _optima(problem: Problem, choices: Choices) -> float:
    """How many are better than all their neighbours."""
    reward = score(problem, choices)
    return float(sum(r > score(problem, SPACE.neighbours(row)).max() for r, row in zip(reward, choices, strict=True)))


def _modes(choices: Choices) -> float:
    """How many there are no two of which are near: taken one after the other, if none that is taken is near."""
    near = np.zeros(len(choices), dtype=bool)
    modes = 0
    for row in range(len(choices)):
        if not near[row]:
            modes += 1
            near[row:] |= (choices[row:] != choices[row]).sum(axis=1) < APART
    return float(modes)


def _preferred(judge: Problem) -> Choices:
    """The best architectures that annealing finds as another family of surrogates sees it."""
    _, found = anneal(judge, 0.005, np.random.default_rng(6))
    return _best(found, score(judge, found))[:N_JUDGED]


if __name__ == "__main__":
    main()
