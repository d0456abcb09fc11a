import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.hardware import generate
from anb_gym.surrogates.tables import BlockTables

pytest.importorskip("numba")

from anb_gym.exact import VerificationError
from anb_gym.exact.additive import AgainstCosts
from anb_gym.exact.api import pareto_front

START = SPACE.to_states(SPACE.sample(50, np.random.default_rng(0)))


@pytest.fixture(scope="module")
def additive() -> AgainstCosts:
    rng = np.random.default_rng(1)
    return AgainstCosts(BlockTables(2, rng.normal(size=BlockTables.from_terms({}, 2).values.size)))


def test_it_finds_the_front_of_the_general_search(additive: AgainstCosts) -> None:
    costs = BlockTables(1, np.random.default_rng(2).uniform(0.0, 5.0, size=int(SPACE.block_sizes.sum())))
    found, expected = additive.front(costs, START), pareto_front(additive.tables, costs, (True, False), workers=1)
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.objectives, expected.objectives)
    assert found.certificate.covered == SPACE.size
    with pytest.raises(VerificationError):
        found.verify(costs, costs)


def test_the_front_of_a_generated_device_is_certified_wherever_it_begins() -> None:
    accuracy = Benchmark().load("accuracy").mean
    costs = generate(2_000_003).metrics["throughput"].mean
    known = SPACE.index_to_states(Benchmark().front("a100/throughput").indices)
    solver = AgainstCosts(accuracy)
    front = solver.front(costs, known)
    front.verify(accuracy, costs)
    assert np.array_equal(solver.front(costs, START).indices, front.indices)


@pytest.mark.parametrize("power", [0.3, 0.5, 3.0])
def test_the_best_product_is_the_best_of_the_front(additive: AgainstCosts, power: float) -> None:
    costs = BlockTables(1, np.random.default_rng(3).uniform(0.1, 5.0, size=int(SPACE.block_sizes.sum())))
    front = additive.front(costs, START)
    products = front.objectives[:, 0] * front.objectives[:, 1] ** -power
    others = SPACE.index_to_states(front.indices[products < products.max()])
    (index,) = SPACE.states_to_index(additive.best_product(costs, lambda cost: cost**-power, others)[None])
    assert index == front.indices[products.argmax()]


def test_costs_of_pairs_are_refused(additive: AgainstCosts) -> None:
    with pytest.raises(ValueError, match="costs must be tables over single blocks, got tables over 2"):
        additive.front(additive.tables, START)
    with pytest.raises(ValueError, match="costs must be tables over single blocks, got tables over 2"):
        additive.best_product(additive.tables, np.ones_like, START)
