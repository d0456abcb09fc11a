"""Generated devices: the same everywhere, positive, and with metrics that agree."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anb_gym
from anb_gym.hardware import FAMILIES, GeneratedDevice, catalogue, generate, probe_states
from anb_gym.hardware.catalogue import Catalogue
from anb_gym.space import EFFICIENTNET_B0, N_BLOCKS, SPACE
from anb_gym.surrogates.links import link_from_dict, link_to_dict

STATES = SPACE.as_states(SPACE.sample(500, np.random.default_rng(0)))
B0 = SPACE.as_states(EFFICIENTNET_B0)
seeds = st.integers(0, 2**63 - 1)
families = st.sampled_from([None, *FAMILIES])


def least(device: GeneratedDevice, kind: str) -> float:
    """Least sum of a metric's tables over the space."""
    return sum(device.metrics[kind].mean.table(block).min() for block in range(N_BLOCKS))


@settings(max_examples=30, deadline=None)
@given(seeds, families)
def test_metrics_are_positive_everywhere_and_agree(seed: int, family: str | None) -> None:
    device = generate(seed, leave_out=family)
    assert list(device.metrics) == ["throughput", "latency"]
    assert all((metric.mean.values > 0).all() for metric in device.metrics.values())
    assert all(least(device, kind) > 0 for kind in device.metrics)
    throughput, latency = (device.metrics[kind].predict(STATES) for kind in ("throughput", "latency"))
    assert np.isfinite(throughput).all()
    # An image's way through the device is never shorter than the time between two images. Single precision apart.
    assert (latency * (1 + 1e-6) >= 1e3 / throughput).all()


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_throughput_is_monotone_in_its_sum_and_limited_by_the_host(seed: int) -> None:
    metric = generate(seed).metrics["throughput"]
    sums = metric.mean(STATES)
    order = sums.argsort()
    ascending = metric.link.value(sums[order])
    different = np.diff(sums[order]) > 1e-3 * sums[order][:-1]
    assert (np.diff(ascending) <= 0).all()
    assert (np.diff(ascending)[different] < 0).all()
    assert (ascending <= 1 / metric.link.host).all()
    assert (ascending <= 1 / sums[order]).all()


@given(seeds, families)
@settings(max_examples=10, deadline=None)
def test_description_and_link_survive_json(seed: int, family: str | None) -> None:
    device = generate(seed, leave_out=family)
    assert json.loads(json.dumps(device.description)) == device.description
    link = device.metrics["throughput"].link
    assert link_from_dict(link_to_dict(link)) == link


def test_the_same_seed_is_the_same_device_and_others_are_others() -> None:
    first, again, other, without = generate(7), generate(7), generate(8), generate(7, leave_out="gpu")
    tables = [device.metrics["throughput"].mean.values for device in (first, again, other, without)]
    np.testing.assert_array_equal(tables[0], tables[1])
    assert first.description == again.description
    assert not any(np.array_equal(tables[0], table) for table in tables[2:])
    assert (first.name, without.name) == ("generated_7", "generated_7_without_gpu")


def test_the_package_offers_it_when_it_is_named() -> None:
    assert anb_gym.devices.generate is generate
    code = "import sys, anb_gym; print('anb_gym.hardware' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    with pytest.raises(AttributeError, match="has no attribute 'generator'"):
        _ = anb_gym.devices.generator


@pytest.mark.parametrize("seed", [-1, 1.0, True, None, "7"])
def test_seed_is_an_integer(seed: object) -> None:
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got"):
        generate(seed)


def test_seed_has_63_bits() -> None:
    generate(2**63 - 1)
    with pytest.raises(ValueError, match="seed must be below 2\\*\\*63, got 9223372036854775808"):
        generate(2**63)


def test_family_is_one_of_the_real_devices() -> None:
    with pytest.raises(ValueError, match="leave_out must be one of 'fpga', 'tpu', 'gpu', 'cpu', got 'gpus'"):
        generate(0, leave_out="gpus")


@pytest.mark.parametrize(
    ("seed", "family", "throughput", "latency"),
    [
        (0, None, 1217.1240918856897, 1.4169873483479023),
        (2**63 - 1, None, 1212.0212554812583, 1.2814136128872633),
        (0, "fpga", 1334.605563583566, 1.2913816533982754),
        (0, "tpu", 1279.9947592524238, 1.2822564356029034),
        (0, "gpu", 941.94077386805, 1.8486762158572674),
        (0, "cpu", 1259.0704623531883, 1.353787250816822),
    ],
)
def test_devices_stay_as_they_are(seed: int, family: str | None, throughput: float, latency: float) -> None:
    """EfficientNet-B0's metrics, golden: another machine's last bits may move an entry by one step of its rounding."""
    device = generate(seed, leave_out=family)
    np.testing.assert_allclose(device.metrics["throughput"].predict(B0), throughput, rtol=2e-7)
    np.testing.assert_allclose(device.metrics["latency"].predict(B0), latency, rtol=2e-7)


def test_generated_devices_differ_as_the_real_ones_do() -> None:
    """Correlations of seconds per image between devices: 0.77 to 0.999 with median 0.85 between the real metrics."""
    seconds = [1.0 / generate(seed).metrics["throughput"].predict(STATES) for seed in range(100)]
    correlations = np.corrcoef(seconds)[np.triu_indices(100, 1)]
    assert 0.8 < np.median(correlations) < 0.93
    assert np.quantile(correlations, 0.05) > 0.5


def test_a_catalogue_that_was_interrupted_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds, states = np.array([5, 40]), probe_states()[:2]
    expected = Catalogue("throughput", None).performance(seeds, states)
    found = Catalogue("throughput", None)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "log_seconds_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            found.performance(seeds, states)
    assert np.array_equal(found.performance(seeds, states), expected)
    assert np.array_equal(found.performance(seeds[:1], states[:1]), expected[:1])
