"""The exact maximum under limits."""

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.exact.changes import one_block_changes
from anb_gym.exact.constrained import Limit, NothingMeetsError, maximize_under
from anb_gym.surrogates.tables import BlockTables

RNG = np.random.default_rng(0)


def _sums(order: int = 1) -> BlockTables:
    """A random function."""
    terms = {(b,): RNG.normal(size=int(n)) for b, n in enumerate(SPACE.block_sizes)}
    return BlockTables.from_terms(terms, order=order)


def test_a_limit_of_single_blocks_leaves_a_known_optimum() -> None:
    """The function adds up over blocks, and the limit says which states of block 2 may be."""
    tables = _sums()
    allowed = np.arange(36) % 5 == 3
    only = BlockTables.from_terms({(2,): allowed.astype(float)}, order=1)
    found = maximize_under(tables, [Limit(only, 0.5, True)])
    parts = [tables.table(b) for b in range(7)]
    expected = [int(part.argmax()) for part in parts]
    expected[2] = int(np.where(allowed, parts[2], -np.inf).argmax())
    assert SPACE.index_to_states(found.indices).tolist() == [expected]
    assert found.value == pytest.approx(sum(part[s] for part, s in zip(parts, expected, strict=True)))
    assert found.covered == SPACE.size


def test_equals_are_all_found() -> None:
    tables = _sums()
    flat = BlockTables.from_terms({(b,): tables.table(b) * (b != 4) for b in range(7)}, order=1)
    nothing = BlockTables.from_terms({(0,): np.zeros(36)}, order=1)
    found = maximize_under(flat, [Limit(nothing, 0.0, False)])
    assert len(found.indices) == 36
    assert len({tuple(np.delete(row, 4)) for row in SPACE.index_to_states(found.indices)}) == 1


@pytest.mark.parametrize(("metric", "bound"), [("vck190/throughput", 4200.0), ("zcu102/latency", 3.0)])
def test_one_limit_agrees_with_the_front(metric: str, bound: float) -> None:
    bench = Benchmark()
    of = bench.load(metric)
    more_is_better = metric.endswith("throughput")
    limit = Limit(of.mean, float(of.link.inverse(np.array(bound))), more_is_better == of.link.increasing)
    found = maximize_under(bench.load("accuracy").mean, [limit])
    best = bench.front(metric).best_under(bound)
    assert found.indices.tolist() == best.indices.tolist()


def test_nothing_meets() -> None:
    tables = _sums()
    largest = sum(tables.table(b).max() for b in range(7))
    with pytest.raises(NothingMeetsError, match="none keeps them all"):
        maximize_under(_sums(), [Limit(tables, largest + 0.1, True)])
    with pytest.raises(ValueError, match="limits must be one or more, got none"):
        maximize_under(tables, [])


def test_no_sample_and_no_change_is_better() -> None:
    """Three limits of pairwise functions: neither random architectures nor changes of two blocks are better."""
    sizes = SPACE.block_sizes.tolist()
    pairs = {(a, b): RNG.normal(size=(sizes[a], sizes[b])) for a, b in [(0, 3), (2, 5)]}
    functions = [BlockTables.from_terms({**pairs, (6,): RNG.normal(size=36), (1,): RNG.normal(size=36)}, order=2)]
    functions += [_sums(2) for _ in range(3)]
    limits = [Limit(functions[1], 1.0, True), Limit(functions[2], 0.0, False), Limit(functions[3], -1.0, False)]
    found = maximize_under(functions[0], limits)
    best = SPACE.index_to_states(found.indices[:1])
    sample = SPACE.to_states(SPACE.sample(100_000, np.random.default_rng(1)))
    tried = np.concatenate([sample, one_block_changes(one_block_changes(best)), best])
    meets = np.all([limit.slack(limit.tables(tried)) >= 0.0 for limit in limits], axis=0)
    assert meets[-1]
    assert functions[0](tried)[meets].max() == pytest.approx(found.value, abs=1e-9)
