"""Problems: what architectures are worth, and what is known."""

import pickle
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import anb_gym
from anb_gym import SPACE, Benchmark, Noise, make_problem
from anb_gym.calibration import calibration, front_scale
from anb_gym.envs.families import ids
from anb_gym.fronts import NoFrontError
from anb_gym.problems import (
    AskBound,
    AskKeptBound,
    AskWeights,
    Bounds,
    Evaluation,
    KeptBounds,
    Problem,
    ProblemSet,
    Weights,
)
from anb_gym.rewards import REWARDS, Accuracy, Constrained, Objectives, Product, front_extent, make_reward
from anb_gym.tasks import ALL_DEVICES, TASKS, get_task

STATES = SPACE.to_states(SPACE.sample(40, np.random.default_rng(6)))
SEEDS = np.arange(40, dtype=np.uint64)
PAIRS = [task for task in TASKS.values() if task.device]


def scalar(task: str, reward: Any = "product", scale: str = "unit") -> Problem:
    of = get_task(task)
    return Problem(of, make_reward(reward, of), scale)


def vector(task: str, scale: str = "unit") -> Problem:
    of = get_task(task)
    return Problem(of, Objectives(of.metrics), scale)


def rows(evaluation: Evaluation, row: int) -> dict[str, Any]:
    columns = {"reward": evaluation.reward, "raw": evaluation.raw, "regret": evaluation.regret, "cost": evaluation.cost}
    return {name: None if c is None else c[row].tolist() for name, c in (columns | dict(evaluation.metrics)).items()}


@pytest.mark.parametrize("seeds", [None, SEEDS], ids=["exact", "noisy"])
@pytest.mark.parametrize(
    "problem",
    [
        *[scalar("TPUv3", reward) for reward in REWARDS],
        *[vector(name) for name in ("TPUv3", "Accuracy", "All")],
        make_problem("AccelNAS-TPUv3-Constrained-v0"),
        make_problem("AccelNAS-TPUv3-Constrained-v1"),
    ],
    ids=[*REWARDS, "vector", "vector-one", "vector-all", "cost", "cost-v1"],
)
def test_a_row_does_not_depend_on_the_others(problem: Problem, seeds: Any) -> None:
    together = problem.assess(STATES, noise=seeds)
    for row in (0, 17, 39):
        alone = problem.assess(STATES[row : row + 1], noise=None if seeds is None else seeds[row : row + 1])
        assert rows(alone, 0) == rows(together, row)


@pytest.mark.parametrize("name", ["weighted", "chebyshev", "constrained", "bounded"])
@pytest.mark.parametrize("scale", ["unit", "raw"])
def test_a_request_is_a_problem_of_its_own(name: str, scale: str) -> None:
    """What an episode asks for is worth what a problem with these weights, or this bound, says."""
    task = get_task("VCK190-Latency")
    asked = make_problem("AccelNAS-VCK190-Latency-Preference-v0", reward=name, reward_scale=scale)
    places = np.linspace(0.0, 1.0, 129)[:-1:26]  # where the mean is measured, not interpolated
    together = asked.assess(STATES[:5], asked.ask.at(places))
    for row, place in enumerate(places):
        if name in ("constrained", "bounded"):
            (bound,) = asked.ask.bound(np.array([place]))
            alone = make_problem(task.id, reward=name, reward_scale=scale, target=bound)
        else:
            alone = make_problem(task.id, reward=name, reward_scale=scale, weights=[place, 1.0 - place])
        expected = alone.assess(STATES[row : row + 1])
        assert together.reward[row] == pytest.approx(expected.reward[0], rel=1e-9)
        assert together.regret[row] == pytest.approx(expected.regret[0], rel=1e-9)


@pytest.mark.parametrize("reward", REWARDS)
def test_scores_are_those_of_the_reward(reward: str) -> None:
    task = get_task("VCK190-Latency")
    known = make_reward(reward, task)
    values = Benchmark().query(SPACE.from_states(STATES), task.metrics)
    unit, raw = (scalar("VCK190-Latency", reward, scale).assess(STATES) for scale in ("unit", "raw"))
    assert raw.raw is not None
    assert raw.reward.tolist() == raw.raw.tolist() == known(values).tolist()
    assert unit.reward.tolist() == calibration(known, "gp").to_unit(known(values)).tolist()
    assert raw.regret is not None
    if reward == "bounded":  # in points of accuracy, of what meets the bound
        assert raw.regret.tolist() == calibration(known, "gp").regret(known(values)).tolist()
        assert (raw.regret == np.inf).tolist() == (raw.cost > 0.0).tolist()
    else:
        assert raw.regret == pytest.approx(1.0 - unit.reward)


