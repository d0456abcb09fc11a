"""Surrogate-like tables of every kind that the package folds, small enough to make in a test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations, product

import numpy as np
import pytest

from anb_gym.space import N_BLOCKS, SPACE
from anb_gym.surrogates.tables import BlockTables, layout


def smooth_tables(order: int, rng: np.random.Generator) -> BlockTables:
    """The posterior mean of a block-additive Gaussian process with random weights on random architectures."""
    choices = [
        SPACE.from_states(np.eye(N_BLOCKS, dtype=np.int64)[b] * np.arange(n)[:, None]).reshape(n, N_BLOCKS, 4)[:, b]
        for b, n in enumerate(SPACE.block_sizes)
    ]
    data = SPACE.to_states(SPACE.sample(40, rng))
    kernels = []
    for b in range(N_BLOCKS):
        scaled = choices[b] / rng.uniform(1.0, 4.0, size=4)
        distance = ((scaled[:, None] - scaled[data[:, b]]) ** 2).sum(axis=2)
        kernels.append(np.exp(-0.5 * distance))
    alpha = rng.normal(size=40)
    terms = {(): 60.0}
    for q in range(1, order + 1):
        for group in combinations(range(N_BLOCKS), q):
            letters = "abc"[:q]
            spec = ",".join(f"{letter}n" for letter in letters)
            terms[group] = 0.5**q * np.einsum(f"n,{spec}->{letters}", alpha, *(kernels[b] for b in group))
    return BlockTables.from_terms(terms, order)


def tree_tables(order: int, rng: np.random.Generator) -> BlockTables:
    """A sum of random trees whose paths touch ``order`` blocks."""
    terms = {}
    for _ in range(60):
        group = tuple(sorted(rng.choice(N_BLOCKS, size=order, replace=False).tolist()))
        sides = [rng.random(SPACE.block_sizes[b]) < 0.5 for b in group]
        table = np.zeros([SPACE.block_sizes[b] for b in group])
        for branch in product((False, True), repeat=order):
            table[np.ix_(*(side == value for side, value in zip(sides, branch, strict=True)))] = rng.normal()
        terms[group] = terms.get(group, 0.0) + table
    return BlockTables.from_terms(terms, order)


def integer_tables(order: int, rng: np.random.Generator) -> BlockTables:
    """Small integers: many architectures have equal values, and sums are free of rounding."""
    return BlockTables(order, rng.integers(-3, 4, size=layout(order).size).astype(np.float64))


KINDS: dict[str, Callable[[int, np.random.Generator], BlockTables]] = {
    "smooth": smooth_tables,
    "tree": tree_tables,
    "integer": integer_tables,
}


@pytest.fixture(scope="session")
def make_tables() -> Callable[[str, int, int], BlockTables]:
    """Makes tables of a kind ("smooth", "tree", "integer"), an order and a seed."""
    return cache(lambda kind, order, seed: KINDS[kind](order, np.random.default_rng(seed)))
