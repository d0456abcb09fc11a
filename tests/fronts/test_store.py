"""Files of fronts: what is damaged, old or missing is said clearly, and one command makes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.fronts import FrontError, NoFrontError, load_front
from anb_gym.fronts.store import SHIPPED, front_path, read_front, save_front
from anb_gym.surrogates.links import Identity
from anb_gym.surrogates.store import FAMILIES, Surrogate
from anb_gym.surrogates.tables import BlockTables

solving = pytest.importorskip("anb_gym.fronts.solving")
METRIC = "vck190/throughput"
FAMILY = FAMILIES[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that stands for the shipped one, with one front in it."""
    save_front(Benchmark().front(METRIC), tmp_path)
    monkeypatch.setattr("anb_gym.fronts.store.SHIPPED", tmp_path)
    load_front.cache_clear()
    yield tmp_path
    load_front.cache_clear()


def test_a_front_survives_its_file(folder: Path) -> None:
    front, again = read_front(front_path(FAMILY, METRIC)), load_front(FAMILY, METRIC)
    assert again.result == front.result
    assert again.smallest == front.smallest
    assert (again.metrics, again.surrogate, again.artefacts) == (front.metrics, FAMILY, front.artefacts)


def test_damaged_files(folder: Path) -> None:
    path = front_path(FAMILY, METRIC, folder)
    whole = path.read_text()
    index = str(Benchmark().front(METRIC).indices[3])
    for text, message in {
        whole[: len(whole) // 2]: "it is not JSON",
        whole.replace(index, str(int(index) + 1)): "is damaged: its content does not have the SHA-256",
        "[]": "must be an object, got \\[\\]",
        whole.replace('"schema": 1', '"schema": 99', 1): "has schema 99, this version of anb_gym reads schema 1",
        "": "it is not JSON",
    }.items():
        path.write_text(text)
        load_front.cache_clear()
        with pytest.raises(FrontError, match=message) as error:
            Benchmark().front(METRIC)
        assert str(path) in str(error.value)
        assert not isinstance(error.value, NoFrontError)


def test_a_missing_front_names_the_command(folder: Path) -> None:
    command = f"run: anb-gym solve --surrogate {FAMILY} --metrics a100/throughput"
    with pytest.raises(NoFrontError, match=command):
        Benchmark().front("a100/throughput")


def test_a_front_of_other_surrogates_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anb_gym.fronts.store.artefact_checksums", lambda *_: {"accuracy": "0" * 64})
    with pytest.raises(NoFrontError, match="is of other surrogates than those loaded; run: anb-gym solve"):
        Benchmark().front(METRIC)


def test_solve_on_demand(folder: Path) -> None:
    with pytest.raises(NoFrontError):
        Benchmark().front("accuracy")
    front = Benchmark().front("accuracy", solve=True)
    front.verify()
    assert front.objectives.shape == (len(front), 1)
    shipped = read_front(front_path(FAMILY, "accuracy", SHIPPED)).result
    assert front.result.indices.tolist() == shipped.indices.tolist()
    # Tables read on another kernel of BLAS differ by rounding, and so does their checksum.
    assert front.result.value == pytest.approx(shipped.value, abs=shipped.certificate.resolution[0])
    assert front.certificate.covered == shipped.certificate.covered


def test_solve_all_makes_what_is_not_there(tmp_path: Path) -> None:
    arguments = {"folder": tmp_path, "workers": 1}
    ((front, path),) = solving.solve_all(FAMILY, ["accuracy"], **arguments)
    assert path == front_path(FAMILY, "accuracy", tmp_path)
    assert list(path.parent.iterdir()) == [path]
    ((again, made),) = solving.solve_all(FAMILY, ["accuracy"], **arguments)
    assert made is None
    assert again.result == front.result
    path.write_text("damaged")
    ((_, made),) = solving.solve_all(FAMILY, ["accuracy"], **arguments)
    assert made == path


def test_fronts_of_the_user_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As those that ship, and checked like them; what ships goes first."""
    home = tmp_path / "home"
    monkeypatch.setenv("ANB_GYM_HOME", str(home))
    with pytest.raises(NoFrontError):
        load_front(FAMILY, "accuracy")
    ((front, path),) = solving.solve_all(FAMILY, ["accuracy"], workers=1)
    assert path == home / "fronts" / FAMILY / "accuracy.json"
    assert load_front(FAMILY, "accuracy").result == front.result
    assert [made for _, made in solving.solve_all(FAMILY, ["accuracy", METRIC])] == [None, None]
    path.write_text(path.read_text().replace(next(iter(front.artefacts.values())), "0" * 64))
    load_front.cache_clear()
    with pytest.raises(FrontError, match=f"{path}: it is damaged"):
        load_front(FAMILY, "accuracy")
    (home / "fronts" / FAMILY / "vck190-throughput.json").write_text("never read")
    assert load_front(FAMILY, METRIC).metrics[-1] == METRIC


def test_a_metric_that_is_not_positive_everywhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reciprocal of zero would make a throughput without bound."""
    values = np.concatenate([np.arange(n, dtype=np.float64) for n in SPACE.block_sizes])
    values[0] = -7.0
    surrogate = Surrogate(BlockTables(1, values), BlockTables.from_terms({}), Identity())
    monkeypatch.setattr("anb_gym.fronts.solving.load_shipped", lambda *_: surrogate)
    with pytest.raises(ValueError, match=r"must be positive, their sum is -7.0 at index 0"):
        solving.solve.__wrapped__(FAMILY, "zcu102/throughput", workers=1)


@pytest.mark.parametrize("fidelity", ["refrence", None, ["proxy"], 7])
def test_unknown_fidelities(fidelity: Any) -> None:
    with pytest.raises(ValueError, match=r"^fidelity must be one of 'proxy', 'reference', got "):
        Benchmark().front("tpuv3", fidelity=fidelity)


def test_the_front_of_reference_accuracy_is_one_of_that_fidelity() -> None:
    with pytest.raises(ValueError, match=r"^metric must be 'accuracy', with fidelity='reference', got"):
        Benchmark().front("accuracy/reference")


def test_the_front_of_the_version_before_is_not_called_foreign(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anb_gym.fronts.store.artefact_checksums", lambda *_: {})
    with pytest.raises(NoFrontError, match=r"^there is no front of 'vck190/throughput' for the surrogate 'gp-v1'; run"):
        load_front("gp-v1", METRIC)
