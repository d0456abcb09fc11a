"""What the README's tables say is true; what it shows is run by tests/documents."""

import re
from pathlib import Path

from anb_gym.benchmark import PREDICTED
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.report import report
from anb_gym.surrogates.store import ARTEFACTS
from anb_gym.tasks import TASKS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


def test_the_citation_is_that_of_the_citation_file() -> None:
    cited = re.sub(r"[{}]", "", README.partition("```bibtex")[2].partition("```")[0])
    file = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for field in ("title", "booktitle", "year"):
        value = re.search(rf"{field} += (.+?),?$", cited, re.MULTILINE)
        assert value
        assert value[1] in file
    authors = re.findall(r"given-names: (\w+)\n\s+family-names: (\w+)", file)
    assert f"author    = {' and '.join(f'{family}, {given}' for given, family in authors)}," in cited
