"""The ids with a cost."""

from typing import Any

import gymnasium
import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.calibration import calibration
from anb_gym.envs.constrained import ConstrainedBuildEnv
from anb_gym.envs.families import FAMILIES, make_problem
from anb_gym.rewards import Accuracy, Constrained, make_reward
from anb_gym.tasks import TASKS, Task

PAIRS = [task for task in TASKS.values() if len(task.metrics) == 2]
EVERY_PAIR = pytest.mark.parametrize("task", PAIRS, ids=lambda task: task.name)


@EVERY_PAIR
@pytest.mark.parametrize("version", [0, 1])
def test_an_episode(task: Task, version: int) -> None:
    env = gymnasium.make("anb_gym:" + FAMILIES["constrained"].id_of(task, version))
    known = calibration(make_reward("bounded", task), "gp") if version else calibration(Accuracy(), "gp")
    for choices in SPACE.sample(4, np.random.default_rng(0)):
        _, info = env.reset(seed=0)
        assert info.keys() == {"action_mask"}
        for step, choice in enumerate(choices):
            _, reward, _, _, info = env.step(choice)
            assert type(info["cost"]) is float
            assert step == 27 or (info["cost"] == reward == 0.0)
        assert info.keys() == {"action_mask", "architecture", "index", "metrics", "raw_reward", "regret", "cost"}
        assert info["raw_reward"] == info["metrics"]["accuracy"]
        assert reward == (info["raw_reward"] - known.random_mean) / (known.best - known.random_mean)
        ratio = info["metrics"][task.metrics[1]] / float(task.target or 0)
        missed = 1.0 - ratio if task.kind == "throughput" else ratio - 1.0
        assert info["cost"] == pytest.approx(max(0.0, missed), abs=1e-12)
        assert info["regret"] <= known.best or (version == 1 and info["cost"] > 0.0 and info["regret"] == np.inf)


@EVERY_PAIR
def test_the_certified_optimum_has_no_cost(task: Task) -> None:
    best = Benchmark().optimum(Constrained(task.metrics[1], float(task.target or 0)))
    env = ConstrainedBuildEnv(task.name, reward_scale="raw", granularity="network")
    env.reset()
    _, reward, _, _, info = env.step(best.architecture.choices)
    assert info["cost"] == 0.0
    assert reward == best.value
    front = Benchmark().front(task.metrics[1]).objectives
    better = front[front[:, 0] > reward, 1]
    assert len(better)
    assert (better < task.target).all() if task.kind == "throughput" else (better > task.target).all()


def test_cost_is_of_the_noisy_metrics() -> None:
    env = ConstrainedBuildEnv("TPUv3", granularity="network", noise=True, target=1800.0)
    env.reset(seed=0)
    info = env.step([0] * 28)[-1]
    throughput = info["metrics"]["tpuv3/throughput"]
    assert throughput != info["exact_metrics"]["tpuv3/throughput"]
    assert info["cost"] == max(0.0, (1800.0 - throughput) / 1800.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "Accuracy"}, "reward 'constrained' needs a task with two metrics"),
        ({"target": -1.0}, "target must be positive"),
        ({"reward_scale": "units"}, "reward_scale must be one of"),
        ({"observation": "token"}, "observation must be one of .* did you mean 'tokens'"),
        *(({"version": version}, "version must be 0 or 1, got") for version in (2, -1, True, "1")),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConstrainedBuildEnv(**({"task": "VCK190"} | arguments))


@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        ("AccelNAS-VCK190-Constrained-v0", {}),
        ("AccelNAS-VCK190-v0", {"reward": "constrained"}),
        ("AccelNAS-Edit-VCK190-v0", {"reward": "constrained", "reward_scale": "raw"}),
        ("AccelNAS-ZCU102-Latency-Constrained-v0", {}),
    ],
)
@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec], ids=["make", "make_vec"])
def test_bounds_that_nothing_meets(make: Any, env_id: str, arguments: dict[str, Any]) -> None:
    metric = "zcu102/latency" if "Latency" in env_id else "vck190/throughput"
    best = Benchmark().front(metric).ideal[1]
    better, worse = (best * 1.01, best * 0.99) if metric.endswith("throughput") else (best * 0.99, best * 1.01)
    for met in (best, worse):
        make(env_id, target=met, **arguments)
    with pytest.warns(UserWarning, match=f"no architecture meets the bound .* of {metric}; the best has {best:,.2f}"):
        make(env_id, target=better, **arguments)


def test_versions_of_ids() -> None:
    """Gymnasium warns of the older one; what names no version, such as old specifications, is the first."""
    with pytest.warns(DeprecationWarning, match="Constrained-v0 is out of date.*`v1`"):
        old: Any = gymnasium.make("AccelNAS-VCK190-Constrained-v0")
    new: Any = gymnasium.make("AccelNAS-VCK190-Constrained-v1")
    assert ConstrainedBuildEnv("VCK190").problem == old.unwrapped.problem != new.unwrapped.problem
    assert new.unwrapped.problem == ConstrainedBuildEnv("VCK190", version=1).problem
    with pytest.raises(ValueError, match="version must be 1, which the id says, or left out, got 0"):
        gymnasium.make("AccelNAS-VCK190-Constrained-v1", version=0)


@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        ("AccelNAS-VCK190-Constrained-v1", {}),
        ("AccelNAS-VCK190-Constrained-v1", {"reward_scale": "raw"}),
        ("AccelNAS-VCK190-v0", {"reward": "bounded"}),
        ("AccelNAS-Edit-VCK190-v0", {"reward": "bounded", "reward_scale": "raw"}),
        ("AccelNAS-ZCU102-Latency-Constrained-v1", {}),
    ],
)
def test_bounds_that_nothing_meets_are_refused(env_id: str, arguments: dict[str, Any]) -> None:
    metric = "zcu102/latency" if "Latency" in env_id else "vck190/throughput"
    best = Benchmark().front(metric).ideal[1]
    beyond = np.nextafter(best, np.inf if metric.endswith("throughput") else 0.0)
    problem = make_problem(env_id, target=best, **arguments)
    assert problem.evaluate(problem.optimum.indices).cost.tolist() == [0.0]
    with pytest.raises(ValueError, match=f"target must be met by .* none has a {metric} .* can be met is {best!r}"):
        gymnasium.make(env_id, target=beyond, **arguments)
