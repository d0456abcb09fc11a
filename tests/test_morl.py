"""Three algorithms of morl-baselines train, in the environment that scripts/morl/setup_venv.sh makes."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-morl" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-morl: bash scripts/morl/setup_venv.sh makes it")


def _train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), str(ROOT / "scripts" / "morl" / "train.py"), *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )


def test_three_algorithms_train_and_find_a_front(tmp_path: Path) -> None:
    finished = _train(tmp_path, "--granularity", "block", "--episodes", "40")
    assert finished.returncode == 0, finished.stderr
    _, *rows = finished.stdout.splitlines()
    assert [row[:14].strip() for row in rows] == ["random search", "PCN", "Envelope", "GPI-LS"]
    for row in rows:
        evaluated, *shares = (float(cell.replace(",", "")) for cell in row[14:].split()[:-1])
        assert evaluated >= 40
        assert len(shares) == (1 if row.startswith("random") else 2)
        assert all(0.0 < share < 1.0 for share in shares)
    assert list(tmp_path.iterdir()) == []  # nothing is logged or saved


def test_bad_arguments(tmp_path: Path) -> None:
    finished = _train(tmp_path, "--episodes", "9")
    assert finished.returncode == 2
    assert "--episodes must be at least 10, got 9" in finished.stderr
