"""REINFORCE: its policy is a distribution over architectures, and its updates follow the reward."""

from typing import Any

import numpy as np
import pytest
import torch

from anb_gym import SPACE
from anb_gym.baselines.random_search import RandomSearch
from anb_gym.baselines.reinforce import Policy, Reinforce
from anb_gym.space import Choices
from anb_gym.study.protocol import Brief

PROBLEM = Brief(1, 1000)


def _controller(seed: int = 0, **settings: Any) -> Reinforce:
    return Reinforce(PROBLEM, np.random.default_rng(seed), **settings)


@torch.no_grad()
def _log_probability(controller: Reinforce, choices: Choices) -> Any:
    written = torch.as_tensor(choices, dtype=torch.int64)
    return controller._policy(written).gather(2, written[:, :, None]).sum(dim=(1, 2)).numpy()


@pytest.fixture
def policy() -> Policy:
    return Policy(16, 8, torch.Generator().manual_seed(0))


@torch.no_grad()
def test_policy_forbids_options_that_a_choice_does_not_have(policy: Policy) -> None:
    probabilities = policy(torch.as_tensor(SPACE.sample(20, np.random.default_rng(0)), dtype=torch.int64)).exp()
    torch.testing.assert_close(probabilities.sum(dim=2), torch.ones(20, 28))
    for t, options in enumerate(SPACE.cardinalities):
        assert (probabilities[:, t, :options] > 0).all()
        assert (probabilities[:, t, options:] == 0).all()


@torch.no_grad()
def test_policy_is_autoregressive(policy: Policy) -> None:
    """A choice changes the probabilities of those after it, and no others."""
    for parameter in policy.parameters():
        parameter.mul_(10)  # so that the LSTM remembers
    choices = torch.zeros((2, 28), dtype=torch.int64)
    choices[1, 10] = 1
    first, second = policy(choices)
    torch.testing.assert_close(first[:11], second[:11], rtol=0, atol=0)
    assert (first[11:, 0] != second[11:, 0]).all()


@torch.no_grad()
def test_samples_have_the_policy_s_probabilities(policy: Policy) -> None:
    """Sampling runs step by step, the gradient over whole sequences: both must be the same distribution."""
    policy.bias.mul_(20)  # far from uniform
    policy.weight.mul_(20)
    drawn = policy.sample(20_000, torch.Generator().manual_seed(1))
    SPACE.validate_choices(drawn.numpy())
    log_probabilities = policy(drawn)
    for t in (0, 9, 27):
        shares = torch.nn.functional.one_hot(drawn[:, t], 4).float().mean(dim=0)
        torch.testing.assert_close(log_probabilities[:, t].exp().mean(dim=0), shares, rtol=0, atol=0.015)


def test_update_follows_the_advantage() -> None:
    """What scored above the average becomes likelier, what scored below it less likely."""
    controller = _controller(learning_rate=1e-3)
    choices = controller.ask(6)
    before = _log_probability(controller, choices)
    controller.tell(choices, np.array([[1.0], [0.0], [0.0], [0.0], [0.0], [0.0]]))
    change = _log_probability(controller, choices) - before
    assert change[0] > 0
    assert change[1:].mean() < change[0]


def test_update_is_the_gradient_of_reinforce() -> None:
    """Against finite differences of the mean of (R - b) log p; Adam all but stands still."""
    controller = _controller(entropy_weight=0.0, learning_rate=1e-15)
    choices = controller.ask(6)
    controller._policy.double()
    rewards = np.linspace(-1, 1, 6)
    controller.tell(choices, rewards[:, None])
    bias = controller._policy.bias
    assert bias.grad is not None
    step = torch.zeros_like(bias)
    step[3, 1] = 1e-3
    with torch.no_grad():
        bias.add_(step)
        up = (rewards * _log_probability(controller, choices)).mean()
        bias.sub_(2 * step)
        down = (rewards * _log_probability(controller, choices)).mean()
    # The mean of these rewards, which is the first baseline, is 0; Adam descends, so the sign is turned.
    assert -float(bias.grad[3, 1]) == pytest.approx((up - down) / 2e-3, rel=1e-4)


def test_baseline_is_a_moving_average_of_earlier_rewards() -> None:
    controller = _controller(baseline_decay=0.9)
    for reward, expected in ((2.0, 2.0), (1.0, 1.9), (1.9, 1.9)):
        controller.tell(controller.ask(6), np.full((6, 1), reward))
        assert controller._baseline == pytest.approx(expected)


def test_entropy_bonus_keeps_the_policy_from_deciding() -> None:
    """Equal rewards have no advantage, so only the bonus moves the policy: towards uniform."""
    controller = _controller(entropy_weight=1.0, learning_rate=1e-2)
    choices = SPACE.sample(50, np.random.default_rng(0))
    spread = _log_probability(controller, choices).std()
    for _ in range(30):
        controller.tell(controller.ask(6), np.zeros((6, 1)))
    assert _log_probability(controller, choices).std() < 0.2 * spread


def test_threads_of_torch_do_not_matter(search: Any, toy: Any) -> None:
    before = torch.get_num_threads()
    proposals = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            proposals.append(search(_controller(), toy(1), 60)[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*proposals)


def test_global_generator_of_torch_is_left_alone(search: Any, toy: Any) -> None:
    before = torch.get_rng_state()
    search(_controller(), toy(1), 12)
    assert torch.equal(torch.get_rng_state(), before)


def test_beats_random_search(search: Any, accuracy: Any) -> None:
    best = []
    for cls in (Reinforce, RandomSearch):
        runs = [search(cls(PROBLEM, np.random.default_rng(seed)), accuracy, 1000)[1].max() for seed in range(3)]
        best.append(np.median(runs))
    assert best[0] > best[1] + 0.1
