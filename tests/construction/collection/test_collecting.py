"""Collections: what is in their folders, what they refuse, and that nothing kills them."""

import errno
import json
import os
import random
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from small_collections import (
    SCHEME,
    Abacus,
    SmallTrainer,
    accuracy,
    run_accuracy,
    run_throughput,
    small_trainer,
    throughput,
)

from anb_gym.construction.collection import (
    Collection,
    CollectionError,
    Step,
    collect_accuracy,
    sample_architectures,
    status,
)
from anb_gym.construction.record_format import DatasetError
from anb_gym.construction.trainer import Trainer


def content(folder: Path) -> dict[str, Any]:
    """All records and the manifest, without measured times."""
    found = {}
    for path in sorted(folder.rglob("*.json")):
        record = json.loads(path.read_text())
        if "metrics" in record and "platform_perf" in record:
            record["metrics"].pop("train_time")
            for measurement in record["platform_perf"].values():
                measurement.update({k: len(v) if isinstance(v, list) else v is None for k, v in measurement.items()})
        found[str(path.relative_to(folder))] = record
    return found


def test_passes_alternate_over_all_architectures(tmp_path: Path) -> None:
    device = Abacus()
    steps = throughput(tmp_path, device)
    expected = [a.index for a in sample_architectures(4, 5)]
    assert device.seen == expected * 2
    assert steps == [Step(number) for number in range(4)] * 2
    record = Collection(tmp_path).record(1)
    assert record is not None
    measured = record["platform_perf"]
    assert len(measured["throughput_abacus"]["throughput_repeats"]) == 2
    assert measured["throughput_abacus"]["throughput_std"] > 0
    assert len(measured["latency_abacus"]["latency_repeats"]) == 2


def test_nothing_is_done_twice_and_more_can_be_added(tmp_path: Path) -> None:
    throughput(tmp_path)
    again = Abacus()
    throughput(tmp_path, again)
    assert again.seen == []
    throughput(tmp_path, again, n=6, passes=3)
    indices = [a.index for a in sample_architectures(6, 5)]
    assert sorted(again.seen) == sorted(indices[:4] + 3 * indices[4:])
    assert status(tmp_path).values == {"abacus/throughput": 18, "abacus/latency": 18}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 6}, "its seed is 5, this one has 6"),
        ({"device": Abacus(speed=2e9)}, "its protocol.speed is 1000000000.0, this one has 2000000000.0"),
        ({"device": Abacus(name="other")}, "its metrics is .*abacus.*this one has .*other"),
        ({"n": 3}, "n must be at least 4"),
        ({"passes": 1}, "passes must be at least 2"),
    ],
)
def test_other_collections_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    throughput(tmp_path)
    before = content(tmp_path)
    with pytest.raises(CollectionError, match=message):
        throughput(tmp_path, **options)
    assert content(tmp_path) == before


def test_accuracies_and_measurements_do_not_share_a_folder(tmp_path: Path) -> None:
    throughput(tmp_path)
    with pytest.raises(CollectionError, match="its kind is 'throughput', this one has 'accuracy'"):
        accuracy(tmp_path)


def test_another_scheme_is_refused(tmp_path: Path) -> None:
    accuracy(tmp_path, n=1)
    with pytest.raises(CollectionError, match=r"its protocol.network.width is 0.1, this one has 0.2"):
        accuracy(tmp_path, SmallTrainer(network={"width": 0.2}))
    with pytest.raises(CollectionError, match=r"its protocol.training_seed is 0, this one has 1"):
        accuracy(tmp_path, training_seed=1)


def test_a_folder_with_records_of_unknown_origin_is_refused(tmp_path: Path) -> None:
    throughput(tmp_path)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(CollectionError, match="records but no manifest.json"):
        throughput(tmp_path)
    with pytest.raises(CollectionError, match="has no collection"):
        status(tmp_path)
    for text, message in (("{", "it is not JSON"), ('{"schema": 99}', "reads schema 1")):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(CollectionError, match=message):
            throughput(tmp_path)


def test_a_record_of_another_architecture_is_refused(tmp_path: Path) -> None:
    throughput(tmp_path)
    records = tmp_path / "records"
    (records / "result_0.json").write_bytes((records / "result_1.json").read_bytes())
    with pytest.raises(DatasetError, match="result_0.json must be of the architecture"):
        throughput(tmp_path, passes=3)
    (records / "result_0.json").write_text("{}")
    with pytest.raises(DatasetError, match="result_0.json: the record lacks the fields"):
        throughput(tmp_path, passes=3)


