"""A small study made in memory: random search and a plain evolutionary loop on a scalar and a vector task."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from anb_gym.pareto import front
from anb_gym.problems.cost import gpu_hours
from anb_gym.space import SPACE, Choices
from anb_gym.study.analysis.analyse import Analysis, analyse
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry
from anb_gym.study.results import Results
from anb_gym.study.runner import describe

SCALAR, VECTOR = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0"
CONTROLLERS, EVALUATIONS, SEEDS = ("evolution", "random"), 60, (0, 1, 2, 3)


def mutate(parents: Choices, rng: np.random.Generator) -> Choices:
    """Gives each parent one random choice of another random architecture."""
    children, strangers = parents.copy(), SPACE.sample(len(parents), rng)
    rows, columns = np.arange(len(parents)), rng.integers(parents.shape[1], size=len(parents))
    children[rows, columns] = strangers[rows, columns]
    return children


def search(judge: Judge, controller: str, seed: int) -> np.ndarray:
    """Indices of the architectures that a search evaluated, in order."""
    rng = np.random.default_rng(seed)
    choices = SPACE.sample(EVALUATIONS if controller == "random" else 10, rng)
    while len(choices) < EVALUATIONS:
        told = judge.told(SPACE.to_index(choices), seed)
        best = front(told, judge.directions) if told.shape[1] > 1 else np.argsort(-told[:, 0])[:5]
        choices = np.vstack([choices, mutate(choices[rng.choice(best, 10)], rng)])
    return SPACE.to_index(choices[:EVALUATIONS])


def run_table(judge: Judge, task: str, controller: str, seed: int) -> pd.DataFrame:
    """One run as rows of a study's results."""
    index = search(judge, controller, seed)
    scalar = judge.n_objectives == 1
    return pd.DataFrame(
        {
            "task": task,
            "controller": controller,
            "seed": np.int32(seed),
            "evaluation": np.arange(1, EVALUATIONS + 1, dtype=np.int32),
            "index": index,
            "told": judge.told(index, seed)[:, 0] if scalar else np.nan,
            "reward": judge.exact(index)[:, 0] if scalar else np.nan,
            "hours": np.cumsum(gpu_hours(SPACE.index_to_states(index))),
            "seconds": 0.0,
        }
    )


@pytest.fixture(scope="session")
def judges() -> dict[str, Judge]:
    """By name of the task."""
    return {SCALAR: Judge(SCALAR), VECTOR: Judge(VECTOR), "noisy": Judge(SCALAR, noise=True)}


@pytest.fixture(scope="session")
def table(judges: dict[str, Judge]) -> Any:
    """The study's rows, sorted as results are."""
    runs = [
        run_table(judge, task, controller, seed)
        for task, judge in sorted(judges.items())
        for controller in CONTROLLERS
        for seed in SEEDS
    ]
    return pd.concat(runs, ignore_index=True).astype({"task": "category", "controller": "category"})


@pytest.fixture(scope="session")
def study() -> StudyConfig:
    """What the study would have been configured to do."""
    path = "anb_gym.baselines.random_search:RandomSearch"
    return StudyConfig(
        name="small",
        controllers=[ControllerEntry(name, path) for name in CONTROLLERS],
        tasks=[TaskEntry(SCALAR, SCALAR), TaskEntry(VECTOR, VECTOR), TaskEntry("noisy", SCALAR, noise=True)],
        seeds=SEEDS,
        evaluations=EVALUATIONS,
    )


@pytest.fixture(scope="session")
def descriptions(study: StudyConfig) -> dict[str, Any]:
    """What the tasks are, as the study's results say it."""
    tasks: dict[str, Any] = describe(study)["tasks"]
    return tasks


@pytest.fixture(scope="session")
def results(study: StudyConfig, table: Any) -> Results:
    """The study's results, with a failed run."""
    runs = table.groupby(["task", "controller", "seed"], observed=True).size().reset_index(name="evaluations")
    failed = [{"task": "noisy", "controller": "random", "seed": 9, "evaluation": 3, "error": "<b>broken</b>"}]
    return Results(table, {**describe(study), "runs": runs.to_dict("records"), "failed": failed})


@pytest.fixture(scope="session")
def analysis(table: Any, descriptions: Any) -> Analysis:
    """The analysis of all."""
    return analyse(table, descriptions)
