"""Studies whose tasks sell evaluations at two fidelities."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark, make_problem
from anb_gym.noise import Noise
from anb_gym.problems.cost import gpu_hours
from anb_gym.study.analysis.analyse import analyse
from anb_gym.study.analysis.anytime import incumbents
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.config import ControllerEntry
from anb_gym.study.results import Results, ResultsError
from anb_gym.study.runner import run_study
from anb_gym.study.runs import ControllerError, execute
from anb_gym.study.study_file import load_study
from anb_gym.study.submission import SubmissionError, load_submission, submission_of, validate_run
from anb_gym.study.yaml_nodes import ConfigError

TASK = "{name: two, id: AccelNAS-TwoFidelity-v0, task: VCK190}"
HOURS = "hours: 60"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a small study, and its configuration."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "buyers.py").write_text(BUYERS)
    (folder / "study.yaml").write_text(
        f"name: two\nseeds: 2\n{HOURS}\ntasks: [{TASK}, AccelNAS-VCK190-v0]\n"
        "controllers: [buyers.py:Buyer, buyers.py:Plain]\n"
    )
    study = load_study(folder / "study.yaml", {})
    run_study(study, folder / "results", workers=1)
    return study, folder / "results"


BUYERS = """
import numpy as np
from anb_gym import SPACE

class Plain:
    batch_size = 3
    def __init__(self, brief, rng):
        self.brief, self.rng = brief, rng
    def ask(self, n):
        return SPACE.sample(n, self.rng)
    def tell(self, choices, objectives):
        assert objectives.shape == (len(choices), 1)

class Buyer(Plain):
    def __init__(self, brief, rng):
        super().__init__(brief, rng)
        if not brief.fidelities:
            raise ValueError("for two fidelities only")
        self.turn = 0
    def ask(self, n):
        self.turn += 1
        return super().ask(n), "reference" if self.turn == 3 else "proxy"
    def tell(self, choices, objectives, fidelity, hours):
        assert fidelity == ("reference" if self.turn == 3 else "proxy")
        assert hours.shape == (len(choices),)
        assert self.brief.hours == 60.0 and [f.name for f in self.brief.fidelities] == ["proxy", "reference"]
        assert 2.0 < self.brief.fidelities[0].hours < 3.0 and 12.0 < self.brief.fidelities[1].hours < 15.0

class Wrong(Plain):
    def ask(self, n):
        return super().ask(n), "referense"

class Triple(Plain):
    def ask(self, n):
        return super().ask(n), "proxy", 3
