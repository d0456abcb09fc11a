"""Rewards as functions of metrics."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym import Benchmark, make_problem
from anb_gym.calibration import front_scale
from anb_gym.rewards import (
    REWARDS,
    Accuracy,
    Chebyshev,
    Constrained,
    Custom,
    Objectives,
    Product,
    Reward,
    WeightedSum,
    check_weights,
    front_extent,
    make_reward,
    register_reward,
)
from anb_gym.rewards.names import CLASSES
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


EVERY_PAIR = pytest.mark.parametrize("task", [t for t in TASKS.values() if t.device], ids=lambda task: task.name)


@EVERY_PAIR
def test_better_metrics_mean_more_reward(task: Task) -> None:
    rising = np.linspace(1.0, 100.0, 50)
    level = np.full(50, 50.0)
    reward = make_reward("product", task)
    for metric, direction in zip(task.metrics, task.directions, strict=True):
        slope = np.diff(reward({name: rising if name == metric else level for name in task.metrics}))
        assert (slope > 0).all() if direction == "max" else (slope < 0).all()


@EVERY_PAIR
@pytest.mark.parametrize("name", REWARDS)
def test_monotone_rewards_never_fall_when_a_metric_improves(task: Task, name: str) -> None:
    reward = make_reward(name, task)
    assert reward.monotone
    rng = np.random.default_rng(0)
    ideal, nadir = front_extent(task)
    spread = {
        m: low + rng.uniform(0.0, 1.0, 300) * (high - low)
        for m, high, low in zip(task.metrics, ideal, nadir, strict=True)
    }
    before = reward(spread)
    for metric, direction in zip(task.metrics, task.directions, strict=True):
        gain = rng.uniform(0.0, 0.2, 300) * spread[metric]
        after = reward(spread | {metric: spread[metric] + (gain if direction == "max" else -gain)})
        assert (after >= before).all()


@EVERY_PAIR
def test_objectives_are_scaled_by_the_recorded_front(task: Task) -> None:
    known = front_scale(task)
    assert front_extent(task) == (pytest.approx(known.ideal, rel=1e-12), pytest.approx(known.nadir, rel=1e-12))
    for name, of_ideal, of_nadir in (("weighted", 1.0, 0.0), ("chebyshev", 0.0, -0.75)):
        reward = make_reward(name, task, weights=[0.25, 0.75])
        for corner, value in ((known.ideal, of_ideal), (known.nadir, of_nadir)):
            assert reward(dict(zip(task.metrics, np.array(corner)[:, None], strict=True))) == pytest.approx([value])


METRICS, IDEAL, NADIR = ("accuracy", "vck190/latency"), (70.0, 1.0), (60.0, 5.0)
HALVES = {"accuracy": np.array([65.0, 70.0]), "vck190/latency": np.array([4.0, 3.0])}  # objectives 0.5 0.25, 1 0.5


def test_weighted_sum() -> None:
    reward = WeightedSum(METRICS, (0.4, 0.6), IDEAL, NADIR)
    assert reward(HALVES) == pytest.approx([0.4 * 0.5 + 0.6 * 0.25, 0.4 * 1.0 + 0.6 * 0.5])


def test_chebyshev() -> None:
    assert Chebyshev(METRICS, (0.4, 0.6), IDEAL, NADIR)(HALVES) == pytest.approx([-0.6 * 0.75, -0.6 * 0.5])
    assert Chebyshev(METRICS, (0.9, 0.1), IDEAL, NADIR)(HALVES) == pytest.approx([-0.9 * 0.5, -0.1 * 0.5])


@pytest.mark.parametrize(
    ("metric", "bound", "value", "expected"),
    [
        ("vck190/throughput", 1000.0, 900.0, -10.0),
        ("vck190/throughput", 1000.0, 1000.0, 64.0),
        ("vck190/throughput", 1000.0, 1001.0, 64.0),
        ("vck190/latency", 2.0, 2.5, -25.0),
        ("vck190/latency", 2.0, 2.0, 64.0),
        ("vck190/latency", 2.0, 1.0, 64.0),
    ],
)
def test_constrained(metric: str, bound: float, value: float, expected: float) -> None:
    reward = Constrained(metric, bound)
    assert reward({"accuracy": np.array([64.0]), metric: np.array([value])}) == pytest.approx([expected])


@EVERY_PAIR
def test_the_constrained_optimum_meets_the_bound(task: Task) -> None:
    front = Benchmark().front(task.metrics[1])
    signs = np.where(np.array(task.directions) == "max", 1.0, -1.0)
    for row in (0, len(front) // 3, len(front) - 1):
        bound = float(front.objectives[row, 1])
        best = front.best(make_reward("constrained", task, target=bound))
        met = front.objectives[front.objectives[:, 1] * signs[1] >= bound * signs[1]]
        assert best.value == met[:, 0].max()


def test_every_member_of_the_front_is_a_chebyshev_optimum() -> None:
    """Where the weighted distances of its two objectives are equal: what makes it worth having beside the sum."""
    task = get_task("VCK190")
    front = Benchmark().front(task.metrics[1])
    ideal, nadir = front_extent(task)
    distances = (np.array(ideal) - front.objectives) / (np.array(ideal) - np.array(nadir))
    for row in range(1, len(front) - 1, 25):
        weights = distances[row, ::-1] / distances[row].sum()
        best = front.best(make_reward("chebyshev", task, weights=weights.tolist()))
        assert front.indices[row] in best.indices


@given(st.floats(0.0, 1.0), st.permutations([0, 1]))
def test_weights_of_the_simplex(first: float, order: list[int]) -> None:
    weights = np.array([first, 1.0 - first])[order]
    assert check_weights(weights, 2, "weights") == tuple(weights)
    assert make_reward("weighted", get_task("A100"), weights=weights) == make_reward(
        "weighted", get_task("A100"), weights=list(weights)
    )


@pytest.mark.parametrize(
    "weights",
    [
        [1.0],
        [0.5, 0.5, 0.0],
        [0.5, 0.51],
        [-0.1, 1.1],
        [np.nan, 1.0],
        [np.inf, 0.0],
        [10**400, 0],
        ["0.5", "0.5"],
        [True, False],
        "ab",
        {},
        1.0,
    ],
)
def test_bad_weights(weights: Any) -> None:
    with pytest.raises(ValueError, match="weights must be 2 non-negative numbers with the sum 1, got"):
        make_reward("chebyshev", get_task("VCK190"), weights=weights)


@pytest.mark.parametrize("name", ["product", "constrained", "accuracy", len])
def test_weights_without_a_use(name: Any) -> None:
    with pytest.raises(ValueError, match="weights must be None"):
        make_reward(name, get_task("VCK190"), weights=[0.5, 0.5])


@pytest.mark.parametrize("name", ["weighted", "chebyshev", "constrained"])
@pytest.mark.parametrize("task", ["Accuracy", "All"])
def test_rewards_of_two_metrics(name: str, task: str) -> None:
    with pytest.raises(ValueError, match=f"reward '{name}' needs a task with two metrics, '{task}' has"):
        make_reward(name, get_task(task))


def test_objects_are_taken_as_they_are() -> None:
    task = get_task("VCK190")
    for reward in (Accuracy(), Product("vck190/throughput", 7.0), Custom(len, ("accuracy",), monotone=True)):
        assert make_reward(reward, task) is reward
    message = r"reward must read the metrics \('accuracy', 'vck190/throughput'\) of task 'VCK190', got Product"
    with pytest.raises(ValueError, match=message):
        make_reward(Product("a100/throughput", 7.0), task)
    with pytest.raises(ValueError, match="reward must be a name, a function or an object, got the class"):
        make_reward(Accuracy, task)
    with pytest.raises(ValueError, match="target must be None"):
        make_reward(Accuracy(), task, target=1.0)


def test_defaults() -> None:
    task = get_task("VCK190")
    rewards: dict[str, Reward] = {name: make_reward(name, task) for name in REWARDS}
    kinds = {name: type(reward) for name, reward in rewards.items()}
    assert kinds == dict(CLASSES)
    assert list(kinds.values())[:5] == [Product, WeightedSum, Chebyshev, Constrained, Accuracy]
    assert vars(rewards["weighted"])["weights"] == vars(rewards["chebyshev"])["weights"] == (0.5, 0.5)
    assert rewards["constrained"] == Constrained("vck190/throughput", 3000.0)
    assert len(set(rewards.values())) == len(rewards)


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


@dataclass(frozen=True)
class Doubled:
    """A reward of a user's own, found as ``module:Name``."""

    factor: float
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    monotone: ClassVar[bool] = True

    @classmethod
    def for_task(cls, task: Task, target: float | None = None) -> "Doubled":
        return cls(2.0 if target is None else target)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        return self.factor * values["accuracy"]


