"""Experiments train policies and score what they design; they go on where they stopped."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from anb_gym import make_problem
from anb_gym.agents import policies
from anb_gym.agents.policies import Experiment, PolicyRun, carry_out, load_experiment, load_results, run_experiment
from anb_gym.agents.zoo import settings_file
from anb_gym.baselines import BASELINES
from anb_gym.cli import main
from anb_gym.problems import Problem
from anb_gym.study.config import ControllerEntry
from anb_gym.study.yaml_nodes import ConfigError

TOY = Path(__file__).parent / "toy_agent.py"
FILE = f"""
name: small
evaluations: [32]
seeds: [4]
agents:
  - {{name: toy, agent: "{TOY}:Toy"}}
controllers: [archive_evolution]
ids: [AccelNAS-VCK190-Preference-v0, AccelNAS-Transfer-v0]
"""


def _load(folder: Path, text: str = FILE) -> Experiment:
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    return load_experiment(folder / "small.yaml", {name: b.target for name, b in BASELINES.items()}, {})


def test_runs_are_scored_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = _load(tmp_path)
    assert list(experiment.skipped) == [("AccelNAS-Transfer-v0", "archive_evolution")]
    runs = experiment.runs()
    assert [(run.entry.name, run.id) for run in runs] == [
        ("archive_evolution", "AccelNAS-VCK190-Preference-v0"),
        ("toy", "AccelNAS-VCK190-Preference-v0"),
        ("toy", "AccelNAS-Transfer-v0"),
    ]
    file = run_experiment(experiment, tmp_path / "out", workers=2)
    found = load_results(file)
    assert load_results(tmp_path / "out") == found
    assert [run["agent"] for run in found["runs"]] == ["archive_evolution", "toy", "toy"]
    assert found["runs"][0]["unique"] == 32
    assert all(run["memory"] > 50 and run["cpu_seconds"] > 0 for run in found["runs"])
    # Nothing is done twice.
    monkeypatch.setattr(policies, "_carried_out", lambda runs, workers: iter(()) if not runs else pytest.fail("again"))
    assert load_results(run_experiment(experiment, tmp_path / "out", workers=1)) == found
    # The file of all results is enough.
    shutil.rmtree(tmp_path / "out" / "runs")
    assert load_results(run_experiment(experiment, tmp_path / "out", workers=1)) == found
    # Results of other default settings are not taken for these.
    monkeypatch.setattr(policies, "_defaults_of", lambda path: "changed" if path.endswith("Toy") else None)
    with pytest.raises(ValueError, match=r"results.json is of another defaults, None, not 'changed'"):
        run_experiment(experiment, tmp_path / "out", workers=1)
    # Nor is another part trained before that is said.
    monkeypatch.setattr(policies, "_carried_out", lambda runs, workers: pytest.fail("trained"))
    with pytest.raises(ValueError, match=r"results.json is of another defaults, None, not 'changed'"):
        run_experiment(experiment, tmp_path / "out", workers=1, chosen=lambda run: not run.entry.path.endswith("Toy"))
    monkeypatch.undo()
    # A process of its own or this one: the seed decides.
    again = carry_out(runs[1])
    assert json.loads(json.dumps(again["scores"])) == found["runs"][1]["scores"]


def test_an_archive_answers_as_well_as_it_can(tmp_path: Path) -> None:
    """More evaluations make an archive that answers better, and its rewards are those of what it answers with."""
    (entry,) = (entry for entry in _load(tmp_path).entries if entry.name == "archive_evolution")
    rewards = []
    for evaluations in (32, 400):
        (score,) = carry_out(PolicyRun(entry, "AccelNAS-VCK190-Preference-v0", evaluations, 0))["scores"]
        assert score["greedy"]
        assert 0 < score["coverage"] < 1
        rewards.append(score["reward"])
    assert rewards[0] < rewards[1] < 1.0
    problem = make_problem("AccelNAS-VCK190-Preference-v0")
    assert isinstance(problem, Problem)


def test_runs_know_the_defaults_that_they_were_made_with() -> None:
    pytest.importorskip("stable_baselines3")
    entry = ControllerEntry("ppo", "anb_gym.agents.sb3:PPO")
    run = PolicyRun(entry, "AccelNAS-CPU-Preference-v0", 1000, 0)
    file = settings_file("ppo")
    assert run.identity["defaults"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_part_is_carried_out_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.yaml").write_text(FILE.replace("seeds: [4]", "seeds: [4, 7]"), encoding="utf-8")
    command = ["policies", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "out"), "--workers", "1"]
    part = ["--agents", "archive_evolution", "--seeds", "7", "--evaluations", "32"]
    assert main([*command, *part, "--ids", "AccelNAS-VCK190-Preference-v0"]) == 0
    (run,) = load_results(tmp_path / "out")["runs"]
    assert (run["agent"], run["seed"]) == ("archive_evolution", 7)
    other = {**run, "agent": "other", "id": "AccelNAS-VCK190-MO-v0"}
    policies.write_results(tmp_path / "other.json", {"name": "other", "skipped": [], "runs": [other]})
    assert main([*command, "--collect", "--with", str(tmp_path / "other.json")]) == 0
    assert "| other |" in (tmp_path / "out" / "policies.md").read_text(encoding="utf-8")
    assert load_results(tmp_path / "out")["runs"] == [run]
    capsys.readouterr()
    for option, value, known in [("seeds", "5", "4, 7"), ("agents", "ppo", "archive_evolution, toy")]:
        assert main([*command, f"--{option}", value]) == 1
        assert f"--{option} must be of {known}, got {value}" in capsys.readouterr().err


def test_an_agent_may_train_on_another_reward(tmp_path: Path) -> None:
    id, text = "AccelNAS-VCK190-Bound-v0", FILE.replace("controllers: [archive_evolution]\n", "")
    ids = f"ids: [{{id: {id}, arguments: {{toy: {{reward: accuracy}}}}}}]"
    (run,) = _load(tmp_path, text.replace(text[text.index("ids:") :], ids)).runs()
    assert run.arguments == {"reward": "accuracy"}
    greedy, _ = carry_out(run)["scores"]
    assert greedy["reward"] is None
    assert greedy["policy_score"] is None
    assert 0 <= greedy["violations"] <= 1
    with pytest.raises(ConfigError, match=r"small.yaml:7: the field must be one of 'toy', got 'other'"):
        _load(tmp_path, text.replace(text[text.index("ids:") :], ids.replace("toy", "other")))


def test_a_failure_names_the_run_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fails.py").write_text(
        TOY.read_text(encoding="utf-8")
        + "\n\nclass Fails(Toy):\n    def train(self, training):\n        raise ZeroDivisionError('by zero')\n",
        encoding="utf-8",
    )
    text = FILE.replace("agents:\n", 'agents:\n  - "fails.py:Fails"\n').replace(", AccelNAS-Transfer-v0]", "]")
    text = text.replace("controllers: [archive_evolution]\n", "")
    experiment = _load(tmp_path, text)
    assert main(["policies", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "out"), "--workers", "1"]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("anb-gym: 1 of 2 runs failed, the first: 'Fails' on AccelNAS-VCK190-Preference-v0 ")
    assert message.endswith("ZeroDivisionError: by zero")
    kept = load_results(policies.collect(experiment, tmp_path / "out"))["runs"]
    assert [run["agent"] for run in kept] == ["toy"]


def test_another_agent_of_the_name_is_refused(tmp_path: Path) -> None:
    experiment = _load(tmp_path)
    run = experiment.runs()[1]
    found: dict[str, Any] = {**carry_out(run), "settings": {"batch_size": 3}}
    file = tmp_path / "out" / run.file
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(ValueError, match="another settings"):
        run_experiment(experiment, tmp_path / "out", workers=1)
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="'agent' is missing"):
        run_experiment(experiment, tmp_path / "out", workers=1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("AccelNAS-Transfer-v0", "AccelNAS-Transfe-v0", r"small\.yaml:8: .*did you mean 'AccelNAS-Transfer-v0'"),
        ("[32]", "[0]", "evaluations"),
        ("[32]", "[32, 32]", "differ"),
        ("seeds: [4]", "seeds: -1", "seeds"),
        ("controllers: [archive_evolution]", "controllers: [random]", "random_search"),
        ("AccelNAS-VCK190-Preference-v0, ", "AccelNAS-VCK190-MO-v0, ", "cannot run on any id"),
        ("ids: [AccelNAS-VCK190-Preference-v0, ", "ids: [", "archive_evolution' cannot run on any id"),
        ("name: small", "nam: small", "nam"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in FILE
    with pytest.raises(ConfigError, match=message):
        _load(tmp_path, FILE.replace(old, new, 1))


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers must be"):
        run_experiment(_load(tmp_path), tmp_path / "out", workers=0)


def test_an_archive_is_searched_with_the_tables_that_score_it() -> None:
    entry = ControllerEntry("archive_evolution", BASELINES["archive_evolution"].target, {})
    for id in ("AccelNAS-TPUv3-Preference-v0", "AccelNAS-TPUv3-Preference-v1"):
        search = policies._search(PolicyRun(entry, id, 32, 0))
        searched = make_problem(search.task.id, **search.task.arguments)
        assert isinstance(searched, Problem)
        scored = make_problem(id)
        assert isinstance(scored, Problem)
        assert searched.surrogate == scored.surrogate


def test_runs_of_other_tables_are_refused(tmp_path: Path) -> None:
    id, name = "AccelNAS-VCK190-v0", "random_search"
    entry = ControllerEntry("toy", f"{TOY}:Toy", {})
    run = PolicyRun(entry, id, 32, 0)
    tables = policies._tables_of(id)
    assert list(tables) == ["gp"]
    assert list(tables["gp"]) == ["accuracy", "vck190/throughput"]
    policies.check_tables([{"id": id, "agent": name}, {"id": id, "agent": name, "tables": tables}], "results.json")
    other = {**run.identity, "agent": name, "tables": {"gp": {**tables["gp"], "accuracy": "0" * 64}}}
    with pytest.raises(
        ValueError, match=r"^results.json has a run of 'random_search' on AccelNAS-VCK190-v0 with other"
    ):
        policies.check_tables([other], "results.json")
    assert carry_out(run)["tables"] == tables
