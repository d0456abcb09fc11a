"""What the README shows works and is true."""

import re
from pathlib import Path

import pytest

from anb_gym.benchmark import PREDICTED
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.report import report
from anb_gym.surrogates.store import ARTEFACTS
from anb_gym.tasks import TASKS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=["query and loop", "front", "Stable-Baselines3", "controller"])
def test_examples_run(block: str) -> None:
    for extra in re.findall(r"^(?:import|from) (torch|stable_baselines3)", block, flags=re.MULTILINE):
        pytest.importorskip(extra)
    exec(block.replace("5_120 * 28", "64 * 28"), {})


def test_the_table_has_every_task() -> None:
    expected = []
    for task in TASKS.values():
        unit = PREDICTED[task.metrics[-1]]
        expected.append((task.id, task.kind, f"{task.target:,g} {unit}" if task.target else ""))
    rows = [
        [cell.strip(" `") for cell in row.split("|")[1:-1]]
        for row in re.findall(r"^\| `Accel.*$", README.partition("Other forms")[0], re.MULTILINE)
    ]
    assert [(row[0], row[2]) for row in rows] == [(task_id, target) for task_id, _, target in expected]
    assert all(kind in row[1] for row, (_, kind, _) in zip(rows, expected, strict=True))


def test_scores_are_those_of_the_shipped_surrogates(dataset: Dataset) -> None:
    section = README.partition("<!-- surrogates:begin -->")[2].partition("<!-- surrogates:end -->")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) > len(PREDICTED)
    assert set(rows) <= set(report(ARTEFACTS, dataset).splitlines())


def test_files_that_it_names_exist() -> None:
    local = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert "docs/images/demo.png" in local
    assert [link for link in local + re.findall(r"scripts/\w+\.sh", README) if not (ROOT / link).is_file()] == []
