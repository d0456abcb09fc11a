"""What comes of collections: status, outliers, and archives that the loader reads."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_collections import Abacus, accuracy, throughput

from anb_gym.construction.collection import CollectionError, export, sample_architectures, status
from anb_gym.construction.dataset import load_dataset


def change(folder: Path, number: int, edit: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "records" / f"result_{number}.json"
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))


def test_status_counts(tmp_path: Path) -> None:
    throughput(tmp_path, n=3, passes=1)
    for number in range(3):
        os.utime(tmp_path / "records" / f"result_{number}.json", (0, 1000 + 10 * number))
    found = status(tmp_path)
    assert (found.n, found.passes, found.records, found.failures) == (3, 1, 3, {})
    assert found.values == {"abacus/throughput": 3, "abacus/latency": 3}
    assert found.seconds == 10
    assert found.eta == 0
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"passes": 1', '"passes": 3'))
    assert status(tmp_path).eta == 60


def test_status_of_a_collection_that_has_just_begun(tmp_path: Path) -> None:
    bad = [a.index for a in sample_architectures(2, 5)]
    throughput(tmp_path, Abacus(failing=tuple(bad)), n=2)
    found = status(tmp_path)
    assert (found.records, found.values, len(found.failures)) == (0, {"abacus/throughput": 0, "abacus/latency": 0}, 2)
    assert np.isnan(found.seconds)
    assert found.outliers == ()


def test_agreement_is_that_of_the_first_two_repeats(tmp_path: Path) -> None:
    throughput(tmp_path, n=30)
    rows = [json.loads(path.read_text())["platform_perf"] for path in (tmp_path / "records").iterdir()]
    pairs = np.array([row["throughput_abacus"]["throughput_repeats"] for row in rows])
    signs = np.sign(np.subtract.outer(pairs[:, 0], pairs[:, 0]) * np.subtract.outer(pairs[:, 1], pairs[:, 1]))
    assert status(tmp_path).agreement["abacus/throughput"] == pytest.approx(signs.sum() / (30 * 29))


def test_records_unlike_the_others_are_outliers(tmp_path: Path) -> None:
    throughput(tmp_path, n=60)
    assert status(tmp_path).outliers == ()

    def halve(record: dict[str, Any]) -> None:
        record["platform_perf"]["throughput_abacus"]["throughput_mean"] /= 2

    def spread(record: dict[str, Any]) -> None:
        record["platform_perf"]["latency_abacus"]["latency_repeats"][0] *= 1.2

    change(tmp_path, 7, halve)
    change(tmp_path, 30, spread)
    first, second = status(tmp_path).outliers
    assert (first.number, first.metric, first.reason) == (7, "abacus/throughput", "architectures alike")
    assert first.score < -5
    assert (second.number, second.metric) == (30, "abacus/latency")
    assert second.reason.startswith("its repeats, which vary by 1")


def test_merged_collections_are_read_as_a_dataset(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("accuracy", "one", "two")]
    accuracy(folders[0])
    throughput(folders[1])
    throughput(folders[2], Abacus(name="zcu102", failing=(sample_architectures(4, 5)[3].index,)), n=6)
    archive = tmp_path / "own.tar.gz"
    assert export(folders, archive) == 6
    data = load_dataset(archive)
    assert data.records.tolist() == list(range(6))
    assert data.index.tolist() == [a.index for a in sample_architectures(6, 5)]
    known = {name: (~np.isnan(column)).tolist() for name, column in data.metrics.items()}
    assert known["accuracy"] == known["train_time"] == [True] * 2 + [False] * 4
    assert known["abacus/throughput"] == [True] * 4 + [False] * 2
    assert known["zcu102/latency"] == [True] * 3 + [False] + [True] * 2
    assert known["a100/throughput"] == [False] * 6
    assert data.repeats["abacus/throughput"].shape == (6, 2)
    np.testing.assert_allclose(data.repeats["abacus/latency"][:4].mean(axis=1), data.metrics["abacus/latency"][:4])
    np.testing.assert_allclose(data.repeats["abacus/latency"][:4].std(axis=1, ddof=1), data.std["abacus/latency"][:4])
    assert np.isnan(data.repeats["abacus/latency"][4:]).all()
    picked = data.select([5, 0])
    np.testing.assert_array_equal(picked.repeats["zcu102/latency"], data.repeats["zcu102/latency"][[5, 0]])
    manifests = json.loads((tmp_path / "own.json").read_text())
    assert [manifest["kind"] for manifest in manifests] == ["accuracy", "throughput", "throughput"]


def test_the_same_records_are_the_same_bytes(tmp_path: Path) -> None:
    throughput(tmp_path / "c")
    archives = [tmp_path / "a.tar.gz", tmp_path / "b.tar.gz"]
    for archive in archives:
        export([tmp_path / "c"], archive)
    assert archives[0].read_bytes() == archives[1].read_bytes()


def test_collections_that_do_not_go_together(tmp_path: Path) -> None:
    archive = tmp_path / "own.tar.gz"
    throughput(tmp_path / "a")
    throughput(tmp_path / "b", seed=6)
    throughput(tmp_path / "c")
    with pytest.raises(CollectionError, match=r"must have the same seed, got \[5, 6\]"):
        export([tmp_path / "a", tmp_path / "b"], archive)
    with pytest.raises(CollectionError, match="abacus/throughput must be in one collection, it is in .*a and .*c"):
        export([tmp_path / "a", tmp_path / "c"], archive)
    with pytest.raises(CollectionError, match="archive must end in .tar.gz"):
        export([tmp_path / "a"], tmp_path / "own.zip")
    for path in (tmp_path / "a" / "records").iterdir():
        path.unlink()
    with pytest.raises(CollectionError, match="there are no records yet"):
        export([tmp_path / "a"], archive)
    assert not archive.exists()
