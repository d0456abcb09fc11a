"""Queries: every form of input, every metric, noise and standard deviations, independence of the batch, bad input."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark, Noise, complexity
from anb_gym.benchmark import COUNTED, DATASET_METRICS, METRICS, PREDICTED
from anb_gym.noise import DEVICE_CV

CHOICES = SPACE.sample(5000, np.random.default_rng(0))
INDEX = SPACE.to_index(CHOICES)
FORMS = r"an Architecture, its string, index or dict, a list of these, or choices of shape \(n, 28\)"
BENCH = Benchmark()
PAIR = ["accuracy", "vck190/throughput"]


@pytest.fixture(scope="module")
def everything() -> dict[str, np.ndarray]:
    return BENCH.query(INDEX, noise=Noise(3, 1), std=True)


def test_all_metrics_by_default() -> None:
    result = BENCH.query(CHOICES)
    assert list(result) == list(BENCH.metrics) == list(METRICS)
    for values in result.values():
        assert values.shape == (5000,)
        assert values.dtype == np.float64
        assert np.isfinite(values).all()
        assert (values > 0).all()


def test_accuracies_are_those_of_the_proxy_scheme() -> None:
    """The dataset's records lie between 42 and 68 %."""
    accuracy = BENCH.query(CHOICES, "accuracy")["accuracy"]
    assert 40.0 < accuracy.min() < accuracy.max() < 70.0
    assert 58.0 < accuracy.mean() < 62.0


def test_predictions_follow_the_measurements(dataset: Any) -> None:
    """By rank correlation: one record's train_time is an outlier."""
    for metric in DATASET_METRICS:
        known = np.isfinite(dataset.metrics[metric])
        measured, predicted = dataset.metrics[metric][known], BENCH.query(dataset.choices[known], metric)[metric]
        ranks = np.argsort(np.argsort([measured, predicted], axis=1), axis=1)
        assert np.corrcoef(ranks)[0, 1] > 0.95, metric


def test_every_form_of_input_gives_the_same_values() -> None:
    architectures = [Architecture.from_choices(row) for row in CHOICES[:5]]
    expected = BENCH.query(CHOICES[:5])
    forms: list[Any] = [
        architectures,
        tuple(architectures),
        INDEX[:5],
        INDEX[:5].tolist(),
        INDEX[:5].astype(np.uint64),
        CHOICES[:5].tolist(),
        CHOICES[:5].astype(np.int64),
        CHOICES[:5].astype(np.uint8),
        np.asfortranarray(CHOICES[:5]),
        np.repeat(CHOICES[:5], 2, axis=0)[::2],
    ]
    for form in forms:
        assert_same(BENCH.query(form), expected)


def test_one_architecture_is_a_batch_of_one() -> None:
    expected = BENCH.query(EFFICIENTNET_B0.choices[None])
    for form in (EFFICIENTNET_B0, [EFFICIENTNET_B0], EFFICIENTNET_B0.index, np.int64(EFFICIENTNET_B0.index)):
        assert_same(BENCH.query(form), expected)
    assert all(values.shape == (1,) for values in expected.values())


@pytest.mark.parametrize("nothing", [[], (), np.empty((0, 28), dtype=np.int8), np.empty(0, dtype=np.int64)])
def test_no_architectures_give_no_values(nothing: Any) -> None:
    result = BENCH.query(nothing, noise=0, std=True)
    assert len(result) == len(METRICS) + len(PREDICTED)
    assert all(values.shape == (0,) for values in result.values())


@given(st.integers(1, 5000), st.integers(0, 2**32))
def test_values_do_not_depend_on_the_batch(everything: dict[str, np.ndarray], n: int, seed: int) -> None:
    """Bit for bit, whatever the number and the order of the others, noise and standard deviations included."""
    rows = np.random.default_rng(seed).permutation(5000)[:n]
    together = BENCH.query(INDEX[rows], noise=Noise(3, 1), std=True)
    assert_same(together, {name: values[rows] for name, values in everything.items()})
    alone = BENCH.query(INDEX[rows[:1]], noise=Noise(3, 1), std=True)
    assert_same(alone, {name: values[rows[:1]] for name, values in everything.items()})


@given(st.lists(st.sampled_from(METRICS), min_size=1, unique=True))
def test_values_do_not_depend_on_the_other_metrics(everything: dict[str, np.ndarray], names: list[str]) -> None:
    result = BENCH.query(CHOICES[:10], names, noise=Noise(3, 1))
    assert list(result) == names
    assert_same(result, {name: everything[name][:10] for name in names})


def test_one_metric_by_its_name() -> None:
    assert list(BENCH.query(EFFICIENTNET_B0, "accuracy")) == ["accuracy"]
    assert list(BENCH.query(EFFICIENTNET_B0, ["macs", "accuracy", "macs"])) == ["macs", "accuracy"]


