"""What is left of designs in other worlds."""

from __future__ import annotations

import json
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

import anb_gym
from anb_gym.benchmark import Benchmark
from anb_gym.calibration import (
    WORLDS_FILE,
    Calibration,
    own_file,
    read_records,
    records,
    resolution_of,
    write_world_records,
)
from anb_gym.calibration import lookup as lookups
from anb_gym.calibration.measuring import checksums
from anb_gym.rewards import make_reward
from anb_gym.robustness import audit, bands, front_in_worlds, regret_in_worlds, resolution, write_resolutions
from anb_gym.tasks import REFERENCE_TASKS, TASKS, get_task

#: A task whose worlds are quick: accuracy, and a metric of pairs of blocks.
TASK = "ZCU102"
WORLDS = range(2)


@pytest.fixture(scope="module")
def world_file(tmp_path_factory):
    """Scales of a task in worlds, certified."""
    path = tmp_path_factory.mktemp("worlds") / "worlds.json"
    assert all(new for _, new in write_world_records([get_task(TASK)], WORLDS, path=path))
    assert not any(new for _, new in write_world_records([get_task(TASK)], WORLDS, path=path))
    return path


@pytest.fixture
def recorded(world_file, monkeypatch):
    monkeypatch.setattr(lookups, "own_file", lambda name: world_file)


def test_environments_in_a_world(recorded):
    env = gym.make(f"anb_gym:AccelNAS-{TASK}-v0", world=1, granularity="network")
    problem = env.unwrapped.problem
    assert problem == anb_gym.make_problem(f"AccelNAS-{TASK}-v0", world=1)
    assert problem.surrogate == "gp@1"
    assert problem.gauge.certified
    env.reset(seed=0)
    *_, info = env.step(env.action_space.sample())
    values = Benchmark(world=1).query(info["index"], list(info["metrics"]))
    assert info["metrics"] == {name: value[0] for name, value in values.items()}
    best = anb_gym.Architecture.parse(problem.gauge.architecture)
    assert problem.evaluate(best).reward == 1.0
    assert problem.evaluate(best).regret == 0.0
    assert anb_gym.make_problem(f"AccelNAS-{TASK}-v0").evaluate(best).regret[0] > 0.0
    with pytest.raises(ValueError, match="world must be an integer"):
        gym.make(f"anb_gym:AccelNAS-{TASK}-v0", world=-1)


def test_worlds_that_ship_belong_to_the_tables_that_ship():
    shipped = read_records(own_file(WORLDS_FILE))
    tasks = list(dict.fromkeys(name.partition(" ")[0] for name in shipped))
    assert list(shipped) == [f"{task} gp@{world}" for task in tasks for world in range(100)]
    for name, record in shipped.items():
        task, _, surrogate = name.partition(" ")
        assert record["tables"] == checksums(make_reward("product", get_task(task)), surrogate)
        assert record["calibration"]["certified"]


def test_a_world_that_ships_has_its_optimum():
    problem = anb_gym.make_problem("AccelNAS-VCK190-v0", world=7)
    assert problem.gauge.certified
    best = anb_gym.Architecture.parse(problem.gauge.architecture)
    assert problem.evaluate(best).reward == 1.0
    assert problem.optimum.architecture == best
    rng = np.random.default_rng(0)
    near = np.where(rng.random((20_000, 28)) < 0.1, anb_gym.SPACE.sample(20_000, rng), best.choices)
    assert problem.evaluate(near).reward.max() <= 1.0
    assert abs(problem.evaluate(anb_gym.SPACE.sample(20_000, rng)).reward.mean()) < 0.01


def test_recorded_optima_are_those_of_the_exact_front(recorded):
    problem = anb_gym.make_problem(f"AccelNAS-{TASK}-v0", world=1)
    assert problem.optimum.value == problem.gauge.best
    problem.optimum.verify()
    random = problem.evaluate(anb_gym.SPACE.sample(20_000, np.random.default_rng(5))).reward
    assert abs(random.mean()) < 0.02
    assert random.max() < 1.0


def test_regret_in_worlds(recorded):
    problem = anb_gym.make_problem(f"AccelNAS-{TASK}-v0")
    archs = [problem.optimum.architecture, anb_gym.EFFICIENTNET_B0]
    found = regret_in_worlds(problem, archs, WORLDS)
    assert found.certified
    assert found.regret.shape == (len(WORLDS), 2)
    for world, row in zip(WORLDS, found.regret, strict=True):
        there = anb_gym.make_problem(f"AccelNAS-{TASK}-v0", world=world)
        np.testing.assert_allclose(row, there.evaluate(archs).regret, atol=1e-9)
    np.testing.assert_allclose(found.mean, found.regret.mean(axis=0))
    assert (found.high >= found.mean).all()


