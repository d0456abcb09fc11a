"""What the browser computes is what Python says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explorer_page import PAGE, READY
from loading import load_script

import anb_gym
from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym.hardware.estimation import estimate
from anb_gym.hardware.probes import PROBES, probe_states
from anb_gym.hardware.units import to_seconds
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.pareto import hypervolume
from anb_gym.rewards import Chebyshev
from anb_gym.tasks import TASKS


def test_header_is_json(tables: Path) -> None:
    text = tables.read_text()
    header = json.loads(text[text.index("(") + 1 : text.index(',\n"')])
    assert header["efficientnet_b0"] == EFFICIENTNET_B0.index
    assert [metric["name"] for metric in header["metrics"]] == ["accuracy", *DEVICE_METRICS]


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


ESTIMATE = """explorer.estimation.estimate(explorer.data.estimation, kind, explorer.data.probes, seconds)"""


def probed(metric: str) -> tuple[str, Any]:
    """What is measured of a device, and the seconds that the probes take there."""
    kind = metric.partition("/")[2]
    return kind, to_seconds(kind, Benchmark().query(list(PROBES), metric)[metric])


@pytest.mark.parametrize("metric", ["a100/throughput", "tpuv3/throughput", "vck190/latency"])
def test_an_estimated_device_is_nearly_pythons(page: Any, indices: Any, metric: str) -> None:
    kind, seconds = probed(metric)
    known, some = estimate(probe_states(), seconds, kind), indices[:200]
    found = page.evaluate(
        f"""([kind, seconds, indices]) => {{ const device = {ESTIMATE};
        return [device.surprise, indices.map(i => device.predict(explorer.space.fromIndex(i)))]; }}""",
        [kind, seconds.tolist(), some.tolist()],
    )
    mean, std = known.predict(SPACE.index_to_states(some))
    assert np.abs([p["mean"] for p in found[1]] - mean).max() < 0.02
    ratio = np.array([p["std"] for p in found[1]]) / std
    assert ratio.min() > 0.8
    assert ratio.max() < 1.4
    assert found[0] == pytest.approx(known.surprise, abs=0.1)


def test_local_search_finds_nearly_all_of_an_estimated_front(page: Any) -> None:
    pytest.importorskip("numba", reason="the extra exact is not installed")
    from anb_gym.fronts.unseen import solve_estimate

    kind, seconds = probed("vck190/latency")
    found = page.evaluate(
        f"""async ([kind, seconds]) => {{ const device = {ESTIMATE};
        const seeds = Object.values(explorer.data.tasks).flatMap(task => task.front());
        const front = await explorer.estimation.search(explorer.data.accuracy, device, seeds);
        return front.map(p => explorer.space.index(p.states)); }}""",
        [kind, seconds.tolist()],
    )
    known = estimate(probe_states(), seconds, kind)
    exact, accuracy = solve_estimate(known), Benchmark().load("accuracy").mean

    def covered(states: Any) -> float:
        points = np.stack([accuracy(states), -np.log(known.tables(states))], axis=1)
        reference = (50.0, float(-np.log(known.tables(exact.states)).max()))
        return hypervolume(points, reference, ("max", "max"))

    assert covered(SPACE.index_to_states(np.array(found))) > 0.999 * covered(exact.states)


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
