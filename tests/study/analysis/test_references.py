"""Reference values of policies are what they say: proven by enumeration where that is possible."""

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import anb_gym
from anb_gym.problems import Selection
from anb_gym.space import SPACE
from anb_gym.study.analysis.references import (
    asked_again,
    best_constants,
    best_intervals,
    contexts,
    local_search,
    optima,
    policy_score,
    rewards_in,
)

PREFERENCE, BOUND, TRANSFER = "AccelNAS-VCK190-Preference-v0", "AccelNAS-VCK190-Bound-v0", "AccelNAS-Transfer-v0"
#: Latency is to be minimised, other rewards have other forms.
IDS: list[tuple[str, dict[str, Any]]] = [
    (PREFERENCE, {}),
    (PREFERENCE, {"reward": "weighted"}),
    (BOUND, {}),
    ("AccelNAS-VCK190-Latency-Bound-v0", {"reward_scale": "raw"}),
    ("AccelNAS-VCK190-Latency-Preference-v0", {"reward": "constrained"}),
]


@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_intervals_are_the_best_of_all_intervals(members: int, n: int, k: int, seed: int) -> None:
    rewards = np.random.default_rng(seed).normal(size=(members, n))
    best = -np.inf
    for ends in combinations(range(1, n), min(k, n) - 1):
        cuts = [0, *ends, n]
        best = max(best, sum(rewards[:, a:b].sum(axis=1).max() for a, b in pairwise(cuts)))
    chosen = best_intervals(rewards, k)
    assert len(set(chosen.tolist())) == len(chosen) <= k
    # In each context at least as good as the member whose interval it is.
    assert rewards[chosen].max(axis=0).sum() >= best - 1e-12


@pytest.mark.parametrize(("id", "arguments"), IDS)
def test_constants_are_the_best_of_the_front(id: str, arguments: dict[str, Any]) -> None:
    problem = anb_gym.make_problem(id, **arguments)
    request = contexts(problem, 21)[np.random.default_rng(0).permutation(21)]  # in any order
    rewards = rewards_in(problem, SPACE.from_index(problem.front.indices), request)
    one, two, four, sixteen = (best_constants(problem, request, k) for k in (1, 2, 4, 16))
    assert one.mean == pytest.approx(rewards.mean(axis=1).max(), abs=1e-12)
    assert len(one.members) == 1
    pairs = max(
        np.maximum(rewards[row], rewards[row + 1 :]).mean(axis=1).max(initial=-np.inf) for row in range(len(rewards))
    )
    assert two.mean == pytest.approx(pairs, abs=1e-12)
    greedy, best = [], np.full(21, -np.inf)
    for _ in range(4):
        greedy.append(np.maximum(rewards, best).mean(axis=1).argmax())
        best = rewards[greedy].max(axis=0)
    assert four.mean >= best.mean() - 1e-12
    assert one.mean < two.mean < four.mean < sixteen.mean <= 1.0 + 1e-12
    assert all(of.exact and not of.evaluations for of in (one, two, four, sixteen))
    # No architecture off the front is a better constant.
    others = rewards_in(problem, SPACE.sample(2000, np.random.default_rng(1)), request)
    assert others.mean(axis=1).max() < one.mean


@pytest.mark.parametrize(("id", "arguments"), IDS)
def test_optima_have_reward_one(id: str, arguments: dict[str, Any]) -> None:
    problem = anb_gym.make_problem(id, **arguments)
    request = contexts(problem, 9)
    found = optima(problem, request)
    np.testing.assert_allclose(found.reward, 1.0, rtol=1e-12)
    assert found.exact
    for row, index in enumerate(found.index):
        exact = problem.regret(problem.measure(SPACE.index_to_states(index[None])), request[slice(row, row + 1)])
        assert exact == pytest.approx(0.0, abs=1e-9)
    many = best_constants(problem, request, 9)
    np.testing.assert_array_equal(many.reward, found.reward)