def test_failures_are_written_down_and_skipped(tmp_path: Path) -> None:
    bad = sample_architectures(4, 5)[2].index
    device = Abacus(failing=(bad,))
    steps = throughput(tmp_path, device)
    error = "RuntimeError: a bead is stuck"
    assert steps == [Step(number, error if number == 2 else None) for number in range(4)] * 2
    assert device.seen.count(bad) == 1
    assert Collection(tmp_path).record(2) is None
    assert status(tmp_path).failures == {2: error}
    mended = Abacus()
    assert throughput(tmp_path, mended)[2] == Step(2, error)
    assert mended.seen == []
    assert throughput(tmp_path, mended, retry_failed=True) == [Step(number) for number in range(4)] * 2
    assert mended.seen == [bad] * 2
    assert status(tmp_path).failures == {}


def test_many_failures_in_a_row_stop(tmp_path: Path) -> None:
    indices = [a.index for a in sample_architectures(30, 5)]
    device = Abacus(failing=tuple(indices[3:25]))
    with pytest.raises(
        CollectionError, match=r"10 models in a row failed, the last with RuntimeError: a bead is stuck"
    ):
        throughput(tmp_path, device, n=30)
    assert device.seen == indices[:13]


def test_a_missing_package_is_no_failure_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(self: Abacus, architecture: object) -> dict[str, float]:
        raise ModuleNotFoundError("run: pip install beads")

    monkeypatch.setattr(Abacus, "measure", measure)
    with pytest.raises(ModuleNotFoundError, match="pip install beads"):
        throughput(tmp_path)
    assert status(tmp_path).failures == {}


def test_a_full_disk_leaves_whole_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = [4]

    def fsync(handle: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(
        CollectionError, match=r"cannot write into .*: No space left on device; all records so far are whole"
    ):
        throughput(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "manifest.json",
        *(f"result_{number}.json" for number in range(3)),
    ]
    room[0] = 99
    more = Abacus()
    throughput(tmp_path, more)
    assert len(more.seen) == 8 - 3


def test_a_full_disk_in_a_training_is_no_failure_of_a_model(tmp_path: Path) -> None:
    trainer = small_trainer(full=sample_architectures(2, 5)[1].index)
    with pytest.raises(CollectionError, match="No space left on device"):
        accuracy(tmp_path, trainer)
    assert status(tmp_path).failures == {}


def test_images_that_cannot_be_read_are_no_failure_of_a_model(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"record 0 cannot be trained: there is no folder .*nowhere/train;"):
        accuracy(tmp_path, Trainer(f"imagenet:{tmp_path / 'nowhere'}"))
    assert status(tmp_path).failures == {}


def test_remains_of_a_killed_write_are_removed(tmp_path: Path) -> None:
    throughput(tmp_path, n=2)
    leftover = tmp_path / "records" / ".result_2.json.abc.tmp"
    leftover.write_text("{")
    throughput(tmp_path)
    assert not leftover.exists()
    assert len(list((tmp_path / "records").iterdir())) == 4


def test_trainings_make_records_and_leave_no_checkpoints(tmp_path: Path) -> None:
    assert sorted(step.number for step in accuracy(tmp_path)) == [0, 1]
    record = Collection(tmp_path).record(1)
    assert record is not None
    assert 0 < record["metrics"]["val_top1"] <= record["metrics"]["val_top5"] <= 100
    assert record["metrics"]["train_time"] > 0
    assert list((tmp_path / "work").iterdir()) == []


def test_an_executor_that_dies(tmp_path: Path, processes: ForkServerContext) -> None:
    deadly = small_trainer(deadly=sample_architectures(3, 5)[2].index)
    message = r"the executor died \(BrokenProcessPool.*all records so far are in"
    with ProcessPoolExecutor(1, mp_context=processes) as executor, pytest.raises(CollectionError, match=message):
        list(collect_accuracy(tmp_path, SCHEME, deadly, executor, n=3, seed=5))
    assert len(list((tmp_path / "records").iterdir())) == 2
    assert status(tmp_path).failures == {}
    accuracy(tmp_path, n=3)
    assert status(tmp_path).records == 3


@pytest.mark.parametrize("run", [run_throughput, run_accuracy], ids=["throughput", "accuracy"])
def test_kills_change_nothing(tmp_path: Path, run: Callable[[Path], None], processes: ForkServerContext) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    process = processes.Process(target=run, args=(undisturbed,))
    process.start()
    moments, codes = random.Random(1), []
    process.join()
    assert process.exitcode == 0
    for _ in range(5):
        process = processes.Process(target=run, args=(killed,))
        process.start()
        process.join(moments.uniform(0.02, 0.35))
        process.kill()
        process.join()
        codes.append(process.exitcode)
    assert codes.count(-signal.SIGKILL) >= 2  # on a fast machine the last ones may have had nothing left to do
    process = processes.Process(target=run, args=(killed,))
    process.start()
    process.join()
    assert content(killed) == content(undisturbed)
