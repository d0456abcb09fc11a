"""Chromium with the explorer, whose tables ``scripts/make_explorer.py`` makes; without a browser these tests skip."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explorer_page import PAGE, READY
from loading import ROOT

from anb_gym import SPACE


@pytest.fixture(scope="session")
def tables() -> Path:
    """The page's data, made if they are not current."""
    run = [sys.executable, str(ROOT / "scripts" / "make_explorer.py"), "--if-needed"]
    subprocess.run(run, check=True, capture_output=True)
    return PAGE.with_name("tables.js")


@pytest.fixture(scope="module")
def browser(tables: Path) -> Iterator[Any]:
    found = os.environ.get("ANB_GYM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no Chromium on the path, nor does ANB_GYM_CHROMIUM name one")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
    with playwright.sync_playwright() as tool:
        instance = tool.chromium.launch(executable_path=found, args=["--headless", "--no-sandbox", "--disable-gpu"])
        yield instance
        instance.close()


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """One page for all; afterwards the console is empty, and nothing went to the network."""
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda asked: problems.append(asked.url) if not asked.url.startswith(("file:", "data:")) else 0)
    page.goto(PAGE.as_uri())
    page.wait_for_function(READY)
    yield page
    assert problems == []


@pytest.fixture(scope="module")
def indices() -> Any:
    return SPACE.to_index(SPACE.sample(1000, np.random.default_rng(2)))
