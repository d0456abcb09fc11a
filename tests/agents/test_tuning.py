"""The search of settings keeps its trials, goes on from its table, and writes the file of the agent."""

import csv
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from loading import load_script

for package in ("torch", "stable_baselines3", "sb3_contrib", "optuna"):
    pytest.importorskip(package)

SEARCH = """
problems:
  - {id: AccelNAS-CPU-v0, evaluations: 16}
  - {id: AccelNAS-CPU-Preference-v0, evaluations: 24}
seeds: [1]
trials: 2
confirmation: {trials: 2, seeds: [2], problems: [{id: AccelNAS-CPU-v0, evaluations: 32}]}
agents:
  a2c:
    fixed: {policy: MlpPolicy, env_kwargs: {granularity: network}, gamma: 1.0, n_steps: 1, n_envs: 8}
    start: {learning_rate: 0.002, schedule: linear, network: {policy_kwargs: {net_arch: [8]}}}
    search:
      learning_rate: {low: 0.001, high: 0.01, log: true}
      schedule: [constant, linear]
      network: [{policy_kwargs: {net_arch: [8]}}, {policy_kwargs: {net_arch: [4]}}]
"""


@pytest.fixture
def tuning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_script("tune_agents")
    monkeypatch.setattr(module, "CONFIGS", tmp_path)
    (tmp_path / "search.yaml").write_text(SEARCH)
    (tmp_path / "a2c.yaml").write_text("default: {gamma: 0.5}\n\n# Kept.\nAccelNAS-A100-v0: {gamma: 0.7}\n")
    return module


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results" / "a2c.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_searches_confirms_and_goes_on(tuning: ModuleType, tmp_path: Path) -> None:
    folders = ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "kept")]
    tuning.main(["a2c", *folders])
    first = _rows(tmp_path)
    assert [row["state"] for row in first] == ["complete", "complete"]
    assert first[0]["learning_rate"] == "0.002"
    assert first[0]["evaluations"] == "40"
    assert all(row["again"] for row in first)
    text = (tmp_path / "a2c.yaml").read_text()
    assert "2 trials, 144 evaluations on AccelNAS-CPU-v0 and AccelNAS-CPU-Preference-v0" in text
    content = yaml.safe_load(text)
    assert content["AccelNAS-A100-v0"] == {"gamma": 0.7}
    assert content["default"]["gamma"] == 1.0
    assert content["default"]["policy_kwargs"]["net_arch"] in ([8], [4])
    # What Optuna kept is lost: the table is enough.
    tuning.main(["a2c", "--results", folders[1], "--out", str(tmp_path / "new"), "--trials", "3"])
    rows = _rows(tmp_path)
    assert len(rows) == 3
    assert [row["again"] for row in rows[:2]] == [row["again"] for row in first]
    columns = ("scores", "learning_rate", "schedule", "network")
    assert [[row[name] for name in columns] for row in rows[:2]] == [[row[name] for name in columns] for row in first]
