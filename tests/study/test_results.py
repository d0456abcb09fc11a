"""Files of results: written and read back, and refused when they are something else."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anb_gym.reports.html_report import write_report
from anb_gym.reports.leaderboard import write_leaderboard
from anb_gym.study.excerpts import load_results
from anb_gym.study.results import FIELDS, KEY, SCHEMA, SCHEMA_VERSION, Results, ResultsError, check_tables
from anb_gym.study.runner import run_study


@pytest.fixture
def path(study, tmp_path):
    config = study("Toy", "AccelNAS-VCK190-v0, AccelNAS-VCK190-MO-v0")
    return run_study(config, tmp_path / "out", workers=1).path


def test_saved_and_read_back(path, tmp_path):
    results = Results.load(path)
    results.save(tmp_path / "again.parquet")
    again = Results.load(tmp_path / "again.parquet")
    pd.testing.assert_frame_equal(again.table, results.table)
    assert again.description == results.description


def test_a_folder_stands_for_its_file(path):
    pd.testing.assert_frame_equal(Results.load(path.parent).table, Results.load(path).table)


def test_other_tools_read_it(path):
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    assert table["told"].null_count == table.num_rows // 2
    assert json.loads(table.schema.metadata[KEY])["schema"] == SCHEMA_VERSION


def test_a_table_with_other_columns_is_not_saved(path, tmp_path):
    results = Results.load(path)
    with pytest.raises(ResultsError, match="table must have the columns task, controller"):
        Results(results.table.drop(columns="hours"), results.description).save(tmp_path / "bad.parquet")
    with pytest.raises(ResultsError, match="table must have the columns task, controller"):
        Results(results.table.assign(index="text"), results.description).save(tmp_path / "bad.parquet")
    assert not (tmp_path / "bad.parquet").exists()


@pytest.mark.parametrize("cut", [0, 3, 100, -1, -100])
def test_a_file_cut_short_is_refused(path, cut):
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ResultsError, match="results.parquet is damaged or not a Parquet file"):
        Results.load(path)


def test_a_changed_byte_is_noticed(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ResultsError, match="results.parquet is"):
        Results.load(path)


def _rewrite(path, change):
    """Writes the file again with other metadata."""
    table = pq.read_table(path)
    description = json.loads(table.schema.metadata[KEY])
    change(description)
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(description)}), path)


def test_another_version_is_refused(path):
    _rewrite(path, lambda description: description.update(schema=4))
    with pytest.raises(ResultsError, match="has schema 4, this version of anb_gym reads schema 1 and 2 and 3"):
        Results.load(path)


@pytest.mark.parametrize("version", [1, 2])
def test_files_of_earlier_versions_are_read(path, version):
    expected = Results.load(path).table
    table = pq.read_table(path).drop_columns("fidelity")
    metadata = {KEY: json.dumps(json.loads(table.schema.metadata[KEY]) | {"schema": version})}
    place = table.schema.get_field_index("seed")
    if version == 1:
        table = table.set_column(place, "seed", table["seed"].cast(pa.int32()))
    pq.write_table(table.replace_schema_metadata(metadata), path)
    pd.testing.assert_frame_equal(Results.load(path).table, expected)


def test_a_lack_in_the_metadata_is_named(path):
    _rewrite(path, lambda description: description.pop("tasks"))
    with pytest.raises(ResultsError, match="results.parquet: the field 'tasks' is missing"):
        Results.load(path)


@pytest.mark.parametrize("runs", ["runs", [1], [{}], [{"evaluations": "1"}]], ids=str)
def test_runs_that_are_none_are_noticed(path, runs):
    _rewrite(path, lambda description: description.update(runs=runs))
    with pytest.raises(
        ResultsError,
        match="results.parquet: ('runs'|runs.0.|a run in its metadata: the field 'task') (must be|is missing)",
    ):
        Results.load(path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (None, [1], "'AccelNAS-VCK190-v0' must be an object"),
        ("arguments", True, "AccelNAS-VCK190-v0: 'arguments' must be an object, got True"),
        ("id", 5, "AccelNAS-VCK190-v0: 'id' must be text, got 5"),
        ("noise", "no", "AccelNAS-VCK190-v0: 'noise' must be true or false, got 'no'"),
    ],
)
def test_tasks_that_are_none_are_noticed(path, field, value, message):
    results = Results.load(path)
    name = "AccelNAS-VCK190-v0"
    task = value if field is None else {**results.tasks[name], field: value}
    Results(results.table, {**results.description, "tasks": {**results.tasks, name: task}}).save(path)
    with pytest.raises(ResultsError, match=f"results.parquet: tasks: {message}"):
        Results.load(path)


def test_missing_rows_are_noticed(path):
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    with pytest.raises(ResultsError, match="as many rows"):
        Results.load(path)


def test_foreign_files_are_refused(tmp_path):
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"a": [1]}), foreign)
    with pytest.raises(ResultsError, match="is not from a study of anb_gym"):
        Results.load(foreign)
    metadata = {KEY: json.dumps({"schema": 1, **{field: kind() for field, kind in FIELDS.items()}})}
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(metadata), foreign)
    with pytest.raises(ResultsError, match="must have the columns task, .* it has a"):
        Results.load(foreign)
    foreign.write_text("task,controller\n")
    with pytest.raises(ResultsError, match="is damaged or not a Parquet file"):
        Results.load(foreign)
    with pytest.raises(FileNotFoundError):
        Results.load(tmp_path / "nowhere.parquet")
    with pytest.raises(FileNotFoundError):
        Results.load(tmp_path)


def test_results_of_other_tables_are_not_judged(path, tmp_path):
    results = Results.load(path)
    check_tables(results)
    (surrogate, metrics), *_ = results.versions["surrogates"].items()
    metric = next(iter(metrics))
    versions = {**results.versions, "surrogates": {surrogate: {**metrics, metric: "0" * 64}}}
    other = Results(results.table, {**results.description, "versions": versions})
    message = rf"were made with other tables of '{metric}' by '{surrogate}' than are loaded, .*versions must not mix$"
    for write in (lambda: write_leaderboard(other, tmp_path), lambda: write_report(other, tmp_path / "report.html")):
        with pytest.raises(ResultsError, match=message):
            write()
    assert not list(tmp_path.glob("*.html"))
    # Files of earlier versions do not say.
    check_tables(Results(results.table, {**results.description, "versions": {}}))


def test_results_that_are_not_there_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no results of a study in .*nowhere: give its folder"):
        load_results(tmp_path / "nowhere")
