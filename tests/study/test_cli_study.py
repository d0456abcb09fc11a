"""The command of studies as its user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from anb_gym.cli import main
from anb_gym.study.results import Results

ROOT = Path(__file__).parents[2]
FILE = """\
name: small
evaluations: 30
seeds: 2
controllers: [random_search, local_search, TOYS:Flaky]
tasks: [AccelNAS-VCK190-v0, AccelNAS-VCK190-MO-v0]
"""


def test_a_study_from_start_to_end(write, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOY_MENDED", raising=False)
    arguments = ["study", str(write(FILE)), "--workers", "1"]

    assert main([*arguments, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "skipped: local_search on AccelNAS-VCK190-MO-v0: " in out
    assert "small: 10 runs of up to 30 evaluations" in out
    assert "task AccelNAS-VCK190-MO-v0: AccelNAS-VCK190-MO-v0\n" in out
    assert not (tmp_path / "runs").exists()

    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert "6 of 10 runs finished, 0 of them earlier: runs/studies/small/results.parquet" in captured.out
    last = captured.err.splitlines()[-1]
    assert last.startswith(
        "anb-gym: 4 runs failed, listed in runs/studies/small/runs; the first: controller 'Flaky' on"
    )
    assert "evaluation 21: RuntimeError: out of ideas" in last
    assert len(Results.load(tmp_path / "runs" / "studies" / "small").table) == 6 * 30

    assert main([*arguments, "--collect"]) == 0
    *_, found, one, two, three, four = capsys.readouterr().out.splitlines()
    assert found == "finished runs in runs/studies/small/results.parquet: 6 of 10"
    assert one.startswith("failed: controller 'Flaky' on task 'AccelNAS-VCK190-v0' with seed 0, evaluation 21: Runtime")
    assert all(line.startswith("failed: controller 'Flaky'") for line in (two, three, four))

    monkeypatch.setenv("TOY_MENDED", "1")
    assert main(arguments) == 0
    assert "10 of 10 runs finished, 6 of them earlier" in capsys.readouterr().out


def test_finished_runs_can_be_collected_at_any_time(write, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["study", str(write(FILE.replace(", TOYS:Flaky", ""))), "--workers", "1"]
    assert main([*arguments, "--collect"]) == 1
    assert "folder must have a finished run of small, runs/studies/small has none" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()

    assert main(arguments) == 0
    folder = tmp_path / "runs" / "studies" / "small"
    next(folder.glob("runs/*/*/1.parquet")).unlink()  # as if it had been stopped before its last run
    assert main([*arguments, "--collect"]) == 0
    assert "finished runs in runs/studies/small/results.parquet" in capsys.readouterr().out
    assert len(Results.load(folder).runs) == 5


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (("local_search", "local_serach"), [], "study.yaml:4: controller must be one of"),
        (("seeds", "sedes"), [], "study.yaml:3: the field must be one of"),
        ((), ["--workers", "0"], "workers must be an integer of at least 1"),
        ((), ["--backend", "lokky"], "did you mean 'loky'"),
        ((), ["--scheduler", "tcp://host"], "--scheduler is for --backend dask"),
    ],
)
def test_bad_input_is_one_line(write, tmp_path, monkeypatch, capsys, change, options, message):
    monkeypatch.chdir(tmp_path)
    path = write(FILE.replace(*change) if change else FILE)
    assert main(["study", str(path), *options]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.filterwarnings("ignore")  # those of the cluster are its own business
def test_a_cluster_is_started_where_none_is_named(write, tmp_path, monkeypatch, capsys):
    distributed = pytest.importorskip("distributed")
    started, cluster = [], distributed.LocalCluster

    def in_threads(**options):  # processes take seconds
        started.append(cluster(**options, processes=False))
        return started[0]

    monkeypatch.setattr(distributed, "LocalCluster", in_threads)
    file = write(FILE.replace(", TOYS:Flaky", ""))
    assert main(["study", str(file), "--backend", "dask", "--workers", "1", "--out", str(tmp_path / "out")]) == 0
    assert "6 of 6 runs finished" in capsys.readouterr().out
    assert started[0].status.name == "closed"


def test_a_missing_file_is_one_line(tmp_path, capsys):
    for command in ("study", "validate"):
        assert main([command, str(tmp_path / "nowhere")]) == 1
        assert "nowhere" in capsys.readouterr().err


def test_a_budget_of_hours_alone(write, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = write("name: small\nhours: 60\nseeds: 1\ncontrollers: [random_search]\ntasks: [AccelNAS-VCK190-v0]\n")
    assert main(["study", str(file), "--dry-run"]) == 0
    assert "small: 1 runs of up to 60.0 h" in capsys.readouterr().out
