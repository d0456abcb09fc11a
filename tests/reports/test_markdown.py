"""Every table of Markdown comes from one writer."""

import re
from pathlib import Path

from anb_gym import front_report
from anb_gym.reports import fronts
from anb_gym.reports.markdown import table

ROOT = Path(__file__).parents[2]


def test_numbers_are_aligned_to_the_right_and_text_is_not() -> None:
    assert table(["a", "b"], [["x", "1"]]) == ["| a | b |", "| :-- | --: |", "| x | 1 |"]
    assert table(["a", "b"], [["x", "1"]], numbers=False)[1] == "| --- | --- |"


def test_cells_stay_in_their_place() -> None:
    assert table(["a"], [["one|two\nthree"]])[2] == r"| one\|two three |"


def test_nothing_else_writes_tables() -> None:
    rule = re.compile(r'"(\| ?)?(---|:--|--:)')
    files = [*(ROOT / "anb_gym").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    assert [file.name for file in files if rule.search(file.read_text(encoding="utf-8"))] == ["markdown.py"]


def test_the_earlier_name_of_the_report_on_fronts_stays() -> None:
    assert front_report.write_report is fronts.write_report
