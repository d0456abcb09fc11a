"""The policy that reads probes: its gradient, what it reads, what it learns, what measurements add."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.agents import ProbePolicy, adapt, load_probe_agent, train
from anb_gym.agents.probe_conditioned import ProbeConditioned
from anb_gym.agents.probe_policy import BLOCKS, N_CELLS, STARTS, greedy_states, ranked, sample, softmax, untrained
from anb_gym.agents.probe_training import Neighbours, policy_gradient, seconds_of_changes
from anb_gym.hardware import FAMILIES, generate
from anb_gym.hardware.generated import draw, tables
from anb_gym.hardware.prior import load_prior
from anb_gym.hardware.probes import probe_states

#: Neither for training nor for tests.
DEVELOPMENT = list(range(2_000_000, 2_000_300))


@pytest.fixture(scope="module")
def policy() -> ProbePolicy:
    arguments = {"devices": DEVELOPMENT}
    agent, _ = train("preference_conditioned", "AccelNAS-Generated-MO-v0", 4000, seed=0, arguments=arguments)
    assert isinstance(agent, ProbeConditioned)
    return agent.policy


def test_changes_of_a_block_are_worth_what_the_tables_say() -> None:
    rng = np.random.default_rng(0)
    states = rng.integers(SPACE.block_sizes, size=(20, 7))
    cells = rng.uniform(1.0, 2.0, size=(20, N_CELLS))
    values, seconds = Neighbours("gp").accuracy(states), seconds_of_changes(cells, states)
    for block, where in enumerate(BLOCKS):
        state = rng.integers(SPACE.block_sizes[block], size=20)
        changed = states.copy()
        changed[:, block] = state
        rows, columns = np.arange(20), where.start + state
        before, after = (Benchmark().query_states(s, ["accuracy"])["accuracy"] for s in (states, changed))
        own = where.start + states[:, block]
        np.testing.assert_allclose(values[rows, columns] - values[rows, own], after - before, atol=1e-3)
        times = np.take_along_axis(cells, changed + STARTS, axis=1).sum(axis=1)
        np.testing.assert_allclose(seconds[rows, columns], times)


def test_backward_is_the_gradient_of_forward() -> None:
    rng = np.random.default_rng(1)
    # Before training, when the price's factor is within its limits: beyond them backward lets the gradient pass.
    policy = untrained(
        rng.standard_normal((500, 10)), rng.uniform(0.5, 2.0, size=(500, N_CELLS)), np.zeros(500), rng, 0.05
    )
    cells, places = rng.uniform(0.5, 2.0, size=(8, N_CELLS)), rng.random(8)
    direction = rng.standard_normal((8, N_CELLS))
    gradient = policy.backward(direction.astype(np.float32), policy.forward(cells, places)[1])
    size = float(np.linalg.norm(gradient))
    values = []
    for sign in (1.0, -1.0):
        moved = deepcopy(policy)
        moved.network.weights = moved.network.weights + sign * 1e-3 / size * gradient.astype(np.float64)
        values.append(float((moved.logits(cells, places) * direction).sum()))
    # ReLU bends, and the part of the price is single precision.
    assert (values[0] - values[1]) / 2.0 == pytest.approx(1e-3 * size, rel=0.02)


def test_the_gradient_of_policies_is_that_of_their_mean_value_and_entropy() -> None:
    rng = np.random.default_rng(5)
    logits, values = rng.standard_normal((3, N_CELLS)), rng.standard_normal((3, N_CELLS))
    direction = rng.standard_normal((3, N_CELLS))

    def worth(of: np.ndarray) -> float:
        policies = softmax(of)
        return float((policies * (values - 0.3 * np.log(policies))).sum()) / 3

    gradient = policy_gradient(softmax(logits), values, 0.3)
    difference = (worth(logits + 1e-5 * direction) - worth(logits - 1e-5 * direction)) / 2e-5
    assert (gradient * direction).sum() == pytest.approx(difference, rel=1e-4)


def test_a_unit_of_time_changes_nothing(policy: ProbePolicy) -> None:
    logs = np.random.default_rng(2).standard_normal(10)
    assert (policy.design(logs, 100) == policy.design(logs + 3.0, 100)).all()
    assert (policy.design(logs, 100) == policy.design(logs, 100)).all()


def test_estimates_tell_more_than_the_average_device(policy: ProbePolicy) -> None:
    seconds, _, _ = tables(draw(range(2_000_300, 2_000_350), load_prior()))
    logs = np.log(seconds[:, probe_states() + STARTS].sum(axis=2))
    truth = np.log(seconds) - logs.mean(axis=1, keepdims=True)
    error = np.sqrt(((np.log(policy.estimate(logs)) - truth) ** 2).mean())
    assert error < 0.6 * np.sqrt(((truth - policy.cell_mean) ** 2).mean())


def test_the_floor_knows_of_the_host(policy: ProbePolicy) -> None:
    seconds, hosts, _ = tables(draw(range(2_000_300, 2_000_400), load_prior()))
    logs = np.log(np.maximum(seconds[:, probe_states() + STARTS].sum(axis=2), hosts[:, None]))
    fastest = sum(seconds[:, block].min(axis=1) for block in BLOCKS)
    truth = np.log(np.maximum(fastest, hosts)) - logs.mean(axis=1)
    error = np.log(policy.floor(logs)) - truth
    summed = np.log(sum(policy.estimate(logs)[:, block].min(axis=1) for block in BLOCKS)) - truth
    assert np.abs(error).mean() < 0.8 * np.abs(truth - truth.mean()).mean()
    assert np.abs(error).mean() < np.abs(summed).mean()


def test_probabilities_and_samples_are_of_the_space(policy: ProbePolicy) -> None:
    rng = np.random.default_rng(3)
    logits = rng.standard_normal((2000, N_CELLS)).astype(np.float32)
    logits[:, BLOCKS[2].start + 5] = 50.0
    policies = softmax(logits)
    for block in BLOCKS:
        np.testing.assert_allclose(policies[:, block].sum(axis=1), 1.0, rtol=1e-5)
    states = sample(policies, rng)
    assert (states >= 0).all()
    assert (states < SPACE.block_sizes).all()
    assert (states[:, 2] == 5).all()
    assert (greedy_states(logits)[:, 2] == 5).all()
    assert len(np.unique(states[:, 5])) == SPACE.block_sizes[5]


def test_ranks_come_one_after_the_other() -> None:
    accuracy, seconds = np.array([5.0, 4.0, 6.0, 4.5]), np.array([1.0, 2.0, 3.0, 1.5])
    assert ranked(accuracy, seconds, 4).tolist() == [0, 2, 3, 1]
    assert ranked(accuracy, seconds, 1).tolist() == [0]


def test_it_learns_to_design(policy: ProbePolicy) -> None:
    seconds, _, _ = tables(draw(range(2_000_300, 2_000_310), load_prior()))
    logs = np.log(seconds[:, probe_states() + STARTS].sum(axis=2))
    beginner = untrained(logs, seconds, np.zeros(10), np.random.default_rng(0), 0.05)
    places = np.linspace(0.0, 1.0, 10)
    estimated = policy.estimate(logs)
    accuracies = [
        Benchmark().query_states(greedy_states(of.logits(estimated, places)), ["accuracy"])["accuracy"]
        for of in (beginner, policy)
    ]
    assert accuracies[1].mean() > accuracies[0].mean() + 1.0
    assert np.diff(accuracies[1])[1:].min() > -1.0  # rising along the front


@pytest.mark.parametrize("family", [None, *FAMILIES])
def test_policies_that_ship_cover_a_new_generated_device(family: str | None) -> None:
    policy = load_probe_agent(family).policy
    seconds, host, _ = tables(draw(range(2_000_500, 2_000_501), load_prior(family)))
    times = np.log(np.maximum(seconds[0][probe_states() + STARTS].sum(axis=1), host[0]))
    designs = policy.design(times, 200)
    rng = np.random.default_rng(0)
    others = rng.integers(SPACE.block_sizes, size=(2000, 7))
    accuracy, rivals = (Benchmark().query_states(s, ["accuracy"])["accuracy"] for s in (designs, others))
    own, theirs = (seconds[0][s + STARTS].sum(axis=1) for s in (designs, others))
    beaten = ((accuracy[:, None] >= rivals) & (own[:, None] <= theirs)).any(axis=0)
    assert beaten.mean() > 0.995


def test_measurements_are_counted_and_correct_the_estimate(policy: ProbePolicy) -> None:
    cells, host = generate(2_000_600).metrics["throughput"].mean.values, 0.0
    bumps = {7: 1.5, 40: 0.7}
    measured: list[int] = []

    def measure(states: np.ndarray) -> np.ndarray:
        measured.extend(SPACE.states_to_index(states).tolist())
        factor = np.where(states[:, 0] == 7, bumps[7], 1.0) * np.where(states[:, 5] == 40, bumps[40], 1.0)
        return factor * np.maximum(cells[states + STARTS].sum(axis=1), host)

    error = []
    for n in (0, 16, 64):
        measured.clear()
        found = adapt(policy, measure, n, 200)
        assert len(measured) == len(set(measured)) == 10 + n
        assert SPACE.states_to_index(found.measured).tolist() == measured
        assert len(np.unique(SPACE.states_to_index(found.states))) == len(found.states) == 200
        np.testing.assert_array_equal(SPACE.states_to_index(found.states[:n]), measured[10:])
        others = found.states[n:]
        truth = np.log(measure(others))
        error.append(float(np.abs(found.log_seconds[n:] - truth).mean()))
        np.testing.assert_allclose(found.log_seconds[:n], np.log(measure(found.states[:n])))
    assert error[2] < error[1] < error[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"log_seconds": np.zeros(9)}, "log_seconds must be 10 finite numbers"),
        ({"log_seconds": np.full(10, np.nan)}, "log_seconds must be 10 finite numbers"),
        ({"log_seconds": np.zeros(10), "n": 0}, "n must be"),
    ],
)
def test_what_is_no_set_of_probes_is_refused(policy: ProbePolicy, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        policy.design(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [np.ones(9), np.zeros(10), np.full(10, np.nan), -np.ones(10)])
def test_what_is_no_measurement_is_refused(policy: ProbePolicy, seconds: np.ndarray) -> None:
    with pytest.raises(ValueError, match="measure must return 10 positive and finite seconds"):
        adapt(policy, lambda states: seconds, 16)


def test_families_are_known() -> None:
    with pytest.raises(ValueError, match="leave_out must be"):
        load_probe_agent("abacus")
