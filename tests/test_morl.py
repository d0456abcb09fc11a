"""Three algorithms of morl-baselines train, in the environment that scripts/morl/setup_venv.sh makes."""

import os
import subprocess
from pathlib import Path

import pytest

from anb_gym.agents.policies import load_results

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-morl" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-morl: bash scripts/morl/setup_venv.sh makes it")


def _run(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), str(ROOT / "scripts" / "morl" / script), *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )


def test_three_algorithms_train_and_are_scored_and_kept(tmp_path: Path) -> None:
    command = ("train.py", tmp_path, "--evaluations", "40", "--out", "results.json")
    finished = _run(*command)
    assert finished.returncode == 0, finished.stderr
    runs = load_results(tmp_path / "results.json")["runs"]
    assert [run["agent"] for run in runs] == ["pcn", "envelope", "gpi_ls"]
    for run in runs:
        (score,) = run["scores"]
        assert (score["task"], score["greedy"], score["reward"]) == ("VCK190", True, None)
        assert 0.0 < score["coverage"] < 1.0
        assert 10 < run["unique"] <= 40
        assert score["designs"] == 1001 or (run["agent"] == "pcn" and 1 <= score["designs"] <= 40)
    assert _run(*command).stdout == finished.stdout  # with the seconds of the first time: nothing is trained again
    assert load_results(tmp_path / "results.json")["runs"] == runs
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]  # nothing else is logged or saved
    finished = _run(*command, "--granularity", "choice")
    assert finished.returncode == 2
    assert "--out must have no run with other settings, results.json has, such as pcn" in finished.stderr


def test_a_search_goes_on(tmp_path: Path) -> None:
    command = ("tune.py", tmp_path, "pcn", "--evaluations", "40", "--results", ".", "--trials")
    assert _run(*command, "1").returncode == 0
    first = (tmp_path / "pcn.csv").read_text(encoding="utf-8").splitlines()
    assert _run(*command, "2").returncode == 0
    rows = (tmp_path / "pcn.csv").read_text(encoding="utf-8").splitlines()
    assert rows[:2] == first
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--evaluations", "9"], "--evaluations must be at least 20, got 9"),
        (["--ids", "AccelNAS-CPU-v0"], "--ids must have a vector reward of two metrics, such as AccelNAS-CPU-MO-v0"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: list[str], message: str) -> None:
    finished = _run("train.py", tmp_path, *arguments)
    assert finished.returncode == 2
    assert message in finished.stderr
