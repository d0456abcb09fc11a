"""The explorer: what the browser computes is what Python says, and the page works for everybody.

Chromium runs one page with the tables that ``scripts/make_explorer.py`` makes; without a browser these tests skip.
"""

import json
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
from loading import ROOT, load_script

import anb_gym
from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym.hardware.estimation import estimate
from anb_gym.hardware.probes import PROBES, probe_states
from anb_gym.hardware.times import write_table
from anb_gym.hardware.units import to_seconds
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.pareto import hypervolume
from anb_gym.rewards import Chebyshev
from anb_gym.tasks import TASKS

PAGE = ROOT / "docs" / "explorer" / "index.html"
READY = "() => performance.getEntriesByName('ready').length"
THEMES, WIDTHS = ("light", "dark"), (390, 900, 1440)
#: A page of every mode, its end where it has one.
MODES = {
    "explore": "arch=&compare=none&by=preference",
    "play": "mode=play&choices=2111200",
    "end": "mode=play&metric=zcu102/latency&choices=" + "0" * 28,
    "watch": "mode=watch&weight=0.3",
    "device": "mode=device&like=a100/throughput&times=22663_5601.1_12278_8758_34953_4795.8",
}


@pytest.fixture(scope="module")
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


def visit(page: Any, address: str) -> None:
    """Leads the page to an address, as a link that was shared does."""
    page.evaluate(
        """to => new Promise(done => {
        addEventListener('hashchange', () => setTimeout(done), { once: true }); location.hash = to; })""",
        f"{address}&again={np.random.default_rng().integers(2**40)}",
    )


# --- what it computes ------------------------------------------------------------------------------------------------


def test_data_are_small_and_of_these_tables(tables: Path) -> None:
    script = load_script("make_explorer")
    assert tables.stat().st_size <= script.LIMIT == 3_000_000
    assert script.is_current(tables)
    text = tables.read_text()
    assert text[:60].count(script.made_of()) == 1
    tables.with_name("tables.other.js").write_text(text.replace(script.made_of(), "0" * 8))
    try:
        assert not script.is_current(tables.with_name("tables.other.js"))
    finally:
        tables.with_name("tables.other.js").unlink()


def test_metrics_are_pythons_to_float32(page: Any, indices: Any) -> None:
    found = page.evaluate(
        """indices => Object.values(explorer.data.metrics).map(m =>
        [m.name, indices.map(i => m.value(explorer.space.fromIndex(i)))])""",
        indices.tolist(),
    )
    assert [name for name, _ in found] == ["accuracy", *DEVICE_METRICS]
    truth = Benchmark().query(indices)
    for name, values in found:
        there, here = np.float32(values), np.float32(truth[name])
        np.testing.assert_array_max_ulp(there, here, maxulp=1)
        assert (there == here).mean() > 0.8, name
    counts = page.evaluate(
        "indices => explorer.data.counts.map(c => [c.name, indices.map(i => c.value(explorer.space.fromIndex(i)))])",
        indices.tolist(),
    )
    for name, values in counts:
        np.testing.assert_array_equal(values, truth[name])


def test_deviations_are_pythons_to_a_part_in_a_thousand(page: Any, indices: Any) -> None:
    found = page.evaluate(
        """indices => Object.values(explorer.data.metrics).map(m =>
        indices.map(i => m.predict(explorer.space.fromIndex(i)).std))""",
        indices[:200].tolist(),
    )
    truth = Benchmark().query(indices[:200], ["accuracy", *DEVICE_METRICS], std=True)
    for name, values in zip(["accuracy", *DEVICE_METRICS], found, strict=True):
        np.testing.assert_allclose(values, truth[f"{name}:std"], rtol=1e-3, err_msg=name)


def test_sweeps_are_the_metrics_of_all_changes_of_a_block(page: Any, indices: Any) -> None:
    for metric in ("accuracy", "vck190/throughput"):
        sweep = page.evaluate(
            "([name, i]) => explorer.data.metrics[name].sweep(explorer.space.fromIndex(i)).map(row => [...row])",
            [metric, int(indices[0])],
        )
        for block, values in enumerate(sweep):
            states = np.repeat(SPACE.index_to_states(indices[:1]), len(values), axis=0)
            states[:, block] = np.arange(len(values))
            np.testing.assert_allclose(values, Benchmark().query_states(states, [metric])[metric], rtol=2e-7)


