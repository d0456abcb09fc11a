"""Devices estimated from measured times."""

import numpy as np
import pytest

from anb_gym import SPACE
from anb_gym.hardware import generate, probe_states
from anb_gym.hardware.estimation import KINDS, estimate, log_seconds

SEEDS = range(2_100_000, 2_100_012)


def states(n, seed):
    return SPACE.as_states(SPACE.sample(n, np.random.default_rng(seed)))


def seconds_of(seed, kind, networks):
    values = generate(seed).metrics[kind].predict(networks)
    return 1.0 / values if kind == "throughput" else values / 1e3


@pytest.mark.parametrize("kind", KINDS)
def test_ten_probes_predict_devices_that_were_not_seen_and_say_how_well(kind):
    others, scores, within = states(300, 1), [], []
    for seed in SEEDS:
        truth = seconds_of(seed, kind, others)
        mean, std = estimate(probe_states(), seconds_of(seed, kind, probe_states()), kind).predict(others)
        scores.append(1.0 - ((np.exp(mean) - truth) ** 2).mean() / truth.var())
        within.append(np.abs(np.log(truth) - mean) < 1.645 * std)
    assert np.median(scores) > 0.97
    assert 0.8 < np.mean(within) < 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_measuring_more_leaves_less_unknown(kind):
    networks, others = np.concatenate([probe_states(), states(30, 2)]), states(100, 3)
    seconds = seconds_of(SEEDS[0], kind, networks)
    left = [estimate(networks[:n], seconds[:n], kind).predict(others)[1].mean() for n in (0, 1, 10, 40)]
    assert left[0] > left[1] > left[2] > left[3] > 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_unit_of_time_only_scales(kind):
    seconds, others = seconds_of(SEEDS[1], kind, probe_states()), states(50, 4)
    a = estimate(probe_states(), seconds, kind).predict(others)
    b = estimate(probe_states(), 50.0 * seconds, kind).predict(others)
    np.testing.assert_allclose(b[0] - a[0], np.log(50.0), atol=0.02)
    np.testing.assert_allclose(b[1], a[1], rtol=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_tables_and_samples_agree_with_predictions(kind):
    found = estimate(probe_states(), seconds_of(SEEDS[2], kind, probe_states()), kind)
    others = states(60, 5)
    mean, std = found.predict(others)
    values = found.link.value(found.tables(others))
    by_tables = 1.0 / values if kind == "throughput" else values
    np.testing.assert_allclose(np.log(by_tables), mean, atol=0.03)
    drawn = log_seconds(*found.samples(2_000, seed=1), others)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(drawn.std(axis=0), std, rtol=0.25)
    assert (found.host > 0.0) is (kind == "throughput")


def test_next_probe_is_one_that_is_worth_measuring():
    seed, candidates = SEEDS[3], states(100, 6)
    seconds = seconds_of(seed, "throughput", probe_states())
    found = estimate(probe_states(), seconds, "throughput")
    networks = np.concatenate([probe_states(), candidates])
    assert found.next_probe(networks, candidates) >= len(probe_states())

    def left(which):
        both = np.concatenate([probe_states(), candidates[which][None]])
        extra = seconds_of(seed, "throughput", candidates[which][None])
        return estimate(both, np.concatenate([seconds, extra]), "throughput").predict(candidates)[1].mean()

    assert left(found.next_probe(candidates)) < np.mean([left(i) for i in range(20)])


def test_a_host_that_caps_throughput_is_found():
    networks = np.concatenate([probe_states(), states(40, 7)])
    times = np.maximum(seconds_of(SEEDS[4], "throughput", networks), 0.0)
    cap = float(np.quantile(times, 0.4))
    found = estimate(networks, (times**8 + cap**8) ** (1 / 8), "throughput")
    assert found.host == pytest.approx(cap, rel=0.05)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf, np.nan])
def test_times_must_be_positive(bad):
    seconds = np.full(10, 1e-3)
    seconds[3] = bad
    with pytest.raises(ValueError, match="seconds must be positive and finite, got "):
        estimate(probe_states(), seconds, "throughput")


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="kind must be one of 'throughput', 'latency', got 'speed'"):
        estimate(probe_states(), np.ones(10), "speed")
    with pytest.raises(ValueError, match=r"seconds must have the shape \(10,\), got \(9,\)"):
        estimate(probe_states(), np.ones(9), "latency")
    with pytest.raises(ValueError, match="leave_out must be one of"):
        estimate(probe_states(), np.ones(10), "latency", leave_out="npu")
