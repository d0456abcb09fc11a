"""Noise: distributed as measured, and a function of (seed, architecture, repeat) alone."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.benchmark import DATASET_METRICS
from anb_gym.noise import ACCURACY_STD, DEVICE_CV, Noise, normal, perturb
from anb_gym.space import SPACE

N = 100_000
INDEX = SPACE.to_index(SPACE.sample(N, np.random.default_rng(0)))
METRICS = ["accuracy", *DEVICE_CV]

keys = st.builds(Noise, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


@pytest.mark.parametrize("index", [INDEX, np.arange(N), SPACE.size - 1 - np.arange(N)])
@pytest.mark.parametrize("key", [Noise(0), Noise(1, 7), Noise(2**64 - 1, 2**63)])
def test_deviates_are_standard_normal(index: np.ndarray, key: Noise) -> None:
    """Also of neighbouring indices: the mean, deviation, skewness, kurtosis and tails of a normal distribution."""
    deviates = normal("accuracy", index, key)
    # Five standard errors of each moment.
    for power, (moment, variance) in {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}.items():
        assert abs((deviates**power).mean() - moment) < 5 * np.sqrt(variance / N)
    for bound, share in ((1.0, 0.158655), (2.0, 0.022750), (3.0, 0.001350)):
        for tail in (deviates > bound, deviates < -bound):
            assert abs(tail.mean() - share) < 5 * np.sqrt(share / N)
    neighbours = np.corrcoef(deviates[:-1], deviates[1:])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(N)


def test_streams_seeds_and_repeats_are_independent() -> None:
    draws = [
        normal(stream, INDEX, Noise(seed, repeat))
        for stream in ("accuracy", "a100/throughput")
        for seed, repeat in ((0, 0), (0, 1), (1, 0), (2, 0), (0, 2))
    ]
    for a, b in combinations(draws, 2):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(N)


@given(keys, st.integers(1, 3000), st.integers(0, 2**32))
def test_noise_does_not_depend_on_order_or_batch(key: Noise, n: int, seed: int) -> None:
    index = INDEX[:3000]
    rows = np.random.default_rng(seed).permutation(3000)[:n]
    values = np.linspace(50.0, 70.0, 3000)
    for metric in METRICS:
        whole = perturb(metric, values, index, key)
        np.testing.assert_array_equal(perturb(metric, values[rows], index[rows], key), whole[rows])
        np.testing.assert_array_equal(perturb(metric, values[rows[:1]], index[rows[:1]], key), whole[rows[:1]])


@pytest.mark.parametrize("metric", METRICS)
def test_every_part_of_the_key_counts(metric: str) -> None:
    values = np.full(100, 60.0)
    draws = [perturb(metric, values, INDEX[:100], key) for key in (Noise(0), Noise(1), Noise(0, 1), Noise(1, 1))]
    draws.append(perturb(metric, values, INDEX[100:200], Noise(0)))
    for a, b in combinations(draws, 2):
        assert (a != b).all()
    np.testing.assert_array_equal(perturb(metric, values, INDEX[:100], Noise(np.int64(0))), draws[0])  # type: ignore[arg-type]


# DESIGN section 2: 117 architectures trained with three seeds each.
@pytest.mark.parametrize(
    ("low", "high", "measured"), [(54.0, 57.0, 0.40), (57.0, 60.0, 0.32), (60.0, 62.0, 0.33), (62.0, 67.0, 0.21)]
)
def test_accuracy_varies_over_seeds_as_measured(low: float, high: float, measured: float) -> None:
    values = np.random.default_rng(0).uniform(low, high, N)
    deviations = perturb("accuracy", values, INDEX, Noise(3)) - values
    assert abs(deviations.std() - measured) < 0.025
    assert abs(deviations.mean()) < 5 * measured / np.sqrt(N)


def test_accuracy_noise_of_the_whole_dataset(dataset: Any) -> None:
    """Root mean square 0.31 points, as over the 117 architectures."""
    values = dataset.metrics["accuracy"]
    deviations = [perturb("accuracy", values, dataset.index, Noise(seed)) - values for seed in range(20)]
    assert abs(np.sqrt(np.mean(np.square(deviations))) - 0.31) < 0.01


def test_accuracy_std_covers_any_accuracy() -> None:
    values = np.array([0.0, 100.0]).repeat(N // 2)
    deviations = perturb("accuracy", values, INDEX, Noise(0)) - values
    assert abs(deviations[: N // 2].std() - ACCURACY_STD[1][0]) < 0.01
    assert abs(deviations[N // 2 :].std() - ACCURACY_STD[1][-1]) < 0.01


@pytest.mark.parametrize(
    ("metric", "median", "percentile"),
    [
        ("a100/throughput", 0.0004, 0.0024),
        ("rtx3090/throughput", 0.0003, 0.0028),
        ("tpuv2/throughput", 0.007, 0.060),
        ("tpuv3/throughput", 0.009, 0.073),
    ],
)
def test_devices_vary_over_repeats_as_measured(metric: str, median: float, percentile: float) -> None:
    """The coefficient of variation of 200 repeats: its median and 95th percentile over architectures."""
    n = 4000
    values = np.full(n, 1234.0)
    repeats = np.stack([perturb(metric, values, INDEX[:n], Noise(5, repeat)) for repeat in range(200)])
    variation = repeats.std(axis=0) / repeats.mean(axis=0)
    assert np.median(variation) == pytest.approx(median, rel=0.08)
    assert np.percentile(variation, 95) == pytest.approx(percentile, rel=0.15)
    assert variation.max() < 1.3 * DEVICE_CV[metric][2]
    assert (repeats > 0).all()


def test_device_noise_matches_the_dataset(dataset: Any) -> None:
    for metric in set(DEVICE_CV) & set(DATASET_METRICS):
        median, percentile, largest = DEVICE_CV[metric]
        variation = dataset.std[metric] / dataset.metrics[metric]
        variation = variation[np.isfinite(variation)]
        assert np.median(variation) == pytest.approx(median, rel=0.1)
        assert np.percentile(variation, 95) == pytest.approx(percentile, rel=0.1)
        assert variation.max() == pytest.approx(largest, rel=0.01)


@pytest.mark.parametrize("metric", ["zcu102/throughput", "vck190/latency", "train_time", "macs"])
def test_other_metrics_have_none(metric: str) -> None:
    values = np.linspace(1.0, 2.0, 10)
    np.testing.assert_array_equal(perturb(metric, values, INDEX[:10], Noise(0)), values)


def test_keys_are_plain_integers() -> None:
    assert repr(Noise(np.int8(3), np.uint64(2**64 - 1))) == f"Noise(seed=3, repeat={2**64 - 1})"


def test_what_is_too_long_to_print_is_refused_all_the_same() -> None:
    with pytest.raises(ValueError, match="noise seed must be an integer in .*got a value of the type int"):
        Noise(10**5000)


@pytest.mark.parametrize("noise", [5, True, 1.0, "0", None, np.array([1]), np.array([1.0]), np.array([True])])
def test_seeds_must_be_unsigned_integers(noise: Any) -> None:
    with pytest.raises(ValueError, match="noise must be a Noise or seeds of dtype uint64, got"):
        perturb("accuracy", np.array([60.0]), INDEX[:1], noise)


@pytest.mark.parametrize("value", [-1, 2**64, 1.0, "0", True, None, np.nan])
@pytest.mark.parametrize("name", ["seed", "repeat"])
def test_key_must_be_integers_of_64_bits(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"noise {name} must be an integer in 0..2\*\*64-1, got {value!r}"):
        Noise(**{"seed": 0, name: value})