def test_codecs_and_neighbours_are_pythons(page: Any, indices: Any) -> None:
    for index in map(int, indices[:20]):
        text, back, choices, neighbours = page.evaluate(
            """i => { const { space } = explorer; const states = space.fromIndex(i);
            return [space.text(states), space.index(space.parse(space.text(states))), space.choices(states),
            space.neighbours(states).map(n => space.index(n.states))]; }""",
            index,
        )
        architecture = Architecture.from_index(index)
        assert (text, back, choices) == (str(architecture), index, architecture.choices.tolist())
        assert neighbours == SPACE.to_index(SPACE.neighbours(architecture.choices)).tolist()


@pytest.mark.parametrize("metric", DEVICE_METRICS)
def test_rewards_and_certified_optima_are_pythons(page: Any, indices: Any, metric: str) -> None:
    task = next(task for task in TASKS.values() if task.metrics == ("accuracy", metric))
    front, some = Benchmark().front(metric), indices[:50]
    weights = np.linspace(0.0, 1.0, 21)
    (low, high), places = sorted([front.nadir[1], front.ideal[1]]), np.linspace(0.001, 0.999, 40)
    bounds = low + places * (high - low)
    found = page.evaluate(
        """([name, indices, bounds, weights]) => { const { space, data } = explorer; const task = data.tasks[name];
        const points = indices.map(i => task.point(space.fromIndex(i)));
        return { id: task.id, rewards: points.map(task.reward), optimum: space.index(task.optimum().states),
        weighted: weights.map(w => points.map(p => task.rewardFor(p, w))),
        under: bounds.map(b => space.index(task.bestUnder(b).states)),
        front: task.front().map(p => [space.index(p.states), task.measured(p)]),
        weightedBest: weights.map(w => space.index(task.bestFor(w).states)) }; }""",
        [metric, some.tolist(), bounds.tolist(), weights.tolist()],
    )
    assert found["id"] == task.id
    problem = anb_gym.make_problem(task.id)
    np.testing.assert_allclose(found["rewards"], problem.evaluate(some).reward, atol=1e-5)
    assert found["optimum"] == problem.optimum.indices[0]
    assert found["under"] == front.best_under(bounds).indices.tolist()
    assert [index for index, _ in found["front"]] == front.indices.tolist()
    assert np.mean(np.array([inside for _, inside in found["front"]]) == front.within_data) > 0.99
    asked = anb_gym.make_problem(f"AccelNAS-{task.name}-Preference-v{task.version}")
    for weight, values, best in zip(weights, found["weighted"], found["weightedBest"], strict=True):
        preference = [weight, 1.0 - weight]
        np.testing.assert_allclose(values, asked.evaluate(some, preference=preference).reward, atol=1e-4)
        certified = front.best(Chebyshev(task.metrics, preference, asked.reward.ideal, asked.reward.nadir))
        assert best in certified.indices or weight in (0.0, 1.0)  # there ties are many
        assert asked.evaluate([best], preference=preference).regret[0] < 1e-6


def test_policies_design_what_they_design_in_python(page: Any) -> None:
    from anb_gym.agents.pretraining import load_pretrained

    weights = np.concatenate([np.random.default_rng(3).random(30), [0.0, 0.5, 1.0]])
    for metric in DEVICE_METRICS:
        found = page.evaluate(
            """([name, weights]) => weights.map(w =>
            explorer.data.tasks[name].policy(w).map(own => own.indexOf(Math.max(...own))))""",
            [metric, weights.tolist()],
        )
        preference = np.stack([weights, 1.0 - weights], axis=1)
        designs = load_pretrained(metric, "weights").design(len(weights), preference=preference, greedy=True)
        np.testing.assert_array_equal(found, designs, err_msg=metric)


