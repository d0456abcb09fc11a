"""Problems as pymoo has them: the same numbers with the sign changed, and what is certified."""

from typing import Any

import numpy as np
import pytest

import anb_gym
from anb_gym import SPACE
from anb_gym.pareto import as_pymoo, hypervolume

CHOICES = SPACE.sample(20, np.random.default_rng(0))


def test_objectives_front_and_reference_point() -> None:
    ours = anb_gym.make_problem("AccelNAS-VCK190-MO-v0")
    problem = as_pymoo(ours)
    assert (problem.n_var, problem.n_obj, problem.n_ieq_constr) == (28, 2, 0)
    np.testing.assert_array_equal(problem.evaluate(CHOICES), -ours.evaluate(CHOICES).reward)
    front = problem.pareto_front()
    np.testing.assert_array_equal(-front, ours.front_rewards)
    np.testing.assert_array_equal(-problem.reference_point, ours.reference_point)
    theirs = hypervolume(front, problem.reference_point, ["min", "min"])
    assert theirs == pytest.approx(hypervolume(ours.front_rewards, ours.reference_point, ["max", "max"]))
    members = SPACE.from_states(SPACE.index_to_states(ours.front.indices))
    np.testing.assert_allclose(problem.evaluate(members), front, atol=1e-12)


def test_one_objective_has_the_optimum_as_its_front() -> None:
    problem = as_pymoo(anb_gym.make_problem("AccelNAS-VCK190-v0"))
    assert problem.pareto_front().tolist() == [[-1.0]]
    assert problem.reference_point is None
    assert problem.evaluate(CHOICES[:3]).shape == (3, 1)


def test_a_bound_is_a_constraint() -> None:
    ours = anb_gym.make_problem("AccelNAS-VCK190-v0", reward="bounded", target=3000.0)
    problem = as_pymoo(ours)
    found = problem.evaluate(CHOICES, return_as_dictionary=True)
    np.testing.assert_array_equal(found["G"][:, 0], ours.evaluate(CHOICES).cost)
    assert 0 < (found["G"] > 0).sum() < len(CHOICES)


def test_no_front_is_known_of_nine_objectives() -> None:
    problem = as_pymoo(anb_gym.make_problem("AccelNAS-All-MO-v0"))
    assert problem.pareto_front() is None
    assert problem.evaluate(CHOICES).shape == (20, 9)


@pytest.mark.parametrize(
    "make",
    [
        lambda: "AccelNAS-VCK190-v0",
        lambda: anb_gym.make_problem("AccelNAS-VCK190-Preference-v0"),
        lambda: anb_gym.make_problem("AccelNAS-Transfer-v0"),
        lambda: anb_gym.make_problem("AccelNAS-Generated-v0"),
    ],
)
def test_what_is_no_such_problem(make: Any) -> None:
    with pytest.raises(ValueError, match="problem must be what anb_gym.make_problem makes") as raised:
        as_pymoo(make())
    assert "\n" not in str(raised.value)
