"""Searches with any controller, and things to search for."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym._types import FloatArray
from anb_gym.calibration import calibration, front_scale
from anb_gym.rewards import make_reward
from anb_gym.space import Choices
from anb_gym.study.protocol import Controller
from anb_gym.tasks import get_task

Evaluate: TypeAlias = Callable[[Choices], FloatArray]
Search: TypeAlias = Callable[[Controller, Evaluate, int], tuple[Choices, FloatArray]]


@pytest.fixture(scope="session")
def search() -> Search:
    """Runs a controller for a number of evaluations, as a study does."""

    def run(controller: Controller, evaluate: Evaluate, budget: int) -> tuple[Choices, FloatArray]:
        choices, objectives, left = [], [], budget
        while left:
            choices.append(controller.ask(min(left, controller.batch_size)))
            objectives.append(evaluate(choices[-1]))
            controller.tell(choices[-1], objectives[-1])
            left -= len(choices[-1])
        return np.concatenate(choices), np.concatenate(objectives)

    return run


@pytest.fixture(scope="session")
def accuracy() -> Evaluate:
    """The accuracy task: 0 for the mean of random architectures, 1 for the optimum; (n, 1)."""
    bench, reward = Benchmark(), make_reward("product", get_task("Accuracy"))
    scale = calibration(reward, bench.surrogate)
    return lambda choices: scale.to_unit(reward(bench.query(choices, reward.metrics)))[:, None]


@pytest.fixture(scope="session")
def vck190() -> Evaluate:
    """Accuracy and throughput of VCK190: nadir of the exact front 0, ideal 1; (n, 2)."""
    bench, task = Benchmark(), get_task("VCK190")
    scale = front_scale(task)
    ideal, nadir = np.array(scale.ideal), np.array(scale.nadir)

    def evaluate(choices: Choices) -> FloatArray:
        values = bench.query(choices, task.metrics)
        objectives: FloatArray = (np.stack([values[m] for m in task.metrics], axis=1) - nadir) / (ideal - nadir)
        return objectives

    return evaluate


@pytest.fixture(scope="session")
def toy() -> Callable[[int], Evaluate]:
    """Objectives that are easy and in conflict: objective i counts the choices that take option i, or the last."""

    def evaluate(choices: Choices, n_objectives: int) -> FloatArray:
        wanted = np.minimum(np.arange(n_objectives)[:, None], SPACE.cardinalities - 1)
        counts: FloatArray = (choices[:, None] == wanted).mean(axis=2)
        return counts

    return lambda n_objectives: lambda choices: evaluate(choices, n_objectives)
