"""Rewards as functions of metrics."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from anb_gym.rewards import Accuracy, Custom, Product, make_reward
from anb_gym.tasks import TASKS, Task, get_task

VALUES = {
    "accuracy": np.array([60.0, 62.0]),
    "vck190/throughput": np.array([3000.0, 6000.0]),
    "vck190/latency": np.array([3.0, 1.5]),
}


def test_product_of_throughput() -> None:
    reward = make_reward("product", get_task("VCK190"))
    assert reward == Product("vck190/throughput", 3000.0)
    assert reward(VALUES) == pytest.approx([60.0, 62.0 * 2**0.07])


def test_product_of_latency() -> None:
    reward = make_reward("product", get_task("VCK190-Latency"))
    assert reward(VALUES) == pytest.approx([60.0, 62.0 * 2**0.07])


@pytest.mark.parametrize("task", [t for t in TASKS.values() if t.device], ids=lambda task: task.name)
def test_better_metrics_mean_more_reward(task: Task) -> None:
    rising = np.linspace(1.0, 100.0, 50)
    level = np.full(50, 50.0)
    reward = make_reward("product", task)
    for metric, direction in zip(task.metrics, task.directions, strict=True):
        slope = np.diff(reward({name: rising if name == metric else level for name in task.metrics}))
        assert (slope > 0).all() if direction == "max" else (slope < 0).all()


def test_target() -> None:
    reward = make_reward("product", get_task("VCK190"), target=6000)
    assert reward(VALUES) == pytest.approx([60.0 * 0.5**0.07, 62.0])


@pytest.mark.parametrize(("name", "task"), [("accuracy", "VCK190"), ("product", "Accuracy"), ("accuracy", "Accuracy")])
def test_accuracy_alone(name: str, task: str) -> None:
    reward = make_reward(name, get_task(task))
    assert reward == Accuracy()
    assert reward(VALUES).tolist() == [60.0, 62.0]


def test_callable_gets_the_metrics_of_the_task() -> None:
    seen: list[set[str]] = []

    def minus_latency(values: Any) -> Any:
        seen.append(set(values))
        return -values["vck190/latency"]

    reward = make_reward(minus_latency, get_task("VCK190-Latency"))
    values = {name: VALUES[name] for name in reward.metrics}
    assert reward(values).tolist() == [-3.0, -1.5]
    assert seen == [{"accuracy", "vck190/latency"}]
    assert reward == make_reward(minus_latency, get_task("VCK190-Latency"))
    assert reward != make_reward(abs, get_task("VCK190-Latency"))
    assert hash(reward) == hash(make_reward(minus_latency, get_task("VCK190-Latency")))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda values: 1.0, r"reward must return shape \(2,\) for 2 architectures, got \(\)"),
        (lambda values: values["accuracy"][:, None], r"reward must return shape \(2,\).* got \(2, 1\)"),
        (
            lambda values: values["accuracy"] * np.nan,
            "reward must return finite numbers, got nan for {'accuracy': 60.0}",
        ),
        (lambda values: np.array([1.0, np.inf]), "reward must return finite numbers, got inf for {'accuracy': 62.0}"),
        (lambda values: "good", r"reward must return numbers of shape \(2,\), got 'good'"),
        (lambda values: None, "reward must return"),
    ],
)
def test_callable_that_returns_nonsense(function: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Custom(function, ("accuracy",))({"accuracy": VALUES["accuracy"]})


@pytest.mark.parametrize("target", [0, -1.0, float("nan"), float("inf"), "3000", True, [3000.0]])
def test_bad_target(target: Any) -> None:
    with pytest.raises(ValueError, match="target must be .*positive"):
        make_reward("product", get_task("VCK190"), target)


@pytest.mark.parametrize(("reward", "task"), [("accuracy", "VCK190"), ("product", "Accuracy"), (len, "VCK190")])
def test_target_without_a_use(reward: Any, task: str) -> None:
    with pytest.raises(ValueError, match="target must be None"):
        make_reward(reward, get_task(task), 3000.0)


@pytest.mark.parametrize("reward", ["products", "", None, 3])
def test_unknown_reward(reward: Any) -> None:
    with pytest.raises(ValueError, match="reward must be one of 'product', 'accuracy', got"):
        make_reward(reward, get_task("VCK190"))