def test_results_do_not_share_memory() -> None:
    first = BENCH.query(CHOICES[:10])
    copies = {name: values.copy() for name, values in first.items()}
    for values in first.values():
        values[:] = 0.0
    assert_same(BENCH.query(CHOICES[:10]), copies)


def test_counts_are_exact() -> None:
    result = BENCH.query(CHOICES, COUNTED)
    np.testing.assert_array_equal(result["macs"], complexity.macs(CHOICES))
    np.testing.assert_array_equal(result["params"], complexity.params(CHOICES))


def test_standard_deviations() -> None:
    result = BENCH.query(CHOICES, std=True)
    assert set(result) == {*METRICS, *(f"{name}:std" for name in PREDICTED)}
    for name in PREDICTED:
        assert (result[f"{name}:std"] > 0).all()
        assert np.median(result[f"{name}:std"]) < 0.1 * np.median(result[name])
    assert_same(BENCH.query(CHOICES), {name: result[name] for name in METRICS})


def test_noise_changes_what_is_measured_and_nothing_else() -> None:
    clean, noisy = BENCH.query(CHOICES, std=True), BENCH.query(CHOICES, noise=7, std=True)
    changed = {name for name in clean if (clean[name] != noisy[name]).any()}
    assert changed == {"accuracy", "accuracy/reference", *DEVICE_CV}
    assert_same(noisy, BENCH.query(CHOICES, noise=Noise(7, 0), std=True))
    assert (noisy["accuracy"] != BENCH.query(CHOICES, "accuracy", noise=8)["accuracy"]).all()
    assert 0.2 < (noisy["accuracy"] - clean["accuracy"]).std() < 0.4


def test_states_without_checks_are_the_same() -> None:
    assert_same(BENCH.query_states(SPACE.to_states(CHOICES), PAIR), BENCH.query(CHOICES, PAIR))


def test_default_surrogate() -> None:
    assert Benchmark().surrogate == "gp"
    assert repr(Benchmark("gp")) == "Benchmark(surrogate='gp')"


@pytest.mark.parametrize("surrogate", ["gp", "xgb", "lgb"])
def test_every_shipped_surrogate_has_every_metric(surrogate: str) -> None:
    result = Benchmark(surrogate).query(CHOICES[:100], std=True)
    for name in METRICS:
        assert (result[name] > 0).all()
        assert np.corrcoef(result[name], BENCH.query(CHOICES[:100], name)[name])[0, 1] > 0.9


def changed(column: int, value: int) -> np.ndarray:
    choices = np.zeros((2, 28), dtype=np.int64)
    choices[1, column] = value
    return choices


