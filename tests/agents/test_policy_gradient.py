"""The factored policy gradient, its controller, and the autoregressive form."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE, make_problem
from anb_gym._types import FloatArray
from anb_gym.agents import Assignment, Training, load, make_agent, saving, train
from anb_gym.agents.policy_gradient import Elites, PolicyGradient, PolicyGradientController, draw_from, draw_unseen
from anb_gym.problems import Problem
from anb_gym.space import Choices
from anb_gym.study.protocol import Brief

ID = "AccelNAS-VCK190-v0"


def _controller(budget: int = 1000, seed: int = 0, **settings: Any) -> PolicyGradientController:
    return PolicyGradientController(Brief(1, budget), np.random.default_rng(seed), **settings)


def _rewards(choices: Choices, id: str = ID) -> FloatArray:
    problem = make_problem(id)
    assert isinstance(problem, Problem)
    return problem.evaluate(choices).reward


@pytest.mark.parametrize("id", [ID, "AccelNAS-A100-v0", "AccelNAS-Accuracy-v0"])
def test_it_learns(id: str) -> None:
    """Measured over forty seeds: median regret 0 to 0.009 after 1,000 evaluations; over ten, 0 after 20,000."""
    trained = [train("policy_gradient", id, 1000, seed=seed) for seed in range(5)]
    assert np.median([evaluations.regret.min() for _, evaluations in trained]) < 0.015
    assert min(evaluations.n_unique for _, evaluations in trained) > 900
    agent, evaluations = train("policy_gradient", id, 20_000, seed=0)
    assert evaluations.regret.min() < 0.001
    assert _rewards(agent.design(500, greedy=False), id).mean() > 0.99
    np.testing.assert_array_equal(agent.design(), SPACE.from_index(evaluations.index[[evaluations.best]]))


def test_the_controller_is_the_agent() -> None:
    controller, proposed = _controller(500, seed=3), SPACE.sample(0, np.random.default_rng(0))
    while len(proposed) < 500:
        choices = controller.ask(min(controller.batch_size, 500 - len(proposed)))
        controller.tell(choices, _rewards(choices)[:, None])
        proposed = np.concatenate([proposed, choices])
    _, evaluations = train("policy_gradient", ID, 500, seed=3)
    np.testing.assert_array_equal(SPACE.to_index(proposed), evaluations.index)


@pytest.mark.parametrize("name", ["policy_gradient", "autoregressive_policy_gradient"])
def test_an_interrupted_training_goes_on(name: str, tmp_path: Path) -> None:
    if name.startswith("auto"):
        pytest.importorskip("torch")
    whole, expected = train(name, ID, 200, seed=5)
    turns = iter(range(1000))

    def interrupt(training: Training) -> None:
        if next(turns) == 20:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(name, ID, 200, seed=5, folder=tmp_path, watch=interrupt)
    assert 0 < saving.read(tmp_path).done < 200
    agent, evaluations = train(name, ID, 200, seed=5, folder=tmp_path)
    np.testing.assert_array_equal(evaluations.index, expected.index)
    for found in (agent, load(tmp_path)):
        np.testing.assert_array_equal(found.design(20, seed=1), whole.design(20, seed=1))


def test_elites_are_the_best_of_each_policy() -> None:
    rng, elites = np.random.default_rng(0), Elites(2, 3)
    assert not len(elites.first(0.0)[0])
    choices, rewards, by = SPACE.sample(40, rng), rng.normal(size=40), rng.integers(2, size=40)
    for rows in (slice(0, 1), slice(1, 15), slice(15, 40)):
        elites.keep(choices[rows], rewards[rows], by[rows])
    for policy in range(2):
        own = np.flatnonzero(by == policy)
        best = own[np.argsort(-rewards[own])][:3]
        np.testing.assert_array_equal(elites.rewards[policy], rewards[best])
        np.testing.assert_array_equal(elites.choices[policy], choices[best])
    assert [len(elites.first(progress)[0]) for progress in (0.0, 0.5, 0.9, 1.0)] == [6, 4, 2, 2]


def test_the_gradient_is_that_of_the_mean_reward() -> None:
    """REINFORCE agrees with the exact gradient of a reward that is a sum, for each policy."""
    rng, controller = np.random.default_rng(0), _controller(10_000, n_policies=2)
    exists = np.arange(4) < SPACE.cardinalities[:, None]
    controller._logits[1] = rng.normal(size=(28, 4))
    worth, policies = np.where(exists, rng.normal(size=(28, 4)), 0.0), controller.probabilities
    exact = policies * (worth - (policies * worth).sum(axis=2, keepdims=True))
    by = np.repeat([0, 1], 50_000)
    choices = draw_from(policies, by, rng)
    rewards = worth[np.arange(28), choices].sum(axis=1)
    controller._drawn_by = by
    found = controller._reinforce(choices, rewards)
    for policy in range(2):
        scaled = found[policy] * rewards[by == policy].std()
        assert scaled[exists] == pytest.approx(exact[policy][exists], abs=0.05)


def test_draws_follow_the_policies() -> None:
    controller, rng = _controller(n_policies=2), np.random.default_rng(0)
    controller._logits[1, 3, 1] = 2.0
    policies = controller.probabilities
    for policy in range(2):
        drawn = draw_from(policies, np.full(50_000, policy), rng)
        assert drawn.dtype == np.int8
        for choice, size in enumerate(SPACE.cardinalities):
            counts = np.bincount(drawn[:, choice], minlength=4) / len(drawn)
            assert counts == pytest.approx(policies[policy, choice], abs=0.02)
            assert counts[size:].sum() == 0.0


def test_what_was_seen_is_drawn_again() -> None:
    rng, seen = np.random.default_rng(0), set[int]()
    policy = np.zeros((1, 28, 4))
    policy[:, :, 0] = 1.0
    uniform = (np.arange(4) < SPACE.cardinalities[:, None]) / SPACE.cardinalities[:, None]

    def draw(rows: Any, times: int) -> Any:
        return draw_from(policy + 0.1 * times * (uniform - policy), np.zeros(len(rows), dtype=np.int64), rng)

    first = draw_unseen(4, draw, seen)
    assert not first[0].any()
    assert len(np.unique(first, axis=0)) == 4
    seen_before = set(seen)
    assert not seen_before & set(SPACE.to_index(draw_unseen(50, draw, seen)).tolist())
    assert len(seen) == 54


def test_policies_and_batches_grow_with_the_budget() -> None:
    sizes = [(c.settings["n_policies"], c.batch_size) for c in map(_controller, (5, 1000, 20_000, 1_000_000))]
    assert sizes == [(1, 2), (3, 6), (32, 120), (32, 6024)]


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 400])
def test_small_budgets(budget: int) -> None:
    agent, evaluations = train("policy_gradient", ID, budget, seed=0)
    assert len(evaluations) == budget
    assert agent.design(3).shape == (3, 28)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 5}, "batch_size must be an integer of at least 6, got 5"),
        ({"n_policies": 0}, "n_policies must be an integer of at least 1, got 0"),
        ({"learning_rate": -0.1}, "learning_rate must be at least 0, got -0.1"),
        ({"entropy_weight": "much"}, "entropy_weight must be a .*number, got 'much'"),
        ({"imitation_weight": float("nan")}, "imitation_weight must be a .*number, got nan"),
        ({"n_elites": 0}, "n_elites must be an integer of at least 1, got 0"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _controller(**settings)
    with pytest.raises(ValueError, match=message):
        PolicyGradient(Assignment(ID, 1000, 0), **settings)


@pytest.mark.parametrize("name", ["policy_gradient", "autoregressive_policy_gradient"])
@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("AccelNAS-VCK190-MO-v0", "takes a scalar reward, id 'AccelNAS-VCK190-MO-v0' has a vector"),
        ("AccelNAS-VCK190-Preference-v0", "designs for one purpose, episodes of id .* ask for a preference"),
    ],
)
def test_problems_that_it_does_not_suit(name: str, id: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"{name} {message}"):
        make_agent(name, Assignment(id, 100, 0))


def test_the_autoregressive_form_learns() -> None:
    pytest.importorskip("torch")
    agent, evaluations = train("autoregressive_policy_gradient", "AccelNAS-CPU-v0", 1000, seed=0)
    assert evaluations.n_unique > 900
    assert evaluations.regret.min() < 0.02
    assert _rewards(agent.design(300, greedy=False), "AccelNAS-CPU-v0").mean() > 0.9
