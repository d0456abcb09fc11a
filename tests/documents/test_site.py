"""The documentation site: it builds without a warning, has every public name, and asks no server for anything."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from loading import load_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once for all processes that run tests."""
    pytest.importorskip("material", reason="the extra docs is not installed")
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):  # a process of pytest-xdist: the folder above is common to all
        shared = shared.parent
    out = shared / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    with FileLock(shared / "site.lock"):
        if not (out / "index.html").exists():
            run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
            assert run.returncode == 0, run.stderr[-3000:]
    return out


def test_it_has_every_public_name(site: Path) -> None:
    pages = load_script("site_pages")
    owners = pages._owners()
    assert len(owners) > 150
    texts = {name: (site / "api" / f"{name}.html").read_text(encoding="utf-8") for name in pages.MODULES}
    missing = [home for home, name in owners.items() if f'id="{home}"' not in texts[name]]
    assert missing == []
    modules = {f"anb_gym.{path.stem}" for path in (ROOT / "anb_gym").iterdir() if path.suffix == ".py" or path.is_dir()}
    private = {m for m in modules if m.startswith("anb_gym._")}
    inside = {"arrays", "cli", "front_report", "functional", "generalisation", "reports"}
    known = {*pages.MODULES, "anb_gym.agents", "anb_gym.baselines"}
    assert modules - private - {f"anb_gym.{name}" for name in ("py", "tasks", "worlds", *inside)} <= known


def test_pages_are_small_and_ask_no_server(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert path.stat().st_size < 3e6, path
        text = path.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="([^"]+)"|<link[^>]* href="([^"]+)"', text)
        remote = [a or b for a, b in loaded if (a or b).startswith(("http:", "https:", "//"))]
        assert remote == [], path


def test_pages_say_nothing_to_tests(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert "In ten lines" in start
    assert "Not run in tests" not in re.sub(r"<[^>]+>", "", start)
    assert 'href="arrays.html"' in start
    assert (site / "images" / "demo.png").exists()


def test_tutorials_are_pages(site: Path) -> None:
    for notebook in (ROOT / "docs" / "tutorials").glob("*.ipynb"):
        text = (site / "tutorials" / f"{notebook.stem}.html").read_text(encoding="utf-8")
        cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if "outputs" in cell]
        printed = [output for cell in cells for output in cell["outputs"] if "text" in output]
        assert text.count("<pre") == len(printed) + len(cells)
        drawn = re.findall(r'<img[^>]* src="([^"]+)"', text)
        assert drawn
        assert all((site / "tutorials" / name).read_bytes().startswith(b"\x89PNG") for name in drawn)
        assert not re.search(r'href="(?!' + notebook.stem + r')[^"]*\.ipynb"', text)
        assert (site / "tutorials" / notebook.name).exists()


def test_leaderboards_are_filtered_and_sorted(site: Path) -> None:
    found = os.environ.get("ANB_GYM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no Chromium on the path, nor does ANB_GYM_CHROMIUM name one")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=found, args=["--headless", "--no-sandbox", "--disable-gpu"])
        page, problems = browser.new_page(), []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((site / "leaderboards" / "controllers.html").as_uri())
        page.get_by_role("combobox", name="task", exact=True).select_option("AccelNAS-VCK190-v0")
        page.get_by_role("combobox", name="controller", exact=True).select_option("local_search")
        page.get_by_role("combobox", name="judge", exact=True).select_option("searched")
        head = page.locator(".sortable th", has_text="iqm").first
        head.click()
        cells = page.locator(".sortable tbody tr td:nth-child(7)").all_text_contents()
        values = [float(cell) for cell in cells]
        assert len(values) >= 3
        assert values == sorted(values)
        head.focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        assert page.locator(".sortable tbody tr td:nth-child(7)").all_text_contents() == cells[::-1]
        assert {*page.locator(".sortable tbody tr td:nth-child(4)").all_text_contents()} == {"local_search"}
        page.goto((site / "index.html").as_uri())
        page.get_by_placeholder("Search").first.fill("relaxation")
        page.wait_for_selector(".md-search-result__item", timeout=10_000)
        browser.close()
    assert problems == []