def test_noise_is_that_of_the_benchmark() -> None:
    problem = scalar("TPUv2")
    noisy, exact = problem.assess(STATES, noise=SEEDS), problem.assess(STATES)
    for row in (0, 39):
        index = SPACE.states_to_index(STATES[row : row + 1])
        expected = Benchmark().query(index, problem.metrics, noise=Noise(int(SEEDS[row])))
        assert {name: column[row] for name, column in noisy.metrics.items()} == {n: c[0] for n, c in expected.items()}
    assert noisy.regret is not None
    assert exact.regret is not None
    assert noisy.regret.tolist() == exact.regret.tolist()
    assert all(noisy.exact[name].tolist() == exact.metrics[name].tolist() for name in problem.metrics)


def test_measuring_and_scoring_are_two_steps() -> None:
    problem = scalar("A100")
    together = problem.assess(STATES, noise=SEEDS)
    metrics = problem.measure(STATES, SEEDS)
    assert problem.score(metrics).tolist() == together.reward.tolist()
    assert problem.regret(problem.measure(STATES)).tolist() == together.regret.tolist()


def test_unit_objectives_are_those_of_the_front() -> None:
    for task in PAIRS:
        known, problem = front_scale(task), vector(task.name)
        corners = dict(zip(task.metrics, np.array([known.nadir, known.ideal]).T, strict=True))
        assert problem.score(corners) == pytest.approx(np.array([[0.0, 0.0], [1.0, 1.0]]), abs=1e-12)
        assert problem.front_rewards.max(axis=0).tolist() == [1.0, 1.0]
        point = dict(zip(task.metrics, np.array([known.reference_point]).T, strict=True))
        assert problem.reference_point.tolist() == problem.score(point)[0].tolist()
        point = dict(zip(task.metrics, np.array([known.practical_reference_point]).T, strict=True))
        assert problem.practical_reference_point is not None
        assert problem.practical_reference_point.tolist() == problem.score(point)[0].tolist()
        assert (problem.practical_reference_point > problem.reference_point).all()


def test_only_two_objectives_have_a_practical_reference_point() -> None:
    assert vector("All").practical_reference_point is None
    assert scalar("A100").practical_reference_point is None


def test_unit_objectives_of_all_devices() -> None:
    """Each device metric is scaled as on its own task, accuracy by the extremes of all fronts."""
    scores = vector("All").assess(STATES).reward
    assert scores.shape == (40, 9)
    for column, metric in enumerate(ALL_DEVICES.metrics[1:], start=1):
        (task,) = (task for task in PAIRS if task.metrics[1] == metric)
        assert scores[:, column].tolist() == vector(task.name).assess(STATES).reward[:, 1].tolist()
    scales = [front_scale(task) for task in PAIRS]
    low, high = min(s.nadir[0] for s in scales), max(s.ideal[0] for s in scales)
    accuracy = Benchmark().query(SPACE.from_states(STATES), ["accuracy"])["accuracy"]
    assert scores[:, 0] == pytest.approx((accuracy - low) / (high - low))
    with pytest.raises(NoFrontError, match="no exact front of 9 metrics is known"):
        _ = vector("All").front


@pytest.mark.parametrize("env_id", ids())
def test_the_problem_of_an_id_is_that_of_its_environment(env_id: str) -> None:
    problem = make_problem(f"anb_gym:{env_id}")
    env: Any = gymnasium.make(env_id)
    envs: Any = gymnasium.make_vec(env_id, num_envs=2)
    assert problem == env.unwrapped.problem == envs.problem
    assert hash(problem) == hash(env.unwrapped.problem)
    known = pickle.dumps(problem)
    problem.parts  # noqa: B018 - tables and gauges have been loaded by now; they are not pickled
    assert len(known) < 5000
    assert pickle.loads(known) == problem


def test_problems_are_told_apart() -> None:
    problems = [
        make_problem(f"AccelNAS-VCK190{form}-v0", **arguments)
        for form, arguments in [
            ("", {}),
            ("", {"reward_scale": "raw"}),
            ("", {"surrogate": "xgb", "reward_scale": "raw", "reward": "accuracy"}),
            ("", {"target": 2000.0}),
            ("-MO", {}),
            ("-Preference", {}),
            ("-Preference", {"reward": "constrained"}),
            ("-Constrained", {}),
            ("-Latency", {}),
            ("", {"reward": "constrained"}),
            ("", {"reward": "bounded"}),
            ("-Bound", {}),
            ("-Bound", {"reward": "accuracy"}),
        ]
    ]
    problems.append(make_problem("AccelNAS-VCK190-Constrained-v1"))
    assert make_problem("AccelNAS-VCK190-Bound-v0") == make_problem("AccelNAS-VCK190-Preference-v0", reward="bounded")
    assert len(set(problems)) == len(problems)
    assert make_problem("AccelNAS-VCK190-v0", granularity="block", noise=True) == problems[0]


