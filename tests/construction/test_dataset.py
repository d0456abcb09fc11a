"""The dataset: its facts, where it is read from, and every way an archive can be wrong."""

import copy
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym.construction import dataset as module
from anb_gym.construction.dataset import UNITS, Dataset, DatasetError, default_split, load_dataset
from anb_gym.space import EFFICIENTNET_B0, SPACE, Architecture

DEVICES = ("zcu102", "vck190", "tpuv2", "tpuv3", "a100", "3090")


def make_record(architecture: Architecture = EFFICIENTNET_B0) -> dict[str, Any]:
    def measured(kind: str, mean: float | None, std: float | None) -> dict[str, float | None]:
        return {f"{kind}_mean": mean, f"{kind}_std": std}

    return {
        "architecture": architecture.to_dict(),
        "metrics": {"val_top1": 62.5, "val_top5": 84.25, "train_time": 3000.0},
        "model_info": {"macs": 409.6, "params": 5.288548},
        "platform_perf": {
            **{f"throughput_{device}": measured("throughput", 100.0 + i, 0.5) for i, device in enumerate(DEVICES)},
            "latency_zcu102": measured("latency", 9.5, None),
            "latency_vck190": measured("latency", None, None),
        },
    }


def pack(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return buffer.getvalue()


def write(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "own.tar.gz"
    path.write_bytes(pack({f"d/result_{i}.json": json.dumps(r).encode() for i, r in enumerate(records)}))
    return path


def test_published_dataset_is_as_described(dataset: Dataset) -> None:
    assert dataset.sha256 == module.SHA256
    np.testing.assert_array_equal(dataset.records, np.arange(5138))
    missing = {name: int(np.isnan(column).sum()) for name, column in dataset.metrics.items()}
    assert {name: n for name, n in missing.items() if n} == {
        "tpuv3/throughput": 44,
        "tpuv2/throughput": 37,
        "rtx3090/throughput": 3,
        **{f"{fpga}/{kind}": 2 for fpga in ("zcu102", "vck190") for kind in ("throughput", "latency")},
    }
    assert dataset.metrics["train_time"].max() == pytest.approx(31_079, abs=1)
    assert np.isnan(dataset.std["zcu102/latency"]).all()
    assert np.isfinite(dataset.std["a100/throughput"]).all()
    accuracy = dataset.metrics["accuracy"]
    assert 40 < accuracy.min() < accuracy.max() < 70
    assert (dataset.metrics["accuracy_top5"] > accuracy).all()


def test_unique_keeps_the_first_record(dataset: Dataset) -> None:
    unique = dataset.unique()
    assert len(unique) == len(np.unique(dataset.index)) == 5125
    assert (np.diff(unique.records) > 0).all()
    for record in sorted(set(dataset.records.tolist()) - set(unique.records.tolist())):
        same = dataset.records[dataset.index == dataset.index[record]]
        assert same[0] < record
        assert same[0] in unique.records


def test_default_split(dataset: Dataset) -> None:
    split = default_split()
    assert {part: len(records) for part, records in split.items()} == {"train": 4100, "val": 512, "test": 512}
    assert all(records.dtype == np.int64 for records in split.values())
    everything = dataset.select(np.concatenate(list(split.values())))
    assert len(everything.unique()) == len(everything) == 5124
    left_out = set(range(5138)) - set(everything.records.tolist())
    assert len(left_out) == 14
    assert 378 in left_out


def test_reads_values_and_units(tmp_path: Path) -> None:
    other = Architecture.from_index(7)
    data = load_dataset(write(tmp_path, make_record(), make_record(other), make_record()))
    assert len(data) == 3
    np.testing.assert_array_equal(data.index, [EFFICIENTNET_B0.index, 7, EFFICIENTNET_B0.index])
    np.testing.assert_array_equal(data.choices, SPACE.from_index(data.index))
    assert data.metrics["rtx3090/throughput"].tolist() == [105.0] * 3
    assert data.metrics["zcu102/latency"].tolist() == [9.5] * 3
    assert np.isnan(data.metrics["vck190/latency"]).all()
    assert np.isnan(data.std["zcu102/latency"]).all()
    assert data.std["tpuv2/throughput"].tolist() == [0.5] * 3
    assert data.dataset_macs.tolist() == [409_600_000] * 3
    assert data.params.tolist() == [5_288_548] * 3
    assert set(UNITS) == {*data.metrics, "dataset_macs", "params"}
    assert all(column.dtype == np.float64 for column in (*data.metrics.values(), *data.std.values()))
    assert data.unique().records.tolist() == [0, 1]


def test_reads_devices_of_ones_own(tmp_path: Path) -> None:
    first, second = make_record(), make_record(Architecture.from_index(7))
    first["platform_perf"]["throughput_my_board"] = {
        "throughput_mean": 11.0,
        "throughput_std": 1.0,
        "throughput_repeats": [10.0, 11.0, 12.0],
    }
    second["platform_perf"]["latency_my_board"] = {"latency_mean": 3.0, "latency_std": None}
    second["platform_perf"]["throughput_a100"]["throughput_repeats"] = [104.0]
    data = load_dataset(write(tmp_path, first, second))
    np.testing.assert_array_equal(data.metrics["my_board/throughput"], [11.0, np.nan])
    np.testing.assert_array_equal(data.std["my_board/throughput"], [1.0, np.nan])
    np.testing.assert_array_equal(data.metrics["my_board/latency"], [np.nan, 3.0])
    np.testing.assert_array_equal(data.repeats["my_board/throughput"], [[10.0, 11.0, 12.0], [np.nan] * 3])
    np.testing.assert_array_equal(data.repeats["a100/throughput"], [[np.nan], [104.0]])
    assert set(data.repeats) == {"my_board/throughput", "a100/throughput"}
    assert data.unique().repeats["a100/throughput"].shape == (2, 1)


def test_rows_are_ordered_by_record_number(tmp_path: Path) -> None:
    path = tmp_path / "own.tar.gz"
    text = json.dumps(make_record()).encode()
    path.write_bytes(pack({f"result_{n}.json": text for n in (10, 9, 100)}))
    assert load_dataset(path).records.tolist() == [9, 10, 100]


def test_select_keeps_the_order_and_rejects_strangers(tmp_path: Path) -> None:
    data = load_dataset(write(tmp_path, *(make_record(Architecture.from_index(i)) for i in range(4))))
    picked = data.select([3, 1])
    assert picked.records.tolist() == picked.index.tolist() == [3, 1]
    assert picked.select([1, 3, 1]).index.tolist() == [1, 3, 1]
    assert len(data.select([])) == 0
    with pytest.raises(ValueError, match="records must be in the dataset of 2 records, got 2"):
        picked.select([1, 2])
    with pytest.raises(ValueError, match="records must be integers"):
        data.select([True, False])


def test_to_pandas(tmp_path: Path) -> None:
    frame = load_dataset(write(tmp_path, make_record(), make_record())).to_pandas()
    assert frame.shape == (2, 28 + 11 + 8 + 2)
    assert frame.index.name == "record"
    assert frame.loc[1, "block5_l"] == 4
    assert frame.loc[1, "a100/throughput:std"] == 0.5
    assert frame.loc[1, "params"] == 5_288_548


def test_path_comes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, make_record())
    monkeypatch.setenv(module.VARIABLE, str(path))
    assert load_dataset().sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DatasetError, match=r"path must name a .tar.gz archive, got '.*absent', which is not a file"):
        load_dataset(tmp_path / "absent")
    monkeypatch.setenv(module.VARIABLE, str(tmp_path))
    with pytest.raises(DatasetError, match=f"environment variable {module.VARIABLE} must name"):
        load_dataset()


