"""Agents run in studies beside controllers, with the same budgets and the same guards."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym import make_problem
from anb_gym.agents import Assignment, Training
from anb_gym.baselines import BASELINES
from anb_gym.study.config import StudyConfig
from anb_gym.study.problems import problem_of
from anb_gym.study.results import Results
from anb_gym.study.runner import run_study
from anb_gym.study.runs import ControllerError, execute
from anb_gym.study.study_file import load_study
from anb_gym.study.yaml_nodes import ConfigError

MINE = (
    "from anb_gym.agents import Agent\n"
    + (Path(__file__).parents[1] / "agents" / "toy_agent.py").read_text(encoding="utf-8")
    + '''

class Steps(Toy):
    """Steps the environment; keeps nothing."""

    def train(self, training: Training) -> None:
        envs = training.make_vec_env(3)
        envs.reset(seed=int(self.rng.integers(2**31)))
        envs.action_space.seed(int(self.rng.integers(2**31)))
        while training.remaining:
            envs.step(envs.action_space.sample())
            training.checkpoint(self)


class Edits(Agent):
    """Steps whatever environment with random actions."""

    train = Steps.train

    def act(self, observations, masks, *, rng, greedy=False):
        return masks.argmax(axis=1)

    def state(self):
        return {}

    def restore(self, state):
        pass


class Lazy(Toy):
    def train(self, training: Training) -> None:
        training.evaluate(SPACE.sample(2, self.rng))


class Fails(Toy):
    def train(self, training: Training) -> None:
        training.evaluate(SPACE.sample(2, self.rng))
        raise ZeroDivisionError("by zero")
'''
)

STUDY = """
name: both
evaluations: 50
seeds: 2
controllers: [random_search]
agents:
  - mine.py:Toy
  - {name: small, agent: mine.py:Toy, batch_size: 4}
  - mine.py:Steps
tasks:
  - AccelNAS-VCK190-v0
  - {name: noisy, id: AccelNAS-A100-v0, noise: true}
  - AccelNAS-VCK190-MO-v0
"""


def _load(folder: Path, text: str = STUDY) -> StudyConfig:
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return load_study(folder / "study.yaml", {name: baseline.target for name, baseline in BASELINES.items()})


def test_agents_run_beside_controllers(tmp_path: Path) -> None:
    study = _load(tmp_path)
    assert {(task, name) for task, name in study.skipped} == {
        ("AccelNAS-VCK190-MO-v0", name) for name in ("Toy", "small", "Steps")
    }
    assert "scalar reward" in study.skipped["AccelNAS-VCK190-MO-v0", "Toy"]
    first = run_study(study, tmp_path / "out", workers=1)
    assert not first.failures
    assert first.n_runs == 2 * (4 + 4 + 1)
    results = Results.load(first.path)
    table = results.table
    assert (table.groupby(["controller", "task", "seed"]).size() == 50).all()
    assert set(table["controller"]) == {"random_search", "Toy", "small", "Steps"}
    assert "stable_baselines3" in results.versions
    # Others do the same runs, in parallel.
    again = Results.load(run_study(study, tmp_path / "again", workers=2).path).table
    assert (table["index"].to_numpy() == again["index"].to_numpy()).all()
    assert run_study(study, tmp_path / "out", workers=1).n_found == first.n_runs


def test_noise_is_the_world_of_the_seed(tmp_path: Path) -> None:
    problem = make_problem("AccelNAS-A100-v0")
    for run in _load(tmp_path).runs():
        if run.task.noise and run.seed == 1:
            found = execute(run)
            told = problem.evaluate(found.index, noise=1).reward
            assert found.told is not None
            assert found.reward is not None
            np.testing.assert_array_equal(found.told, told)
            assert (found.told != found.reward).all()


def test_agents_are_told_what_is_recorded() -> None:
    """What the study scores again is what the agent learned from, whether it steps or evaluates whole architectures."""
    assignment = Assignment("AccelNAS-A100-v0", 30, 3, {"noise": True})
    problem = make_problem("AccelNAS-A100-v0")
    training = Training(assignment, noise_seed=7)
    envs = training.make_vec_env(3)
    envs.reset(seed=0)
    while training.done < 9:
        envs.step(envs.action_space.sample())
    training.evaluate(problem.space.sample(4, np.random.default_rng(0)))
    record = training.evaluations
    np.testing.assert_array_equal(record.reward, problem.evaluate(record.index, noise=7).reward)


@pytest.mark.parametrize("hours", [20.0, 33.3])
def test_hours_are_a_budget_too(tmp_path: Path, hours: float) -> None:
    study = _load(tmp_path, STUDY.replace("evaluations: 50", f"hours: {hours}"))
    found = {run.controller.name: execute(run) for run in study.runs() if run.task.id == "AccelNAS-VCK190-v0"}
    for trajectory in found.values():
        assert hours - 5.6 < trajectory.hours[-1] <= hours


@pytest.mark.parametrize(
    ("name", "message"),
    [("Lazy", r"'Lazy' on task .*evaluation 3: RuntimeError: .*2 of 50"), ("Fails", "evaluation 3: ZeroDivisionError")],
)
def test_failures_say_where(tmp_path: Path, name: str, message: str) -> None:
    study = _load(tmp_path, STUDY.replace("mine.py:Steps", f"mine.py:{name}"))
    (run, *_) = (run for run in study.runs() if run.controller.name == name)
    with pytest.raises(ControllerError, match=message):
        execute(run)
    outcome = run_study(study, tmp_path / "out", workers=1)
    assert {failure["controller"] for failure in outcome.failures} == {name}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mine.py:Steps", "mine.py:Step", "Steps"),
        ("mine.py:Steps", "nobody", "agent must be one of"),
        ("batch_size: 4", "batch_siz: 4", "did you mean 'batch_size'"),
        ("[random_search]", "[mine.py:Toy]", "list it under 'agents'"),
        ("mine.py:Steps", "anb_gym.baselines.random_search:RandomSearch", "list it under 'controllers'"),
        ("name: small", "name: toy", "differ in more than case"),
        ("controllers: [random_search]\nagents:", "agent:", "agent"),
    ],
)
def test_bad_entries_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in STUDY
    with pytest.raises(ConfigError, match=message):
        _load(tmp_path, STUDY.replace(old, new))


def test_agents_alone_are_enough(tmp_path: Path) -> None:
    study: Any = _load(tmp_path, STUDY.replace("controllers: [random_search]\n", ""))
    assert len(study.runs()) == 2 * 2 * 3


def test_agents_edit_in_studies(tmp_path: Path) -> None:
    """A step that changes the architecture is an evaluation; controllers see the same task whatever the id."""
    text = STUDY.replace("- AccelNAS-VCK190-v0", "- AccelNAS-Edit-VCK190-v0").replace("mine.py:Steps", "mine.py:Edits")
    study = _load(tmp_path, text)
    found = {run.controller.name: execute(run) for run in study.runs() if "Edit" in run.task.id and run.seed == 0}
    assert {name: len(trajectory.index) for name, trajectory in found.items()} == {"random_search": 50, "Edits": 50}
    steps = problem_of("AccelNAS-VCK190-v0", {}).space.from_index(found["Edits"].index)
    assert found["Edits"].reward is not None
    np.testing.assert_array_equal(found["Edits"].reward, make_problem("AccelNAS-VCK190-v0").evaluate(steps).reward)