def test_the_optimum_has_no_regret() -> None:
    for env_id in (
        "AccelNAS-A100-v0",
        "AccelNAS-Accuracy-v0",
        "AccelNAS-ZCU102-Latency-Constrained-v0",
        "AccelNAS-A100-Constrained-v1",
    ):
        problem = make_problem(env_id)
        found = problem.evaluate(problem.optimum.indices)
        assert found.regret.tolist() == pytest.approx([0.0] * len(found.regret), abs=1e-12)
        assert problem.evaluate(SPACE.sample(500, np.random.default_rng(0))).regret.min() > 0.0


def test_nothing_certified_is_said_of_what_is_not() -> None:
    for problem in (vector("A100"), scalar("A100", lambda values: values["accuracy"])):
        assert problem.optimum is None
        assert problem.assess(STATES).regret is None
    assert make_problem("AccelNAS-A100-Preference-v0").optimum is None


def test_objects_keep_their_certificate() -> None:
    reward = Product("a100/throughput", 5000.0, 0.2)
    env: Any = gymnasium.make("AccelNAS-A100-v0", reward=reward, granularity="network")
    assert env.unwrapped.problem.reward is reward
    assert env.unwrapped.problem.optimum is not None
    env.reset(seed=0)
    assert env.step([0] * 28)[4]["regret"] > 0.0
    again: Any = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.problem == env.unwrapped.problem


def test_regret_under_a_constraint() -> None:
    """In points of accuracy below the best that meets the bound; who misses it is of no use."""
    problem = make_problem("AccelNAS-VCK190-Constrained-v0", target=3500.0)
    evaluation = problem.evaluate(SPACE.sample(3000, np.random.default_rng(2)))
    best = Benchmark().optimum(Constrained("vck190/throughput", 3500.0)).metrics["accuracy"]
    meets = evaluation.metrics["vck190/throughput"] >= 3500.0
    assert meets.any()
    assert (evaluation.cost == 0.0).tolist() == meets.tolist()
    assert evaluation.regret[meets] == pytest.approx(best - evaluation.metrics["accuracy"][meets])
    assert set(evaluation.regret[~meets]) == {best}
    assert evaluation.regret[meets].max() < best


def test_a_bound_that_nothing_meets() -> None:
    with pytest.warns(UserWarning, match="target: no architecture meets the bound 90,000 of vck190/throughput"):
        problem = make_problem("AccelNAS-VCK190-Constrained-v0", target=9e4)
    assert problem.optimum is None
    assert problem.assess(STATES).regret is None


def test_evaluations_are_the_users_own() -> None:
    problem = make_problem("AccelNAS-Accuracy-v0", reward_scale="raw")
    first = problem.evaluate([1, 2, 3])
    first.reward[:] = 0.0
    assert first.raw is not None
    assert first.raw.min() > 0.0
    assert first.metrics["accuracy"].min() > 0.0
    assert problem.evaluate([1, 2, 3]).reward.tolist() == first.raw.tolist()


def test_evaluate_takes_what_queries_take() -> None:
    problem = make_problem("AccelNAS-A100-v0")
    b0 = anb_gym.EFFICIENTNET_B0
    found = [problem.evaluate(archs).reward.tolist() for archs in (b0, str(b0), [b0], b0.index, b0.choices[None])]
    assert found == [found[0]] * 5
    noisy = problem.evaluate(b0, noise=3).metrics
    assert {n: c.tolist() for n, c in noisy.items()} == {
        n: c.tolist() for n, c in Benchmark().query(b0, problem.metrics, noise=3).items()
    }


def test_evaluate_what_an_episode_asks_for() -> None:
    problem = make_problem("AccelNAS-A100-Preference-v0")
    found = problem.evaluate([5, 6], preference=[0.25, 0.75])
    fixed = make_problem("AccelNAS-A100-v0", reward="chebyshev", weights=[0.25, 0.75]).evaluate([5, 6])
    assert found.reward == pytest.approx(fixed.reward)
    # None draws a preference in an episode; here nothing is drawn.
    for asked in ({}, {"preference": None}, {"preference": [0.5, 0.5], "task": "A100"}):
        with pytest.raises(ValueError, match="episodes of this problem ask for 'preference', which is to be given"):
            problem.evaluate([5], **asked)
    with pytest.raises(ValueError, match="ask for nothing"):
        make_problem("AccelNAS-A100-v0").evaluate([5], preference=[0.5, 0.5])


