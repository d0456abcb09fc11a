"""The `anb-gym` command as its user types it."""

from __future__ import annotations

import pytest

from anb_gym import EFFICIENTNET_B0, Benchmark
from anb_gym.cli import main
from anb_gym.fronts.store import FRONTS


def test_query_prints_every_metric(capsys):
    assert main(["query", str(EFFICIENTNET_B0), "0", "--metrics", "accuracy", "macs"]) == 0
    out = capsys.readouterr().out
    assert f"index {EFFICIENTNET_B0.index}" in out
    assert "385,814,752" in out
    assert out.count("accuracy") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query", "e2k3l1s1"], "text must be 7 blocks"),
        (["query", "104485552128"], "architectures[0] must be in 0..104485552127, got 104485552128"),
        (["query", "--metrics", "acuracy"], "did you mean 'accuracy'"),
        (["query", "--surrogate", "gb"], "surrogate must be one of"),
        (["fit", "--metrics", "vck190"], "--metrics must be one of"),
        (["fit", "--families", "xgboost"], "did you mean 'xgb'"),
        (["fit", "--workers", "0"], "--workers must be at least 1"),
        (["fit", "--data", "nowhere.tar.gz"], "nowhere.tar.gz"),
        (["solve"], "name --metrics or --all"),
        (["solve", "--metrics", "vck190"], "did you mean 'vck190/"),
        (["solve", "--all", "--workers", "0"], "--workers must be at least 1, got 0"),
        (["solve", "--all", "--surrogate", "gpp"], "surrogate must be one of"),
        (["front"], "name a front or --report"),
        (["front", "vck191"], "metric must be one of"),
        (["front", "vck190", "--data", "nowhere.tar.gz"], "nowhere.tar.gz"),
        (["query", "99999999999999999999999"], "architectures[0] must be in 0..104485552127, got '9999"),
        (["query", "²"], "text must be 7 blocks"),
        (["query", "--", "-5"], "architectures[0] must be in 0..104485552127, got -5"),
        (["fit", "--tune", "0"], "--tune must be at least 1, got 0"),
        (["fit", "--seed", "-1"], "--seed must not be negative, got -1"),
        (["front", "vck190", "--plot", "front.pdf"], "--plot must name a .png file"),
    ],
)
def test_bad_input_is_one_line_on_the_error_stream(arguments, message, capsys):
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_solve_leaves_what_is_there(capsys):
    pytest.importorskip("numba")
    assert main(["solve", "--all"]) == 0
    out = capsys.readouterr().out
    assert out.count("already there") == len(FRONTS)


def test_front_prints_every_member(capsys):
    front = Benchmark().front("vck190/throughput")
    assert main(["front", "vck190"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [int(line.split()[0]) for line in lines] == front.indices.tolist()
    assert lines[0].split()[1] == str(front.architectures()[0])
    assert f"{front.objectives[-1, 1]:,.2f}" in lines[-1]


def test_front_draws(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("ANB_GYM_DATASET", raising=False)
    assert main(["front", "zcu102/latency", "--plot", str(tmp_path / "front.png")]) == 0
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    assert main(["front", "accuracy", "--plot", str(tmp_path / "accuracy.png")]) == 1
    assert "must be of a device" in capsys.readouterr().err


def test_fit_report_of_the_shipped_surrogates(dataset, capsys):
    assert main(["fit", "--report", "--families", "gp", "xgb"]) == 0
    out = capsys.readouterr().out
    assert "eps_svr" not in out
    assert "| accuracy (%) | 0.98" in out
    assert "0.984 | 0.922 | 0.306" in out


def test_report_of_an_empty_folder_is_an_error(dataset, tmp_path, capsys):
    assert main(["fit", "--report", "--out", str(tmp_path)]) == 1
    assert "found none in" in capsys.readouterr().err
