"""What tau can still become."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from anb_gym.construction.ranking import tau, tau_bound

accuracies = st.lists(st.integers(0, 5), min_size=2, max_size=6)


@settings(max_examples=40)
@given(st.data())
def test_the_bound_holds_for_every_completion(data: st.DataObject) -> None:
    reference = np.array(data.draw(accuracies), float)
    n = len(reference)
    proxy = 3.0 * np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    missing = data.draw(st.lists(st.integers(0, n - 1), max_size=2, unique=True))
    proxy[missing] = np.nan
    bound = tau_bound(proxy, reference)
    for values in product(range(-2, 12), repeat=len(missing)):  # ties with the known ones, and two places between them
        proxy[missing] = values
        assert tau(proxy, reference) <= bound + 1e-12


@settings(max_examples=40)
@given(st.permutations(range(6)), st.permutations(range(6)), st.integers(0, 2))
def test_the_bound_has_the_best_order_of_the_missing(first: list[int], second: list[int], missing: int) -> None:
    proxy, reference = 3.0 * np.array(first), np.array(second, float)
    bound = tau_bound(np.where(np.arange(6) < missing, np.nan, proxy), reference)
    best = -1.0
    for values in product(range(-2, 18), repeat=missing):
        proxy[:missing] = values
        if len(set(proxy)) == 6:
            best = max(best, tau(proxy, reference))
    # Without ties tau is the best score by 15 pairs; the bound may have as many ties as open pairs are discordant.
    assert best <= bound + 1e-12
    open_pairs = 15 - (6 - missing) * (5 - missing) / 2
    assert bound <= max(best, best * np.sqrt(15 / max(15 - open_pairs, 1))) + 1e-12
    if missing == 0 or best == 1:
        assert bound == pytest.approx(best)


@settings(max_examples=40)
@given(st.data())
def test_of_complete_accuracies_the_bound_is_scipys_tau(data: st.DataObject) -> None:
    first = data.draw(accuracies)
    second = data.draw(st.lists(st.integers(0, 5), min_size=len(first), max_size=len(first)))
    proxy, reference = np.array(first, float), np.array(second, float)
    constant = len(set(first)) == 1 or len(set(second)) == 1
    expected = 0.0 if constant else kendalltau(proxy, reference).statistic
    assert tau(proxy, reference) == pytest.approx(expected)
    assert tau_bound(proxy, reference) == pytest.approx(expected)


def test_a_wrong_order_cannot_be_made_good() -> None:
    reference = np.arange(6.0)
    proxy = np.array([3.0, 2.0, 1.0, 0.0, np.nan, np.nan])
    assert tau_bound(proxy, reference) < 0.5
    assert tau_bound(np.array([0.0, 1.0, 2.0, 3.0, np.nan, np.nan]), reference) == 1
