"""The report opens in a browser without a network, is small, and its figures can be used."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from page_blocks import unpacked, without_blocks

from anb_gym.pareto.fronts import front, staircase
from anb_gym.reports.html_report import render, write_report
from anb_gym.reports.plots import FLOOR
from anb_gym.space import SPACE, Architecture
from anb_gym.study.analysis.analyse import Analysis, analyse
from anb_gym.study.analysis.anytime import Curves, quartiles
from anb_gym.study.analysis.attained import Attained, attained
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
    page.wait_for_function(
        "() => [...document.querySelectorAll('.figure')].every(figure => figure.querySelector('.scatterlayer .trace'))"
    )
    yield page
    page.wait_for_timeout(200)
    assert problems == []
    page.close()


def shown(page: Any, figure: str) -> int:
    """How many traces a figure shows."""
    return int(page.locator(f"[id='{figure}'] .scatterlayer .trace").count())


def drawn(page: Any, figure: str) -> list[dict[str, Any]]:
    """The traces of a figure as plotly has them."""
    result: list[dict[str, Any]] = page.evaluate(
        "id => document.getElementById(id).data.map(({name, x, y, customdata}) => ({name, x, y, customdata}))", figure
    )
    return result


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


def test_curves_are_the_quartiles_of_the_runs(page: Any, analysis: Analysis) -> None:
    for name, task in analysis.tasks.items():
        traces = drawn(page, f"trajectory-{name}")
        for (controller, curves), band, line in zip(
            task.curves[task.main].items(), traces[::2], traces[1::2], strict=True
        ):
            assert controller == band["name"] == line["name"]
            assert line["x"] == sorted({*range(1, 20), *line["x"], 60})  # all that are few, and the last
            low, median, high = np.maximum(quartiles(curves.at_evaluations(line["x"])), FLOOR)
            np.testing.assert_allclose(line["y"], median, rtol=5.1e-4)
            # Out along the steps of the upper quartile and back along those of the lower.
            steps = np.repeat(line["x"], 2)[1:]
            assert band["x"] == [*steps, *steps[::-1]]
            outline = [*np.repeat(high, 2)[:-1], *np.repeat(low, 2)[:-1][::-1]]
            np.testing.assert_allclose(band["y"], outline, rtol=5.1e-4)


def test_fronts_are_those_of_the_runs(page: Any, analysis: Analysis) -> None:
    task = analysis.tasks[VECTOR]
    traces = drawn(page, f"front-{VECTOR}")
    found = attained(task.table, task.judge)
    exact = task.judge.problem.front
    rows = front(exact.objectives, ("max", "max"))
    dots = [(exact.objectives[rows], exact.indices[rows]), *((each.points, each.members) for each in found.values())]
    assert [trace["name"] for trace in traces[1::2]] == ["exact front", *found]
    for trace, (points, members) in zip(traces[1::2], dots, strict=True):
        np.testing.assert_allclose(np.transpose([trace["y"], trace["x"]]), points, rtol=5.1e-4)
        assert trace["customdata"] == [str(Architecture.from_index(int(index))) for index in members]
    lines = [exact.objectives[rows], *(each.surfaces[1] for each in found.values())]
    extents = np.ptp(np.vstack(lines), axis=0)
    for trace, points in zip(traces[::2], lines, strict=True):
        kept = np.transpose([trace["y"], trace["x"]])
        np.testing.assert_allclose(kept[[0, -1]], points[[0, -1]], rtol=5.1e-4)
        # A point that is left out lies within a thousandth of the figure of one that is drawn.
        distances = np.abs(points[:, None] - kept) / extents
        assert distances.max(axis=2).min(axis=1).max() < 1.3e-3


def test_lines_of_fronts_are_staircases(page: Any, analysis: Analysis) -> None:
    """Plotly's steps turn where :func:`anb_gym.pareto.fronts.staircase` does."""
    shapes = page.evaluate(
        "id => document.getElementById(id).data.map(trace => trace.line && trace.line.shape)", f"front-{VECTOR}"
    )
    line = drawn(page, f"front-{VECTOR}")[0]
    corners = staircase(np.transpose([line["y"], line["x"]]), ("max", "max"))
    # "hv": first horizontal, to the next x at the same y.
    assert shapes[::2] == ["hv"] * 3
    np.testing.assert_array_equal(corners[1::2], np.transpose([line["y"][:-1], line["x"][1:]]))


