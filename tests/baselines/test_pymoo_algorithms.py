"""Algorithms of pymoo search this space, whatever their generations are like."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.algorithms.moo.ctaea import CTAEA
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.algorithms.moo.rvea import RVEA
from pymoo.algorithms.moo.spea2 import SPEA2
from pymoo.algorithms.soo.nonconvex.ga import GA

from anb_gym import SPACE
from anb_gym.baselines.pymoo_algorithms import (
    AnotherOption,
    MOEADController,
    NSGA2Controller,
    PymooController,
    SMSEMOAController,
    operators,
    reference_directions,
)
from anb_gym.baselines.random_search import RandomSearch
from anb_gym.pareto import hypervolume
from anb_gym.study.protocol import Brief


@pytest.fixture(scope="module")
def of_random_search(search: Any, vck190: Any) -> list[float]:
    return [
        _volume(search(RandomSearch(Brief(2, 400), np.random.default_rng(seed)), vck190, 400)[1]) for seed in range(3)
    ]


def _volume(objectives: Any) -> float:
    return hypervolume(objectives, [-0.1, -0.1], ["max", "max"])


@pytest.mark.parametrize("cls", [NSGA2Controller, MOEADController, SMSEMOAController])
def test_beats_random_search(cls: Any, search: Any, vck190: Any, of_random_search: list[float]) -> None:
    settings = {"population_size": 20} | ({"n_neighbours": 5} if cls is MOEADController else {})
    volumes = [
        _volume(search(cls(Brief(2, 400), np.random.default_rng(seed), **settings), vck190, 400)[1])
        for seed in range(3)
    ]
    assert np.median(volumes) > np.median(of_random_search) + 0.05


def test_any_algorithm_of_pymoo(search: Any, accuracy: Any) -> None:
    rng = np.random.default_rng(0)
    controller = PymooController(Brief(1, 600), rng, algorithm=GA(pop_size=30, **operators(30, rng)), batch_size=30)
    _, scores = search(controller, accuracy, 600)
    assert scores[-30:].mean() > scores[:30].mean() + 0.4


@pytest.mark.parametrize("algorithm", [RVEA, NSGA3, CTAEA])
@pytest.mark.parametrize("budget", [7, 90])
def test_algorithms_of_reference_directions(algorithm: Any, budget: int, search: Any, toy: Any) -> None:
    """Their population is as large as the directions are many; RVEA goes by how far the search is."""
    rng = np.random.default_rng(0)
    directions = reference_directions(2, 20)
    made = algorithm(ref_dirs=directions, **operators(len(directions), rng))
    choices, _ = search(PymooController(Brief(2, budget), rng, algorithm=made), toy(2), budget)
    assert len(np.unique(choices, axis=0)) > budget // 2


def test_runs_do_not_learn_from_runs_before_them(search: Any, toy: Any) -> None:
    """Parts that pymoo's algorithms have by default are the same objects for all of a class."""
    proposals = []
    for _ in range(2):
        rng = np.random.default_rng(0)
        algorithm = SPEA2(pop_size=10, **operators(10, rng))
        proposals.append(search(PymooController(Brief(2, 60), rng, algorithm=algorithm), toy(2), 60)[0])
        other = SPEA2(pop_size=10, **operators(10, rng))
        search(PymooController(Brief(2, 60), rng, algorithm=other), lambda choices: 50.0 * toy(2)(choices), 60)
    np.testing.assert_array_equal(*proposals)


def test_generations_may_be_asked_for_in_parts(search: Any, toy: Any) -> None:
    """How a generation is cut into turns does not change it."""
    proposals = []
    for batch_size in (1, 4, 20):
        rng = np.random.default_rng(3)
        algorithm = GA(pop_size=20, **operators(20, rng))
        controller = PymooController(Brief(1, 100), rng, algorithm=algorithm, batch_size=batch_size)
        proposals.append(search(controller, toy(1), 100)[0])
    np.testing.assert_array_equal(proposals[0], proposals[1])
    np.testing.assert_array_equal(proposals[0], proposals[2])


def test_short_generations_are_filled_up(search: Any, toy: Any) -> None:
    """Without variation every child is a duplicate, and the algorithm has no generation to offer."""
    rng = np.random.default_rng(0)
    variation = operators(10, rng) | {"mutation": AnotherOption(prob_var=0.0)}
    variation["sampling"] = np.zeros((1, 28), dtype=int)
    controller = PymooController(Brief(2, 60), rng, algorithm=NSGA2(pop_size=10, **variation), batch_size=10)
    choices, _ = search(controller, toy(2), 60)
    assert len(np.unique(choices, axis=0)) > 20


def test_budget_below_the_population(search: Any, toy: Any) -> None:
    choices, _ = search(NSGA2Controller(Brief(2, 30), np.random.default_rng(0)), toy(2), 30)
    assert choices.shape == (30, 28)


@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.0, 0.3, 1.0]))
def test_mutation_gives_other_options(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    before = SPACE.sample(40, rng).astype(int)
    after = AnotherOption(prob_var=rate)._do(None, before, random_state=rng)
    SPACE.validate_choices(after)
    assert (after != before).mean() == pytest.approx(rate, abs=0.1)
    if rate == 1.0:
        assert (after != before).all()


@given(m=st.integers(2, 9), most=st.integers(9, 200))
def test_reference_directions(m: int, most: int) -> None:
    weights = reference_directions(m, most)
    assert m <= len(weights) <= most
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert (weights >= 0).all()
    assert len(np.unique(weights.round(9), axis=0)) == len(weights)
    assert {tuple(row) for row in np.eye(m)} <= {tuple(row) for row in weights}


def test_reference_directions_have_an_interior() -> None:
    """A coarse grid in nine dimensions lies on the boundary; the inner layer does not."""
    assert (reference_directions(9, 100).min(axis=1) > 0).any()


@pytest.mark.parametrize("cls", [NSGA2Controller, MOEADController])
def test_nine_objectives(cls: Any, search: Any, toy: Any) -> None:
    choices, _ = search(cls(Brief(9, 250), np.random.default_rng(0)), toy(9), 250)
    assert len(np.unique(choices, axis=0)) > 150


def test_not_an_algorithm() -> None:
    with pytest.raises(ValueError, match="algorithm must be an algorithm of pymoo, got 'NSGA2'"):
        PymooController(Brief(2, 10), np.random.default_rng(0), algorithm="NSGA2")