@pytest.mark.parametrize(
    ("archs", "message"),
    [
        (changed(2, 3), r"archs\[1, 2\] \(block 0, l\) must be in 0..2, got 3"),
        (changed(22, 4), r"archs\[1, 22\] \(block 5, l\) must be in 0..3, got 4"),
        (changed(0, -1), r"archs\[1, 0\] \(block 0, e\) must be in 0..2, got -1"),
        (changed(0, 256), r"archs\[1, 0\] \(block 0, e\) must be in 0..2, got 256"),
        (np.zeros((2, 27), dtype=np.int8), r"archs must have shape \(n, 28\), got \(2, 27\)"),
        (np.zeros((2, 28, 1), dtype=np.int8), rf"archs must be {FORMS}, got shape \(2, 28, 1\)"),
        (np.zeros((2, 28)), rf"archs must be {FORMS}, got float64"),
        (np.full((1, 28), np.nan), rf"archs must be {FORMS}, got float64: array\(\[\[nan"),
        (np.zeros((2, 28), dtype=bool), rf"archs must be {FORMS}, got bool"),
        (np.zeros((2, 28), dtype=object), rf"archs must be {FORMS}, got object"),
        (np.zeros((2, 28), dtype="U1"), rf"archs must be {FORMS}, got <U1"),
        (np.zeros((0, 28)), rf"archs must be {FORMS}, got float64"),
        (EFFICIENTNET_B0.choices, rf"archs must be {FORMS}, got what reads as one architecture's choices"),
        ([[0, 1], [0]], rf"archs must be {FORMS}, got \[\[0, 1\], \[0\]\]: "),
        (-1, f"archs must be in 0..{SPACE.size - 1}, got -1"),
        ([0, SPACE.size], f"archs must be in 0..{SPACE.size - 1}, got {SPACE.size}"),
        (np.uint64(2**64 - 1), f"archs must be in 0..{SPACE.size - 1}, got {2**64 - 1}"),
        (2**70, "archs must be integers of at most 64 bits, got array"),
        (1.5, rf"archs must be {FORMS}, got float64: 1.5"),
        (np.nan, rf"archs must be {FORMS}, got float64: nan"),
        (True, rf"archs must be {FORMS}, got bool"),
        (None, rf"archs must be {FORMS}, got object: None"),
        ("e1k3l1s1", rf"archs must be {FORMS}, got 'e1k3l1s1': text must be 7 blocks"),
        ([EFFICIENTNET_B0, 3.5], r"archs\[1\] must be an Architecture, its string or its index, got 3.5"),
        ([EFFICIENTNET_B0, True], r"archs\[1\] must be an Architecture, its string or its index, got True"),
        ([EFFICIENTNET_B0, -1], rf"archs\[1\] must be in 0..{SPACE.size - 1}, got -1"),
        ("9" * 5000, f"archs must be in 0..{SPACE.size - 1}, got '999"),
        (["0", "²"], rf"archs\[1\] must be {FORMS}, got '²': text must be 7 blocks"),
        ({"block0_e": 1}, r"archs must be an architecture: values lacks the keys \['block0_k', "),
        ([{**EFFICIENTNET_B0.to_dict(), "block2_k": 4}], r"archs\[0\] .*block2_k must be one of \(3, 5\), got 4"),
    ],
)
def test_architectures_are_validated(archs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BENCH.query(archs)


def test_a_device_alone_is_its_throughput_or_its_one_metric() -> None:
    names = {"vck190": "vck190/throughput", "cpu": "cpu/throughput"}
    values = BENCH.query(EFFICIENTNET_B0, ["accuracy", *names], std=True)
    assert_same(values, BENCH.query(EFFICIENTNET_B0, ["accuracy", *names.values()], std=True))
    for device, metric in names.items():
        assert BENCH.front(device) is BENCH.front(metric)
        assert BENCH.load(device) is BENCH.load(metric)
    with pytest.raises(ValueError, match="metric must be one of .*, got 'VCK190'; did you mean 'vck190'"):
        BENCH.front("VCK190")


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("acuracy", "metrics must be one of 'accuracy', .*, got 'acuracy'; did you mean 'accuracy'"),
        (["accuracy", "VCK190"], "metrics must be one of .*, got 'VCK190'; did you mean 'vck190'"),
        (["accuracy", "Accuracy"], "metrics must be one of .*, got 'Accuracy'; did you mean 'accuracy'"),
        (["accuracy", "VCK190/Latency"], "metrics must be one of .*, got 'VCK190/Latency'; did you mean 'vck190/lat"),
        (["accuracy", 3], "metrics must be one of .*, got 3"),
        (["accuracy", ["macs"]], r"metrics must be one of .*, got \['macs'\]"),
        (["accuracy", None], "metrics must be one of .*, got None"),
        ([], r"metrics must be one or more of 'accuracy', .*, got \[\]"),
        ("", "metrics must be one of .*, got ''"),
        (5, "metrics must be one or more of .*, got 5"),
        (np.nan, "metrics must be one or more of .*, got nan"),
    ],
)
def test_metrics_are_validated(metrics: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BENCH.query(EFFICIENTNET_B0, metrics)


@pytest.mark.parametrize("noise", [-1, 2**64, 0.5, np.nan, "1", True, False, [1]])
def test_noise_is_validated(noise: Any) -> None:
    with pytest.raises(ValueError, match=r"noise seed must be an integer in 0..2\*\*64-1, got "):
        BENCH.query(EFFICIENTNET_B0, "accuracy", noise=noise)


@pytest.mark.parametrize("surrogate", ["gpp", "", 3, ["gp"]])
def test_surrogate_is_validated(surrogate: Any) -> None:
    names = "'gp', 'xgb', 'lgb', 'gp-v1', 'xgb-v1', 'lgb-v1'"
    with pytest.raises(ValueError, match=f"surrogate must be one of {names}, got "):
        Benchmark(surrogate)
    with pytest.raises(ValueError, match="got 'gpp'; did you mean 'gp'"):
        Benchmark("gpp")


@pytest.mark.parametrize("metric", ["macs", "../gp/accuracy", "acc"])
def test_only_predicted_metrics_have_a_surrogate(metric: str) -> None:
    with pytest.raises(ValueError, match=f"metric must be one of 'accuracy', .*, got '{metric}'"):
        BENCH.load(metric)


def assert_same(result: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(result) == list(expected)
    for name, values in result.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


@pytest.mark.parametrize("reward", ["product", None, lambda values: values["accuracy"]])
def test_optimum_wants_a_reward_object(reward: Any) -> None:
    with pytest.raises(ValueError, match="reward must be an object such as"):
        Benchmark().optimum(reward)


def test_a_shared_front_cannot_be_changed() -> None:
    front = Benchmark().front("vck190/throughput")
    with pytest.raises(ValueError, match="read-only"):
        front.indices[0] = 5
