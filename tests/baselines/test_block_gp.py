"""The Gaussian process is the textbook's, and what it proposes is the maximum of its sample."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE
from anb_gym.study.protocol import Brief

pytest.importorskip("numba")

from anb_gym.baselines import _block_kernel as kernel
from anb_gym.baselines import block_gp
from anb_gym.baselines.block_gp import BlockGP
from anb_gym.exact.api import maximize


def _states(n: int, seed: int) -> Any:
    return SPACE.to_states(SPACE.sample(n, np.random.default_rng(seed)))


def _parameters(seed: int = 0) -> Any:
    mode = kernel.prior_mode()
    return mode + 0.3 * np.random.default_rng(seed).normal(size=len(mode))


def _told(controller: BlockGP, evaluate: Any, n: int) -> Any:
    """Runs a controller and returns what it proposed."""
    proposals = []
    while len(proposals) < n:
        choices = controller.ask(min(controller.batch_size, n - len(proposals)))
        controller.tell(choices, evaluate(choices))
        proposals.extend(choices)
    return np.array(proposals)


def test_kernel_is_a_sum_over_blocks_and_pairs_of_blocks() -> None:
    parameters, states = _parameters(), _states(5, 0)
    constant, first, second = kernel.variances(parameters)
    blocks = [(f @ f.T)[np.ix_(s, s)] for f, s in zip(kernel.factors(parameters), states.T, strict=True)]
    expected = constant + first * sum(blocks) + second * sum(a * b for a, b in combinations(blocks, 2))
    np.testing.assert_allclose(kernel.gram(parameters, states), expected, rtol=1e-12)


def test_kernels_of_blocks_have_mean_zero() -> None:
    for factor, size in zip(kernel.factors(_parameters()), SPACE.block_sizes, strict=True):
        assert factor.shape == (size, size - 1)
        np.testing.assert_allclose(factor.sum(axis=0), 0.0, atol=1e-12)


def test_kernels_of_blocks_are_products_over_choices() -> None:
    """Plus 1, relative to equal states, they factor over the choices that differ."""
    parameters = _parameters()
    for b, factor in enumerate(kernel.factors(parameters)):
        row = 1.0 + (factor @ factor.T)[0] / np.exp(parameters[30 + b])
        ratios = row.reshape(3, 2, -1, 2) / row[0]
        product = ratios[:, :1, :1, :1] * ratios[:1, :, :1, :1] * ratios[:1, :1, :, :1] * ratios[:1, :1, :1, :]
        np.testing.assert_allclose(ratios, product, rtol=1e-10)


def test_gradient_of_the_likelihood() -> None:
    states, parameters = _states(30, 1), _parameters()
    labels = np.random.default_rng(2).normal(size=30)
    hot = [np.eye(int(size))[states[:, block]] for block, size in enumerate(SPACE.block_sizes)]
    _, gradient = kernel.loss(parameters, states, labels, hot)
    steps = 1e-5 * np.eye(len(parameters))
    expected = [
        (kernel.loss(parameters + s, states, labels, hot)[0] - kernel.loss(parameters - s, states, labels, hot)[0])
        / 2e-5
        for s in steps
    ]
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_likelihood_is_that_of_the_normal_distribution() -> None:
    states, parameters = _states(10, 1), _parameters()
    labels = np.random.default_rng(2).normal(size=10)
    hot = [np.eye(int(size))[states[:, block]] for block, size in enumerate(SPACE.block_sizes)]
    covariance = kernel.gram(parameters, states) + kernel.noise(parameters) * np.eye(10)
    expected = 0.5 * labels @ np.linalg.inv(covariance) @ labels + 0.5 * np.linalg.slogdet(covariance)[1]
    mode = kernel.prior_mode()
    of_mode = kernel.loss(mode, states, np.zeros(10), hot)[0]  # the prior is at its largest there, and 0
    at_mode = kernel.gram(mode, states) + kernel.noise(mode) * np.eye(10)
    assert of_mode == pytest.approx(0.5 * np.linalg.slogdet(at_mode)[1], rel=1e-9)
    without = kernel.loss(parameters, states, np.zeros(10), hot)[0] - 0.5 * np.linalg.slogdet(covariance)[1]
    assert without > 0.0  # minus the logarithm of the prior
    assert kernel.loss(parameters, states, labels, hot)[0] - without == pytest.approx(expected, rel=1e-9)


def test_samples_are_those_of_the_dense_posterior() -> None:
    parameters, states, others = _parameters(), _states(25, 3), _states(6, 4)
    labels = np.random.default_rng(5).normal(size=25)
    posterior = kernel.posterior(parameters, states)
    gram = kernel.gram(parameters, np.concatenate([states, others]))
    known = gram[:25, :25] + kernel.noise(parameters) * np.eye(25)
    cross = np.linalg.solve(known, gram[:25, 25:])
    np.testing.assert_allclose(posterior.mean(labels)(others), cross.T @ labels, rtol=1e-8, atol=1e-8)
    covariance = gram[25:, 25:] - gram[25:, :25] @ cross
    samples = np.array([posterior.deviation("block_gp", world)(others) for world in range(100)])
    deviations = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(samples.mean(axis=0) / deviations, 0.0, atol=4.0 / np.sqrt(100))
    np.testing.assert_allclose(np.cov(samples.T) / np.outer(deviations, deviations), _correlation(covariance), atol=0.5)


def _correlation(covariance: Any) -> Any:
    deviations = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviations, deviations)


def test_proposal_is_the_maximum_of_the_sample(accuracy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def record(tables: Any, *arguments: Any, **options: Any) -> Any:
        asked.append((tables, block_gp_search(tables, *arguments, **options)))
        return asked[-1][1]

    block_gp_search = block_gp.best_unseen
    monkeypatch.setattr(block_gp, "best_unseen", record)
    controller = BlockGP(Brief(1, 50), np.random.default_rng(0), batch_size=2)
    proposals = _told(controller, accuracy, 14)
    assert len(asked) == 6
    for (tables, found), choices in zip(asked, proposals[8:], strict=True):
        assert found.certified
        assert found.value == pytest.approx(maximize(tables, workers=1).value, abs=1e-9)
        assert tables(SPACE.to_states(choices[None]))[0] == found.value


def test_constant_rewards_and_no_architecture_twice() -> None:
    controller = BlockGP(Brief(1, 50), np.random.default_rng(0), exploration=0.0)
    proposals = _told(controller, lambda choices: np.full((len(choices), 1), 0.1), 20)
    assert len(np.unique(proposals, axis=0)) == 20


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_scale_and_origin_of_rewards_do_not_matter(scale: float, accuracy: Any) -> None:
    first, second = (
        _told(BlockGP(Brief(1, 50), np.random.default_rng(0)), lambda c, a=a, b=b: a * accuracy(c) + b, 10)
        for a, b in ((1.0, 0.0), (scale, 3.0 * scale))
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("deviation", [0.0, 0.5])
def test_noise_is_learned(deviation: float, accuracy: Any) -> None:
    choices, noise = SPACE.sample(150, rng := np.random.default_rng(0)), rng.normal(size=150)
    labels = accuracy(choices)[:, 0]
    labels = (labels - labels.mean()) / labels.std() + deviation * noise
    found = kernel.noise(kernel.learn(kernel.prior_mode(), SPACE.to_states(choices), labels, 20))
    assert np.sqrt(found) == pytest.approx(deviation, abs=0.15)


def test_regret_on_accuracy(accuracy: Any) -> None:
    """After 40 evaluations less than local search leaves after 60 (0.12)."""
    choices = _told(BlockGP(Brief(1, 40), np.random.default_rng(0)), accuracy, 40)
    assert accuracy(choices).max() > 0.88
