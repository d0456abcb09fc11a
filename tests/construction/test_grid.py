"""The model grid is even over both axes, and made by its seed."""

import numpy as np
import pytest

from anb_gym import complexity
from anb_gym.construction.grid import model_grid


def largest_gap(values: np.ndarray) -> float:
    """Largest distance of neighbours by the mean distance: 1 if even."""
    gaps = np.diff(np.sort(values))
    return float(gaps.max() / gaps.mean())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [10, 20, 100])
def test_even_over_macs_and_parameters(n: int, seed: int) -> None:
    """One in each of n equal parts, so no gap is above two parts; 20 uniform draws leave gaps of about 3."""
    grid = model_grid(n, seed)
    assert len(set(grid)) == n
    macs, params = complexity.macs(grid), complexity.params(grid)
    assert (np.diff(macs) > 0).all()
    assert largest_gap(macs) < 2 * n / (n - 2)
    assert largest_gap(params) < 2 * n / (n - 2)


def test_covers_the_range_and_not_only_its_diagonal() -> None:
    grid = model_grid(20, seed=0)
    macs, params = complexity.macs(grid), complexity.params(grid)
    assert macs.min() < 150e6
    assert macs.max() > 600e6
    assert params.min() < 2.6e6
    assert params.max() > 7e6
    assert np.corrcoef(macs, params)[0, 1] < 0.8


def test_seed() -> None:
    assert model_grid(20, seed=1) == model_grid(20, seed=1)
    assert model_grid(20, seed=1) != model_grid(20, seed=2)
    assert len(model_grid(1, seed=0)) == 1


@pytest.mark.parametrize(("n", "seed", "message"), [(0, 0, "n must be"), (201, 0, "n must be"), (3, -1, "seed must")])
def test_invalid_arguments(n: int, seed: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model_grid(n, seed)
