"""How the explorer is used: by clicks, keys and addresses, in both themes, on a phone."""

import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from explorer_page import PAGE, READY, visit

import anb_gym
from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym.hardware.probes import PROBES
from anb_gym.hardware.times import write_table

THEMES, WIDTHS = ("light", "dark"), (390, 900, 1440)
#: A page of every mode, its end where it has one.
MODES = {
    "explore": "arch=&compare=none&by=preference",
    "play": "mode=play&choices=2111200",
    "end": "mode=play&metric=zcu102/latency&choices=" + "0" * 28,
    "watch": "mode=watch&weight=0.3",
    "device": "mode=device&like=a100/throughput&times=22663_5601.1_12278_8758_34953_4795.8",
}


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
    both = rows.nth(0).locator("td").all_text_contents()[-2:]  # to EfficientNet-B0, and to itself
    assert both == [f"{gain:+.2f}".replace("-", "−"), "="]
    assert page.locator(".mark").count() == 4
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
    from playwright.sync_api import expect  # which waits, as the page does where it is slow

    visit(page, address)
    expect(page.locator("#message")).to_contain_text(said)
    if "choices" not in address:
        expect(page.locator("code.text")).to_have_text(str(EFFICIENTNET_B0))
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
