"""Random search is uniform, and its proposals depend on the seed alone."""

from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE
from anb_gym.baselines.random_search import RandomSearch
from anb_gym.study.protocol import Brief


def _controller(seed: int) -> RandomSearch:
    return RandomSearch(Brief(1, 50), np.random.default_rng(seed))


def test_proposals_depend_on_the_seed_alone() -> None:
    all_at_once = _controller(3).ask(50)
    piecewise = _controller(3)
    parts = []
    for n in (1, 0, 13, 36):
        parts.append(piecewise.ask(n))
        piecewise.tell(parts[-1], np.full((n, 1), 99.0))
    np.testing.assert_array_equal(np.concatenate(parts), all_at_once)
    assert not np.array_equal(_controller(4).ask(50), all_at_once)


def test_every_option_is_equally_likely() -> None:
    choices = _controller(0).ask(20_000)
    assert (choices.shape, choices.dtype) == ((20_000, 28), np.dtype(np.int8))
    for column, options in zip(choices.T, SPACE.cardinalities.tolist(), strict=True):
        share = np.bincount(column, minlength=options) / len(choices)
        assert len(share) == options
        np.testing.assert_allclose(share, 1 / options, atol=0.02)


@pytest.mark.parametrize("n", [-1, 1.5, None])
def test_bad_number(n: Any) -> None:
    with pytest.raises(ValueError, match="n must be an integer of at least 0, got"):
        _controller(0).ask(n)
