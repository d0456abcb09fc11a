"""The demo end to end, with a budget of one update."""

import csv
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from loading import load_script

from anb_gym import EFFICIENTNET_B0, Architecture, Benchmark

for extra in ("torch", "stable_baselines3", "matplotlib", "moocore"):
    pytest.importorskip(extra)

FILES = ["evaluations.csv", "pareto.png", "summary.json"]
EVALUATIONS = 64


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    return load_script("demo")


def _run(demo: ModuleType, folder: Path, seed: int = 5) -> None:
    demo.main(["--output", str(folder), "--evaluations", str(EVALUATIONS), "--seed", str(seed)])


@pytest.fixture(scope="module")
def results(demo: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    _run(demo, folder)
    return folder


def _records(folder: Path) -> list[dict[str, str]]:
    with (folder / "evaluations.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_files(results: Path) -> None:
    assert sorted(path.name for path in results.iterdir()) == FILES
    assert (results / "pareto.png").read_bytes().startswith(b"\x89PNG")


def test_all_evaluations_are_recorded(results: Path) -> None:
    records = _records(results)
    assert [(row["search"], int(row["evaluation"])) for row in records] == [
        *((search, i + 1) for search in ("random search", "PPO agent", "policy gradient") for i in range(EVALUATIONS)),
        ("EfficientNet-B0", 1),
    ]
    index = np.array([int(row["index"]) for row in records])
    for name, values in Benchmark().query(index, ["accuracy", "vck190/throughput"]).items():
        np.testing.assert_allclose([float(row[name]) for row in records], values, atol=1e-5)
    assert all(Architecture.parse(row["architecture"]).index == int(row["index"]) for row in records)


def test_summary_is_the_best_of_each(results: Path) -> None:
    summary = json.loads((results / "summary.json").read_text())
    assert (summary["environment"], summary["evaluations"], summary["seed"]) == ("AccelNAS-VCK190-v0", EVALUATIONS, 5)
    records = _records(results)
    found = summary["results"]
    assert [row["name"] for row in found] == [
        "random search, best",
        "PPO agent, best",
        "policy gradient, best",
        "EfficientNet-B0",
    ]
    for row, search in zip(found[:3], ("random search", "PPO agent", "policy gradient"), strict=True):
        rewards = {r["architecture"]: float(r["reward"]) for r in records if r["search"] == search}
        assert row["reward"] == pytest.approx(max(rewards.values()), abs=1e-6)
        assert rewards[row["architecture"]] == max(rewards.values())
    assert found[3]["architecture"] == str(EFFICIENTNET_B0)
    assert max(row["reward"] for row in found) <= 1.0
    assert summary["artefacts"] == {m: Benchmark().load(m).checksum for m in ("accuracy", "vck190/throughput")}
    assert {"anb_gym", "torch"} < set(summary["versions"])


def test_same_seed_same_files_and_a_table(
    demo: ModuleType, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(demo, tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (results / name).read_bytes(), name
    printed = capsys.readouterr().out
    summary = json.loads((tmp_path / "summary.json").read_text())
    for row in summary["results"]:
        (line,) = [line for line in printed.splitlines() if line.startswith(row["name"])]
        assert line.endswith(row["architecture"])
        assert f"{row['metrics']['accuracy']:.2f}" in line
        assert f"{row['metrics']['vck190/throughput']:,.2f}" in line
        assert f"{row['reward']:.4f}" in line


def test_another_seed_replaces_the_files(demo: ModuleType, results: Path, tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_text("old")
    _run(demo, tmp_path, seed=6)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    assert (tmp_path / "evaluations.csv").read_bytes() != (results / "evaluations.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--evaluations", "1"], "--evaluations must be at least "),
        (["--evaluations", "0"], "--evaluations must be an integer of at least 1, got 0"),
        (["--seed", "-1"], "--seed must not be negative, got -1"),
        (["--output", __file__], f"--output must be a folder, got {__file__}: File exists"),
        (["--output", f"{__file__}/demo"], f"--output must be a folder, got {__file__}/demo: Not a directory"),
        (["--seed", "x"], "argument --seed: invalid int value"),
    ],
)
def test_bad_arguments(
    demo: ModuleType, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        demo.main(arguments)
    assert message in capsys.readouterr().err


def test_arguments_reach_the_demo_from_the_shell_script() -> None:
    script = (Path(__file__).parents[2] / "scripts" / "demo.sh").read_text()
    assert 'exec .venv/bin/python scripts/demo.py "$@"' in script


def test_rewards_are_those_of_the_environment(demo: ModuleType, results: Path) -> None:
    records: list[dict[str, Any]] = [row for row in _records(results) if row["search"] == "PPO agent"]
    scored = demo.evaluate(np.array([int(row["index"]) for row in records]))
    np.testing.assert_allclose([float(row["reward"]) for row in records], scored.reward, atol=2e-6)
