"""Closed forms against the dataset, a published network, and each other."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from anb_gym import complexity
from anb_gym.construction.dataset import Dataset
from anb_gym.space import EFFICIENTNET_B0, SPACE, Architecture

COUNTS = (complexity.macs, complexity.dataset_macs, complexity.params)


def test_golden_values_of_efficientnet_b0() -> None:
    assert complexity.macs(EFFICIENTNET_B0).tolist() == [385_814_752]
    assert complexity.params(EFFICIENTNET_B0).tolist() == [5_288_548]


def test_smallest_architecture_by_hand() -> None:
    """One layer everywhere, expansion 1, kernel 3, no squeeze-and-excitation."""
    channels, sides = (32, 16, 24, 40, 80, 112, 192, 320), (112, 56, 28, 14, 14, 7, 7)
    macs = 3 * 9 * 32 * 112**2 + 320 * 1280 * 49 + 1280 * 1000
    params = 3 * 9 * 32 + 2 * 32 + 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    for inputs, outputs, side in zip(channels[:-1], channels[1:], sides, strict=True):
        weights = 9 * inputs + inputs * outputs
        macs += weights * side**2
        params += weights + 2 * inputs + 2 * outputs
    smallest = Architecture.from_index(0)
    assert complexity.macs(smallest).tolist() == [macs]
    assert complexity.params(smallest).tolist() == [params]


def test_reproduces_every_record(dataset: Dataset) -> None:
    assert len(dataset) == 5138
    np.testing.assert_array_equal(complexity.dataset_macs(dataset.choices), dataset.dataset_macs)
    np.testing.assert_array_equal(complexity.params(dataset.choices), dataset.params)


@pytest.mark.parametrize("count", COUNTS)
def test_is_vectorised(count: Callable[..., NDArray[np.int64]]) -> None:
    choices = SPACE.sample(200, np.random.default_rng(0))
    together = count(choices)
    assert together.dtype == np.int64
    assert together.shape == (200,)
    np.testing.assert_array_equal(np.concatenate([count(row[None]) for row in choices]), together)
    np.testing.assert_array_equal(count(SPACE.to_index(choices)), together)
    assert count(choices[:0]).shape == (0,)


@given(st.integers(0, SPACE.size - 1), st.integers(0, 27))
def test_every_count_grows_with_every_choice(index: int, position: int) -> None:
    """Larger expansion, larger kernel, more layers, squeeze-and-excitation: each costs more."""
    choices = np.repeat(SPACE.from_index(index), SPACE.cardinalities[position], axis=0)
    choices[:, position] = np.arange(SPACE.cardinalities[position])
    for count in COUNTS:
        assert (np.diff(count(choices)) > 0).all()


def test_dataset_count_is_4_to_17_percent_above_true_macs() -> None:
    choices = SPACE.sample(5000, np.random.default_rng(0))
    ratio = complexity.dataset_macs(choices) / complexity.macs(choices)
    assert ratio.min() > 1.03
    assert ratio.max() < 1.18
