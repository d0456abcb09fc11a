"""Splits: the paper's own for its dataset, a random one by architecture for any other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from anb_gym.construction.dataset import Dataset, default_split
from anb_gym.construction.splits import split_name, split_of
from anb_gym.space import SPACE


@pytest.mark.parametrize("n", [10, 300, 2500])
def test_random_split(n: int) -> None:
    states = SPACE.as_states(SPACE.sample(n, np.random.default_rng(n)))
    states[-1] = states[0]  # an architecture that occurs twice
    numbers = np.arange(n) + 7
    dataset = Dataset(numbers, states, {}, {}, numbers, numbers, "0" * 64)
    split = split_of(dataset)
    together = np.concatenate(list(split.values()))
    assert sorted(together) == numbers[:-1].tolist()
    assert len(split["test"]) == pytest.approx((0.1 if n > 2000 else 0.2) * n, abs=1.5)
    assert len(split["val"]) == pytest.approx(0.1 * n, abs=1.5)
    for part, records in split_of(dataset).items():
        assert np.array_equal(records, split[part])
    assert "random" in split_name(dataset)


def test_the_published_dataset_has_its_own_split(dataset: Dataset) -> None:
    assert split_name(dataset) == "the default split"
    for part, records in default_split().items():
        assert np.array_equal(split_of(dataset)[part], records)
    assert "random" in split_name(replace(dataset, sha256="1" * 64))
