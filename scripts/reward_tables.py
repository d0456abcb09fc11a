"""Values of the rewards of every id: the worst architecture, random ones, EfficientNet-B0 and the best one.

All rewards never fall when a metric improves. So the largest lies on the exact front of their metrics, and the
smallest on the front of the worst: the same search in the opposite directions. The members of these fronts are kept
in a file, because finding them takes a minute or two.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from anb_gym import EFFICIENTNET_B0, SPACE, Benchmark
from anb_gym._files import write_atomically
from anb_gym._types import FloatArray
from anb_gym.benchmark import METRICS, PREDICTED
from anb_gym.calibration import N_RANDOM, SEED, Level, calibration, certified_optimum
from anb_gym.devices import DEVICES
from anb_gym.envs.families import FAMILIES, ids, make_problem
from anb_gym.exact import maximize, pareto_front
from anb_gym.fronts.results import tables_directions
from anb_gym.metrics import DIRECTIONS
from anb_gym.problems import GeneratedProblem, MeasuredProblem, Problem
from anb_gym.rewards import Accuracy, Metrics, Objectives, Product, Reward, make_reward, relative_violation
from anb_gym.surrogates.store import load_shipped
from anb_gym.tasks import ALL_DEVICES, EXPONENT, TASKS, Task

WORST: Final = Path(__file__).resolve().parents[1] / "docs" / "environments" / "worst.json"
BENCHMARK: Final = Benchmark()
#: Pages must not depend on which devices of their own their writers have.
SHIPPED_TASKS: Final = tuple(task for task in TASKS.values() if task.device is None or DEVICES[task.device].ships)
PAIRS: Final = tuple(task for task in SHIPPED_TASKS if len(task.metrics) == 2)
COLUMNS: Final = ("Id", "Reward", "Worst", "Random mean", "EfficientNet-B0", "Best")

Row = list[str]


def search_worst() -> None:
    """Finds the architectures of which none is worse in all metrics of a task, and writes them."""
    found = {}
    for task in SHIPPED_TASKS:
        surrogates = [load_shipped(BENCHMARK.surrogate, metric) for metric in task.metrics]
        tables = [surrogate.mean for surrogate in surrogates]
        upwards = [not direction for direction in tables_directions(task.metrics, surrogates)]
        if len(tables) == 1:
            indices = maximize(tables[0], minimize=not upwards[0]).indices
        else:
            indices = pareto_front(tables[0], tables[1], (upwards[0], upwards[1])).indices
        checksums = {metric: surrogate.checksum for metric, surrogate in zip(task.metrics, surrogates, strict=True)}
        found[task.name] = {"tables": checksums, "indices": indices.tolist()}
    write_atomically(WORST, (json.dumps({"surrogate": BENCHMARK.surrogate, "tasks": found}) + "\n").encode())


def scalar_rows() -> list[Row]:
    """The ids with one reward: a task's product, or the weighted distance from the ideal."""
    rows, of_pairs = [], []
    for task in SHIPPED_TASKS:
        raw, unit = _worth(make_reward("product", task), task)
        rows.append([f"`{task.id}`, `{FAMILIES['edit'].id_of(task)}`", _product(task), *_cells(raw, unit)])
        if task in PAIRS:
            of_pairs.append(unit)
    lowest, mean, efficientnet, highest = np.transpose(of_pairs)
    drawn = [lowest.min(), mean.mean(), efficientnet.mean(), highest.max()]
    transfer = FAMILIES["transfer"].id
    rows.append(
        [f"`{transfer}`", "that of the episode's task", *(f"({value + 0.0:.2f})" for value in np.round(drawn, 2))]
    )
    for task in PAIRS:
        raw, unit = _worth(make_reward("chebyshev", task), task)
        rows.append([f"`{FAMILIES['preference'].id_of(task)}`", "Chebyshev, at equal weights", *_cells(raw, unit)])
    return rows