def test_rewards_are_the_problems() -> None:
    for id in (PREFERENCE, BOUND):
        problem = anb_gym.make_problem(id)
        choices, request = SPACE.sample(5, np.random.default_rng(0)), contexts(problem, 3)
        rewards = rewards_in(problem, choices, request)
        for column in range(3):
            asked = request[np.full(5, column)]
            np.testing.assert_array_equal(
                rewards[:, column], problem.score(problem.measure(SPACE.to_states(choices)), asked)
            )


def test_archives_are_asked_again() -> None:
    problem = anb_gym.make_problem(BOUND)
    request, index = contexts(problem, 7), SPACE.to_index(SPACE.sample(3000, np.random.default_rng(0)))
    found = asked_again(problem, np.concatenate([index, index[:10]]), request)
    rewards = rewards_in(problem, SPACE.from_index(index), request)
    np.testing.assert_array_equal(found.reward, rewards.max(axis=0))
    np.testing.assert_array_equal(found.index, index[rewards.argmax(axis=0)])
    assert (found.evaluations, found.exact) == (3010, False)


@pytest.mark.parametrize("id", [PREFERENCE, TRANSFER])
def test_local_search_climbs_in_each_context(id: str) -> None:
    problem = anb_gym.make_problem(id)
    request = contexts(problem, 8)
    first, some, many = (local_search(problem, request, 8 * steps, 0) for steps in (1, 50, 400))
    assert first.mean < some.mean < many.mean < 1.0
    assert (many.reward >= some.reward).all()
    assert many.evaluations == 3200
    assert some.mean > 0.6
    assert local_search(problem, request, 407, 0).evaluations == 400
    np.testing.assert_array_equal(local_search(problem, request, 400, 0).index, some.index)
    choices = SPACE.from_index(many.index)
    np.testing.assert_allclose(np.diag(rewards_in(problem, choices, request)), many.reward, rtol=1e-12)
    with pytest.raises(ValueError, match="evaluations"):
        local_search(problem, request, 7, 0)


def test_constants_for_a_set_of_problems() -> None:
    problem = anb_gym.make_problem(TRANSFER)
    request, n = contexts(problem, 1), len(problem)
    one, two, all_of_them = (best_constants(problem, request, k) for k in (1, 2, n))
    of_optima = rewards_in(problem, SPACE.from_index(optima(problem, request).index), request)
    assert of_optima.mean(axis=1).max() <= one.mean < two.mean < all_of_them.mean
    neighbours = rewards_in(problem, SPACE.neighbours(SPACE.from_index(one.members)[0]), request)
    assert neighbours.mean(axis=1).max() <= one.mean
    assert (one.exact, all_of_them.exact) == (False, True)
    np.testing.assert_allclose(all_of_them.reward, 1.0, rtol=1e-12)
    # Contexts need not be all tasks, nor in order.
    some = best_constants(problem, Selection(np.array([5, 2, 2])), 1)
    assert some.reward[1] == some.reward[2]


def test_scores_of_policies() -> None:
    assert policy_score(1.0, 0.8) == 1.0
    assert policy_score(0.8, 0.8) == 0.0
    assert policy_score(0.7, 0.8) == pytest.approx(-0.5)


def test_problems_without_contexts() -> None:
    problem = anb_gym.make_problem("AccelNAS-VCK190-v0")
    with pytest.raises(ValueError, match="ask for something"):
        contexts(problem, 3)
    asked = contexts(anb_gym.make_problem(PREFERENCE), 3)
    for function in (best_constants, optima):
        with pytest.raises(ValueError, match="ask for something"):
            function(problem, asked)
    for n in (0, 1.5):
        with pytest.raises(ValueError, match="n must"):
            contexts(anb_gym.make_problem(PREFERENCE), n)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="k must"):
        best_constants(anb_gym.make_problem(PREFERENCE), asked, 0)
