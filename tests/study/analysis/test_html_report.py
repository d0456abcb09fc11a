"""The report opens in a browser without a network, and its figures can be used."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from markupsafe import escape

from anb_gym.reports.html_report import render, write_report
from anb_gym.study.analysis.analyse import Analysis, analyse
from anb_gym.study.results import Results

SCALAR, VECTOR = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def report(results: Results, analysis: Analysis, tmp_path_factory: Any) -> Path:
    return write_report(results, tmp_path_factory.mktemp("report") / "report.html", analysis=analysis)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium: that which ``ANB_GYM_CHROMIUM`` names, or one on the path."""
    found = os.environ.get("ANB_GYM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no Chromium on the path, nor does ANB_GYM_CHROMIUM name one")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
    with playwright.sync_playwright() as tool:
        instance = tool.chromium.launch(executable_path=found, args=list(FLAGS))
        yield instance
        instance.close()


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The report in a browser; afterwards nothing may have gone wrong or gone to the network."""
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if request.url != report.as_uri() else None)
    page.goto(report.as_uri())
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .scatterlayer .trace').length > 0")
    yield page
    page.wait_for_timeout(200)
    assert problems == []
    page.close()


def shown(page: Any, figure: str) -> int:
    """How many traces a figure shows."""
    return int(page.locator(f"[id='{figure}'] .scatterlayer .trace").count())


def test_every_task_has_its_figures(page: Any) -> None:
    assert page.locator("h2[id]").all_inner_texts() == [VECTOR, SCALAR, "noisy", "The study"]
    for task in (SCALAR, VECTOR, "noisy"):
        assert shown(page, f"trajectory-{task}") == 4  # a line and a band for each controller
    assert shown(page, f"front-{VECTOR}") == 6  # a line and dots for each controller and the exact front
    assert page.locator(".js-plotly-plot").count() == 4
    assert page.locator(".modebar-btn[data-title*='Share']").count() == 0  # it would upload the figure
    # Every trace has ink.
    widths = page.evaluate(
        "() => [...document.querySelectorAll('.js-plotly-plot .scatterlayer .trace')].map(t => t.getBBox().width)"
    )
    assert min(widths) > 0


def test_a_click_in_the_legend_hides_a_controller_and_another_shows_it(page: Any) -> None:
    figure = f"front-{VECTOR}"
    toggle = page.locator(f"[id='{figure}'] .legendtoggle").nth(1)
    toggle.click()
    page.wait_for_function(f"() => document.querySelectorAll(\"[id='{figure}'] .scatterlayer .trace\").length === 4")
    visible = page.evaluate(f"() => document.getElementById('{figure}').data.map(t => [t.name, t.visible])")
    assert [name for name, state in visible if state == "legendonly"] == ["evolution", "evolution"]
    page.wait_for_timeout(500)  # two clicks at once would be a double click
    toggle.click()
    page.wait_for_function(f"() => document.querySelectorAll(\"[id='{figure}'] .scatterlayer .trace\").length === 6")


def test_hovering_over_the_front_names_the_architecture(page: Any, analysis: Analysis) -> None:
    figure = page.locator(f"[id='front-{VECTOR}']")
    figure.scroll_into_view_if_needed()
    figure.locator(".scatterlayer .trace .points path").last.hover(force=True)
    label = figure.locator(".hoverlayer .hovertext")
    label.first.wait_for()
    assert re.search(r"e\dk\dl\ds\d(-e\dk\dl\ds\d){6}", label.first.text_content() or "")


def test_a_button_changes_the_clock(page: Any) -> None:
    figure = f"trajectory-{SCALAR}"
    page.locator(f"[id='{figure}'] .updatemenu-button", has_text="simulated GPU-hours").click()
    page.wait_for_function(f"() => document.querySelector(\"[id='{figure}'] .xtitle\").textContent.includes('hours')")
    last = page.evaluate(f"() => document.getElementById('{figure}').data[1].x.at(-1)")
    assert last > 60  # hours of 60 evaluations, each more than one


def test_the_report_is_one_file_that_names_nothing_outside(report: Path) -> None:
    text = re.sub(r"<script>.*?</script>", "", report.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=['\"](?!data:)", text)
    assert "http" not in text
    assert [file.name for file in report.parent.iterdir()] == ["report.html"]


def test_tables_configuration_versions_and_failures_are_there(results: Results, analysis: Analysis) -> None:
    text = render(results, analysis)
    row = analysis.summary.query(
        "task == @SCALAR and measure == 'regret' and judge == 'xgb' and controller == 'random' and evaluations == 60"
    )
    assert f"{row['median'].item():.3g} <small>[{row['q25'].item():.3g}, {row['q75'].item():.3g}]</small>" in text
    assert escape('"evaluations": 60') in text
    assert escape(f'"numpy": "{results.versions["numpy"]}"') in text
    assert "&lt;b&gt;broken&lt;/b&gt;" in text
    assert "<b>broken</b>" not in text
    assert "2 controllers, 3 tasks, 24 runs, 1,440 evaluations" in text


def test_names_cannot_break_the_page(results: Results, table: Any) -> None:
    rows = table[(table["task"] == VECTOR) & (table["seed"] < 2)].astype({"controller": str})
    odd = rows.assign(controller=rows["controller"].replace("random", "</script><script>alert(1)"))
    odd = odd.sort_values(["controller", "seed", "evaluation"], kind="stable").astype({"controller": "category"})
    text = render(Results(odd, results.description), analyse(odd, results.tasks))
    assert "</script><script>alert(1)" not in text


def test_names_that_look_alike_do_not_share_ids(results: Results, table: Any) -> None:
    names = ("a+b", "a-b", "a b", "a/b", "study", "trajectory-a-b")
    rows = table[(table["task"] == SCALAR) & (table["seed"] == 0)]
    odd = pd.concat([rows.assign(task=name) for name in names], ignore_index=True)
    tasks = dict.fromkeys(names, results.tasks[SCALAR])
    text = render(Results(odd, results.description), analyse(odd, tasks))
    ids = re.findall(r'<(?:h2|div) id="([^"]*)"', text)
    assert len(ids) == len(set(ids)) == 2 * len(names) + 1
