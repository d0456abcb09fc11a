"""Regularized evolution breeds from the best of a sample, and the oldest dies."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anb_gym import SPACE
from anb_gym.baselines.random_search import RandomSearch
from anb_gym.baselines.regularized_evolution import RegularizedEvolution, mutate
from anb_gym.space import Choices
from anb_gym.study.protocol import Brief

PROBLEM = Brief(1, 1000)
FIRST, LAST = np.zeros((1, 28), dtype=np.int8), (SPACE.cardinalities - 1).astype(np.int8)[None]


def _distance(proposals: Choices, origin: Choices) -> Any:
    return (proposals != origin).sum(axis=1)


@given(index=st.integers(0, SPACE.size - 1), seed=st.integers(0, 2**32))
def test_mutation_changes_one_choice_to_another_option(index: int, seed: int) -> None:
    origin = SPACE.from_index(index)
    before = origin.copy()
    child = mutate(origin[0], np.random.default_rng(seed))
    assert _distance(SPACE.validate_choices(child[None]), origin) == 1
    np.testing.assert_array_equal(origin, before)


def test_mutation_reaches_every_neighbour() -> None:
    rng = np.random.default_rng(0)
    children = {mutate(LAST[0], rng).tobytes() for _ in range(2000)}
    assert children == {row.tobytes() for row in SPACE.neighbours(LAST[0])}


def test_population_starts_with_random_architectures() -> None:
    controller = RegularizedEvolution(PROBLEM, np.random.default_rng(7), population_size=40, batch_size=25)
    start = controller.ask(25)
    controller.tell(start, np.zeros((25, 1)))
    second = controller.ask(25)
    # 15 places were left; the rest are children of the population so far.
    assert (_distance(second[:15, None].repeat(25, 1).reshape(-1, 28), np.tile(start, (15, 1))) > 1).all()
    assert all(_distance(start, child).min() == 1 for child in second[15:])


def test_parent_is_the_best_of_the_sample() -> None:
    controller = RegularizedEvolution(PROBLEM, np.random.default_rng(0), population_size=2, sample_size=50)
    controller.tell(FIRST, np.array([[1.0]]))
    controller.tell(LAST, np.array([[2.0]]))
    for _ in range(20):
        assert _distance(controller.ask(1), LAST) == 1


def test_a_sample_of_one_is_blind() -> None:
    controller = RegularizedEvolution(PROBLEM, np.random.default_rng(0), population_size=2, sample_size=1)
    controller.tell(FIRST, np.array([[1.0]]))
    controller.tell(LAST, np.array([[2.0]]))
    distances = [int(_distance(controller.ask(1), LAST)[0]) for _ in range(20)]
    assert min(distances) == 1
    assert max(distances) >= 27


def test_the_oldest_dies_even_if_it_is_the_best() -> None:
    controller = RegularizedEvolution(PROBLEM, np.random.default_rng(0), population_size=3, sample_size=50)
    controller.tell(FIRST, np.array([[9.0]]))
    for _ in range(2):
        controller.tell(LAST, np.array([[0.0]]))
    assert _distance(controller.ask(1), FIRST) == 1
    controller.tell(LAST, np.array([[0.0]]))
    assert _distance(controller.ask(1), LAST) == 1


def test_beats_random_search(search: Any, accuracy: Any) -> None:
    best = []
    for cls in (RegularizedEvolution, RandomSearch):
        runs = [search(cls(PROBLEM, np.random.default_rng(seed)), accuracy, 500)[1].max() for seed in range(3)]
        best.append(np.median(runs))
    assert best[0] > best[1] + 0.1
