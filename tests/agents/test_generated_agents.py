"""Agents on the ids with generated devices: they learn, are scored, saved and design for devices that exist or not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.agents import Agent, Assignment, load, load_probe_agent, make_agent, saving, scores, train
from anb_gym.agents.designs import certified, designs_on
from anb_gym.agents.pretraining import FOLDER, probe_agent_name
from anb_gym.agents.probe_conditioned import ProbeConditioned
from anb_gym.agents.scores import score, score_agent
from anb_gym.cli import main
from anb_gym.hardware import FAMILIES
from anb_gym.hardware.probes import probe_states
from anb_gym.space import Architecture

DEVICES = [2_000_000, 2_000_001, 2_000_002, 2_000_003]
SCALAR, WEIGHTS, BOUND, VECTOR = (f"AccelNAS-Generated{form}-v0" for form in ("", "-Preference", "-Constrained", "-MO"))


def _train(agent: str, id: str, n: int, **more: Any) -> tuple[Agent, Any]:
    return train(agent, id, n, seed=0, arguments={"devices": DEVICES}, **more)


@pytest.fixture(scope="module")
def probe_agents() -> dict[str, Agent]:
    """One trained policy that answers what every id asks for."""
    known = load_probe_agent()
    found = {}
    for id in (SCALAR, WEIGHTS, BOUND, VECTOR):
        found[id] = make_agent("preference_conditioned", Assignment(id, 1000, 0))
        found[id].restore(known.state())
    return found


@pytest.mark.parametrize("id", [SCALAR, WEIGHTS, BOUND, VECTOR])
def test_preference_conditioned_learns_on_every_id(id: str) -> None:
    agent, record = _train("preference_conditioned", id, 400)
    assert isinstance(agent, ProbeConditioned)
    assert len(record) == 400
    assert record.cells.shape == (400, agent.problem.ask.n_cells)
    request = agent.problem.ask.blank(1)
    request.device[:] = DEVICES[0]
    assert agent.design(5, device=DEVICES[0], seed=1).shape == (5, 28)
    np.testing.assert_array_equal(agent.design(device="vck190", seed=3), agent.design(device="vck190", seed=3))


def test_it_records_the_raw_rewards_of_what_it_drew() -> None:
    agent, record = _train("preference_conditioned", SCALAR, 300)
    problem = agent.problem
    logs = np.array([problem.ask.cells(_on(problem, seed))[0] for seed in DEVICES])
    device = [DEVICES[int(np.abs(logs - cells).sum(axis=1).argmin())] for cells in record.cells]
    expected = [problem.evaluate([i], device=d).raw[0] for i, d in zip(record.index, device, strict=True)]
    np.testing.assert_allclose(record.reward, expected)
    assert np.isnan(record.regret).all()


def _on(problem: Any, device: int | str) -> Any:
    request = problem.ask.blank(1)
    request.device[:] = problem.ask.number(device)
    return request


@pytest.mark.parametrize(
    ("agent", "id", "settings"),
    [("preference_conditioned", WEIGHTS, {}), ("policy_gradient", SCALAR, {}), ("policy_gradient", WEIGHTS, {})],
)
def test_training_goes_on_to_the_bit_and_files_keep_the_agent(
    agent: str, id: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    whole, record = _train(agent, id, 320, settings=settings, folder=tmp_path / "whole")

    def stop(training: Any) -> None:
        if training.done >= 160:
            training._interrupted = True

    with pytest.raises(KeyboardInterrupt):
        _train(agent, id, 320, settings=settings, folder=tmp_path / "parts", watch=stop)
    again, parts = _train(agent, id, 320, settings=settings, folder=tmp_path / "parts")
    read = load(tmp_path / "whole")
    np.testing.assert_array_equal(record.index, parts.index)
    for other in (again, read):
        assert other.state().keys() == whole.state().keys()
        assert all((other.state()[name] == array).all() for name, array in whole.state().items())
    options = {"preference": [0.4, 0.6]} if id == WEIGHTS else {}
    np.testing.assert_array_equal(read.design(device="a100", **options), whole.design(device="a100", **options))


def test_policy_gradient_learns_from_rewards() -> None:
    agent, record = _train("policy_gradient", SCALAR, 3000)
    assert record.reward[-300:].mean() > 0.75
    assert record.reward[:40].mean() < 0.45
    assert score(designs_on(agent, "a100", 1, greedy=True), greedy=True).reward > 0.8


def test_what_is_hidden_makes_no_difference() -> None:
    agent, _ = _train("policy_gradient", SCALAR, 200, settings={"blind": True})
    designs = [agent.design(device=device) for device in ("tpuv3", "cpu", 5)]
    assert (designs[0] == designs[1]).all()
    assert (designs[0] == designs[2]).all()


@pytest.mark.parametrize("id", [SCALAR, WEIGHTS, BOUND])
def test_acts_as_it_designs(id: str, probe_agents: dict[str, Agent]) -> None:
    agent = probe_agents[id]
    preference = {SCALAR: None, WEIGHTS: [0.25, 0.75], BOUND: 3000.0}[id]
    options = {"device": "vck190", **({} if preference is None else {"preference": preference})}
    env = gymnasium.make(f"anb_gym:{id}")
    seen, info = env.reset(seed=0, options=options)
    over = False
    while not over:
        action = agent.act(seen[None], info["action_mask"][None], rng=np.random.default_rng(0), greedy=True)[0]
        seen, _, over, _, info = env.step(action)
    expected = agent.design(device="vck190", preference=preference, greedy=True)
    assert info["index"] == SPACE.to_index(expected)[0]


def test_scores_are_of_test_devices_and_real_ones(
    probe_agents: dict[str, Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "TEST_SEEDS", range(1_000_000, 1_000_003))
    for id in (SCALAR, WEIGHTS, BOUND, VECTOR):
        found = score_agent(probe_agents[id], 101)
        assert [part.task for part in found[:8]] == [
            "test devices", "zcu102", "vck190", "tpuv2", "tpuv3", "a100", "rtx3090", "cpu",
        ]  # fmt: skip
        together, first = found[0], found[1]
        assert (together.reward is None) == (id == VECTOR)
        assert (first.coverage is None) == (id in (SCALAR, BOUND))
        assert (first.violations is None) == (id != BOUND)
        if id == SCALAR:
            assert together.regret is not None
            assert together.regret < 0.1
        if first.coverage is not None:
            assert together.least_coverage is not None
            assert together.coverage is not None
            assert 0.9 < together.least_coverage <= together.coverage <= 1.0
        if id == BOUND:
            assert together.loss is not None
            assert together.loss < 1.5


def test_without_a_certified_front_nothing_is_said_of_coverage_and_loss(probe_agents: dict[str, Agent]) -> None:
    for id in (WEIGHTS, BOUND, VECTOR):
        found = score(designs_on(probe_agents[id], DEVICES[0], 3, greedy=True), greedy=True)
        assert (found.coverage, found.loss, found.regret) == (None, None, None)
        assert (found.violations is None) == (id != BOUND)


def test_the_certified_best_is_of_the_front(probe_agents: dict[str, Agent]) -> None:
    designs = designs_on(probe_agents[WEIGHTS], "vck190", 5, greedy=True)
    best = certified(designs.problem, designs.request, 5)
    assert best is not None
    reward = designs.problem.assess(SPACE.index_to_states(best), designs.request).reward
    np.testing.assert_allclose(reward, 1.0)
    assert (designs.evaluation.reward <= 1.0).all()
    bounded = designs_on(probe_agents[BOUND], "cpu", 4, greedy=True)
    best = certified(bounded.problem, bounded.request, 4)
    assert best is not None
    assert (bounded.problem.assess(SPACE.index_to_states(best), bounded.request).regret == 0.0).all()


def test_shipped_files_are_small_and_know_what_they_have_not_seen() -> None:
    paths = [FOLDER / f"{probe_agent_name(family)}.npz" for family in (None, *FAMILIES)]
    assert sum(path.stat().st_size for path in paths) < 500_000
    for family, path in zip((None, *FAMILIES), paths, strict=True):
        assert saving.read(path).assignment.arguments.get("leave_out") == family


def test_the_command_designs_for_devices_and_measured_probes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> Any:
        assert main(["design", "generated", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)["designs"]

    found = run("--device", "vck190", "--preference", "0.5,0.5")
    assert [row["by"] for row in found] == ["agent", "certified"]
    assert found[1]["reward"] == pytest.approx(1.0)
    assert len(run("--device", "1000003", "--n", "3")) == 6
    states = probe_states()
    values = Benchmark().query_states(states, ["vck190/throughput"])["vck190/throughput"]
    rows = [
        f"{Architecture.from_index(int(i))},{v}" for i, v in zip(SPACE.states_to_index(states), values, strict=True)
    ]
    path = tmp_path / "times.csv"
    path.write_text("\n".join(["architecture,throughput", *rows]) + "\n")
    measured = run("--probes", str(path), "--preference", "0.5,0.5")
    assert measured[0]["index"] == found[0]["index"]
    assert measured[0]["throughput"] == pytest.approx(found[0]["metrics"]["generated/throughput"], rel=0.3)
    assert main(["design", "generated", "--probes", str(path), "--noise", "0"]) == 1
    assert "--noise must be positive" in capsys.readouterr().err
    assert main(["design", "generated_without_fgpa", "--device", "cpu"]) == 1
    assert "did you mean 'generated_without_fpga'?" in capsys.readouterr().err
    path.write_text("\n".join(["architecture,throughput", *rows[:-1]]) + "\n")
    assert main(["design", "generated", "--probes", str(path)]) != 0
    assert "must have the times of all 10 probes for an agent, 1 are missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("agent", "id", "arguments", "settings", "message"),
    [
        ("preference_conditioned", SCALAR, {"noise": True}, {}, "noise must be False for preference_conditioned"),
        ("preference_conditioned", SCALAR, {}, {"n_bins": 4}, "n_bins"),
        ("policy_gradient", BOUND, {}, {}, "id must have no cost for policy_gradient"),
        ("policy_gradient", VECTOR, {}, {}, "id must have a scalar reward"),
        ("policy_gradient", SCALAR, {}, {"group_size": 1}, "group_size must be"),
        ("policy_gradient", SCALAR, {}, {"blind": 1}, "blind must be true or false"),
        ("gflownet", VECTOR, {}, {}, "scalar"),
        ("policy_gradient", "AccelNAS-Probe-v0", {}, {}, "whose episodes do not measure first"),
    ],
)
def test_what_does_not_suit_is_refused(
    agent: str, id: str, arguments: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_agent(agent, Assignment(id, 1000, 0, arguments), settings)


def test_acting_needs_numpy_alone() -> None:
    code = (
        "import sys\n"
        "from anb_gym.agents import load_probe_agent\n"
        "load_probe_agent('fpga').design(device='vck190', preference=[0.5, 0.5])\n"
        "assert not {'torch', 'numba', 'scipy', 'moocore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
