"""Records, and the architectures they are of."""

import json
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.complexity import dataset_macs, params
from anb_gym.construction.collection.records import (
    decode,
    encode,
    merge,
    new_record,
    repeats,
    with_repeat,
    with_training,
)
from anb_gym.construction.collection.sampling import sample_architectures
from anb_gym.construction.record_format import DatasetError, read_record
from anb_gym.space import EFFICIENTNET_B0, SPACE, Architecture

positive = st.floats(1e-3, 1e6)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**40))
def test_more_architectures_begin_with_the_fewer(n: int, more: int, seed: int) -> None:
    few, many = sample_architectures(n, seed), sample_architectures(n + more, seed)
    assert many[:n] == few
    assert len({a.index for a in many}) == n + more


def test_architectures_are_uniform() -> None:
    choices = SPACE.from_index(np.array([a.index for a in sample_architectures(1500, 7)]))
    for column, cardinality in zip(choices.T, SPACE.cardinalities, strict=True):
        share = np.bincount(column, minlength=cardinality) / len(column)
        assert np.abs(share - 1 / cardinality).max() < 5 * np.sqrt(0.25 / len(column))


@pytest.mark.parametrize(("n", "seed", "name"), [(0, 0, "n"), (True, 0, "n"), (3, -1, "seed"), (3, 1.5, "seed")])
def test_sampling_arguments(n: int, seed: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least"):
        sample_architectures(n, seed)


@given(st.integers(0, SPACE.size - 1), st.lists(positive, min_size=1, max_size=5))
def test_a_record_reads_back(index: int, values: list[float]) -> None:
    architecture = Architecture.from_index(index)
    record = with_training(new_record(architecture), 61.5, 84.0, 3000.5)
    for value in values:
        record = with_repeat(record, "mine/latency", value)
    assert decode(encode(record), "here") == json.loads(encode(record)) == record
    assert repeats(record, "mine/latency") == values
    row = read_record(encode(record), "here")
    assert SPACE.states_to_index(row.states[None]) == index
    assert row.counts == {"dataset_macs": dataset_macs(index)[0], "params": params(index)[0]}
    assert row.metrics["accuracy"] == 61.5
    assert row.metrics["mine/latency"] == pytest.approx(statistics.fmean(values))
    assert np.isnan(row.metrics["a100/throughput"])
    if len(values) > 1:
        assert row.std["mine/latency"] == pytest.approx(statistics.stdev(values), abs=1e-9)
    else:
        assert np.isnan(row.std["mine/latency"])


def test_published_devices_keep_the_datasets_names() -> None:
    record = with_repeat(new_record(EFFICIENTNET_B0), "rtx3090/throughput", 7000.0)
    assert record["platform_perf"]["throughput_3090"]["throughput_mean"] == 7000.0
    assert read_record(encode(record), "here").metrics["rtx3090/throughput"] == 7000.0


@pytest.mark.parametrize(
    "metric", ["cpu/speed", "CPU/throughput", "a100/latency", "3090/throughput", "cpu", "_/latency"]
)
def test_metrics_without_a_place_in_a_record(metric: str) -> None:
    with pytest.raises(ValueError, match=f"metric must be <name>/throughput or <name>/latency.*got '{metric}'"):
        with_repeat(new_record(EFFICIENTNET_B0), metric, 1.0)


def test_merging_takes_each_value_from_where_it_is() -> None:
    empty = new_record(EFFICIENTNET_B0)
    trained, first, second = (
        with_training(empty, 60.0, 80.0, 100.0),
        with_repeat(empty, "one/throughput", 5.0),
        with_repeat(empty, "vck190/latency", 3.0),
    )
    expected = with_repeat(with_repeat(trained, "one/throughput", 5.0), "vck190/latency", 3.0)
    assert merge([trained, first, second]) == merge([second, first, trained]) == expected
    assert empty == new_record(EFFICIENTNET_B0)  # nothing was changed in place


def test_merging_contradictions() -> None:
    record = with_repeat(new_record(EFFICIENTNET_B0), "one/throughput", 5.0)
    with pytest.raises(ValueError, match="two collections have values of platform_perf.throughput_one"):
        merge([record, record])
    with pytest.raises(ValueError, match="of the same architecture"):
        merge([record, new_record(Architecture.from_index(0))])


def test_damaged_records() -> None:
    record = with_repeat(new_record(EFFICIENTNET_B0), "one/throughput", 5.0)
    for change in ([], [5.0, None], 5.0):
        record["platform_perf"]["throughput_one"]["throughput_repeats"] = change
        with pytest.raises(DatasetError, match="here: platform_perf.throughput_one.*repeats must be a list"):
            decode(encode(record), "here")
    with pytest.raises(DatasetError, match="here: it is not JSON"):
        decode(b"{", "here")