@pytest.mark.parametrize("metric", ["a100/throughput", "vck190/latency"])
def test_an_estimated_device_is_nearly_pythons(page: Any, indices: Any, metric: str) -> None:
    pytest.importorskip("numba", reason="the extra exact is not installed")
    from anb_gym.fronts.unseen import solve_estimate

    kind = metric.partition("/")[2]
    seconds = to_seconds(kind, Benchmark().query(list(PROBES), metric)[metric])
    known = estimate(probe_states(), seconds, kind)
    found = page.evaluate(
        """async ([kind, seconds, indices]) => { const { space, data, estimation } = explorer;
        const device = estimation.estimate(data.estimation, kind, data.probes, seconds);
        const seeds = Object.values(data.tasks).flatMap(task => task.front());
        const front = await estimation.search(data.accuracy, device, seeds);
        return { front: front.map(p => space.index(p.states)), surprise: device.surprise,
        times: indices.map(i => device.predict(space.fromIndex(i))) }; }""",
        [kind, seconds.tolist(), indices[:200].tolist()],
    )
    mean, std = known.predict(SPACE.index_to_states(indices[:200]))
    assert np.abs([p["mean"] for p in found["times"]] - mean).max() < 0.02
    ratio = np.array([p["std"] for p in found["times"]]) / std
    assert ratio.min() > 0.8
    assert ratio.max() < 1.4
    assert found["surprise"] == pytest.approx(known.surprise, abs=0.1)
    exact, accuracy = solve_estimate(known), Benchmark().load("accuracy").mean

    def covered(states: Any) -> float:
        points = np.stack([accuracy(states), -np.log(known.tables(states))], axis=1)
        reference = (50.0, float(-np.log(known.tables(exact.states)).max()))
        return hypervolume(points, reference, ("max", "max"))

    assert covered(SPACE.index_to_states(np.array(found["front"]))) > 0.999 * covered(exact.states)


def test_it_is_quick(page: Any, browser: Any) -> None:
    spent = page.evaluate(
        """() => Math.min(...Array.from({ length: 30 }, () => {
        const states = explorer.space.random(); const begun = performance.now();
        Object.values(explorer.data.metrics).forEach(m => m.value(states)); return performance.now() - begun; }))"""
    )
    assert spent < 5.0
    fresh = browser.new_page()
    fresh.goto(PAGE.as_uri())
    fresh.wait_for_function(READY)
    assert fresh.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") < 1000.0
    fresh.close()


# --- how it is used --------------------------------------------------------------------------------------------------


def test_an_architecture_is_chosen_compared_and_copied(page: Any) -> None:
    visit(page, f"arch={EFFICIENTNET_B0}")
    assert page.locator("#message").is_hidden()
    page.get_by_role("group", name="Block 5: layers").get_by_role("radio", name="2", exact=True).check(force=True)
    page.get_by_role("group", name="Block 0: squeeze-excitation").get_by_role("radio", name="off").check(force=True)
    expected = "e1k3l1s0-e6k3l2s1-e6k5l2s1-e6k3l3s1-e6k5l3s1-e6k5l2s1-e6k3l1s1"
    code = page.locator("code.python").text_content()
    values = eval(code, {"anb_gym": anb_gym})
    assert Architecture.parse(expected) == Architecture.parse(code.split('"')[1])
    rows = page.locator("table.metrics tbody tr")
    for name, row in (("accuracy", 0), ("a100/throughput", 7)):
        shown = rows.nth(row).locator("b").text_content().replace(",", "")
        assert float(shown) == pytest.approx(values[name][0], rel=1e-3)
    gain = values["accuracy"][0] - Benchmark().query(EFFICIENTNET_B0, "accuracy")["accuracy"][0]
    assert f"{gain:+.2f}".replace("-", "−") == rows.nth(0).locator("td").last.text_content()
    page.get_by_role("button", name="Pin this network").click()
    assert rows.nth(0).locator("td").last.text_content() == "="
    page.wait_for_function("() => location.hash.includes('compare=e1')")


def test_neighbours_are_better_and_can_be_taken(page: Any) -> None:
    visit(page, f"arch={EFFICIENTNET_B0}&metric=vck190/throughput")
    bench, metrics = Benchmark(), ["accuracy", "vck190/throughput"]
    own = bench.query(EFFICIENTNET_B0, metrics)
    near = bench.query(SPACE.neighbours(EFFICIENTNET_B0.choices), metrics)
    both = np.logical_and(*(near[name] > own[name] for name in metrics))
    group = page.locator(".neighbours > div").first
    assert f"{both.sum()} of 43" in group.locator("h3").text_content()
    best = SPACE.neighbours(EFFICIENTNET_B0.choices)[np.where(both, near["accuracy"], 0.0).argmax()]
    group.locator("button").first.click()
    assert page.locator("code.text").text_content() == str(Architecture.from_choices(best))


