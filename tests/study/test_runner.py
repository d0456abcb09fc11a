"""Studies as a whole: parallel, interrupted, killed, resumed, with failures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anb_gym.study.analysis.analyse import analyse
from anb_gym.study.controllers import source_of
from anb_gym.study.fragments import Folder
from anb_gym.study.recomputing import validate_run
from anb_gym.study.results import KEY, Results, ResultsError, read
from anb_gym.study.runner import collect, run_study
from anb_gym.study.study_file import load_study
from anb_gym.study.submission import load_submission, submission_of
from anb_gym.study.workers import attempts

from .conftest import TOYS

TASKS = "AccelNAS-VCK190-v0, {name: noisy, id: AccelNAS-VCK190-v0, noise: true}, AccelNAS-A100-MO-v0"


def without_seconds(results: Results) -> pd.DataFrame:
    return results.table.drop(columns="seconds")


def assert_same(first: Results, second: Results) -> None:
    pd.testing.assert_frame_equal(without_seconds(first), without_seconds(second))


@pytest.fixture
def reference(study, tmp_path):
    """A study and its results."""
    config = study("Toy, Climber", TASKS)
    return config, Results.load(run_study(config, tmp_path / "reference", workers=1).path)


def test_the_table_is_tidy_and_sorted(reference):
    config, results = reference
    table = results.table
    key = ["task", "controller", "seed", "evaluation"]
    assert list(table) == [*key, "index", "fidelity", "told", "reward", "hours", "seconds"]
    assert table["fidelity"].isna().all()
    assert len(table) == 30 * len(config.runs()) == 30 * 2 * 3 * 2
    keys = table[key].astype({"task": str, "controller": str})
    pd.testing.assert_frame_equal(keys, keys.sort_values(list(keys)).reset_index(drop=True))
    assert not keys.duplicated().any()
    assert dict(table.dtypes.astype(str))["seed"] == "uint64"
    assert table["told"].isna().equals(table["task"] == "AccelNAS-A100-MO-v0")
    assert table["told"].isna().equals(table["reward"].isna())
    noisy = table[table["task"] == "noisy"]
    assert (noisy["told"] != noisy["reward"]).all()


def test_everything_that_made_it_is_inside(reference):
    config, results = reference
    assert results.name == "small"
    assert results.configuration == json.loads(json.dumps(config.to_dict()))
    assert results.tasks["noisy"] == {
        "id": "AccelNAS-VCK190-v0",
        "task": "VCK190",
        "kind": "scalar",
        "metrics": ["accuracy", "vck190/throughput"],
        "directions": ["max", "max"],
        "arguments": {},
        "surrogate": "gp",
        "noise": True,
    }
    assert results.tasks["AccelNAS-A100-MO-v0"]["kind"] == "vector"
    assert results.versions["numpy"] == np.__version__
    assert set(results.versions["surrogates"]["gp"]) == {
        "accuracy",
        "vck190/throughput",
        "a100/throughput",
        "train_time",
    }
    assert len(results.runs) == len(config.runs())
    last = results.table.groupby(["task", "controller", "seed"], observed=True)["hours"].max()
    for run in results.runs:
        assert run["evaluations"] == 30
        assert run["hours"] == last[run["task"], run["controller"], run["seed"]]
        assert 0 < run["controller_seconds"] + run["benchmark_seconds"] <= run["total_seconds"]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_number_of_workers_and_the_backend_do_not_matter(reference, tmp_path, backend):
    config, expected = reference
    with joblib.parallel_config(backend):
        outcome = run_study(config, tmp_path / "parallel", workers=2)
    assert not outcome.failures
    assert_same(Results.load(outcome.path), expected)


@pytest.mark.filterwarnings("ignore")  # those of the cluster are its own business
def test_a_dask_cluster_does_the_same(reference, tmp_path):
    distributed = pytest.importorskip("distributed")
    config, expected = reference
    cluster = distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None)
    with cluster, joblib.parallel_config("dask"):
        outcome = run_study(config, tmp_path / "parallel")
    assert_same(Results.load(outcome.path), expected)


def test_a_finished_study_is_left_alone(reference, tmp_path):
    config, expected = reference
    folder = tmp_path / "reference"
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.parquet")}
    outcome = run_study(config, folder, workers=1)
    assert (outcome.n_runs, outcome.n_found) == (12, 12)
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.parquet")} == before
    pd.testing.assert_frame_equal(Results.load(outcome.path).table, expected.table)


def test_a_missing_run_is_done_again(reference, tmp_path):
    config, expected = reference
    folder = tmp_path / "reference"
    Folder(folder).fragment(config.runs()[3]).unlink()
    outcome = run_study(config, folder, workers=1)
    assert outcome.n_found == 11
    assert_same(Results.load(outcome.path), expected)


def test_killed_again_and_again_nothing_is_lost_or_repeated(study, tmp_path):
    config = study("Slow, Climber", TASKS, "evaluations: 60")
    expected = Results.load(run_study(config, tmp_path / "expected", workers=1).path)
    script = Path(__file__).parent / "kill_repeatedly.py"
    subprocess.run([sys.executable, script, tmp_path / "study.yaml", tmp_path / "killed"], check=True)
    outcome = run_study(config, tmp_path / "killed", workers=1)
    assert outcome.n_found > 0
    assert_same(Results.load(outcome.path), expected)


def test_failed_runs_are_listed_and_tried_again(study, tmp_path, monkeypatch):
    monkeypatch.delenv("TOY_MENDED", raising=False)
    config = study("Toy, Flaky")
    outcome = run_study(config, tmp_path / "out", workers=1)
    assert [(failure["controller"], failure["seed"]) for failure in outcome.failures] == [("Flaky", 0), ("Flaky", 1)]
    for failure in outcome.failures:
        assert failure["evaluation"] == 21
        file = tmp_path / "out" / "runs" / failure["task"] / "Flaky" / f"{failure['seed']}.json"
        stored = json.loads(file.read_text())
        assert stored == failure
        assert "toy_controllers.py" in stored["traceback"]
    results = Results.load(outcome.path)
    assert set(results.table["controller"]) == {"Toy"}
    assert [failure["seed"] for failure in results.description["failed"]] == [0, 1]
    assert Results.load(collect(config, tmp_path / "out")).description["failed"] == results.description["failed"]

    monkeypatch.setenv("TOY_MENDED", "1")
    outcome = run_study(config, tmp_path / "out", workers=1)
    assert (outcome.n_found, list(outcome.failures)) == (2, [])
    assert not list((tmp_path / "out").rglob("runs/*/*/*.json"))
    assert set(Results.load(outcome.path).table["controller"]) == {"Toy", "Flaky"}


def test_a_study_in_which_all_fails_has_an_empty_table(study, tmp_path):
    outcome = run_study(study("TooFew"), tmp_path, workers=1)
    assert len(outcome.failures) == 2
    assert len(Results.load(outcome.path).table) == 0


def test_a_worker_that_dies_is_an_error_and_finished_runs_stay(study, tmp_path):
    config = study("Toy, Killer")
    with joblib.parallel_config("loky"), pytest.raises(OSError, match="a process that worked on a run died"):
        run_study(config, tmp_path, workers=2)
    for path in tmp_path.glob("runs/*/*/*"):
        assert path.parent.name == "Toy"
        assert len(read(path)) == 30


def test_a_folder_of_another_study_is_refused(study, tmp_path):
    run_study(study("Toy"), tmp_path / "out", workers=1)
    present = (tmp_path / "out" / "results.parquet").read_bytes()
    with pytest.raises(ValueError, match=r"holds another study: configuration.evaluations is 30 there and 31 here;"):
        run_study(study("Toy", rest="evaluations: 31"), tmp_path / "out", workers=1)
    run_study(study("Toy", "{name: a, id: AccelNAS-A100-v0}"), tmp_path / "other", workers=1)
    with pytest.raises(ValueError, match=r"configuration.tasks.a.id is 'AccelNAS-A100-v0' there and 'AccelNAS-VCK"):
        run_study(study("Toy", "{name: a, id: AccelNAS-VCK190-v0}"), tmp_path / "other", workers=1)
    description = json.loads((tmp_path / "out" / "study.json").read_text())
    description["versions"]["surrogates"]["gp"]["accuracy"] = "0"
    (tmp_path / "out" / "study.json").write_text(json.dumps(description))
    with pytest.raises(ValueError, match=r"versions.surrogates.gp.accuracy is '0' there"):
        run_study(study("Toy"), tmp_path / "out", workers=1)
    for text in ("{", "[]"):
        (tmp_path / "out" / "study.json").write_text(text)
        with pytest.raises(ValueError, match="study.json is damaged"):
            run_study(study("Toy"), tmp_path / "out", workers=1)
    assert (tmp_path / "out" / "results.parquet").read_bytes() == present


def test_studies_that_start_at_once_in_one_folder(study, write, tmp_path):
    expected = []
    for name, evaluations in (("one", 30), ("two", 31)):
        config = study("Toy", rest=f"evaluations: {evaluations}")
        (tmp_path / "study.yaml").rename(tmp_path / f"{name}.yaml")
        expected.append(Results.load(run_study(config, tmp_path / name, workers=1).path))
    script = Path(__file__).parent / "start_at_once.py"
    arguments = [script, tmp_path / "both", tmp_path / "one.yaml", tmp_path / "two.yaml"]
    subprocess.run([sys.executable, *arguments], check=True)
    for folder in (tmp_path / "both").iterdir():
        found = Results.load(folder)
        assert_same(found, expected[found.configuration["evaluations"] - 30])


def test_a_folder_in_use_is_refused(study, tmp_path):
    config = study("Toy")
    with Folder(tmp_path / "out").open({}), pytest.raises(ValueError, match="out holds another study"):
        run_study(config, tmp_path / "out", workers=1)
    run_study(config, tmp_path / "mine", workers=1)
    description = json.loads((tmp_path / "mine" / "study.json").read_text())
    with (
        Folder(tmp_path / "mine").open(description),
        pytest.raises(ValueError, match="another process works on the study in .*mine; wait for it"),
    ):
        run_study(config, tmp_path / "mine", workers=1)
    with Folder(tmp_path / "mine").open(description):  # what is finished can be collected at any time
        assert len(Results.load(collect(config, tmp_path / "mine")).runs) == 2
    assert run_study(config, tmp_path / "mine", workers=1).n_found == 2


def test_what_a_killed_process_left_is_removed(study, tmp_path):
    run_study(study("Toy"), tmp_path / "out", workers=1)
    runs = tmp_path / "out" / "runs" / "AccelNAS-VCK190-v0" / "Toy"
    left = [runs / ".1.parquet.k3_a0zzz.tmp", tmp_path / "out" / ".study.json.abcdefgh.tmp"]
    mine = [runs / ".notes.txt", runs / "mine.tmp"]
    for path in (*left, *mine):
        path.write_bytes(b"half")
    run_study(study("Toy"), tmp_path / "out", workers=1)
    assert [path.exists() for path in (*left, *mine)] == [False] * 2 + [True] * 2


def _rewrite(path, change=lambda table: table, **fields):
    """Writes a finished run again with another table or other words in its metadata."""
    table = pq.read_table(path)
    description = json.loads(table.schema.metadata[KEY])
    description["run"].update(fields.pop("run", {}))
    pq.write_table(change(table).replace_schema_metadata({KEY: json.dumps({**description, **fields})}), path)


def _set(column, change):
    def _change(table):
        place = table.schema.get_field_index(column)
        values = change(table[column].to_numpy().copy())
        return table.set_column(place, column, pa.array(values, table.schema.field(column).type))

    return _change


def _put(value, row=3):
    def _change(values):
        values[row] = value
        return values

    return _change


@pytest.mark.parametrize(
    ("change", "fields", "message"),
    [
        (lambda table: table.slice(1), {}, "it has 29 rows, and says that it has 30 evaluations"),
        (lambda table: table.slice(0, 29), {"run": {"evaluations": 29}}, "it has 29 evaluations of 30"),
        (None, {"run": {"hours": 1.0}}, "it says that it took 1.0 hours"),
        (_set("seed", _put(1)), {}, "its column 'seed' is not 0 throughout"),
        (_set("task", _put("other")), {}, "its column 'task' is not 'AccelNAS-VCK190-v0' throughout"),
        (_set("controller", _put("other")), {}, "its column 'controller' is not 'Toy' throughout"),
        (_set("evaluation", _put(1)), {}, "its evaluations are not numbered from 1 to 30"),
        (_set("index", _put(-1)), {}, "an index is not in 0.."),
        (_set("index", _put(7)), {}, "its column 'told' is not that of its architectures"),
        (_set("reward", _put(1.0)), {}, "its column 'reward' is not that of its architectures"),
        (_set("reward", _put(np.nan)), {}, "its column 'reward' is not that of its architectures"),
        (_set("reward", lambda values: [None] * 30), {}, "its column 'reward' is not that of its architectures"),
        (_set("told", _put(1.0)), {}, "its column 'told' is not that of its architectures"),
        (_set("hours", _put(0.0)), {}, "its column 'hours' is not that of its architectures"),
        (_set("seconds", _put(1e9)), {}, "its seconds do not increase"),
        (_set("seconds", _put(np.nan)), {}, "its seconds do not increase"),
    ],
)
def test_finished_runs_are_what_they_claim(study, tmp_path, change, fields, message):
    config = study("Toy", "{name: AccelNAS-VCK190-v0, id: AccelNAS-VCK190-v0, noise: true}")
    run_study(config, tmp_path / "out", workers=1)
    fragment = Folder(tmp_path / "out").fragment(config.runs()[0])
    _rewrite(fragment, change or (lambda table: table), **fields)
    pattern = f"{fragment} is not what .* has to have: .*{message}.*; start the study again"
    with pytest.raises(ResultsError, match=pattern):
        collect(config, tmp_path / "out")
    (fault,) = run_study(config, tmp_path / "out", workers=1).damaged
    assert re.match(pattern, fault)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"evaluations": "30"}, "'evaluations' must be an integer, got '30'"),
        ({"seed": False}, "'seed' must be an integer, got False"),
        ({"total_seconds": "long"}, "'total_seconds' must be a number, got 'long'"),
    ],
)
def test_finished_runs_are_described(study, tmp_path, fields, message):
    """What a file says of its run becomes what the results say of it."""
    config = study("Toy")
    run_study(config, tmp_path / "out", workers=1)
    fragment = Folder(tmp_path / "out").fragment(config.runs()[0])
    _rewrite(fragment, lambda table: table, run=fields)
    (fault,) = run_study(config, tmp_path / "out", workers=1).damaged
    assert re.match(f"{fragment} is damaged, start the study again, which makes it anew: {message}", fault)


def test_vector_rewards_have_no_column(study, tmp_path):
    config = study("Toy", "AccelNAS-VCK190-MO-v0")
    run_study(config, tmp_path / "out", workers=1)
    _rewrite(Folder(tmp_path / "out").fragment(config.runs()[0]), _set("told", _put(1.0)))
    with pytest.raises(ResultsError, match="it has the column 'told', which vector rewards do not have"):
        collect(config, tmp_path / "out")


def test_a_finished_run_of_another_configuration_does_not_count(study, tmp_path):
    for settings in ("", ", batch_size: 5"):
        config = study("Toy", tasks="AccelNAS-VCK190-v0", rest="evaluations: 30")
        text = (tmp_path / "study.yaml").read_text().replace(f"{TOYS}:Toy", f"{{controller: {TOYS}:Toy{settings}}}")
        (tmp_path / "study.yaml").write_text(text)
        config = load_study(tmp_path / "study.yaml", {})
        run_study(config, tmp_path / f"out{len(settings)}", workers=1)
    run = config.runs()[0]
    os.replace(Folder(tmp_path / "out0").fragment(run), Folder(tmp_path / "out15").fragment(run))
    with pytest.raises(
        ResultsError, match="0.parquet is of another study: controller.settings.batch_size is None there and 5 here"
    ):
        run_study(config, tmp_path / "out15", workers=1)


def test_folders_of_earlier_versions_go_on(study, tmp_path):
    config = study("Toy")
    expected = Results.load(run_study(config, tmp_path / "out", workers=1).path)
    for run in config.runs():  # without a configuration, and with seeds as int32
        path = Folder(tmp_path / "out").fragment(run)
        table = pq.read_table(path).drop_columns("fidelity")
        description = json.loads(table.schema.metadata[KEY])
        description = {"schema": 1, "run": description["run"]}
        table = table.set_column(table.schema.get_field_index("seed"), "seed", table["seed"].cast(pa.int32()))
        pq.write_table(table.replace_schema_metadata({KEY: json.dumps(description)}), path)
    outcome = run_study(config, tmp_path / "out", workers=1)
    assert outcome.n_found == 2
    assert_same(Results.load(outcome.path), expected)


def test_the_largest_seeds(write, tmp_path):
    file = write(
        f"name: a\nseeds: [0, {2**63}, {2**64 - 1}]\nevaluations: 60\ncontrollers: [TOYS:Toy, TOYS:Climber]\n"
        "tasks: [{name: noisy, id: AccelNAS-VCK190-v0, noise: true}, AccelNAS-VCK190-MO-v0]\n"
    )
    config = load_study(file, {})
    outcome = run_study(config, tmp_path / "out", workers=1)
    results = Results.load(run_study(config, tmp_path / "out", workers=1).path)
    assert not outcome.failures
    assert sorted(set(results.table["seed"])) == [0, 2**63, 2**64 - 1]
    analysis = analyse(results.table, results.tasks)
    assert set(analysis.pairwise["runs"]) == {3}
    assert {curves.seeds.tolist()[-1] for curves in analysis.tasks["noisy"].curves["regret"].values()} == {2**64 - 1}
    submission = tmp_path / "submission.json"
    submission.write_text(json.dumps(submission_of(results, "Climber")))
    for run in load_submission(submission).runs:
        assert not validate_run(run).mismatches


def test_runs_of_an_edited_controller_do_not_mix(write, tmp_path):
    (tmp_path / "mine.py").write_text(TOYS.read_text())
    file = write("name: a\nseeds: 2\nevaluations: 7\ncontrollers: [mine.py:Toy]\ntasks: [AccelNAS-VCK190-v0]\n")
    runs = load_study(file, {}).runs()
    run_study(load_study(file, {}), tmp_path / "out", workers=1)
    Folder(tmp_path / "out").fragment(runs[1]).unlink()
    (tmp_path / "mine.py").write_text(TOYS.read_text() + "# better\n")
    with pytest.raises(ResultsError, match="0.parquet was made before .*mine.py was edited; delete the runs"):
        run_study(load_study(file, {}), tmp_path / "out", workers=1)
    Folder(tmp_path / "out").fragment(runs[0]).unlink()
    outcome = run_study(load_study(file, {}), tmp_path / "out", workers=1)
    assert {run["source"] for run in Results.load(outcome.path).runs} == {source_of(f"{tmp_path / 'mine.py'}:Toy")}


def test_files_of_runs_are_checked(study, tmp_path):
    config = study("Toy")
    run_study(config, tmp_path, workers=1)
    first, second = (Folder(tmp_path).fragment(run) for run in config.runs())
    data = first.read_bytes()
    expected = Results.load(tmp_path)
    for damaged, message in (
        (second.read_bytes(), "0.parquet is not of controller 'Toy'"),
        (data[:-20], "0.parquet is damaged"),
    ):
        first.write_bytes(damaged)
        with pytest.raises(ResultsError, match=message):
            collect(config, tmp_path)
        outcome = run_study(config, tmp_path, workers=1)
        assert message in outcome.damaged[0]
        assert first.with_suffix(".damaged").read_bytes() == damaged
        assert_same(Results.load(tmp_path), expected)


def test_a_damaged_run_is_found_before_work_starts_and_alone_made_again(study, tmp_path, monkeypatch):
    run_study(study("Toy"), tmp_path / "out", workers=1)
    config = study("Toy, Climber")
    fragment = Folder(tmp_path / "out").fragment(config.runs()[0])
    _rewrite(fragment, _set("index", _put(7)))
    begun = []

    def attempt(runs, workers):
        begun.extend((run.controller.name, run.seed, fragment.exists()) for run in runs)
        return attempts(runs, workers)

    monkeypatch.setattr("anb_gym.study.runner.attempts", attempt)
    outcome = run_study(config, tmp_path / "out", workers=1)
    assert begun == [("Toy", 0, False), ("Climber", 0, False), ("Climber", 1, False)]
    assert (outcome.n_found, len(outcome.damaged)) == (1, 1)
    begun.clear()
    assert run_study(config, tmp_path / "out", workers=1).n_found == 4
    assert not begun


def test_a_finished_study_grows(study, tmp_path):
    """By a controller, tasks and seeds; what is done is left as it is, and comes out as if all had been run at once."""
    steps = [
        ("Toy", "AccelNAS-VCK190-v0", 2, 2),
        ("Toy, Climber", "AccelNAS-VCK190-v0", 2, 4),
        ("Toy, Climber", TASKS, 2, 12),
        ("Toy, Climber", TASKS, 3, 18),
        ("Climber", TASKS, "{start: 1, count: 3}", 9),
    ]
    before = 0
    for controllers, tasks, seeds, n_runs in steps:
        config = study(controllers, tasks, rest=f"evaluations: 30\n# {seeds}")
        text = (tmp_path / "study.yaml").read_text().replace("seeds: 2", f"seeds: {seeds}")
        (tmp_path / "study.yaml").write_text(text)
        config = load_study(tmp_path / "study.yaml", {})
        present = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("runs/*/*/*.parquet")}
        outcome = run_study(config, tmp_path / "out", workers=1)
        assert (outcome.n_runs, outcome.n_found) == (n_runs, before if n_runs > before else 6)
        assert {path: path.stat().st_mtime_ns for path in present} == present
        before = n_runs
        if n_runs == 18:
            expected = Results.load(run_study(config, tmp_path / "at_once", workers=1).path)
            assert_same(Results.load(outcome.path), expected)
    known = json.loads((tmp_path / "out" / "study.json").read_text())["configuration"]
    assert (set(known["controllers"]), known["seeds"]) == ({"Toy", "Climber"}, [0, 1, 2, 3])


def test_a_moved_project_goes_on(write, tmp_path):
    """What counts is what is in the controller's file, not where it is or what it is called."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mine.py").write_text(TOYS.read_text())
    text = "name: a\nseeds: 2\nevaluations: 7\ncontrollers: [mine.py:Toy]\ntasks: [AccelNAS-VCK190-v0]\n"
    (tmp_path / "here" / "study.yaml").write_text(text)
    run_study(load_study(tmp_path / "here" / "study.yaml", {}), tmp_path / "here" / "out", workers=1)
    (tmp_path / "here").rename(tmp_path / "there")
    (tmp_path / "there" / "mine.py").rename(tmp_path / "there" / "ours.py")
    (tmp_path / "there" / "study.yaml").write_text(text.replace("mine.py", "ours.py"))
    config = load_study(tmp_path / "there" / "study.yaml", {})
    outcome = run_study(config, tmp_path / "there" / "out", workers=1)
    assert (outcome.n_found, outcome.n_runs) == (2, 2)
    assert str(tmp_path) not in json.dumps(Results.load(outcome.path).description)
    # Folders of earlier versions remember the whole path.
    study = tmp_path / "there" / "out" / "study.json"
    study.write_text(study.read_text().replace("mine.py:Toy", "/home/old/mine.py:Toy"))
    assert run_study(config, tmp_path / "there" / "out", workers=1).n_found == 2
    (tmp_path / "there" / "ours.py").write_text(TOYS.read_text() + "# better\n")
    with pytest.raises(ResultsError, match="0.parquet was made before .*ours.py was edited; delete the runs"):
        run_study(load_study(tmp_path / "there" / "study.yaml", {}), tmp_path / "there" / "out", workers=1)


@pytest.mark.parametrize("workers", [0, -2, 1.5, True])
def test_workers_are_a_number(study, tmp_path, workers):
    with pytest.raises(ValueError, match="workers must be an integer of at least 1, or -1"):
        run_study(study("Toy"), tmp_path, workers=workers)
    assert not os.listdir(tmp_path) or os.listdir(tmp_path) == ["study.yaml"]
