"""How well one policy knows a whole front, beside its targets and its peers: the part `front` of `agents.py`.

Medians over seeds, of `preference_conditioned`. `policy` is the share of the exact front's hypervolume that the greedy
designs for 1,001 evenly spaced preferences cover, `found` that of all that was evaluated in training. Seconds are of
processor time and include all that training does. After 20,000 evaluations the policy is compared with the archive of
`archive_evolution`, whose share of the same budget is in the next column. Bounds are 200, drawn between nadir and ideal
with the seed: `loss` is the median loss of accuracy against the certified optimum of those that meet their bound, in
points; `broken` the share of those that do not.

The peer is PPO of Stable-Baselines3 in the README's settings, one seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import process_time
from typing import Any, Final

import _readme
import numpy as np

import anb_gym
from anb_gym import agents
from anb_gym.agents.designs import designs_for, evenly_spaced
from anb_gym.agents.scores import Score, coverage, score
from anb_gym.baselines import BASELINES
from anb_gym.problems import AskBound, AskPreference, Problem
from anb_gym.space import Indices
from anb_gym.study.config import ControllerEntry, Run, TaskEntry
from anb_gym.study.runs import execute

AGENT: Final = "preference_conditioned"
#: Those of the README's example.
PPO_SETTINGS: Final = {"env_kwargs": {}, "n_envs": _readme.COPIES, **_readme.PPO}
N_PREFERENCES, N_BOUNDS = 1001, 200
#: The budget that is compared with an archive's.
SMALL: Final = 20_000
#: Least coverage, most seconds, most that the policy may lack of the archive, most loss and most broken bounds.
COVERAGE, SECONDS, BEHIND, LOSS, BROKEN = 0.995, 30.0, 0.005, 0.1, 0.01
COLUMNS: Final = "policy  found  seconds | 20,000: policy  found  archive |  bounds: loss  broken  seconds"


def fronts(tasks: Sequence[str], seeds: Sequence[int], evaluations: int, peer_evaluations: int) -> None:
    """Measures and prints tasks of a device.

    Args:
        tasks: Their names.
        seeds: Of the agents.
        evaluations: Budget of the trainings.
        peer_evaluations: PPO's budget; 0 for no PPO.
    """
    print(f"{AGENT}, {evaluations:,} evaluations; medians of {len(seeds)} seeds from {seeds[0]}")
    print(f"{'task':16} {COLUMNS}")
    target = (
        f"{COVERAGE:6.4f}         {SECONDS:6.1f} |    {BEHIND} below the archive    |         {LOSS:6.3f} {BROKEN:7.2%}"
    )
    print(f"{'target':16} {target}")
    missed = []
    for task in tasks:
        rows = [_measure(task, seed, evaluations) for seed in seeds]
        row = {name: median(of[name] for of in rows) for name in rows[0]}
        print(
            f"{task:16} {row['policy']:6.4f} {row['found']:6.4f} {row['seconds']:6.1f}  |       {row['small']:6.4f} "
            f"{row['small_found']:6.4f}  {row['archive']:6.4f} |        {row['loss']:6.3f} {row['broken']:7.2%} "
            f"{row['bound_seconds']:6.1f}",
            flush=True,
        )
        reached = {
            "coverage": row["policy"] >= COVERAGE,
            "seconds": row["seconds"] <= SECONDS,
            "archive": row["small"] >= row["archive"] - BEHIND,
            "loss": row["loss"] <= LOSS,
            "broken": row["broken"] <= BROKEN,
        }
        missed += [f"{name} of {task}" for name, is_reached in reached.items() if not is_reached]
        if peer_evaluations:
            _print_peer(task, seeds[0], peer_evaluations)
    print("missed:", ", ".join(missed) or "nothing")


def _measure(task: str, seed: int, evaluations: int) -> dict[str, float]:
    agent, found, seconds = _trained(AGENT, f"AccelNAS-{task}-Preference-v0", evaluations, seed)
    small, small_found, _ = _trained(AGENT, f"AccelNAS-{task}-Preference-v0", SMALL, seed)
    bounded, _, bound_seconds = _trained(AGENT, f"AccelNAS-{task}-Bound-v0", evaluations, seed)
    under_bounds = _under_bounds(bounded, seed)
    assert under_bounds.loss is not None
    assert under_bounds.violations is not None
    return {
        "policy": _of_weights(agent),
        "found": _share(task, found),
        "seconds": seconds,
        "small": _of_weights(small),
        "small_found": _share(task, small_found),
        "archive": _share(task, _archive_evolution(task, seed)),
        "loss": under_bounds.loss,
        "broken": under_bounds.violations,
        "bound_seconds": bound_seconds,
    }


def _print_peer(task: str, seed: int, evaluations: int) -> None:
    agent, found, seconds = _trained("ppo", f"AccelNAS-{task}-Preference-v0", evaluations, seed, PPO_SETTINGS)
    bounded, _, bound_seconds = _trained("ppo", f"AccelNAS-{task}-Bound-v0", evaluations, seed, PPO_SETTINGS)
    under_bounds = _under_bounds(bounded, seed)
    loss = "  none" if under_bounds.loss is None else f"{under_bounds.loss:6.3f}"
    print(
        f"{'  PPO, ' + format(evaluations, ','):16} {_of_weights(agent):6.4f} {_share(task, found):6.4f} "
        f"{seconds:6.1f}  |                               |        {loss} {under_bounds.violations:7.2%} "
        f"{bound_seconds:6.1f}",
        flush=True,
    )


def _trained(name: str, id: str, evaluations: int, seed: int, settings: Any = None) -> tuple[Any, Indices, float]:
    """An agent, what it evaluated, and the seconds of processor time."""
    anb_gym.make_problem(id)  # gauges are measured once a process
    start = process_time()
    agent, record = agents.train(name, id, evaluations, seed=seed, settings=settings or {})
    return agent, record.index, process_time() - start


def _of_weights(agent: Any) -> float:
    ask = agent.problem.ask
    assert isinstance(ask, AskPreference)
    covered = score(designs_for(agent, evenly_spaced(ask, N_PREFERENCES), greedy=True), greedy=True).coverage
    assert covered is not None
    return covered


def _under_bounds(agent: Any, seed: int) -> Score:
    ask = agent.problem.ask
    assert isinstance(ask, AskBound)
    bounds = ask.bound(np.random.default_rng([seed, 200]).random(N_BOUNDS))
    return score(designs_for(agent, bounds, greedy=True), greedy=True)


def _archive_evolution(task: str, seed: int) -> Indices:
    entry = TaskEntry(f"AccelNAS-{task}-MO-v0", f"AccelNAS-{task}-MO-v0")
    target = BASELINES["archive_evolution"].target
    return execute(Run(ControllerEntry("archive_evolution", target), entry, seed, SMALL, None)).index


def _share(task: str, index: Indices) -> float:
    problem = anb_gym.make_problem(f"AccelNAS-{task}-MO-v0")
    assert isinstance(problem, Problem)
    covered = coverage(problem, problem.evaluate(index).exact)
    assert covered is not None
    return covered
