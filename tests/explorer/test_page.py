"""The explorer in the browser says what Python says, and takes whatever stands in its address."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import anb_gym
from anb_gym import EFFICIENTNET_B0, SPACE, Benchmark
from anb_gym.metrics import DEVICE_METRICS

ROOT = Path(__file__).parents[2]
N = 1_000
#: What a page computes is float64; tables are rounded so that sums differ from Python's by half a unit in float32.
FLOAT32 = 2.0**-23


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The complete page."""
    out = tmp_path_factory.mktemp("explorer")
    command = [sys.executable, str(ROOT / "scripts" / "make_explorer.py"), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = os.environ.get("ANB_GYM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no Chromium on the path, nor does ANB_GYM_CHROMIUM name one")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
    with playwright.sync_playwright() as tool:
        instance = tool.chromium.launch(executable_path=found, args=["--headless", "--no-sandbox", "--disable-gpu"])
        yield instance
        instance.close()


def opened(browser: Any, folder: Path, address: str = "") -> tuple[Any, list[str]]:
    """The page at an address, once it has its tables, and what goes wrong on it."""
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(f"{(folder / 'index.html').as_uri()}{address}")
    page.wait_for_function("explorer.data !== undefined && document.querySelector('#main').children.length > 0")
    return page, problems


def test_it_says_what_python_says(browser: Any, folder: Path) -> None:
    page, problems = opened(browser, folder)
    index = np.random.default_rng(0).integers(SPACE.size, size=N)
    states = SPACE.index_to_states(index).tolist()
    found = page.evaluate(
        """(rows) => rows.map((states) => Object.fromEntries(Object.values(explorer.data.metrics).map((metric) => {
            const { value, std } = metric.predict(states);
            return [metric.name, [value, std]];
        })))""",
        states,
    )
    names = list(found[0])
    assert set(names) >= {"accuracy", *DEVICE_METRICS}
    expected = Benchmark().query(index, names, std=True)
    for name in names:
        values, stds = np.array([row[name] for row in found]).T
        np.testing.assert_allclose(values, expected[name], rtol=FLOAT32, err_msg=name)
        np.testing.assert_allclose(stds, expected[f"{name}:std"], rtol=0.05, err_msg=name)
    seconds = page.evaluate(
        """(rows) => {
            const begun = performance.now();
            for (const states of rows) for (const metric of Object.values(explorer.data.metrics)) metric.value(states);
            return (performance.now() - begun) / rows.length / 1000;
        }""",
        states[:100],
    )
    assert seconds < 0.05  # 5 ms are the target, on a machine without other work
    assert page.evaluate("(states) => explorer.space.text(states)", states[0]) == str(
        anb_gym.Architecture.from_index(int(index[0]))
    )
    assert problems == []
    page.close()


def test_bounds_lead_to_certified_optima(browser: Any, folder: Path) -> None:
    page, problems = opened(browser, folder)
    for name in DEVICE_METRICS:
        front = Benchmark().front(name)
        bounds = np.linspace(front.nadir[1], front.ideal[1], 7)[1:-1]
        found = page.evaluate(
            "([name, bounds]) => bounds.map((bound) => explorer.data.tasks[name].bestUnder(bound).accuracy)",
            [name, bounds.tolist()],
        )
        np.testing.assert_allclose(found, front.best_under(bounds).accuracy, rtol=FLOAT32)
    optimum = page.evaluate(
        "explorer.data.tasks['vck190/throughput'].reward(explorer.data.tasks['vck190/throughput'].optimum())"
    )
    assert optimum == pytest.approx(1.0, abs=1e-6)
    assert problems == []
    page.close()


def test_an_episode_is_that_of_the_environment(browser: Any, folder: Path) -> None:
    env = gym.make("anb_gym:AccelNAS-VCK190-v0")
    _, info = env.reset(seed=0)
    masks, choices, rng = [], [], np.random.default_rng(5)
    for _ in range(28):
        masks.append(info["action_mask"].tolist())
        choices.append(int(rng.choice(np.flatnonzero(info["action_mask"]))))
        *_, info = env.step(choices[-1])
    page, problems = opened(browser, folder, f"#mode=play&choices={''.join(map(str, choices))}")
    assert page.evaluate("Array.from({ length: 28 }, (_, step) => explorer.space.mask(step).map(Number))") == masks
    assert f"Regret {info['regret']:.4f}" in page.locator(".verdict").inner_text()
    assert problems == []
    page.close()


@pytest.mark.parametrize("mode", ["explore", "play", "watch", "device"])
def test_addresses_are_shared(browser: Any, folder: Path, mode: str) -> None:
    page, problems = opened(browser, folder, f"#mode={mode}")
    assert page.locator("nav a[aria-current=page]").count() == 1
    assert page.locator("#message").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert problems == []
    page.close()


def test_a_wrong_address_is_said(browser: Any, folder: Path) -> None:
    page, problems = opened(browser, folder, "#arch=e9k3l1s1&metric=speed")
    said = page.locator("#message").inner_text()
    assert "is no architecture" in said
    assert "Showing EfficientNet-B0" in said
    assert "metric must be one of" in said
    assert str(EFFICIENTNET_B0) in page.locator("#main").inner_text()
    assert problems == []
    page.close()


def test_it_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 3_000_000