def test_sliders_jump_to_the_certified_optimum(page: Any) -> None:
    visit(page, f"arch={EFFICIENTNET_B0}&metric=vck190/throughput&bound=3000")
    slider = page.locator("#asked")
    slider.focus()
    page.keyboard.press("ArrowRight")
    bound = float(slider.get_attribute("aria-valuetext").split()[2].replace(",", ""))
    best = Benchmark().front("vck190/throughput").best_under(bound)
    assert bound > 3000.0
    assert page.locator("code.text").text_content() == str(Architecture.from_index(int(best.indices[0])))
    page.get_by_role("radio", name="A preference").check(force=True)
    slider.focus()
    page.keyboard.press("End")
    front = Benchmark().front("vck190/throughput")
    assert page.locator("code.text").text_content() == str(Architecture.from_index(int(front.indices[0])))
    page.get_by_role("group", name="Arrow keys").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("code.text").text_content() == str(Architecture.from_index(int(front.indices[1])))
    page.wait_for_function("() => location.hash.includes('by=preference')")


def test_a_point_can_be_clicked(page: Any) -> None:
    visit(page, f"arch={EFFICIENTNET_B0}&metric=a100/throughput")
    mark = page.locator("circle.mark.optimum").bounding_box()
    page.mouse.click(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    assert page.locator(".answer").text_content().endswith("This is it.")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("arch=e9k3l1s1", "is no architecture"),
        ("arch=e1k3l1s1-e6k3l2s1-e6k5l2s1-e6k3l3s1-e6k7l3s1-e6k5l4s1-e6k3l1s1", "block 4's kernel must be one of 3, 5"),
        ("arch=<b>x</b>", "is no architecture"),
        ("arch=&compare=104485552128", "is no architecture"),
        ("metric=abacus", "metric must be one of"),
        ("mode=dance", "mode must be one of"),
        ("weight=2", "weight must be a number in 0 to 1"),
        ("mode=play&choices=3", "choices must be up to 28 valid actions"),
    ],
)
def test_a_wrong_address_is_told(page: Any, address: str, said: str) -> None:
    visit(page, address)
    assert said in page.locator("#message").text_content()
    if "choices" not in address:
        assert page.locator("code.text").text_content() == str(EFFICIENTNET_B0)
        assert page.locator("#message b").count() == 0


def test_every_state_has_an_address(page: Any, indices: Any) -> None:
    architecture = Architecture.from_index(int(indices[3]))
    visit(page, f"arch={architecture}&metric=cpu/throughput&compare=none&by=preference&weight=0.25")
    page.get_by_role("button", name="Random").click()
    page.wait_for_timeout(300)
    state, address = page.evaluate("() => [explorer.address.read(location.hash), location.hash]")
    text = page.locator("code.text").text_content()
    assert state["problem"] == ""
    assert state["state"]["metric"] == "cpu/throughput"
    assert state["state"]["weight"] == 0.25
    visit(page, f"arch={EFFICIENTNET_B0}")
    visit(page, address.lstrip("#"))
    assert page.locator("code.text").text_content() == text
    assert page.locator("#asked").get_attribute("aria-valuetext") == "Accuracy weighs 0.25, CPU throughput 0.75"
    page.get_by_role("link", name="Play the agent").click()
    page.go_back()
    page.wait_for_selector("code.text")
    assert page.locator("code.text").text_content() == text


def test_playing_is_an_episode_of_the_environment(page: Any) -> None:
    env, rng = gym.make("anb_gym:AccelNAS-ZCU102-Latency-v0"), np.random.default_rng(5)
    _, info = env.reset(seed=0)
    visit(page, "mode=play&metric=zcu102/latency")
    terminated, step = False, 0
    while not terminated:
        enabled = page.evaluate("() => [...document.querySelectorAll('button.action')].map(b => Number(!b.disabled))")
        assert enabled == info["action_mask"].tolist()
        action = int(rng.choice(np.flatnonzero(info["action_mask"])))
        if step % 2:
            page.locator("button.action").nth(action).click()
        else:
            page.keyboard.press(str(action + 1))
        _, reward, terminated, _, info = env.step(action)
        step += 1
    assert float(page.locator(".verdict .big b").text_content()) == pytest.approx(info["regret"], abs=2e-4)
    row = page.locator(".verdict tbody tr").first.locator("td").all_text_contents()
    shown = [float(cell.replace("−", "-").replace(",", "")) for cell in row]
    latency = info["metrics"]["zcu102/latency"]
    assert shown == pytest.approx([info["metrics"]["accuracy"], latency, reward], rel=1e-3, abs=1e-2)
    page.get_by_role("button", name="Open in the explorer").click()
    assert page.locator("code.text").text_content() == info["architecture"]


