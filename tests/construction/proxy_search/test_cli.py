"""The command ``anb-gym proxy-search``."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from synthetic_search import GRID, Synthetic

from anb_gym.cli import main
from anb_gym.construction import executors
from anb_gym.construction.trainer import Trainer

CONFIG = {
    "grid": {name: list(values) for name, values in GRID.items()},
    "architectures": 5,
    "reference_seeds": 2,
    "held_out": 3,
    "executor": {"kind": "dask", "workers": 3, "address": "tcp://nowhere:1"},
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Trainer, "from_dict", lambda values: Synthetic())
    path = tmp_path / "search.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    return path


def test_a_search_prints_the_winner_and_writes_the_report(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = file.parent / "out"
    assert main(["proxy-search", str(file), "--out", str(folder), "--executor", "local", "--workers", "1"]) == 0
    result = json.loads((folder / "result.json").read_text())
    printed = capsys.readouterr().out
    assert f"{result['search']['tau']:.3f}, 95% interval" in printed
    for words in ("the winner", "noise ceiling", "time ratio", "3 held-out architectures"):
        assert words in printed
    for name in ("result.json", "scatter.png", "scatter.svg"):
        assert f"wrote {folder / name}" in printed
        assert (folder / name).stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], CONFIG["executor"]),
        (["--workers", "7"], {"kind": "dask", "workers": 7, "address": "tcp://nowhere:1"}),
        (["--executor", "local"], {"kind": "local", "workers": 3}),
        (["--executor", "mpi", "--workers", "8"], {"kind": "mpi", "workers": 8}),
    ],
    ids=["file", "workers", "kind", "both"],
)
def test_arguments_take_precedence_over_the_files_executor(
    arguments: list[str],
    expected: dict[str, Any],
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(**options: Any) -> None:
        raise ValueError(f"asked for {sorted(options.items())}")

    monkeypatch.setattr(executors, "open_executor", refuse)
    assert main(["proxy-search", str(file), "--out", str(file.parent), *arguments]) == 1
    assert capsys.readouterr().err == f"anb-gym: asked for {sorted(expected.items())}\n"


def test_a_file_that_holds_no_search_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy-search", "digit", "--out", str(tmp_path)]) == 1
    assert "did you mean 'digits'?" in capsys.readouterr().err