@pytest.mark.parametrize("name", REWARDS)
def test_mappings_come_back(name: str) -> None:
    task = get_task("ZCU102-Latency")
    reward = make_reward(name, task)
    assert make_reward(json.loads(json.dumps(asdict(reward))), task) == reward


@pytest.mark.parametrize("fields", [{"name": "produkt"}, {"name": "product"}, {"name": "accuracy", "target": 3}])
def test_bad_mappings(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the name in reward must be one of|reward must have the fields of"):
        make_reward(fields, get_task("A100"))


def test_a_mapping_without_a_name() -> None:
    """As ``EnvSpec.to_json`` writes an object of one's own that has no name."""
    with pytest.raises(ValueError, match=r"reward must have a 'name' among its fields, got \{'factor': 2.0\}"):
        make_reward({"factor": 2.0}, get_task("A100"))


class Changeable(Doubled):
    """A reward that cannot be hashed."""

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("scale", ["unit", "raw"])
@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (Changeable(2.0), "reward must be hashable, such as a frozen dataclass of plain values, got "),
        (Objectives(("accuracy",)), "reward must be a scalar, got Objectives.* the ids with -MO have vector rewards"),
        ("decimal:Decimal", "reward must have for_task, as anb_gym.rewards.Product has, got 'decimal:Decimal'"),
    ],
)
def test_objects_that_cannot_be_rewards(reward: Any, message: str, scale: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_problem("AccelNAS-A100-v0", reward=reward, reward_scale=scale)


def test_names_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("own_rewards")
    module.Doubled, module.speed = Doubled, lambda values: values["a100/throughput"]
    monkeypatch.setitem(sys.modules, "own_rewards", module)
    monkeypatch.setenv("ANB_GYM_REWARDS", "")
    task = get_task("A100")
    register_reward("twice", "own_rewards:Doubled")
    register_reward("again", "own_rewards:Doubled")
    assert make_reward("twice", task, target=3.0) == Doubled(3.0) == make_reward("again", task, target=3.0)
    assert os.environ["ANB_GYM_REWARDS"] == "twice=own_rewards:Doubled,again=own_rewards:Doubled"
    with pytest.raises(ValueError, match="reward must be one of .*'twice', 'again', got 'twise'; did you mean 'twice'"):
        make_reward("twise", task)
    for taken in ("twice", "product"):
        with pytest.raises(ValueError, match=f"name must not be taken, '{taken}' is a reward already"):
            register_reward(taken, "own_rewards:speed")
    register_reward("twice", "own_rewards:Doubled")  # as a worker does that runs a script's first lines again
    assert os.environ["ANB_GYM_REWARDS"] == "twice=own_rewards:Doubled,again=own_rewards:Doubled"
    for name, path in (("a b", "own_rewards:Doubled"), ("x", "own_rewards"), ("x", "own_rewards:Other"), ("x", 3)):
        with pytest.raises(ValueError, match="name must be letters|path must be|that Python finds"):
            register_reward(name, path)  # type: ignore[arg-type]
    monkeypatch.setenv("ANB_GYM_REWARDS", "product=own_rewards:Doubled")
    with pytest.raises(ValueError, match="ANB_GYM_REWARDS must be name=module:Name, with names that are not taken"):
        make_reward("twice", task)
    assert make_reward("accuracy", task) == Accuracy()  # names of the package are in nobody's way


def test_other_processes_know_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study's workers, and vector environments of processes that are spawned."""
    (tmp_path / "speed_rewards.py").write_text(
        "def speed(values):\n    (name,) = set(values) - {'accuracy'}\n    return values[name]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("ANB_GYM_REWARDS", "")
    register_reward("speed", "speed_rewards:speed")
    code = "import anb_gym; print(anb_gym.make_problem('AccelNAS-A100-v0', reward='speed').reward.metrics)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "('accuracy', 'a100/throughput')"


def test_rewards_in_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("own_rewards")
    module.Doubled = Doubled
    module.speed = lambda values: values["a100/throughput"]
    monkeypatch.setitem(sys.modules, "own_rewards", module)
    task = get_task("A100")
    assert make_reward("own_rewards:Doubled", task, target=3.0) == Doubled(3.0)
    assert make_reward("own_rewards:speed", task) == Custom(module.speed, task.metrics)
    for wrong in ("own_rewards:Other", "no_such_module:Name", "own_rewards:", ":Name"):
        with pytest.raises(ValueError, match="reward must be a name or 'module:Name' that Python finds, got"):
            make_reward(wrong, task)


@pytest.mark.parametrize("reward", ["products", "", None, 3])
def test_unknown_reward(reward: Any) -> None:
    with pytest.raises(ValueError, match="reward must be one of 'product', .*'accuracy'.*, got"):
        make_reward(reward, get_task("VCK190"))


NAN, INF = float("nan"), float("inf")
PAIR = {"metrics": METRICS, "weights": (0.5, 0.5), "ideal": IDEAL, "nadir": NADIR}


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (
            Product,
            {"performance": "vck190/troughput"},
            "performance must be one of .* did you mean 'vck190/throughput'",
        ),
        (Product, {"performance": "accuracy"}, "performance must be one of .* got 'accuracy'"),
        *(
            (Product, {"target": value}, "target must be positive and finite, got")
            for value in (0, -1.0, NAN, INF, 10**400)
        ),
        *((Product, {"target": value}, "target must be a positive number, got") for value in ("3000", None, True)),
        *(
            (Product, {"exponent": value}, "exponent must be a finite number, got")
            for value in (NAN, INF, "0.07", None)
        ),
        (Constrained, {"performance": 3}, "performance must be one of .* got 3"),
        *((Constrained, {"bound": value}, "bound must be positive and finite, got") for value in (0.0, -1, NAN, INF)),
        (Constrained, {"penalty": -1.0}, "penalty must not be negative, got -1.0"),
        (Constrained, {"penalty": NAN}, "penalty must be a finite number, got nan"),
        (WeightedSum, {"metrics": ("accuracy", "macs/s")}, "metrics must be one of .* got 'macs/s'"),
        (WeightedSum, {"metrics": ()}, r"metrics must be one or more different names, got \(\)"),
        (WeightedSum, {"metrics": "accuracy"}, "metrics must be one or more different names, got 'accuracy'"),
        (WeightedSum, {"metrics": ("accuracy", "accuracy")}, "metrics must be one or more different names, got"),
        (WeightedSum, {"weights": (0.5, 0.6)}, "weights must be 2 non-negative numbers with the sum 1, got"),
        (Chebyshev, {"weights": (-1.0, 2.0)}, "weights must be 2 non-negative numbers"),
        (Chebyshev, {"weights": (1.0,)}, "weights must be 2 non-negative numbers"),
        (Chebyshev, {"ideal": (70.0,)}, r"ideal must be 2 numbers, one per metric, got \(70.0,\)"),
        (Chebyshev, {"nadir": (60.0, NAN)}, "nadir must be a finite number, got nan"),
        (Chebyshev, {"ideal": (60.0, 1.0)}, "ideal must be better than nadir in 'accuracy', got 60.0 and 60.0"),
        (Chebyshev, {"ideal": (70.0, 6.0)}, "ideal must be better than nadir in 'vck190/latency', got 6.0 and 5.0"),
        (Custom, {"function": 3}, "function must be a function of metrics, got 3"),
        (Custom, {"metrics": ()}, "metrics must be one or more different names"),
        (Custom, {"metrics": ("acuracy",)}, "metrics must be one of .* did you mean 'accuracy'"),
        (Custom, {"monotone": "yes"}, "monotone must be True or False, got 'yes'"),
    ],
)
def test_rewards_check_themselves(make: Any, arguments: dict[str, Any], message: str) -> None:
    valid: dict[Any, dict[str, Any]] = {
        Product: {"performance": "vck190/throughput", "target": 3000.0},
        Constrained: {"performance": "vck190/throughput", "bound": 3000.0},
        Custom: {"function": len, "metrics": METRICS},
    }
    make(**valid.get(make, PAIR))
    with pytest.raises(ValueError, match=message):
        make(**(valid.get(make, PAIR) | arguments))


def test_equal_rewards_are_equal_whatever_they_are_made_of() -> None:
    made = WeightedSum(list(METRICS), np.array([0.5, 0.5]), list(IDEAL), np.array(NADIR))  # type: ignore[arg-type]
    assert made == WeightedSum(**PAIR)
    assert hash(made) == hash(WeightedSum(**PAIR))
    assert repr(Product("vck190/throughput", np.float32(3000))) == repr(Product("vck190/throughput", 3000.0))
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("name", ["throughput", "vck190/troughput", 3])
def test_a_metric_that_a_function_is_not_given(name: Any) -> None:
    reward = make_reward(lambda values: values[name], get_task("VCK190"))
    with pytest.raises(KeyError, match="that reward reads must be one of 'accuracy', 'vck190/throughput', got"):
        reward({name: VALUES[name] for name in reward.metrics})


def test_a_device_alone_is_its_throughput() -> None:
    assert Product("vck190", 3000.0) == Product("vck190/throughput", 3000.0)
    assert Constrained("cpu", 800.0) == Constrained("cpu/throughput", 800.0)
    with pytest.raises(ValueError, match="performance must be one of .*, got 'VCK190'; did you mean 'vck190'"):
        Product("VCK190", 3000.0)
