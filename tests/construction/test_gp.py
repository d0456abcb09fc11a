"""The additive Gaussian process against its definition."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anb_gym.construction.families import gp as module
from anb_gym.construction.families import make_family
from anb_gym.construction.families.gp import AdditiveGP
from anb_gym.space import SPACE


def _random(n, seed):
    return SPACE.as_states(SPACE.sample(n, np.random.default_rng(seed)))


def _smooth(states):
    """A function with interactions of at most two blocks."""
    x = states / SPACE.block_sizes
    return np.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2] - x[:, 5] ** 2


def _parameters(order, seed):
    rng = np.random.default_rng(seed)
    steps = rng.normal(-1.0, 0.3, module._N_STEPS)
    return np.concatenate([steps, rng.normal(0, 0.3, 7), rng.normal(-2.0, 0.5, order + 1), [-3.0]])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_kernel_is_the_sum_over_combinations_of_blocks(order):
    a, b = _random(5, 0), _random(4, 1)
    kernels, variances, _ = AdditiveGP(order=order)._unpack(_parameters(order, 2))
    by_block = np.stack([kernels[k][np.ix_(a[:, k], b[:, k])] for k in range(7)])
    expected = sum(
        variances[q] * sum(np.prod(by_block[list(blocks)], axis=0) for blocks in combinations(range(7), q))
        for q in range(order + 1)
    )
    np.testing.assert_allclose(module._gram(a, b, kernels, variances), expected, rtol=1e-12)
    symmetric = module._gram(a, a, kernels, variances, True)
    np.testing.assert_allclose(symmetric, module._gram(a, a, kernels, variances), rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradient_of_the_marginal_likelihood(order):
    states, variance = _random(40, 0), np.random.default_rng(1).uniform(0.5, 2.0, 40)
    target, parameters, model = _smooth(states), _parameters(order, 2), AdditiveGP(order=order)
    _, gradient = model._loss(parameters, states, target, variance)
    step = 1e-5
    numerical = [
        (
            model._loss(parameters + step * unit, states, target, variance)[0]
            - model._loss(parameters - step * unit, states, target, variance)[0]
        )
        / (2 * step)
        for unit in np.eye(len(parameters))
    ]
    np.testing.assert_allclose(gradient, numerical, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(order=st.integers(1, 3), seed=st.integers(0, 2**16))
def test_tables_equal_the_posterior_mean(order, seed):
    states = _random(60, seed)
    model = AdditiveGP(order=order, iterations=3).fit(states, _smooth(states), 0)
    elsewhere = _random(200, seed + 1)
    np.testing.assert_allclose(model.fold()(elsewhere), model.predict(elsewhere), rtol=1e-9, atol=1e-10)


def test_learns_a_pairwise_function():
    states, elsewhere = _random(300, 0), _random(200, 1)
    model = make_family("gp", order=2, iterations=40).fit(states, _smooth(states), 0)
    error = model.predict(elsewhere) - _smooth(elsewhere)
    assert np.std(error) < 0.1 * np.std(_smooth(elsewhere))
    assert model.std(states).mean() < model.std(elsewhere).mean()


def test_student_noise_resists_outliers():
    states, elsewhere = _random(300, 0), _random(200, 1)
    target = _smooth(states)
    target[::15] += 5.0
    errors = []
    for degrees in (3.0, float("inf")):
        model = AdditiveGP(iterations=30, degrees=degrees).fit(states, target, 0)
        errors.append(np.abs(model.predict(elsewhere) - _smooth(elsewhere)))
    assert errors[0].mean() < 0.5 * errors[1].mean()


def test_same_seed_same_model():
    states = _random(80, 0)
    first, second = (AdditiveGP(iterations=5, subset=40).fit(states, _smooth(states), 3).fold() for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)


def test_must_be_fitted_first():
    with pytest.raises(ValueError, match="must be fitted first"):
        AdditiveGP().predict(_random(2, 0))
