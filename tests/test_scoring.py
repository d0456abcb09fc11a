"""Scores of batches."""

from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark, Noise
from anb_gym.calibration import calibration, front_scale
from anb_gym.rewards import REWARDS, make_reward
from anb_gym.scoring import Scorer, Scores, VectorScorer
from anb_gym.tasks import ALL_DEVICES, TASKS, get_task

STATES = SPACE.to_states(SPACE.sample(40, np.random.default_rng(6)))
SEEDS = np.arange(40, dtype=np.uint64)


def _rows(scores: Scores, row: int) -> dict[str, Any]:
    columns = {"reward": scores.reward, "raw": scores.raw, "regret": scores.regret, **scores.metrics}
    return {name: None if column is None else column[row].tolist() for name, column in columns.items()}


@pytest.mark.parametrize("seeds", [None, SEEDS], ids=["exact", "noisy"])
@pytest.mark.parametrize(
    "scorer",
    [
        *[Scorer(get_task("TPUv3"), reward=reward) for reward in REWARDS],
        *[VectorScorer(get_task(name)) for name in ("TPUv3", "Accuracy", "All")],
    ],
    ids=[*REWARDS, "vector", "vector-one", "vector-all"],
)
def test_a_row_does_not_depend_on_the_others(scorer: Any, seeds: Any) -> None:
    together = scorer(STATES, seeds)
    for row in (0, 17, 39):
        alone = scorer(STATES[row : row + 1], None if seeds is None else seeds[row : row + 1])
        assert _rows(alone, 0) == _rows(together, row)


@pytest.mark.parametrize("reward", REWARDS)
def test_scores_are_those_of_the_reward(reward: str) -> None:
    task = get_task("VCK190-Latency")
    known = make_reward(reward, task)
    values = Benchmark().query(SPACE.from_states(STATES), task.metrics)
    unit, raw = Scorer(task, reward=reward)(STATES), Scorer(task, reward=reward, scale="raw")(STATES)
    assert raw.raw is not None
    assert raw.reward.tolist() == raw.raw.tolist() == known(values).tolist()
    assert unit.reward.tolist() == calibration(known, "gp").to_unit(known(values)).tolist()
    assert raw.regret is not None
    assert raw.regret == pytest.approx(1.0 - unit.reward)


def test_noise_is_that_of_the_benchmark() -> None:
    task = get_task("TPUv2")
    scores = Scorer(task)(STATES, SEEDS)
    for row in (0, 39):
        index = SPACE.states_to_index(STATES[row : row + 1])
        noisy = Benchmark().query(index, task.metrics, noise=Noise(int(SEEDS[row])))
        assert {name: column[row] for name, column in scores.metrics.items()} == {n: c[0] for n, c in noisy.items()}
    assert scores.regret is not None
    exact = Scorer(task)(STATES)
    assert exact.regret is not None
    assert scores.regret.tolist() == exact.regret.tolist()
    assert all(scores.exact[name].tolist() == exact.metrics[name].tolist() for name in task.metrics)


def test_vector_scale_is_that_of_the_front() -> None:
    for task in (task for task in TASKS.values() if task.device):
        known = front_scale(task)
        corners = VectorScorer(task).scale(np.array([known.nadir, known.ideal]))
        assert corners == pytest.approx(np.array([[0.0, 0.0], [1.0, 1.0]]), abs=1e-12)


def test_vector_scale_of_all_devices() -> None:
    """Each device metric is scaled as on its own task, accuracy by the extremes of all fronts."""
    scores = VectorScorer(ALL_DEVICES)(STATES).reward
    assert scores.shape == (40, 9)
    pairs = [task for task in TASKS.values() if task.device]
    for column, metric in enumerate(ALL_DEVICES.metrics[1:], start=1):
        (task,) = (task for task in pairs if task.metrics[1] == metric)
        assert scores[:, column].tolist() == VectorScorer(task)(STATES).reward[:, 1].tolist()
    scales = [front_scale(task) for task in pairs]
    low, high = min(s.nadir[0] for s in scales), max(s.ideal[0] for s in scales)
    accuracy = Benchmark().query(SPACE.from_states(STATES), ["accuracy"])["accuracy"]
    assert scores[:, 0] == pytest.approx((accuracy - low) / (high - low))
