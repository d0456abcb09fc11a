"""Configurations of proxy searches."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from synthetic_search import GRID, config

from anb_gym.construction.proxy_search.config import load_search, nominal_cost
from anb_gym.construction.schemes import load_scheme
from anb_gym.construction.trainer import Trainer


def test_the_paper_searches_a_grid_that_has_its_proxy() -> None:
    search = load_search("paper")
    schemes = search.schemes()
    assert load_scheme("proxy") in schemes
    assert search.architectures == 20
    assert search.held_out == 120
    assert len({str(scheme) for scheme in schemes}) == len(schemes)
    assert Trainer.from_dict(search.training).processes == 4


def test_schemes_come_cheapest_first_and_have_the_references_recipe() -> None:
    schemes = config().schemes()
    costs = [nominal_cost(scheme) for scheme in schemes]
    assert costs == sorted(costs)
    assert {scheme.recipe for scheme in schemes} == {load_scheme("reference").recipe}


def test_schemes_that_train_alike_are_searched_once() -> None:
    constant = config(grid={**GRID, "start_resolution": (64,), "finish_resolution": (64,)}).schemes()
    assert len(constant) == 6  # batch sizes and epochs; when nothing is resized does not matter


def test_what_a_file_holds_is_what_to_dict_gives(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    written = config(target_tau=0.9, limit_seconds=100.0)
    grid = {name: list(values) for name, values in GRID.items()}
    file.write_text(yaml.safe_dump({**written.to_dict(), "grid": grid}))
    assert load_search(file).schemes() == written.schemes()
    assert load_search(file).to_dict() == {**written.to_dict(), "grid": grid}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": 1}, "architectures must be an integer of at least 2, got 1"),
        ({"reference_seeds": 0}, "reference_seeds must be"),
        ({"wave": True}, "wave must be"),
        ({"held_out": 1}, "held_out must be 0 or at least 2"),
        ({"limit_seconds": -1.0}, "limit_seconds must be a positive number"),
        ({"limit_share": "1e-1"}, "limit_share must be a positive number"),
        ({"target_tau": 1.5}, "target_tau must be at most 1"),
        ({"target_seconds": 5}, "target_seconds needs target_tau"),
        ({"training": "digits"}, "training must be a mapping"),
        ({"grid": {**GRID, "epoch": [1]}}, "did you mean 'epochs'"),
        ({"grid": {"epochs": [8]}}, "batch_size in the grid must be a list of values, got None"),
        ({"grid": {**GRID, "epochs": []}}, "epochs in the grid must be a list"),
        ({"grid": {**GRID, "epochs": ["8"]}}, "epochs in the grid must have integers, got '8'"),
    ],
)
def test_bad_values_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_resolution": (16,)}, "start_resolution must be an integer of at least 32, got 16"),
        ({"finish_resolution": (32, 96)}, "finish_resolution 32 is part of no scheme"),
        ({"resize_start_epoch": (0, 40)}, "resize_start_epoch 40 is part of no scheme"),
        ({"epochs": (2, 8)}, "epochs 2 is part of no scheme.*must exceed 2"),
    ],
    ids=["low", "order", "epochs", "peak"],
)
def test_values_that_no_scheme_can_have_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(grid={**GRID, **changes}).schemes()


def test_files_that_hold_no_search_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="search must be one of 'digits', 'paper', got 'papers'; did you mean"):
        load_search("papers")
    with pytest.raises(FileNotFoundError):
        load_search(tmp_path / "missing.yaml")
    file = tmp_path / "search.yaml"
    for text, message in [
        ("architectures: 3", "a mapping with a grid"),
        ("grid: [", "search.yaml:1: "),
        ("grid: {}\nseeds: 3", "a key of the search must be one of"),
    ]:
        file.write_text(text)
        with pytest.raises(ValueError, match=message) as error:
            load_search(file)
        assert str(file) in str(error.value)


def test_training_has_known_keys_only() -> None:
    with pytest.raises(ValueError, match="a key of training must be one of .* did you mean 'threads'"):
        Trainer.from_dict({"thread": 2})
    with pytest.raises(ValueError, match="data must be one of 'digits', 'imagenet'"):
        Trainer.from_dict({"data": "cifar"})
    with pytest.raises(ValueError, match="processes must be an integer of at least 1, got 0"):
        Trainer.from_dict({"processes": 0})