def vector_rows() -> list[Row]:
    """The ids with one reward per metric: a row per objective."""
    rows = []
    for task in (*SHIPPED_TASKS, ALL_DEVICES):
        quadruples = np.array([_of_metric(metric) for metric in task.metrics])
        metrics = dict(zip(task.metrics, quadruples, strict=True))
        scaled = Problem(task, Objectives(task.metrics)).score(metrics).T
        for metric, raw, unit in zip(task.metrics, quadruples, scaled, strict=True):
            named = f"{metric} ({PREDICTED[metric]})"
            rows.append([f"`{FAMILIES['vector_reward'].id_of(task)}`", named, *_cells(raw, unit)])
    return rows


def constrained_rows() -> list[Row]:
    """The ids with a cost: a row for the reward and one for the cost."""
    rows = []
    for task in PAIRS:
        bounded = make_reward("bounded", task)
        optimum = certified_optimum(bounded, BENCHMARK.surrogate)
        assert optimum is not None
        raw = np.array([*_of_metric("accuracy")[:3], optimum.value])
        metric, bound = task.metrics[1], task.target or 0.0
        costs = [relative_violation(metric, values[metric], bound) for values in _three(task)]
        cost = [costs[0].max(), costs[1].mean(), costs[2][0], 0.0]
        sign = "≥" if DIRECTIONS[metric] == "max" else "≤"
        levels = [calibration(reward, BENCHMARK.surrogate).level for reward in (Accuracy(), bounded)]
        for version, level in enumerate(levels):
            named = f"`{FAMILIES['constrained'].id_of(task, version)}`"
            rows.append([named, "accuracy (%)", *_cells(raw, Level(*level).to_unit(raw))])
        named = ", ".join(f"`{FAMILIES['constrained'].id_of(task, version)}`" for version in range(len(levels)))
        rows.append([named, f"cost: {task.kind} {sign} {_target(task)}", *_cells(cost)])
    return rows


def bound_rows() -> list[Row]:
    """The ids with sampled bounds, under the tasks' own: a row for the one number."""
    rows = []
    for task in PAIRS:
        sign = "≥" if task.kind == "throughput" else "≤"
        named = f"accuracy (%) where {task.kind} {sign} {_target(task)}"
        rows.append([f"`{FAMILIES['bound'].id_of(task)}`", named, *_cells(*_worth(make_reward("bounded", task), task))])
    return rows


def other_rows(described: Sequence[Row]) -> list[Row]:
    """The ids that stand in none of these rows; without numbers where no optimum is certified.

    The worst is known of the first tables' proxy accuracy alone.
    """
    known = " ".join(row[0] for row in described)
    rows = []
    for env_id, family in ids().items():
        shipped = [i for task in family.tasks if _ships(task) for i in family.ids_of(task)] or [family.id]
        if f"`{env_id}`" in known or env_id not in shipped:
            continue
        problem = make_problem(env_id)
        cells, reward = [""] * 4, ""
        if isinstance(problem, GeneratedProblem):
            under = ", under a bound" if isinstance(problem, MeasuredProblem) else ""
            reward = f"{problem.reward}{under}, on the episode's device"
        if isinstance(problem, Problem):
            reward = _named(problem)
            if not problem.is_vector and certified_optimum(problem.reward, problem.surrogate) is not None:
                first = problem.surrogate == BENCHMARK.surrogate and problem.task in SHIPPED_TASKS
                cells = _cells(*(_worth(problem.reward, problem.task) if first else _worth_without_worst(problem)))
        rows.append([f"`{env_id}`", reward, *["" for _ in range(4 - len(cells))], *cells])
    return rows


def _named(problem: Problem) -> str:
    """What a problem rewards, in words."""
    if isinstance(problem.reward, Objectives):
        return " and ".join(f"{metric} ({PREDICTED[metric]})" for metric in problem.metrics)
    if not isinstance(problem.reward, Product | Accuracy):
        return str(problem.reward.name) if hasattr(problem.reward, "name") else str(problem.reward)
    text = _product(problem.task) if isinstance(problem.reward, Product) else "accuracy (%)"
    return text if problem.task.fidelity == "proxy" else text.replace("accuracy", problem.metrics[0], 1)


