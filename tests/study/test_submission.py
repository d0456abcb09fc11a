"""Submissions: recomputed, and refused where they are wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from anb_gym import SPACE, Architecture, Benchmark
from anb_gym.cli import main
from anb_gym.study.recomputing import validate_run
from anb_gym.study.results import Results
from anb_gym.study.runner import run_study
from anb_gym.study.submission import SubmissionError, load_submission, submission_of

TASKS = "AccelNAS-VCK190-v0, {name: noisy, id: AccelNAS-VCK190-v0, noise: true}, AccelNAS-VCK190-MO-v0"


@pytest.fixture(scope="module")
def index():
    """Some architectures, the 60th equal to the first."""
    index = SPACE.to_index(SPACE.sample(60, np.random.default_rng(0)))
    index[-1] = index[0]
    return index


@pytest.fixture
def save(tmp_path):
    """Writes a submission of runs."""

    def _save(*runs, **fields):
        path = tmp_path / "submission.json"
        path.write_text(json.dumps({"schema": 1, "controller": "mine", "runs": list(runs), **fields}))
        return path

    return _save


def run_of(index, task="AccelNAS-VCK190-v0", **fields):
    return {"task": task, "seed": 0, "evaluations": index.tolist(), **fields}


def test_text_and_indices_are_the_same(save, index):
    texts = [str(Architecture.from_index(int(i))) for i in index]
    runs = load_submission(save(run_of(index), {**run_of(index), "evaluations": texts, "seed": 1})).runs
    assert runs[0].index.tolist() == runs[1].index.tolist() == index.tolist()


def test_regret_is_that_of_the_best_so_far(save, index):
    (run,) = load_submission(save(run_of(index))).runs
    verdict = validate_run(run)
    rewards = run.judge.exact(index)[:, 0]
    assert verdict.regret == {50: 1 - rewards[:50].max(), 60: 1 - rewards.max()}
    assert verdict.repeated == 1


def test_noise_chooses_and_truth_judges(save, index):
    (run,) = load_submission(save(run_of(index, {"id": "AccelNAS-VCK190-v0", "noise": True}, seed=4))).runs
    chosen = run.judge.told(index, 4)[:, 0].argmax()
    assert validate_run(run).regret[60] == 1 - run.judge.exact(index)[chosen, 0]


def test_true_claims_agree(save, index):
    runs = [run_of(index), run_of(index, "AccelNAS-VCK190-MO-v0"), run_of(index, "AccelNAS-Accuracy-v0")]
    verdicts = [validate_run(run) for run in load_submission(save(*runs)).runs]
    values = {name: column.tolist() for name, column in Benchmark().query(index, ["accuracy", "macs"]).items()}
    for run, verdict in zip(runs, verdicts, strict=True):
        run["claims"] = {"metrics": values, "regret": {str(k): round(v, 7) for k, v in verdict.regret.items()}}
    loaded = load_submission(save(*runs)).runs
    assert [list(validate_run(run).mismatches) for run in loaded] == [[], [], []]
    assert all(verdict.regret[60] <= verdict.regret[50] for verdict in verdicts)


def test_false_claims_are_found(save, index, capsys):
    accuracy = Benchmark().query(index, "accuracy")["accuracy"].tolist()
    accuracy[6] += 0.001
    accuracy[8] += 0.001
    claims = {"metrics": {"accuracy": accuracy}, "reward": [0.0] * 60, "regret": {"50": 0.0}}
    path = save(run_of(index, claims=claims))
    mismatches = validate_run(load_submission(path).runs[0]).mismatches
    assert len(mismatches) == 3
    assert mismatches[0].startswith("the accuracy of evaluation 7 is ")
    assert mismatches[0].endswith("; 1 more differ")
    assert mismatches[2].startswith("the regret after 50 evaluations is ")
    assert main(["validate", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out.count("wrong: ") == 3
    assert captured.err == f"anb-gym: {path}: claims that are wrong: 3\n"


def test_tasks_are_told_apart_by_their_arguments(save, index, capsys):
    tasks = [{"id": "AccelNAS-VCK190-v0", "target": target} for target in (2000, 3000)]
    assert main(["validate", str(save(*(run_of(index, task) for task in tasks)))]) == 0
    out = capsys.readouterr().out
    assert "AccelNAS-VCK190-v0, target=2000, seed 0: 60 evaluations" in out
    assert "AccelNAS-VCK190-v0, target=3000, seed 0: 60 evaluations" in out


def test_a_task_and_seed_is_there_once(save, index):
    spelled = [{"id": "anb_gym:AccelNAS-VCK190-v0", "surrogate": "gp"}, "AccelNAS-VCK190-v0"]
    with pytest.raises(
        SubmissionError, match=r"runs\[1\] must be of another task or seed than runs\[0\], both are Acc"
    ):
        load_submission(save(*(run_of(index, task) for task in spelled)))


def test_names_of_others_do_not_control_the_terminal(save, index, capsys):
    assert main(["validate", str(save(run_of(index), controller="\x1b[2Jmine\nall claims agree"))]) == 0
    assert capsys.readouterr().out.startswith(r"\x1b[2Jmine all claims agree: 1 runs")


def test_ids_as_gymnasium_has_them(save, index):
    (run,) = load_submission(save(run_of(index, "anb_gym:AccelNAS-VCK190-v0"))).runs
    assert run.judge.id == "AccelNAS-VCK190-v0"


@pytest.mark.parametrize("reward", ["evil:reward", {"name": "evil:Reward", "path": "there"}])
def test_no_code_is_found_for_a_submission(save, index, tmp_path, monkeypatch, reward):
    """Whoever validates a file that others wrote does not run what it names; rewards of one's own have names."""
    (tmp_path / "evil.py").write_text("import os\nos.mkdir('imported')\nReward = os.mkdir\ndef reward(_): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    path = save(run_of(index, {"id": "AccelNAS-VCK190-v0", "reward": reward}))
    with pytest.raises(SubmissionError, match="reward must be a name in files, got 'evil:.*set ANB_GYM_REWARDS=NAME="):
        load_submission(path)
    assert not (tmp_path / "imported").exists()
    assert not (tmp_path / "there").exists()


def test_the_largest_seeds(save, index, capsys):
    tasks = [{"id": "AccelNAS-VCK190-v0", "noise": True}, {"id": "AccelNAS-VCK190-MO-v0", "noise": True}]
    assert main(["validate", str(save(*(run_of(index, task, seed=2**64 - 1) for task in tasks)))]) == 0
    assert f"seed {2**64 - 1}: 60 evaluations" in capsys.readouterr().out


def test_a_study_becomes_a_submission(study, tmp_path, capsys):
    results = Results.load(run_study(study("Climber, Toy", TASKS), tmp_path / "out", workers=1).path)
    path = tmp_path / "climber.json"
    path.write_text(json.dumps(submission_of(results, "Climber")))
    assert main(["validate", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Climber: 6 runs\n")
    assert out.count("30 evaluations") == 6
    assert out.count("hypervolume regret") == 2
    assert out.endswith("all claims agree\n")
    with pytest.raises(ValueError, match="controller must be one of 'Climber', 'Toy', got 'Cimber'"):
        submission_of(results, "Cimber")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "AccelNAS-VCK191-v0"}, r"runs\[0\].task: id must be one of"),
        ({"task": {"id": "AccelNAS-VCK190-v0", "targt": 1}}, "did you mean 'target'"),
        ({"task": {"id": "AccelNAS-VCK190-v0", "noise": 1}}, r"task.noise must be true or false"),
        ({"task": 3}, r"runs\[0\].task must have named fields"),
        ({"seed": -1}, r"runs\[0\].seed must be an integer"),
        ({"evaluations": []}, r"runs\[0\].evaluations must be a list of one"),
        ({"evaluations": [0, "e1k3"]}, r"evaluations\[1\]: text must be 7 blocks"),
        ({"evaluations": [104485552128]}, r"evaluations\[0\]: an architecture must be text or an index in 0.."),
        ({"evaluations": [True]}, r"evaluations\[0\]: an architecture must be"),
        ({"evaluations": [0.5]}, r"evaluations\[0\]: an architecture must be"),
        ({"claim": {}}, "did you mean 'claims'"),
        ({"claims": {"regrets": {}}}, "did you mean 'regret'"),
        ({"claims": {"metrics": {"acuracy": []}}}, "did you mean 'accuracy'"),
        ({"claims": {"metrics": {"accuracy": [1.0]}}}, "metrics.accuracy must be 60 finite numbers"),
        ({"claims": {"reward": ["a"] * 60}}, "claims.reward must be 60 finite numbers"),
        ({"claims": {"reward": [10**400] * 60}}, r"claims.reward\[0\] must be finite and of at most 64 bits"),
        ({"claims": {"regret": {"60": float("nan")}}}, "claims.regret.60 must be finite"),
        ({"claims": {"regret": {"60": 10**400}}}, "claims.regret.60 must be finite"),
        ({"claims": {"regret": {"61": 0.1}}}, r"from evaluations in 1..60 to finite numbers"),
        ({"claims": {"regret": {"ten": 0.1}}}, r"from evaluations in 1..60 to finite numbers"),
        ({"task": "AccelNAS-VCK190-MO-v0", "claims": {"reward": [0.0] * 60}}, "the task has several objectives"),
    ],
)
def test_mistakes_say_where(save, index, change, message):
    with pytest.raises(SubmissionError, match=message):
        load_submission(save({**run_of(index), **change}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema": 2}, "schema must be 1, got 2"),
        ({"controller": ""}, "controller must be text"),
        ({"runs": []}, "one run or more"),
        ({"runs": [3]}, r"runs\[0\] must have named fields"),
        ({"extra": 1}, "a field of the submission must be one of"),
    ],
)
def test_mistakes_of_the_whole(save, fields, message):
    with pytest.raises(SubmissionError, match=message):
        load_submission(save(**fields))


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff", "[" * 100_000], ids=["empty", "cut", "list", "binary", "deep"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SubmissionError, match="other.json"):
        load_submission(path)
