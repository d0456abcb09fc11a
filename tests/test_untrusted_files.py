"""Every reader meets the same bad files, and answers each with the one error that it documents and the file's name."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import bad_files
import numpy as np
import pytest

from anb_gym import Architecture, calibration, devices
from anb_gym.exact.checkpoint import Checkpoint
from anb_gym.exact.solver import Subproblem
from anb_gym.fronts import store as fronts
from anb_gym.space import SPACE
from anb_gym.surrogates import store
from anb_gym.surrogates.labels import read_labels

#: What reading may take beyond what the process has already; the largest limit of a reader is some hundred MiB.
_MEMORY = 2**30
#: Processor seconds that a reader may take for a file of a few kilobytes; far more than it needs.
_SECONDS = 5.0


@dataclass(frozen=True)
class Reader:
    """A file that something reads.

    Attributes:
        path: The file, a good one.
        read: Reads it.
        error: What it documents.
        kind: The catalogue of what can be wrong with the content.
        optional: Whether a file that is missing is an ordinary case.
        sealed: Makes a checksum fit again, if there is one.
    """

    path: Path
    read: Callable[[], Any]
    error: type[Exception]
    kind: str
    optional: bool = False
    sealed: Callable[[Any], Any] = lambda content: content


def surrogate(folder: Path, kind: str = "npz") -> Reader:
    path = folder / "metric.npz"
    for suffix in (".npz", ".json"):
        shipped = store.artefact_path(store.ARTEFACTS, "lgb", "accuracy").with_suffix(suffix)
        path.with_suffix(suffix).write_bytes(shipped.read_bytes())

    def seal(data: bytes) -> bytes:
        manifest = json.loads(path.with_suffix(".json").read_text())
        manifest["sha256"] = hashlib.sha256(data).hexdigest()
        path.with_suffix(".json").write_text(json.dumps(manifest))
        return data

    if kind == "json":
        return Reader(path.with_suffix(".json"), lambda: store.load(path), store.ArtefactError, "json")
    return Reader(path, lambda: store.load(path), store.ArtefactError, "npz", sealed=seal)


def manifest(folder: Path) -> Reader:
    return surrogate(folder, "json")


def front(folder: Path) -> Reader:
    path = fronts.save_front(fronts.load_front("gp", "zcu102/latency"), folder)

    def seal(content: Any) -> Any:
        if not isinstance(content, dict) or "sha256" not in content:
            return content
        rest = {name: value for name, value in content.items() if name != "sha256"}
        return {**rest, "sha256": hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()}

    return Reader(path, lambda: fronts.read_front(path), fronts.FrontError, "json", sealed=seal)


def search(folder: Path) -> Reader:
    path, key = folder / "search.npz", {"tables": ["0"], "fixed": []}
    whole = [np.ones(n, dtype=np.bool_) for n in SPACE.block_sizes]
    Checkpoint(key, np.zeros((1, 2)), np.arange(3), [Subproblem(0, 1, whole)], 1, 2).save(path)
    return Reader(path, lambda: Checkpoint.load(path, key), ValueError, "npz")


def scales(folder: Path) -> Reader:
    path = folder / "tasks.json"
    path.write_bytes(calibration.own_file().read_bytes())

    def read() -> Any:
        calibration.read_records.cache_clear()
        return calibration.read_records(path)

    return Reader(path, read, calibration.CalibrationError, "json", optional=True)


def labels(folder: Path) -> Reader:
    path = folder / "labels.json"
    path.write_bytes((store.ARTEFACTS / "labels.json").read_bytes())

    def read() -> Any:
        read_labels.cache_clear()
        return read_labels(path)

    return Reader(path, read, store.ArtefactError, "json", optional=True)


def device(folder: Path) -> Reader:
    path = folder / "device.json"
    content = json.loads((devices.SHIPPED / "cpu" / "device.json").read_text())
    path.write_text(json.dumps({**content, "name": "toy", "label": "Toy"}))
    return Reader(path, lambda: devices.read_device(folder), devices.DeviceError, "json")


def record() -> dict[str, Any]:
    module = import_module("anb_gym.construction.collection.records")
    new: dict[str, Any] = module.new_record(Architecture.from_index(5))
    return module.with_training(module.with_repeat(new, "toy/latency", 2.0), 60.0, 80.0, 900.0)


def dataset(folder: Path) -> Reader:
    module = import_module("anb_gym.construction.dataset")
    path = folder / "measurements.tar.gz"
    path.write_bytes(bad_files.tar({"result_0.json": json.dumps(record()).encode()}))
    return Reader(path, lambda: module.load_dataset(path), module.DatasetError, "tar")


def collection(folder: Path, file: str = "manifest.json") -> Reader:
    module = import_module("anb_gym.construction.collection.folder")
    errors = import_module("anb_gym.construction.record_format")
    content = {"kind": "device", "seed": 1, "n": 2, "passes": 1, "metrics": ["toy/latency"], "protocol": {}}
    opened = module.Collection.begin(folder, content)
    if file == "manifest.json":
        return Reader(folder / file, lambda: module.Collection(folder), module.CollectionError, "json")
    if file == "failure":
        opened.fail(0, RuntimeError("broken"))
        (path,) = (folder / "failures").iterdir()
        return Reader(path, lambda: opened.failure(0), module.CollectionError, "json", optional=True)
    opened.write(0, {**record(), "architecture": opened.architectures[0].to_dict()})
    return Reader(opened.record_path(0), lambda: opened.record(0), errors.DatasetError, "json", optional=True)


def collected_record(folder: Path) -> Reader:
    return collection(folder, "record")


def failure(folder: Path) -> Reader:
    return collection(folder, "failure")


def scheme(folder: Path) -> Reader:
    module = import_module("anb_gym.construction.schemes")
    path = folder / "scheme.yaml"
    path.write_bytes((module._shipped() / "proxy.yaml").read_bytes())
    return Reader(path, lambda: module.load_scheme(path), ValueError, "yaml", optional=True)


def proxy_search(folder: Path) -> Reader:
    module = import_module("anb_gym.construction.proxy_search.config")
    path = folder / "search.yaml"
    shipped = Path(str(import_module("anb_gym.configs").__path__[0])) / "proxy_searches" / "digits.yaml"
    path.write_bytes(shipped.read_bytes())
    return Reader(path, lambda: module.load_search(path), ValueError, "yaml", optional=True)


def hyperparameters(folder: Path) -> Reader:
    module = import_module("anb_gym.construction.families.config")
    path: Path = module.save_config(module.load_config("xgb"), folder)
    return Reader(path, lambda: module.load_config("xgb", folder), ValueError, "yaml", optional=True)


def training(folder: Path, file: str = "result") -> Reader:
    torch = pytest.importorskip("torch")
    module = import_module("anb_gym.construction.checkpoint")
    made = module.TrainingFolder(folder, {"seed": 1})
    made.write_result({"accuracy": 60.0})
    made.write_checkpoint({"weights": torch.zeros(3)})

    def read() -> Any:
        data = made.read_checkpoint()
        return None if data is None else made.decode(data)

    if file == "checkpoint":
        return Reader(made.checkpoint, read, ValueError, "zip", optional=True)
    return Reader(made.result, made.read_result, ValueError, "json", optional=True)


def trained(folder: Path) -> Reader:
    return training(folder, "checkpoint")


def unit(folder: Path) -> Reader:
    module = import_module("anb_gym.construction.proxy_search.records")
    schemes = import_module("anb_gym.construction.schemes")
    what = import_module("anb_gym.construction.units").Unit(5, schemes.load_scheme("proxy"), 0)
    path: Path = module.record_path(folder, what)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**module._identity(what, {}), "accuracy": 60.0, "seconds": 3.0}))
    return Reader(path, lambda: module.read_record(folder, what, {}), ValueError, "json", optional=True)


def results(folder: Path) -> Reader:
    module = import_module("anb_gym.study.results")
    path = folder / "results.parquet"
    description = {field: kind() for field, kind in module.FIELDS.items()}
    empty = module.SCHEMA.empty_table()
    path.write_bytes(module.encode([empty], description))
    return Reader(path, lambda: module.Results.load(path), module.ResultsError, "parquet", optional=True)


def excerpt(folder: Path) -> Reader:
    module, excerpts = import_module("anb_gym.study.results"), import_module("anb_gym.study.excerpts")
    path = folder / "runs.parquet"
    task = {**{field: kind() for field, kind in module.TASK.items()}, "id": "AccelNAS-Accuracy-v0"}
    description = {field: kind() for field, kind in module.FIELDS.items() if field != "runs"}
    description |= {"tasks": {"a": task}, "excerpt": {}}
    row = {"task": ["a"], "controller": ["b"], "seed": [0], "evaluation": [1], "index": [5], "hours": [0.5]}
    row |= {key: [None] for key in ("fidelity", "told", "reward", "seconds")}
    path.write_bytes(module.encode([module.pa.table(row, schema=module.SCHEMA)], description))
    return Reader(path, lambda: excerpts.load_results(path), module.ResultsError, "parquet", optional=True)


def study_folder(folder: Path) -> Reader:
    module = import_module("anb_gym.study.fragments")
    description = {"study": "small", "seeds": [1, 2]}
    made = module.Folder(folder)
    made.claim(description)
    return Reader(folder / "study.json", lambda: made.claim(description), ValueError, "json", optional=True)


def study_file(folder: Path) -> Reader:
    module = import_module("anb_gym.study.study_file")
    path = folder / "study.yaml"
    toys = Path(__file__).parent / "study" / "toy_controllers.py"
    path.write_text(
        f"name: small\nseeds: 2\nevaluations: 30\ncontrollers: ['{toys}:Toy']\ntasks: [AccelNAS-VCK190-v0]\n"
    )
    errors = import_module("anb_gym.study.yaml_nodes")
    return Reader(path, lambda: module.load_study(path, {}), errors.ConfigError, "yaml", optional=True)


def submission(folder: Path) -> Reader:
    module = import_module("anb_gym.study.submission")
    path = folder / "submission.json"
    run = {
        "task": {"id": "AccelNAS-VCK190-v0", "noise": False},
        "seed": 0,
        "evaluations": [1, 2],
        "claims": {"reward": [0.1, 0.2], "metrics": {"accuracy": [60.0, 61.0]}, "regret": {"1": 0.5}},
    }
    path.write_text(json.dumps({"schema": 1, "controller": "mine", "runs": [run]}))
    return Reader(path, lambda: module.load_submission(path), module.SubmissionError, "json", optional=True)


CORE = [surrogate, manifest, front, search, scales, labels, device]
READERS = [
    *CORE,
    dataset,
    collection,
    collected_record,
    failure,
    scheme,
    proxy_search,
    hyperparameters,
    training,
    trained,
    unit,
    results,
    excerpt,
    study_folder,
    study_file,
    submission,
]


@pytest.fixture(params=READERS, ids=lambda make: make.__name__)
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reader]:
    """A reader of a good file; reading may take limited memory."""
    reader: Reader = request.param(tmp_path)
    assert reader.read() is not None or reader.path.name == "study.json"
    gc.collect()
    with open("/proc/self/statm") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + _MEMORY, hard))
    yield reader
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def refused(reader: Reader, what: str, *, always: bool = True) -> None:
    """Checks that a reader refuses its file with its own error in one line; not always if it may be good enough."""
    start, caught = time.process_time(), None
    try:
        reader.read()
    except Exception as error:
        caught = error
    assert time.process_time() - start < _SECONDS, what
    if caught is None:
        assert not always or (reader.optional and what == "missing"), f"{what} was read as if it were good"
        return
    if isinstance(caught, FileNotFoundError):
        assert reader.optional, what
        assert not reader.path.is_file(), what
        return
    message = str(caught)
    assert type(caught) is reader.error, f"{what}: {caught!r}"
    # Of files that belong together, the message may name the other.
    assert str(reader.path.parent) in message, what
    assert reader.path.stem.partition(".")[0] in message, what
    assert message.isprintable(), f"{what}: {message!r}"
    assert len(message) < 1000, what


def test_places(reader: Reader) -> None:
    """Whatever the path is, it is refused and not waited for."""
    for what, place in bad_files.PLACES.items():
        reader.path.unlink(missing_ok=True)
        place(reader.path)
        refused(reader, what)
        reader.path.rmdir() if reader.path.is_dir() and not reader.path.is_symlink() else reader.path.unlink(True)


def contents(reader: Reader) -> Iterator[tuple[str, bytes]]:
    good = reader.path.read_bytes()
    if reader.kind == "json":
        yield from bad_files.JSONS.items()
    elif reader.kind == "yaml":
        yield from bad_files.YAMLS.items()
    elif reader.kind == "tar":
        yield from bad_files.bad_archives("result_0.json", json.dumps(record()).encode()).items()
    elif reader.kind == "npz":
        with np.load(reader.path) as arrays:
            yield from bad_files.bad_arrays(dict(arrays)).items()
    if reader.kind in ("zip", "parquet"):
        yield "not of its format", b"PK"
        yield "cut short", good[: len(good) // 2]
        yield "its ends", good[:100] + good[-100:]
        yield "another format", bad_files.tar({"file": b""})


def test_contents(reader: Reader) -> None:
    """Whatever the content is, it is refused in bounded time and memory."""
    for what, data in contents(reader):
        reader.path.write_bytes(reader.sealed(data) if reader.kind == "npz" else data)
        refused(reader, what)


def test_fields(reader: Reader) -> None:
    """Fields that are missing, null or of another type are refused, or do not matter; nothing else happens."""
    if reader.kind != "json":
        pytest.skip("not of fields")
    found = bad_files.mutations(json.loads(reader.path.read_text()))
    assert len(found) > 5
    # Neighbours in the list are changes of the same field; files of many fields alike are sampled.
    for what, content in found[:: 1 + len(found) // 400]:
        reader.path.write_text(json.dumps(reader.sealed(content)))
        refused(reader, what, always=False)


def test_numbers_of_runs_do_not_explode(tmp_path: Path) -> None:
    module = import_module("anb_gym.study.study_file")
    path = study_file(tmp_path).path
    good = path.read_text()
    for seeds in ("2147483647", "1000000000000", "100001"):
        path.write_text(good.replace("seeds: 2", f"seeds: {seeds}"))
        with pytest.raises(ValueError, match=r"study.yaml:2: .*must be an integer in 1..100000, got"):
            module.load_study(path, {})
    names = ", ".join(f"{{name: t{i}, id: AccelNAS-VCK190-v0}}" for i in range(11))
    path.write_text(good.replace("seeds: 2", "seeds: 100000").replace("[AccelNAS-VCK190-v0]", f"[{names}]"))
    with pytest.raises(ValueError, match=r"study.yaml:2: controllers x tasks x seeds must be at most 1,000,000"):
        module.load_study(path, {})


def test_grids_and_epochs_do_not_explode(tmp_path: Path) -> None:
    config = import_module("anb_gym.construction.proxy_search.config")
    schemes = import_module("anb_gym.construction.schemes")
    reader = proxy_search(tmp_path)
    good = reader.path.read_text()
    grid = "\n".join(f"  {name}: {list(range(1, 101))}" for name in config.GRID)
    text = good[: good.index("grid:")] + f"grid:\n{grid}\n"
    reader.path.write_text(text)
    with pytest.raises(ValueError, match=r"the grid must have at most 1,000,000 combinations"):
        reader.read()
    reader = scheme(tmp_path)
    reader.path.write_text(reader.path.read_text().replace("epochs: 16", "epochs: 1000000000000"))
    with pytest.raises(ValueError, match=r"epochs must be at most 100,000, got 1000000000000"):
        schemes.load_scheme(reader.path)


def test_a_table_of_many_columns_or_repeats_does_not_explode(tmp_path: Path) -> None:
    reader = dataset(tmp_path)
    many = record()
    measurement = {"latency_mean": 1.0, "latency_std": None}
    many["platform_perf"] |= {f"latency_d{i}": measurement for i in range(1001)}
    reader.path.write_bytes(bad_files.tar({"result_0.json": json.dumps(many).encode()}))
    with pytest.raises(reader.error, match=r"records must have at most 1000 metrics together"):
        reader.read()
    many = record()
    many["platform_perf"]["latency_toy"]["latency_repeats"] = [1.0] * 1001
    reader.path.write_bytes(bad_files.tar({"result_0.json": json.dumps(many).encode()}))
    with pytest.raises(reader.error, match=r"latency_repeats must be a list of numbers, 1,000 at most"):
        reader.read()


def test_a_parquet_bomb(tmp_path: Path) -> None:
    """A few kilobytes that stand for more rows than any study has."""
    pa, pq = pytest.importorskip("pyarrow"), import_module("pyarrow.parquet")
    module = import_module("anb_gym.study.results")
    reader = results(tmp_path)
    text = "x" * 10_000_000
    columns = {name: pa.nulls(4, module.SCHEMA.field(name).type) for name in module.SCHEMA.names}
    columns["task"] = pa.DictionaryArray.from_arrays(np.zeros(4, dtype=np.int32), [text])
    schema = module.SCHEMA.with_metadata(pq.read_schema(reader.path).metadata)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer, compression="zstd")
    assert len(buffer.getvalue()) < 100_000
    reader.path.write_bytes(buffer.getvalue())
    with pytest.raises(module.ResultsError, match=r"4 rows in .* bytes are more than results can have"):
        reader.read()