def test_checksum_is_checked_when_given(tmp_path: Path) -> None:
    path = write(tmp_path, make_record())
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_dataset(path, sha256=right.upper()).sha256 == right
    with pytest.raises(DatasetError, match=rf"own.tar.gz has the SHA-256 {right}, expected {'0' * 64}"):
        load_dataset(path, sha256="0" * 64)
    with pytest.raises(ValueError, match="sha256 must be 64 hexadecimal digits, got 'abc'"):
        load_dataset(path, sha256="abc")


@pytest.mark.parametrize("keep", [0, 1, 20, 400, -1, -9])
def test_truncated_archive(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path, make_record(), make_record(Architecture.from_index(99)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match="own.tar.gz is damaged or not a .tar.gz archive"):
        load_dataset(path)


@pytest.mark.parametrize(
    "content", [b"no archive at all", gzip.compress(b"no archive at all" * 100, mtime=0)], ids=["text", "gzipped text"]
)
def test_not_an_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="own.tar.gz is damaged or not a .tar.gz archive"):
        load_dataset(path)


GOOD = json.dumps(make_record()).encode()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "holds no record"),
        ({"d/notes.txt": b""}, "d/notes.txt: unexpected member"),
        ({"result_01.json": GOOD}, "result_01.json: unexpected member"),
        ({"a/result_1.json": GOOD, "b/result_1.json": GOOD}, "b/result_1.json: record 1 occurs twice"),
        ({"result_0.json": GOOD[:-5]}, "result_0.json: it is not JSON"),
        ({"result_0.json": b"\xff"}, "result_0.json: it must be text in UTF-8"),
        ({"result_0.json": b"[]"}, r"the record must be an object, got \[\]"),
        ({"result_0.json": GOOD[:-1] + b', "metrics": {}}'}, "a field occurs twice"),
    ],
)
def test_unexpected_members(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    path = tmp_path / "own.tar.gz"
    path.write_bytes(pack(members))
    with pytest.raises(DatasetError, match=message):
        load_dataset(path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "own.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        link = tarfile.TarInfo("result_0.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    with pytest.raises(DatasetError, match="the member 'result_0.json' is a link"):
        load_dataset(path)


def _set(*keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    return change


def _delete(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        del record[keys[-1]]

    return change


A100 = ("platform_perf", "throughput_a100")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("extra", value=1), r"the record has the unknown fields \['extra'\]"),
        (
            _set("metrics", "val_top10", value=1),
            r"metrics has the unknown fields \['val_top10'\], expected \['val_top1'",
        ),
        (_set("platform_perf", "latency_a100", value={}), r"platform_perf has the unknown fields \['latency_a100'\]"),
        (_set(*A100, "p99", value=1.0), r"platform_perf.throughput_a100 has the unknown fields \['p99'\]"),
        (_set("architecture", "block7_e", value=1), r"architecture is not in the search space.*\['block7_e'\]"),
        (_delete("model_info"), r"the record lacks the fields \['model_info'\]"),
        (_delete("metrics", "train_time"), r"metrics lacks the fields \['train_time'\]"),
        (_delete(*A100), r"platform_perf lacks the fields \['throughput_a100'\]"),
        (_delete(*A100, "throughput_std"), r"throughput_a100 lacks the fields \['throughput_std'\]"),
        (_delete("architecture", "block0_k"), r"architecture is not in the search space.*\['block0_k'\]"),
        (_set("metrics", "val_top1", value="62"), "metrics.val_top1 must be a number or null, got '62'"),
        (_set("metrics", "val_top1", value=True), "metrics.val_top1 must be a number or null, got True"),
        (
            _set("metrics", "val_top1", value=float("nan")),
            "metrics.val_top1 must be finite and of .*got nan",
        ),
        (_set(*A100, "throughput_mean", value=0), "throughput_a100.throughput_mean must be finite and positive, got 0"),
        (_set(*A100, "throughput_std", value=-1), "throughput_a100.throughput_std must be finite and not negative"),
        (_set("platform_perf", "latency_3090", value={}), r"platform_perf has the unknown fields \['latency_3090'\]"),
        (_set("platform_perf", "speed_mine", value={}), r"platform_perf has the unknown fields \['speed_mine'\]"),
        (_set("platform_perf", "latency_Mine", value={}), r"platform_perf has the unknown fields \['latency_Mine'\]"),
        (
            _set("platform_perf", "latency_mine", value={}),
            r"latency_mine lacks the fields \['latency_mean', ",
        ),
        (
            _set(*A100, "throughput_repeats", value=[]),
            r"throughput_repeats must be a list of numbers, .*got \[\]",
        ),
        (_set(*A100, "throughput_repeats", value=[1, None]), "throughput_repeats must be a list of numbers"),
        (_set(*A100, "throughput_repeats", value=[0]), "throughput_repeats must be finite and positive, got 0"),
        (_set(*A100, value=7), "platform_perf.throughput_a100 must be an object, got 7"),
        (_set("model_info", "macs", value=None), "model_info.macs must be a number, got null"),
        (_set("architecture", "block0_l", value=4), r"not in the search space: block0_l must be .*, got 4"),
        (_set("architecture", value=None), "architecture must be an object, got None"),
    ],
)
def test_bad_record(tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    bad = copy.deepcopy(make_record())
    change(bad)
    with pytest.raises(DatasetError, match=rf"own.tar.gz, d/result_1.json: .*{message}"):
        load_dataset(write(tmp_path, make_record(), bad))


class Server:
    """Serves one archive on this machine, and counts the requests."""

    def __init__(self) -> None:
        self.content, self.announced, self.requests = b"", 0, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                self.send_response(200)
                self.send_header("Content-Length", str(outer.announced))
                self.end_headers()
                self.wfile.write(outer.content)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/archive.tar.gz"

    def serve(self, content: bytes, announced: int | None = None) -> None:
        self.content, self.announced = content, len(content) if announced is None else announced


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A published archive of one record, an empty cache in ``tmp_path / "cache"``, and no variable set."""
    pooch = pytest.importorskip("pooch")
    server = Server()
    server.serve(pack({"result_0.json": GOOD}))
    monkeypatch.delenv(module.VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "URL", server.url)
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(server.content).hexdigest())
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache")
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def cached(tmp_path: Path) -> list[str]:
    return [path.name for path in tmp_path.glob("cache/*")]


def test_downloads_once(published: Server, tmp_path: Path) -> None:
    first, second = load_dataset(), load_dataset()
    assert first.sha256 == second.sha256 == module.SHA256
    assert published.requests == 1
    assert cached(tmp_path) == ["archive.tar.gz"]


def test_download_with_a_wrong_checksum_leaves_nothing(published: Server, tmp_path: Path) -> None:
    published.serve(pack({"result_0.json": GOOD + b" "}))
    with pytest.raises(DatasetError, match=rf"could not be downloaded from {published.url}.*{module.VARIABLE}"):
        load_dataset()
    assert cached(tmp_path) == []


def test_interrupted_download_leaves_nothing(published: Server, tmp_path: Path) -> None:
    whole = published.content
    published.serve(whole[:100], announced=len(whole))
    with pytest.raises(DatasetError, match="could not be downloaded"):
        load_dataset()
    assert cached(tmp_path) == []
    published.serve(whole)
    assert len(load_dataset()) == 1


def test_damaged_cache_is_replaced(published: Server, tmp_path: Path) -> None:
    load_dataset()
    (tmp_path / "cache" / "archive.tar.gz").write_bytes(b"damaged")
    assert len(load_dataset()) == 1
    assert published.requests == 2


def test_unreachable_server(published: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "URL", published.url.replace("http:", "nowhere:"))
    with pytest.raises(DatasetError, match="could not be downloaded"):
        load_dataset()
    assert cached(tmp_path) == []


def test_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(module.VARIABLE, raising=False)
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(ModuleNotFoundError, match=r"run: pip install 'anb_gym\[fit\]'"):
        load_dataset()