def test_an_agent_is_watched(page: Any) -> None:
    visit(page, "mode=watch&metric=a100/throughput&weight=0.6")
    assert page.locator(".odds.taken").count() == 28
    page.get_by_role("button", name="One step").click()
    assert page.locator(".odds.taken").count() == 1
    assert page.locator(".outcome").is_hidden()
    page.get_by_role("button", name="To the end").click()
    regret = float(page.locator(".verdict .big b").text_content())
    choices = page.evaluate(
        "() => explorer.data.tasks['a100/throughput'].policy(0.6).map(own => own.indexOf(Math.max(...own)))"
    )
    problem = anb_gym.make_problem("AccelNAS-A100-Preference-v0")
    evaluation = problem.evaluate(np.array([choices], dtype=np.int8), preference=[0.6, 0.4])
    assert regret == pytest.approx(max(0.0, evaluation.regret[0]), abs=1e-4)


def test_the_table_of_probes_is_pasted(page: Any, tmp_path: Path) -> None:
    values = Benchmark().query(list(PROBES), "a100/throughput")["a100/throughput"]
    rows = [(str(Architecture.from_index(i)), f"{i}.pt", float(v)) for i, v in zip(PROBES, values, strict=True)]
    write_table(tmp_path / "probes.csv", "throughput", [*rows[:8], (*rows[8][:2], None), rows[9]])
    table = (tmp_path / "probes.csv").read_text()
    found = page.evaluate("text => explorer.device.pasted(text)", table)
    assert found == [*map(repr, values[:8].tolist()), "", repr(float(values[9]))]
    assert page.evaluate("text => explorer.device.pasted(text)", "1\n2\n3") == ["1", "2", "3", *[""] * 7]
    assert page.evaluate("text => explorer.device.pasted(text)", "1250") is None
    visit(page, "mode=device&times=100_200_x")
    assert page.locator(".problem").text_content() == "Probe 3 must be a positive number, got “x”."
    visit(page, "mode=device&times=100_200")
    assert page.locator(".problem").text_content() == "At least 5 probes must be measured, 2 are."
    page.get_by_label("Probe 1", exact=True).evaluate(
        """(input, text) => {
        const event = new ClipboardEvent("paste", { clipboardData: new DataTransfer(), cancelable: true });
        event.clipboardData.setData("text", text); input.dispatchEvent(event); }""",
        table,
    )
    page.wait_for_selector("td.architecture")
    assert page.locator("#estimate-title").text_content() == "Estimated front, from 9 probes"
    expected = page.locator("tbody tr").first.locator("td").all_text_contents()
    assert float(expected[1]) == pytest.approx(67.87, abs=0.02)
    assert float(expected[2].replace(",", "")) == pytest.approx(3257.0, rel=0.1)


# --- for everybody ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES)
def test_it_fits_and_is_accessible(browser: Any, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")
    context = browser.new_context(color_scheme=theme, reduced_motion="reduce")
    page, problems = context.new_page(), []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(PAGE.as_uri())
    page.wait_for_function(READY)
    rules: dict[str, Any] = {"preload": False, "resultTypes": ["violations"]}
    if theme == "dark":  # the rest is the same
        rules["runOnly"] = ["color-contrast"]
    for mode, address in MODES.items():
        visit(page, address)
        if mode == "device":
            page.wait_for_selector("td.architecture")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0, (mode, width)
        found = axe.Axe().run(page, options=rules).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], (mode, theme)
    context.close()
    assert problems == []


def test_without_its_tables_it_says_what_to_run(browser: Any, tmp_path: Path) -> None:
    shutil.copytree(PAGE.parent, tmp_path / "page", ignore=shutil.ignore_patterns("tables*"))
    page = browser.new_page()
    page.goto((tmp_path / "page" / "index.html").as_uri())
    page.wait_for_function("() => !document.getElementById('message').hidden")
    assert "scripts/make_explorer.py" in page.locator("#message").text_content()
    page.close()


def test_header_is_json(tables: Path) -> None:
    text = tables.read_text()
    header = json.loads(text[text.index("(") + 1 : text.index(',\n"')])
    assert header["efficientnet_b0"] == EFFICIENTNET_B0.index
    assert [metric["name"] for metric in header["metrics"]] == ["accuracy", *DEVICE_METRICS]
