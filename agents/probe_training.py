"""What a design and all its neighbours are worth on generated devices, whose tables are known: policies' gradient."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anb_gym._types import FloatArray
from anb_gym.benchmark import Benchmark
from anb_gym.hardware.costs import STARTS
from anb_gym.space import N_BLOCKS, SPACE, States

from .probe_policy import BLOCKS, N_CELLS, price_of

#: How many times its price a unit of log time beyond the bound costs.
_PENALTY: Final = 6.0


class Neighbours:
    """Values of designs in which one block takes another state, of all blocks and states.

    A design for a place along a device's front may take so long: between the estimated fastest network, place 0, and
    the most accurate one of all, place 1, evenly in log time. It is worth its accuracy, less six times the place's
    price for each unit of log time beyond.

    Args:
        surrogate: Of accuracy.
    """

    def __init__(self, surrogate: str) -> None:
        self._benchmark = Benchmark(surrogate)

    def values(
        self, states: States, places: FloatArray, estimated: FloatArray, cells: FloatArray, hosts: FloatArray
    ) -> FloatArray:
        """Values up to a constant of the design and the block, ``float64`` (n, 264).

        Args:
            states: Designs, block states ``int64`` (n, 7).
            places: Of each, ``float64`` (n,).
            estimated: Seconds of block states as the policy estimates them, in any unit of the device's, (n, 264).
            cells: The true ones in the same unit, ``float64`` (n, 264).
            hosts: Seconds of the devices' hosts in it, ``float64`` (n,).
        """
        ends = self._ends(estimated)
        limits = ends[:, 0] + places * (ends[:, 1] - ends[:, 0])
        times = np.log(np.maximum(seconds_of_changes(cells, states), hosts[:, None]))
        prices = price_of(places)[:, None]
        over = np.maximum(0.0, times - limits[:, None])
        values: FloatArray = (self.accuracy(states) - _PENALTY * prices * over) / (1.0 + 0.05 * prices)
        return values

    def accuracy(self, states: States) -> NDArray[np.float32]:
        """Accuracies up to a constant of the design and the block, ``float32`` (n, 264)."""
        values = np.zeros((len(states), N_CELLS), dtype=np.float32)
        for block, of_block in zip(BLOCKS, self._tables, strict=True):
            for others, sizes, table in of_block:
                rows = np.ravel_multi_index(tuple(states[:, other] for other in others), sizes)
                values[:, block] += table[rows]
        return values

    def _ends(self, cells: FloatArray) -> FloatArray:
        """Log seconds of the fastest network and of the most accurate one, ``float64`` (n, 2)."""
        fastest = sum((cells[:, block].min(axis=1) for block in BLOCKS), start=np.zeros(len(cells)))
        ends: FloatArray = np.log(np.stack([fastest, cells[:, most_accurate() + STARTS].sum(axis=1)], axis=1))
        return ends

    @cached_property
    def _tables(self) -> list[list[tuple[list[int], tuple[int, ...], NDArray[np.float32]]]]:
        """For each block the tables that it is part of: the other blocks, their sizes, and rows of its states."""
        mean = self._benchmark.load("accuracy").mean
        tables = []
        for block in range(N_BLOCKS):
            of_block = []
            for group in combinations(range(N_BLOCKS), mean.order):
                if block in group:
                    others = [other for other in group if other != block]
                    table = np.moveaxis(mean.table(*group), group.index(block), -1)
                    table = (table - table.mean()).astype(np.float32)
                    flat = np.ascontiguousarray(table).reshape(-1, table.shape[-1])
                    of_block.append((others, table.shape[:-1], flat))
            tables.append(of_block)
        return tables


def most_accurate() -> States:
    """Block states ``int64`` (7,) of the most accurate network."""
    states: States = SPACE.index_to_states(Benchmark().front("accuracy").indices[:1])[0]
    return states


def policy_gradient(policies: NDArray[np.float32], values: FloatArray, entropy: float) -> NDArray[np.float32]:
    """The gradient of the mean value and entropy by the logits, from the values of all states of each block.

    It is that of all actions (Sutton et al. 2000, "Policy gradient methods for reinforcement learning with function
    approximation"; of each of several agents with the others' actions as sampled, Foerster et al. 2018,
    https://arxiv.org/abs/1705.08926).

    Args:
        policies: Probabilities of each block's states, ``float32`` (n, 264).
        values: As of :meth:`Neighbours.values`.
        entropy: Weight of the entropy.

    Returns:
        ``float32`` (n, 264).
    """
    values = values - entropy * np.log(np.maximum(policies, 1e-8))
    return (by_logits(policies, values) / len(values)).astype(np.float32)


def by_logits(policies: NDArray[Any], values: FloatArray) -> FloatArray:
    """The gradient of expected values by logits, of each row apart, ``float64`` (..., 264).

    Args:
        policies: Probabilities of each block's states, (..., 264).
        values: Of these states, ``float64`` (..., 264).
    """
    gradient = np.empty_like(values)
    for block in BLOCKS:
        own, value = policies[..., block], values[..., block]
        gradient[..., block] = own * (value - (own * value).sum(axis=-1, keepdims=True))
    return gradient


def seconds_of_changes(cells: FloatArray, states: States) -> FloatArray:
    """Seconds of designs when one block takes another state, ``float64`` (n, 264), of designs (n, 7)."""
    own = np.take_along_axis(cells, states + STARTS, axis=1)
    others = own.sum(axis=1, keepdims=True) - own
    seconds: FloatArray = cells + np.repeat(others, SPACE.block_sizes, axis=1)
    return seconds