def test_without_decompression_a_line_stands_in_place_of_each_figure(browser: Any, report: Path) -> None:
    problems: list[str] = []
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(report.as_uri())
    lines = page.locator(".figure").all_inner_texts()
    assert len(lines) == 4
    assert all("needs JavaScript and DecompressionStream" in line for line in lines)
    assert page.locator(".figure").first.bounding_box()["height"] < 60
    assert page.locator("table").first.is_visible()
    assert problems == []
    page.close()


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
    whole = report.read_text(encoding="utf-8")
    text = without_blocks(whole) + unpacked(whole, "figures")
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
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in unpacked(text, "figures")


def test_names_that_look_alike_do_not_share_ids(results: Results, table: Any) -> None:
    names = ("a+b", "a-b", "a b", "a/b", "study", "trajectory-a-b")
    rows = table[(table["task"] == SCALAR) & (table["seed"] == 0)]
    odd = pd.concat([rows.assign(task=name) for name in names], ignore_index=True)
    tasks = dict.fromkeys(names, results.tasks[SCALAR])
    text = render(Results(odd, results.description), analyse(odd, tasks))
    ids = re.findall(r'<(?:h2|div class="figure") id="([^"]*)"', text)
    assert len(ids) == len(set(ids)) == 2 * len(names) + 1


def test_a_page_of_the_size_of_the_leaderboard_has_at_most_three_megabytes(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    """36 tasks, of which eight have fronts, and values at random, which hardly pack."""
    rng = np.random.default_rng(0)

    def random_curves(rows: Any, _: Any, looks: list[Any]) -> list[dict[str, Curves]]:
        return [one_look(rows) for _ in looks]

    def one_look(rows: Any) -> dict[str, Curves]:
        result = {}
        for name in rows["controller"].unique():
            falls, hours = rng.exponential(size=(2, 5, 1000)).cumsum(axis=2) * rng.uniform(0.5, 2)
            values = np.exp(-falls / np.arange(1, 1001) ** 0.9)
            result[name] = Curves(np.arange(5, dtype=np.uint64), values, hours)
        return result

    def random_fronts(rows: Any, _: Any) -> dict[str, Attained]:
        return {name: random_front() for name in rows["controller"].unique()}

    def random_front(size: int = 2500, dots: int = 150) -> Attained:
        angles = np.sort(rng.uniform(0, np.pi / 2, size))
        points = np.stack([40 + 30 * np.sin(angles), 3000 * rng.uniform(0.5, 1) * np.cos(angles)], axis=1)
        shown = np.sort(rng.choice(size, dots, replace=False))
        return Attained([points] * 3, rng.integers(SPACE.size, size=dots), points[shown])

    monkeypatch.setattr("anb_gym.study.analysis.analyse.all_curves", random_curves)
    monkeypatch.setattr("anb_gym.reports.interactive.attained", random_fronts)
    controllers = {
        SCALAR: [f"scalar_controller_{i}" for i in range(5)],
        VECTOR: [f"vector_search_{i}" for i in range(6)],
    }
    rows = [(task, name, 1000) for task, names in controllers.items() for name in names]
    table = pd.DataFrame(rows, columns=["task", "controller", "evaluation"])
    two = analyse(table, results.tasks)
    kinds = {f"AccelNAS-Accelerator-{i}": VECTOR if i < 8 else SCALAR for i in range(36)}
    tasks = {
        name: replace(
            two.tasks[kind],
            name=name,
            curves={**two.tasks[kind].curves, two.tasks[kind].main: one_look(two.tasks[kind].table)},
        )
        for name, kind in kinds.items()
    }
    summary, pairwise = (
        pd.concat([frame[frame["task"] == kind].assign(task=name) for name, kind in kinds.items()])
        for frame in (two.summary, two.pairwise)
    )
    text = render(Results(table, results.description), replace(two, tasks=tasks, summary=summary, pairwise=pairwise))
    assert text.count('class="figure"') == 44
    assert len(text.encode()) <= 3_000_000
