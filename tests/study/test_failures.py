"""Tasks whose measurements can fail."""

from __future__ import annotations

import json

import numpy as np
import pytest

from anb_gym import SPACE, make_problem
from anb_gym.study.analysis.analyse import analyse
from anb_gym.study.failures import FAILED, fails
from anb_gym.study.results import Results
from anb_gym.study.runner import run_study
from anb_gym.study.runs import execute
from anb_gym.study.study_file import load_study
from anb_gym.study.submission import load_submission, submission_of, validate_run
from anb_gym.study.yaml_nodes import ConfigError

TASK = "{name: failing, id: AccelNAS-VCK190-v0, noise: true, failures: 0.3}"
CHOICES = SPACE.sample(20_000, np.random.default_rng(0))
STATES = SPACE.to_states(CHOICES)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_part_fails_and_neighbours_alike(share: float) -> None:
    shares = [fails(STATES, share, seed).mean() for seed in range(5)]
    assert np.mean(shares) == pytest.approx(share, rel=0.15)
    failed = fails(STATES, share, 0)
    one = CHOICES[failed][0]
    assert fails(SPACE.to_states(SPACE.neighbours(one)), share, 0).mean() > 1.5 * share
    assert not np.array_equal(failed, fails(STATES, share, 1))
    assert (fails(STATES, 2 * share, 0) >= failed).all()


def test_what_fails_is_told_so_costs_hours_and_is_never_chosen(study, tmp_path) -> None:
    config = study("Toy, Climber", TASK, "hours: 60")
    run = config.runs()[0]
    record = execute(run)
    failed = fails(SPACE.index_to_states(record.index), 0.3, run.seed)
    assert 0 < failed.sum() < len(failed)
    assert (record.told[failed] == FAILED).all()
    assert (record.told[~failed] > FAILED).all()
    assert record.reward.tolist() == make_problem("AccelNAS-VCK190-v0").evaluate(record.index).reward.tolist()
    results = Results.load(run_study(config, tmp_path / "out", workers=1).path)
    assert results.tasks["failing"]["failures"] == 0.3
    assert run_study(config, tmp_path / "out", workers=1).n_found == 4
    (task,) = analyse(results.table, results.tasks).tasks.values()
    assert task.group == "regret with failures with noise"
    rows = results.table[(results.table["controller"] == "Toy") & (results.table["seed"] == 0)]
    best = rows.loc[rows["told"].idxmax(), "reward"]
    assert task.curves["regret"]["Toy"].values[0, -1] == pytest.approx(max(0.0, 1.0 - best))
    path = tmp_path / "submission.json"
    path.write_text(json.dumps(submission_of(results, "Toy")))
    submitted = load_submission(path).runs[0]
    assert str(submitted) == "AccelNAS-VCK190-v0 with noise, failures=0.3, seed 0"
    verdict = validate_run(submitted)
    assert verdict.mismatches == []
    assert verdict.regret[len(rows)] == pytest.approx(max(0.0, 1.0 - best))


def test_evaluations_at_fidelities_can_fail_too(study) -> None:
    config = study("Toy", "{name: both, id: AccelNAS-TwoFidelity-v0, failures: 0.5}", "hours: 100")
    record = execute(config.runs()[0])
    assert (record.told == FAILED).tolist() == fails(SPACE.index_to_states(record.index), 0.5, 0).tolist()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("{id: AccelNAS-VCK190-v0, failures: 1.0}", "failures must be a part of all .*, above 0 and below 1, got 1.0"),
        ("{id: AccelNAS-VCK190-v0, failures: no}", "failures must be a finite number of at least 0, got False"),
        ("{id: AccelNAS-VCK190-MO-v0, failures: 0.1}", "failures need one objective, the task has 2, got 0.1"),
        ("{id: AccelNAS-VCK190-v0, failure: 0.1}", "must be one of .*did you mean 'failures'"),
    ],
)
def test_bad_failures(write, task: str, message: str) -> None:
    path = write(f"name: bad\nseeds: 1\nevaluations: 9\ncontrollers: [TOYS:Toy]\ntasks: [{task}]\n")
    with pytest.raises(ConfigError, match=message):
        load_study(path, {})
