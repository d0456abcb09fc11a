"""Surrogates on disk: round trip, damage, interrupted writes; no pickle anywhere."""

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from anb_gym.space import SPACE
from anb_gym.surrogates import store
from anb_gym.surrogates.links import Reciprocal
from anb_gym.surrogates.store import ArtefactError, Surrogate, load, load_shipped, save
from anb_gym.surrogates.tables import BlockTables, layout


def make_surrogate(order: int = 2, seed: int = 0) -> Surrogate:
    rng = np.random.default_rng(seed)
    mean, log_std = (BlockTables(o, rng.standard_normal(layout(o).size)) for o in (order, 1))
    return Surrogate(mean, log_std, Reciprocal(), {"metric": "tpuv3/throughput", "seed": seed})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "new" / "folder" / "metric.npz"
    save(make_surrogate(), path)
    return path


@pytest.mark.parametrize("order", [1, 2])
def test_round_trip(tmp_path: Path, order: int) -> None:
    surrogate = make_surrogate(order)
    save(surrogate, tmp_path / "metric.npz")
    restored = load(tmp_path / "metric.npz")
    np.testing.assert_array_equal(restored.mean.values, surrogate.mean.values)
    np.testing.assert_allclose(restored.log_std.values, surrogate.log_std.values, rtol=1e-6)
    assert restored.link == surrogate.link
    assert surrogate.manifest.items() <= restored.manifest.items()
    assert restored.checksum == hashlib.sha256((tmp_path / "metric.npz").read_bytes()).hexdigest()


def test_round_trip_of_triples(tmp_path: Path) -> None:
    """Triples of low rank, as surrogates have them, come back to the file's tolerance."""
    rng = np.random.default_rng(0)
    waves = [np.stack([np.sin((k + 1) * np.arange(size) / size) for k in range(4)]) for size in SPACE.block_sizes]
    terms = {
        blocks: np.einsum("abc,ax,by,cz", rng.standard_normal((4, 4, 4)), *(waves[b] for b in blocks), optimize=True)
        for blocks in layout(3).blocks
    }
    mean = BlockTables.from_terms(terms)
    log_std = make_surrogate().log_std
    save(Surrogate(mean, log_std, Reciprocal()), tmp_path / "metric.npz")
    states = SPACE.to_states(SPACE.sample(2000, rng))
    restored = load(tmp_path / "metric.npz").mean(states)
    assert np.abs(restored - mean(states)).max() < 1e-5 * mean(states).std()


def test_saving_is_deterministic(path: Path, tmp_path: Path) -> None:
    save(make_surrogate(), tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_std_goes_through_the_link() -> None:
    surrogate = make_surrogate(order=1)
    states = SPACE.to_states(SPACE.sample(100, np.random.default_rng(0)))
    score, deviation = surrogate.mean(states), np.exp(surrogate.log_std(states))
    np.testing.assert_allclose(surrogate.std(states), deviation / score**2, rtol=1e-12)


@pytest.mark.parametrize("where", [0, 100, -1])
def test_a_flipped_byte_is_damage(path: Path, where: int) -> None:
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtefactError, match=r"metric.npz is damaged: its SHA-256 is \w{64}, its manifest says \w{64}"):
        load(path)


def test_a_truncated_file_is_damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ArtefactError, match="metric.npz is damaged"):
        load(path)


@pytest.mark.parametrize("text", ["", "{", "\udcff", "null x"])
def test_a_damaged_manifest(path: Path, text: str) -> None:
    path.with_suffix(".json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ArtefactError, match="metric.json: "):
        load(path)


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_a_missing_file(path: Path, suffix: str) -> None:
    path.with_suffix(suffix).unlink()
    with pytest.raises(ArtefactError, match=rf"metric\{suffix}: No such file or directory"):
        load(path)


@pytest.mark.parametrize("schema", [0, store.SCHEMA + 1, None, "1"])
def test_another_schema(path: Path, schema: object) -> None:
    rewrite(path, schema=schema)
    with pytest.raises(ArtefactError, match=f"has schema {schema!r}, this version of anb_gym reads schema"):
        load(path)


def test_a_manifest_of_another_kind(path: Path) -> None:
    path.with_suffix(".json").write_text("[]")
    with pytest.raises(ArtefactError, match="metric.json: it must be an object, got \\[\\]"):
        load(path)


@pytest.mark.parametrize("link", [{"name": "cubic"}, {"name": "identity", "x": 1}, [], None])
def test_an_unknown_link(path: Path, link: object) -> None:
    rewrite(path, link=link)
    with pytest.raises(ArtefactError, match="metric.npz does not hold a surrogate of schema"):
        load(path)


def test_arrays_of_another_content(path: Path) -> None:
    for arrays in ({}, {"mean_1": np.zeros(264)}, {"mean_tables_2": np.zeros(3), "log_std_tables_1": np.zeros(264)}):
        replace_data(path, to_npz(arrays))
        with pytest.raises(ArtefactError, match="metric.npz does not hold a surrogate of schema"):
            load(path)


def test_not_an_archive(path: Path) -> None:
    replace_data(path, b"not a zip file")
    with pytest.raises(ArtefactError, match="metric.npz does not hold a surrogate of schema"):
        load(path)


class Bomb:
    """Its unpickling would be noticed."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return os.putenv, ("ANB_GYM_BOMB", "exploded")


@pytest.mark.parametrize("form", ["member", "file"])
def test_loading_never_unpickles(path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with a checksum that fits."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    data = pickle.dumps(Bomb())
    if form == "member":
        data = to_npz({name: np.array([Bomb()], dtype=object) for name in ("mean_tables_1", "log_std_tables_1")})
    replace_data(path, data)
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    with pytest.raises(ArtefactError, match="metric.npz does not hold a surrogate of schema"):
        load(path)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_files(path: Path, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(path.parent)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="No space left"):
        save(make_surrogate(seed=1), path)
    assert contents(path.parent) == before


PREDICT = """
import sys
import numpy as np
from anb_gym.space import SPACE
from anb_gym.surrogates.store import load_shipped
states = SPACE.to_states(SPACE.sample(5000, np.random.default_rng(3)))
names = ("gp", "accuracy"), ("gp", "vck190/latency"), ("xgb", "a100/throughput")
surrogates = [load_shipped(*name) for name in names]
np.save(sys.argv[1], [values for s in surrogates for values in (s.predict(states), s.std(states))])
"""


def test_predictions_across_kernels_of_blas(tmp_path: Path) -> None:
    """What the page promises; where BLAS is not OpenBLAS the variables do nothing and all are the same."""
    values = []
    for kernel, threads in (("Prescott", "2"), (None, "1"), (None, "1"), (None, "2")):
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
        environment |= {"OPENBLAS_NUM_THREADS": threads} | ({"OPENBLAS_CORETYPE": kernel} if kernel else {})
        file = tmp_path / f"{len(values)}.npy"
        subprocess.run([sys.executable, "-c", PREDICT, str(file)], env=environment, check=True)
        values.append(np.load(file))
    for other in values:
        np.testing.assert_allclose(other, values[1], rtol=store.ACROSS_KERNELS, atol=0.0)
    np.testing.assert_array_equal(values[1], values[2])


def test_unknown_family() -> None:
    with pytest.raises(ValueError, match="surrogate must be one of 'gp', .*, got 'xgbb'; did you mean 'xgb'"):
        load_shipped("xgbb", "accuracy")


def rewrite(path: Path, **changes: object) -> None:
    manifest = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**manifest, **changes}))


def replace_data(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    rewrite(path, sha256=hashlib.sha256(data).hexdigest())


def to_npz(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