@pytest.mark.parametrize("reward", ["chebyshev", "constrained", "bounded"])
def test_a_request_that_is_missing(reward: str) -> None:
    problem = make_problem("AccelNAS-A100-Preference-v0", reward=reward, reward_scale="raw")
    metrics = problem.measure(STATES)
    for ask in (
        lambda: problem.score(metrics),
        lambda: problem.regret(metrics),
        lambda: problem.assess(STATES),
        lambda: problem.front_rewards,
        lambda: problem.reference_point,
    ):
        with pytest.raises(ValueError, match="request must say what episodes ask for, preference, got None"):
            ask()


@given(st.integers(1, 20), st.data())
def test_requests_are_read_and_written_by_rows(n: int, data: st.DataObject) -> None:
    ideal, nadir = front_extent(get_task("A100"))
    extent = ("a100/throughput", nadir[1], ideal[1])
    for ask, kind in ((AskWeights(), Weights), (AskBound(*extent), Bounds), (AskKeptBound(*extent), KeptBounds)):
        request = ask.blank(n)
        row = data.draw(st.integers(0, n - 1))
        drawn = ask.draw(np.random.default_rng(row), {})
        request[row : row + 1] = drawn
        assert isinstance(request, kind)
        assert ask.cells(request[np.array([row])]).tolist() == ask.cells(drawn).tolist()
        assert np.delete(ask.cells(request), row, axis=0).max(initial=0.0) == 0.0
        assert ask.cells(request).shape == (n, ask.n_cells)


def test_sets() -> None:
    problems = make_problem("AccelNAS-Transfer-v0", tasks=["A100", "VCK190-Latency"])
    assert isinstance(problems, ProblemSet)
    assert [problem.task.name for problem in problems] == ["A100", "VCK190-Latency"]
    assert problems["A100"] == make_problem("AccelNAS-A100-v0")
    with pytest.raises(ValueError, match="task must be one of 'A100', 'VCK190-Latency', got 'TPUv2'"):
        _ = problems["TPUv2"]
    for wrong in ((), (problems["A100"],) * 2, (vector("A100"),), (make_problem("AccelNAS-A100-Preference-v0"),)):
        with pytest.raises(ValueError, match="problems must "):
            ProblemSet(wrong)
    for what, value in (("scale", "raw"), ("surrogate", "xgb")):
        with pytest.raises(ValueError, match=f"problems must have the same {what}, got .*{value}"):
            ProblemSet((problems["A100"], replace(problems["VCK190-Latency"], **{what: value})))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reward": "produkt"}, "reward must be one of .* did you mean 'product'"),
        ({"reward_scale": "units"}, "reward_scale must be one of 'unit', 'raw', got 'units'; did you mean 'unit'"),
        ({"surrogate": "xbg"}, "surrogate must be one of .* did you mean 'xgb'"),
        ({"task": "A100"}, "task must be 'VCK190', which the id says"),
        ({"rewards": "product"}, "an argument of AccelNAS-VCK190-v0 must be one of .* did you mean 'reward'"),
        ({"reward": Product("a100/throughput", 2.0)}, "reward must read the metrics .*vck190/throughput.* got Product"),
    ],
)
def test_bad_input(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_problem("AccelNAS-VCK190-v0", **arguments)


@pytest.mark.parametrize("env_id", ["AccelNAS-VKC190-v0", "", 3, None, "anb_gym:CartPole-v1"])
def test_unknown_ids(env_id: Any) -> None:
    with pytest.raises(ValueError, match="id must be one of"):
        make_problem(env_id)


def test_arguments_of_gymnasium_make() -> None:
    given = {"max_episode_steps": 28, "disable_env_checker": True, "granularity": "block"}
    env: Any = gymnasium.make("AccelNAS-VCK190-v0", **given)
    assert make_problem("AccelNAS-VCK190-v0", **given) == env.unwrapped.problem


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "A100"}, "task must be one of anb_gym.tasks.TASKS, got 'A100'"),
        ({"reward": "product"}, r"reward must be an object such as anb_gym.rewards.Accuracy\(\), got 'product'"),
        ({"constraint": Accuracy()}, "constraint must be an anb_gym.rewards.Constrained or None, got Accuracy"),
    ],
)
def test_parts_of_another_type(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Problem(**{"task": get_task("A100"), "reward": Accuracy()} | fields)


def test_constraints_of_other_metrics() -> None:
    with pytest.raises(ValueError, match="constraint must read metrics of the task 'A100'"):
        Problem(get_task("A100"), Accuracy(), constraint=Constrained("vck190/throughput", 2.0))