def test_audit():
    problem = anb_gym.make_problem(f"AccelNAS-{TASK}-v0")
    overall, near = audit(problem, WORLDS)
    assert (overall.over, near.over) == ("random mean", "hundredth best")
    assert overall.advantage > near.advantage > 0.0
    assert np.abs(overall.worlds - 1.0).max() < 0.2
    assert set(overall.families) == {"xgb", "lgb"}


def test_resolution():
    found = resolution(anb_gym.make_problem(f"AccelNAS-{TASK}-v0"), WORLDS)
    assert found.worlds == len(WORLDS)
    assert found.widened == pytest.approx(2.01, abs=0.01)  # held-out errors and deviations in the metric's manifest
    assert 0.0 < found.regret < 0.2
    assert 0.0 < found.hypervolume < found.practical_hypervolume < 0.2


def test_calibrated_deviations_are_not_widened(monkeypatch):
    calls = []
    monkeypatch.setattr(bands, "_with_hypervolumes", lambda found, *_: calls.append(found) or found)
    problem = anb_gym.make_problem("AccelNAS-TPUv3-v1")
    assert problem.surrogate == "gp-v1"
    assert resolution(problem, WORLDS).widened == 1.0
    assert len(calls) == 1


def test_write_resolutions_goes_on_where_it_stopped(tmp_path, monkeypatch):
    asked = []
    known = replace(resolution_of(get_task(TASK)), halves=None)
    monkeypatch.setattr(bands, "resolution", lambda problem: asked.append(problem.surrogate) or known)
    tasks = [get_task(TASK), get_task("TPUv3"), get_task(f"Reference-{TASK}")]
    path, source = tmp_path / "tasks.json", tmp_path / "scales.json"
    content = json.loads(own_file().read_text())
    for record in content["tasks"].values():
        record.pop("resolution", None)
    source.write_text(json.dumps(content))
    steps = write_resolutions(tasks, path, source)
    assert next(steps) == (TASK, True)  # and there it was stopped
    found = list(write_resolutions(tasks, path, source))
    assert found == [(TASK, False), ("TPUv3", True), ("TPUv3 gp-v1", True), (f"Reference-{TASK}", True)]
    assert asked == ["gp", "gp", "gp-v1", "gp"]
    halves = list(write_resolutions(tasks[:1], path, source, lambda task, surrogate: (0.01, 0.02)))
    assert halves == [(TASK, True)]
    record = read_records(path)[TASK]
    assert record["resolution"]["halves"] == [0.01, 0.02]
    assert {**record, "resolution": None} == {**content["tasks"][TASK], "resolution": None}


def test_bands_are_recorded_wherever_there_are_worlds():
    for task in (*TASKS.values(), *REFERENCE_TASKS.values()):
        for surrogate in task.surrogates if task.device != "cpu" or task.fidelity == "proxy" else ():
            found = resolution_of(task, surrogate)
            assert found.worlds == 100
            assert 0.0 < found.regret < 0.1
            assert (found.hypervolume is None) == (len(task.metrics) < 2)
    assert resolution_of(get_task("VCK190"), "xgb") is None


def test_front_in_worlds():
    front = Benchmark().front(TASK.lower())
    share = front_in_worlds(front, WORLDS)
    assert share.shape == (len(front),)
    assert ((share >= 0.0) & (share <= 1.0)).all()
    exact = Benchmark(world=0).front(TASK.lower())
    # What is on the exact front of a world is on none of less.
    assert set(front.indices[front_in_worlds(front, [0]) == 0.0]).isdisjoint(exact.indices)


@pytest.mark.parametrize("id", ["AccelNAS-VCK190-MO-v0", "AccelNAS-VCK190-Preference-v0", "AccelNAS-VCK190-Bound-v0"])
def test_problems_without_one_reward_are_refused(id):
    with pytest.raises(ValueError, match="problem must have one scalar reward for all episodes and no bound"):
        regret_in_worlds(anb_gym.make_problem(id), anb_gym.EFFICIENTNET_B0, WORLDS)


def test_families_without_worlds_are_refused():
    problem = anb_gym.make_problem(f"AccelNAS-{TASK}-v0", surrogate="xgb")
    with pytest.raises(ValueError, match="'xgb' has no posterior"):
        regret_in_worlds(problem, anb_gym.EFFICIENTNET_B0, WORLDS)


def test_records_of_the_mean_are_not_those_of_worlds():
    assert not any("@" in name for name in records())
    assert isinstance(anb_gym.make_problem(f"AccelNAS-{TASK}-v0").gauge, Calibration)
