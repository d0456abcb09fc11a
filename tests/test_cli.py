"""The `anb-gym` command as its user types it."""

from __future__ import annotations

import pytest

from anb_gym import EFFICIENTNET_B0
from anb_gym.cli import main


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
        (["query", "104485552128"], "index must be in"),
        (["query", "--metrics", "acuracy"], "did you mean 'accuracy'"),
        (["query", "--surrogate", "gb"], "surrogate must be one of"),
        (["fit", "--metrics", "vck190"], "--metrics must be one of"),
        (["fit", "--families", "xgboost"], "did you mean 'xgb'"),
        (["fit", "--workers", "0"], "--workers must be at least 1"),
        (["fit", "--data", "nowhere.tar.gz"], "nowhere.tar.gz"),
    ],
)
def test_bad_input_is_one_line_on_the_error_stream(arguments, message, capsys):
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_fit_report_of_the_shipped_surrogates(dataset, tmp_path, capsys):
    assert main(["fit", "--report", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "| accuracy (%) | 0.98" in out
    assert "0.9840 | 0.9220 | 0.306" in out
