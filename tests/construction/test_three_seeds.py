"""The table of trainings under both schemes: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anb_gym.construction.dataset import VARIABLE as DATASET_VARIABLE
from anb_gym.construction.dataset import DatasetError
from anb_gym.construction.three_seeds import (
    FILE_NAME,
    SCHEMES,
    VARIABLE,
    ThreeSeeds,
    find_three_seeds,
    load_three_seeds,
)
from anb_gym.space import SPACE, Architecture

HEAD = "index,architecture,scheme,seed,val_top1,val_top5,train_time"


def line(index: int, scheme: str, seed: int, accuracy: str = "60.5", time: str = "1200.0") -> str:
    return f"{index},{Architecture.from_index(index)},{scheme},{seed},{accuracy},80.0,{time}"


def lines(indices: tuple[int, ...] = (5, 3), seeds: tuple[int, ...] = (1, 2)) -> list[str]:
    return [HEAD, *(line(i, scheme, seed) for i in indices for scheme in SCHEMES for seed in seeds)]


def written(folder: Path, text: list[str]) -> Path:
    path = folder / FILE_NAME
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


def test_rows_are_architectures_in_the_order_of_their_index(tmp_path: Path) -> None:
    text = lines()
    text[1] = line(5, "proxy", 1, accuracy="61.25")
    data = load_three_seeds(written(tmp_path, text))
    assert data.index.tolist() == [3, 5]
    assert len(data) == 2
    np.testing.assert_array_equal(data.states, SPACE.index_to_states(np.array([3, 5])))
    assert data.labels["proxy"]["accuracy"].tolist() == [[60.5, 60.5], [61.25, 60.5]]
    assert data.labels["reference"]["train_time"].shape == (2, 2)


@pytest.mark.parametrize(
    ("number", "text", "message"),
    [
        (1, line(5, "full", 1), "line 2: scheme must be one of"),
        (1, line(5, "proxy", 1, accuracy="nan"), "line 2: val_top1 must be a positive number, got 'nan'"),
        (1, line(5, "proxy", 1, time="-1"), "line 2: train_time must be a positive number"),
        (1, line(5, "proxy", 1, time="abc"), "line 2: could not convert string to float: 'abc'"),
        (1, line(5, "proxy", 2), "line 3: seed 2 of .* occurs twice under proxy"),
        (1, line(6, "proxy", 1), "seed 1 of index 5 is missing under proxy"),
        (1, line(5, "proxy", 1).replace("5,e", "6,e", 1), "line 2: index must be 5, .* got 6"),
        (0, HEAD.replace("val_top1", "top1"), "line 2: it lacks the column 'val_top1'"),
        (1, "5,e9", "line 2: it lacks the column 'scheme'"),
    ],
)
def test_a_bad_table_is_one_line(number: int, text: str, message: str, tmp_path: Path) -> None:
    rows = lines()
    rows[number] = text
    path = written(tmp_path, rows)
    with pytest.raises(DatasetError, match=f"{path} is not a table of trainings: {message}"):
        load_three_seeds(path)


def test_one_seed_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"two seeds at least under proxy, got \[1\]"):
        load_three_seeds(written(tmp_path, lines(seeds=(1,))))


def test_the_file_is_found_by_name_then_variable_then_beside_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(DATASET_VARIABLE, raising=False)
    assert find_three_seeds() is None
    with pytest.raises(DatasetError, match=f"there is no {FILE_NAME}"):
        load_three_seeds()
    beside, other = tmp_path / "beside", tmp_path / "other"
    for folder in (beside, other):
        folder.mkdir()
        written(folder, lines())
    monkeypatch.setenv(DATASET_VARIABLE, str(beside / "archive.tar.gz"))
    assert find_three_seeds() == beside / FILE_NAME
    monkeypatch.setenv(VARIABLE, str(other / FILE_NAME))
    assert find_three_seeds() == other / FILE_NAME
    assert find_three_seeds(beside / FILE_NAME) == beside / FILE_NAME
    with pytest.raises(DatasetError, match="path must name a three_seeds.csv"):
        load_three_seeds(tmp_path / "missing.csv")


def test_the_published_trainings(three_seeds: ThreeSeeds) -> None:
    assert len(three_seeds) == 78
    assert {v.shape for labels in three_seeds.labels.values() for v in labels.values()} == {(78, 3)}
    reference = three_seeds.labels["reference"]["accuracy"]
    assert np.sqrt(reference.var(axis=1, ddof=1).mean()) == pytest.approx(0.1726, abs=1e-4)