"""


def run_of(finished, controller, task="two"):
    study, _ = finished
    return next(r for r in study.runs() if (r.controller.name, r.task.name) == (controller, task))


def test_a_run_is_told_what_it_buys_and_pays_for_it(finished):
    record = execute(run_of(finished, "Buyer"))
    assert record.fidelity[:7].tolist() == ["proxy"] * 6 + ["reference"]
    states, told = SPACE.index_to_states(record.index), []
    problem = make_problem("AccelNAS-TwoFidelity-v0", task="VCK190")
    for row, fidelity in enumerate(record.fidelity):
        told.append(problem.told(states[row : row + 1], fidelity, np.uint64(0))[0])
    assert record.told.tolist() == told
    assert record.reward.tolist() == problem.evaluate(record.index).reward.tolist()
    cost = [gpu_hours(states[row : row + 1], fidelity)[0] for row, fidelity in enumerate(record.fidelity)]
    np.testing.assert_allclose(np.diff(record.hours, prepend=0.0), cost)
    assert record.hours[-1] <= 60.0
    noisy = Benchmark().query(record.index[:1], ["accuracy"], noise=Noise(0))["accuracy"]
    assert noisy[0] != Benchmark().query(record.index[:1], ["accuracy"])["accuracy"][0]


def test_a_plain_controller_is_evaluated_at_the_reference(finished):
    record = execute(run_of(finished, "Plain"))
    assert set(record.fidelity) == {"reference"}
    np.testing.assert_allclose(record.hours, np.cumsum(gpu_hours(SPACE.index_to_states(record.index), "reference")))
    assert execute(run_of(finished, "Plain", "AccelNAS-VCK190-v0")).fidelity is None


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("Wrong", "two", "evaluation 1: fidelity must be one of .*, got 'referense'; did you mean 'reference'"),
        ("Triple", "two", "ask must return architectures and the name of a fidelity, got a tuple of 3"),
        ("Wrong", "AccelNAS-VCK190-v0", "ask must return architectures: the task has one fidelity, got a tuple of 2"),
    ],
)
def test_bad_answers(finished, name, task, message):
    run = run_of(finished, "Plain", task)
    path = run.controller.path.replace(":Plain", f":{name}")
    with pytest.raises(ControllerError, match=message):
        execute(replace(run, controller=ControllerEntry(name, path)))


def test_incumbents_are_those_of_the_reference_as_soon_as_there_is_one():
    told = np.array([0.5, 0.9, 0.1, 2.0, 0.2, 0.15])
    judged = np.array([False, False, True, False, True, True])
    assert incumbents(told, judged).tolist() == [0, 1, 2, 2, 4, 4]
    assert incumbents(told, np.zeros(6, dtype=bool)).tolist() == incumbents(told).tolist() == [0, 1, 1, 3, 3, 3]
    assert incumbents(told, np.ones(6, dtype=bool)).tolist() == incumbents(told).tolist()


def test_results_keep_fidelities_and_are_judged_at_the_reference(finished):
    _, folder = finished
    results = Results.load(folder)
    table = results.table
    of_two = table[table["task"] == "two"]
    assert set(of_two["fidelity"]) == {"proxy", "reference"}
    assert table[table["task"] != "two"]["fidelity"].isna().all()
    assert results.tasks["two"]["noise"] is True
    assert {"accuracy", "accuracy/reference", "train_time/reference"} <= set(results.versions["surrogates"]["gp"])
    assert [skip["controller"] for skip in results.description["skipped"]] == ["Buyer"]
    analysis = analyse(table, results.tasks)
    task = analysis.tasks["two"]
    assert task.group == "regret at two fidelities with noise"
    assert task.budgets == [of_two["evaluation"].max()]
    for seed in (0, 1):
        rows = of_two[(of_two["controller"] == "Buyer") & (of_two["seed"] == seed)]
        dear = rows[rows["fidelity"] == "reference"]
        best = dear.loc[dear["told"].idxmax(), "reward"]
        assert task.curves["regret"]["Buyer"].values[seed, -1] == pytest.approx(1.0 - best)


def test_a_study_goes_on_and_notices_another_fidelity(finished, tmp_path):
    study, folder = finished
    assert run_study(study, folder, workers=1).n_found == len(study.runs())
    table = Results.load(folder)
    path = tmp_path / "again.parquet"
    table.save(path)
    assert Results.load(path).table.equals(table.table)
    from anb_gym.study.fragments import Folder, encode_run

    run = run_of(finished, "Buyer")
    record = execute(run)
    forged = record.fidelity.copy()
    forged[0] = "reference"
    home = Folder(tmp_path)
    home.save(run, encode_run(run, replace(record, fidelity=forged)))
    with pytest.raises(ResultsError, match="its column '(told|hours)' is not that of its architectures"):
        home.merge([run], {})
    forged[0] = "free"
    home.save(run, encode_run(run, replace(record, fidelity=forged)))
    with pytest.raises(ResultsError, match="its column 'fidelity' is not of names of fidelities"):
        home.merge([run], {})


def test_submissions(finished, tmp_path):
    _, folder = finished
    results = Results.load(folder)
    content = submission_of(results, "Buyer")
    path = tmp_path / "submission.json"
    path.write_text(json.dumps(content))
    for run in load_submission(path).runs:
        rows = results.table[(results.table["controller"] == "Buyer") & (results.table["seed"] == run.seed)]
        verdict = validate_run(run)
        assert verdict.mismatches == []
        dear = rows[rows["fidelity"] == "reference"]
        assert verdict.regret[len(rows)] == pytest.approx(1.0 - dear.loc[dear["told"].idxmax(), "reward"])
    content["runs"][0]["fidelities"][1] = "referense"
    path.write_text(json.dumps(content))
    with pytest.raises(SubmissionError, match=r"runs\[0\].fidelities must be one of .*did you mean 'reference'"):
        load_submission(path)
    del content["runs"][0]["fidelities"]
    path.write_text(json.dumps(content))
    with pytest.raises(SubmissionError, match=r"fidelities must be \d+ names, one per evaluation"):
        load_submission(path)
    content["runs"] = [{"task": "AccelNAS-VCK190-v0", "seed": 0, "evaluations": [1], "fidelities": ["proxy"]}]
    path.write_text(json.dumps(content))
    with pytest.raises(SubmissionError, match="fidelities must not be there: the task has one fidelity"):
        load_submission(path)
    assert Judge("anb_gym:AccelNAS-TwoFidelity-v0").noise
    assert not Judge("AccelNAS-VCK190-v0").noise


@pytest.mark.parametrize(
    ("rest", "task", "message"),
    [
        (
            "evaluations: 30",
            TASK,
            "task 'two' sells evaluations for 'hours', at least 31.1 of them, the study has none",
        ),
        ("hours: 10", TASK, "sells evaluations for 'hours', at least 31.1 of them, got 10"),
        (HOURS, "{id: AccelNAS-TwoFidelity-v0, task: VCK109}", "task must be one of .*did you mean 'VCK190'"),
        (HOURS, "{id: AccelNAS-TwoFidelity-v0, tsk: VCK190}", "must be one of .*did you mean 'task'"),
    ],
)
def test_bad_files(write, rest, task, message):
    path = write(f"name: bad\nseeds: 1\n{rest}\ncontrollers: [TOYS:Toy]\ntasks: [{task}]\n")
    with pytest.raises(ConfigError, match=message):
        load_study(path, {})


def test_agents_are_skipped(write):
    path = write(f"name: a\nseeds: 1\n{HOURS}\nagents: [policy_gradient]\ntasks: [{TASK}, AccelNAS-VCK190-v0]\n")
    study = load_study(path, {}, {"policy_gradient": "anb_gym.agents.policy_gradient:PolicyGradient"})
    assert "only controllers do" in study.skipped["two", "policy_gradient"]
