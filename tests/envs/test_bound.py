"""Episodes with a bound of their own."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from ids import id_of

from anb_gym import SPACE, Benchmark, make_problem
from anb_gym.envs.bound import BoundBuildEnv
from anb_gym.fronts import NoFrontError
from anb_gym.tasks import TASKS, Task, get_task

PAIRS = [task for task in TASKS.values() if len(task.metrics) == 2]
EVERY_PAIR = pytest.mark.parametrize("task", PAIRS, ids=lambda task: task.name)
RANDOM = SPACE.sample(2000, np.random.default_rng(4))


def _bounds(task: Task, places: Any) -> np.ndarray:
    front = Benchmark().front(task.metrics[1])
    return front.nadir[1] + np.asarray(places) * (front.ideal[1] - front.nadir[1])


@EVERY_PAIR
def test_every_bound_has_its_own_scale(task: Task) -> None:
    """1 is the certified optimum, 0 the mean of random architectures that meet the bound, a miss -1 to -2."""
    one, apart = (make_problem(id_of("bound", task), reward=reward) for reward in ("bounded", "accuracy"))
    for bound in _bounds(task, [0.05, 0.2, 0.4]).tolist():
        best = one.best_under(bound)
        found = one.evaluate(best.indices, preference=bound)
        assert (found.reward.tolist(), found.regret.tolist(), found.cost.tolist()) == ([1.0], [0.0], [0.0])
        found, linear = (problem.evaluate(RANDOM, preference=bound) for problem in (one, apart))
        met = found.cost == 0.0
        accuracy, metric = found.metrics.values()
        assert met.tolist() == ((metric >= bound) if task.kind == "throughput" else (metric <= bound)).tolist()
        assert abs(linear.reward[met].mean()) < 4 * linear.reward[met].std() / np.sqrt(met.sum()) + 0.02
        assert found.reward[met].tolist() == np.maximum(-1.0, linear.reward[met]).tolist()
        assert found.reward[met].max() < 1.0
        assert found.reward[~met] == pytest.approx(-1.0 - np.minimum(1.0, found.cost[~met]))
        assert found.regret[met] == pytest.approx(best.accuracy - accuracy[met])
        assert (found.regret[~met] == np.inf).all()
        assert linear.regret.tolist() == found.regret.tolist()
        assert linear.cost.tolist() == found.cost.tolist()
        # One unit is worth the same everywhere: the accuracy that it spans.
        unit = np.diff(linear.reward[:2]) / np.diff(accuracy[:2])
        assert linear.reward == pytest.approx(1.0 - (best.accuracy - accuracy) * unit)


@EVERY_PAIR
def test_members_of_the_front_meet_their_own_metric(task: Task) -> None:
    problem = make_problem(id_of("bound", task))
    front = problem.front
    for index, bound in zip(front.indices[::25], front.objectives[::25, 1].tolist(), strict=True):
        found = problem.evaluate(int(index), preference=bound)
        assert (found.reward.tolist(), found.cost.tolist()) == ([1.0], [0.0])


def test_units_are_a_point_of_accuracy_at_least() -> None:
    problem = make_problem(id_of("bound"), reward="accuracy")
    ideal = problem.front.ideal[1]
    (best,), (zero,) = (problem.evaluate(i, preference=ideal).reward for i in (problem.best_under(ideal).indices, [0]))
    accuracy = [problem.evaluate(i, preference=ideal).metrics["accuracy"][0] for i in (0, problem.front.indices[-1])]
    assert best == 1.0
    assert zero == pytest.approx(1.0 - (accuracy[1] - accuracy[0]) / 1.0)


@pytest.mark.parametrize("reward", ["bounded", "accuracy"])
def test_an_episode(reward: str) -> None:
    env: Any = gymnasium.make("anb_gym:" + id_of("bound", "VCK190-Latency"), reward=reward)
    assert env.observation_space == gymnasium.spaces.Box(0.0, 1.0, (101,), np.float32)
    observation, info = env.reset(seed=3)
    assert info.keys() == {"action_mask"}
    (place,) = observation[100:]
    for choice in RANDOM[0]:
        observation, result, terminated, _, info = env.step(choice)
        assert observation[100] == place
        assert terminated or (info["cost"] == result == 0.0)
    keys = {"action_mask", "architecture", "index", "metrics", "raw_reward", "regret", "preference", "cost"}
    assert info.keys() == keys
    assert info["preference"] == pytest.approx(_bounds(get_task("VCK190-Latency"), place))
    found = env.unwrapped.problem.evaluate(info["index"], preference=info["preference"])
    assert (result, info["cost"], info["regret"]) == (found.reward[0], found.cost[0], found.regret[0])


def test_bounds_are_kept_and_drawn_uniformly() -> None:
    env = BoundBuildEnv("A100", granularity="network")
    env.reset(options={"preference": 12345.678})
    assert env.step(RANDOM[0])[-1]["preference"] == 12345.678
    places = [env.reset(seed=3 if n == 0 else None)[0][100] for n in range(300)]
    assert np.histogram(places, bins=4, range=(0.0, 1.0))[0].min() > 50
    twin = BoundBuildEnv("A100", granularity="network")
    assert places[:3] == [twin.reset(seed=3 if n == 0 else None)[0][100] for n in range(3)]


def test_noise_decides_reward_and_cost_but_not_the_regret() -> None:
    """A network whose true metric just meets the bound is measured above and below it."""
    problem = make_problem(id_of("bound", "TPUv3"))
    (index,), (bound,) = problem.front.indices[100:101], problem.front.objectives[100:101, 1].tolist()
    seen = [problem.evaluate(int(index), preference=bound, noise=seed) for seed in range(20)]
    assert {found.regret[0] for found in seen} == {0.0}
    missed = [found for found in seen if found.cost[0] > 0.0]
    assert 0 < len(missed) < 20
    assert all(-1.1 < found.reward[0] < -1.0 for found in missed)


def test_raw_scale() -> None:
    one, apart = (make_problem(id_of("bound"), reward=reward, reward_scale="raw") for reward in ("bounded", "accuracy"))
    found, linear = (problem.evaluate(RANDOM, preference=3000.0) for problem in (one, apart))
    met = found.cost == 0.0
    assert linear.reward.tolist() == found.metrics["accuracy"].tolist()
    assert found.reward[met].tolist() == linear.reward[met].tolist()
    assert found.reward[~met] == pytest.approx(-100.0 * np.minimum(1.0, found.cost[~met]))
    assert found.regret.tolist() == make_problem(id_of("bound")).evaluate(RANDOM, preference=3000.0).regret.tolist()


def test_without_a_front() -> None:
    for reward in ("bounded", "accuracy"):
        with pytest.raises(
            NoFrontError, match='reward_scale="unit" under a bound needs the exact front: .*anb-gym solve'
        ):
            make_problem(id_of("bound"), surrogate="xgb", reward=reward)
    found = make_problem(id_of("bound"), surrogate="xgb", reward_scale="raw").evaluate([5], preference=3000.0)
    assert found.regret is None
    assert found.cost is not None


@pytest.mark.parametrize("preference", [0.0, -5.0, 1e9, float("nan"), "3000", [3000.0], True])
def test_bounds_outside_the_front(preference: Any) -> None:
    message = r"preference must be a bound of vck190/throughput in \d+\.\d+\.\.4927\.\d+, got"
    with pytest.raises(ValueError, match=message):
        BoundBuildEnv("VCK190").reset(options={"preference": preference})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "Accuracy"}, "reward 'bounded' needs a task with two metrics"),
        ({"reward": "constrained"}, "reward must be one of 'bounded', 'accuracy', got 'constrained'"),
        ({"reward_scale": "units"}, "reward_scale must be one of"),
        ({"observation": "token"}, "observation must be one of .* did you mean 'tokens'"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BoundBuildEnv(**({"task": "VCK190"} | arguments))


@pytest.mark.parametrize(
    ("env_id", "arguments"),
    [
        (id_of("bound"), {"reward": "accuracy", "noise": True}),
        (id_of("build"), {"reward": "bounded", "noise": True}),
        (id_of("preference"), {"reward": "bounded"}),
        (id_of("transfer"), {"reward": "bounded"}),
        (id_of("edit"), {"reward": "bounded", "horizon": 7}),
    ],
)
def test_copies_equal_single_environments(env_id: str, arguments: dict[str, Any]) -> None:
    """Wherever accuracy under a bound can be the reward."""
    if env_id != id_of("edit"):
        arguments = {**arguments, "granularity": "block"}
    ours, theirs = (gymnasium.make_vec(env_id, 3, vectorization_mode=mode, **arguments) for mode in (None, "sync"))
    assert data_equivalence(ours.reset(seed=4), theirs.reset(seed=4))
    for action in np.random.default_rng(0).integers(0, 36, size=(9, 3)):
        results = [envs.step(action) for envs in (ours, theirs)]
        assert data_equivalence(*results)
    assert "cost" in results[0][-1] or env_id == id_of("edit")
