"""Names from elsewhere are shown as they are: nothing in them is taken for markup, mathematics or a line's end."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from page_blocks import unpacked, without_blocks

from anb_gym.reports.html_report import render
from anb_gym.reports.leaderboard import page
from anb_gym.reports.markdown import code, line, plain
from anb_gym.reports.pictures import write_pictures
from anb_gym.study.analysis.analyse import Analysis, analyse
from anb_gym.study.results import Results

SCALAR, VECTOR = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0"
NAMES = ("a|b", "`x` | ``y``", "<b>bold</b>", "two\n# lines", "[a](http://x)", "$\\frac$", "\x1b[31mred", "*a*_b_")


@pytest.fixture(scope="module")
def odd(results: Results, table: Any) -> tuple[Results, Analysis]:
    """A study whose controllers and tasks have such names."""
    rows = table[(table["seed"] < 2) & (table["controller"] == "random") & (table["task"] != "noisy")]
    parts = [rows[rows["task"] == SCALAR].assign(controller=name, task=task) for task in NAMES for name in NAMES]
    parts += [rows[rows["task"] == VECTOR].assign(controller=name, task="v$\\x") for name in NAMES]
    found = pd.concat(parts, ignore_index=True)
    tasks = {**dict.fromkeys(NAMES, results.tasks[SCALAR]), "v$\\x": results.tasks[VECTOR]}
    runs = found.groupby(["task", "controller", "seed"], observed=True).size().reset_index(name="evaluations")
    description = {**results.description, "study": "`|<", "tasks": tasks, "runs": runs.to_dict("records")}
    return Results(found, description), analyse(found, tasks)


def test_markdown(odd: tuple[Results, Analysis]) -> None:
    lines = page(*odd)
    assert all(text == "" or text.isprintable() for text in lines)
    heads = [text for text in lines if text.startswith("#") and not text.startswith("###")]
    assert heads == ["# Leaderboard", "## Regret", "## Hypervolume regret"]
    columns = []
    for text in lines:
        if text.startswith("|"):
            columns.append(len(re.findall(r"(?<!\\)\|", text)))
            assert not re.search(r"(?<!\\)<", re.sub(r"(`+).*?\1(?!`)", "", text))
        elif columns:
            assert len(set(columns)) == 1
            columns = []


@pytest.mark.parametrize(
    ("name", "as_code", "as_text"),
    [
        ("nsga2", "`nsga2`", "nsga2"),
        ("AccelNAS-VCK190-v0", "`AccelNAS-VCK190-v0`", "AccelNAS-VCK190-v0"),
        ("a`b", "``a`b``", r"a\`b"),
        ("`a``", "``` `a`` ```", r"\`a\`\`"),
        ("a\nb\x07", r"`a b\x07`", r"a b\\x07"),
        ("<a>", "`<a>`", r"\<a\>"),
        ("[a](b)", "`[a](b)`", r"\[a\](b)"),
    ],
)
def test_names_in_markdown(name: str, as_code: str, as_text: str) -> None:
    assert (code(name), plain(name)) == (as_code, as_text)
    assert line([code("a|b"), "c"]) == r"| `a\|b` | c |"


def test_the_report(odd: tuple[Results, Analysis]) -> None:
    text = render(*odd)
    assert "<b>" not in without_blocks(text)
    figures = json.loads(unpacked(text, "figures"))["figures"].values()
    drawn = {entry["name"] for figure in figures for entry in figure.get("curves", []) + figure.get("fronts", [])}
    assert {"&lt;b&gt;bold&lt;/b&gt;", "two # lines"} < drawn
    assert not any("<" in name for name in drawn)


def test_pictures(odd: tuple[Results, Analysis], tmp_path: Path, monkeypatch: Any) -> None:
    texts: set[str] = set()

    def draw(figure: Any, path: Path) -> list[Path]:
        figure.canvas.draw()
        texts.update(text.get_text() for legend in figure.legends for text in legend.get_texts())
        return [path]

    monkeypatch.setattr("anb_gym.reports.pictures.save_figure", draw)
    write_pictures(odd[1], tmp_path)
    assert {"\\$\\frac\\$", "two # lines", r"\x1b[31mred"} < texts