def _ships(task: Task) -> bool:
    return task.device is None or DEVICES[task.device].ships


def worst(task: Task) -> Metrics:
    """Metrics of the members of a task's front of the worst."""
    indices = _recorded()["tasks"][task.name]["indices"]
    return BENCHMARK.query(np.array(indices), list(task.metrics))


@lru_cache(maxsize=1)
def random_architectures() -> Metrics:
    """Metrics of the architectures behind every random mean."""
    states = SPACE.to_states(SPACE.sample(N_RANDOM, np.random.default_rng(SEED)))
    return BENCHMARK.query_states(states, list(METRICS))


def _product(task: Task) -> str:
    if task.target is None:
        return "accuracy (%)"
    ratio = f"throughput / {_target(task)}" if task.kind == "throughput" else f"{_target(task)} / latency"
    return f"accuracy (%) · ({ratio})^{EXPONENT}"


def _target(task: Task) -> str:
    return f"{task.target:,g} {PREDICTED[task.metrics[1]]}"


def _worth(reward: Reward, task: Task) -> tuple[FloatArray, FloatArray]:
    """The four columns of a reward, by its formula and in unit scale."""
    known = calibration(reward, BENCHMARK.surrogate)
    if not known.certified:
        raise ValueError(f"the optimum of {reward} must be certified, it is the {known.how}")
    rewards = [reward(values) for values in _three(task)] + [np.array([known.best])]
    raw, unit = (
        np.array([bad.min(), random.mean(), efficientnet[0], best[0]])
        for bad, random, efficientnet, best in (rewards, map(known.to_unit, rewards))
    )
    return raw, unit


def _worth_without_worst(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """The last three columns of a problem's reward, by its formula and in unit scale."""
    known = calibration(problem.reward, problem.surrogate)
    efficientnet = problem.reward(problem.benchmark.query(EFFICIENTNET_B0, list(problem.metrics)))[0]
    raw = np.array([known.random_mean, efficientnet, known.best])
    return raw, known.to_unit(raw)


def _of_metric(metric: str) -> list[float]:
    """Of one metric alone: the worst, the random mean, EfficientNet-B0's and the best."""
    task = next(task for task in SHIPPED_TASKS if task.metrics[-1] == metric)
    bad, random, efficientnet = (values[metric] for values in _three(task))
    up = DIRECTIONS[metric] == "max"
    front = BENCHMARK.front(metric)
    ideal = front.ideal[-1] if len(front.metrics) == len(task.metrics) else front.ideal[0]
    return [float(bad.min() if up else bad.max()), float(random.mean()), float(efficientnet[0]), ideal]


def _three(task: Task) -> tuple[Metrics, Metrics, Metrics]:
    """Metrics of the worst architectures, of random ones and of EfficientNet-B0."""
    return worst(task), random_architectures(), BENCHMARK.query(EFFICIENTNET_B0, list(task.metrics))


def _cells(raw: Sequence[float] | FloatArray, unit: FloatArray | None = None) -> list[str]:
    """Numbers, with those in unit scale in parentheses."""
    if unit is None:
        return [_number(value) for value in raw]
    return [f"{_number(value)} ({scaled + 0.0:.2f})" for value, scaled in zip(raw, np.round(unit, 2), strict=True)]


def _number(value: float) -> str:
    size = abs(value)
    return f"{value:,.{0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3}f}"


@lru_cache(maxsize=1)
def _recorded() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(WORST.read_text(encoding="utf-8"))
    for name, record in recorded["tasks"].items():
        for metric, checksum in record["tables"].items():
            if load_shipped(recorded["surrogate"], metric).checksum != checksum:
                raise ValueError(f"{WORST} is of other surrogates of {name}; run: python scripts/make_docs.py --worst")
    return recorded
