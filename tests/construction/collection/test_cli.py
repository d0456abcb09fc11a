"""The command ``anb-gym collect``."""

import argparse
from pathlib import Path

import pytest
from small_collections import Abacus, throughput

from anb_gym.cli import collect
from anb_gym.construction.collection import sample_architectures
from anb_gym.construction.dataset import load_dataset


def run(*arguments: object) -> None:
    parser = argparse.ArgumentParser()
    collect.add_command(parser.add_subparsers())
    options = parser.parse_args(["collect", *map(str, arguments)])
    options.run(options)


def test_from_measurements_to_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, archive = tmp_path / "cpu", tmp_path / "own.tar.gz"
    device = ("--device", "cpu", "--name", "mine", "--resolution", 32, "--seconds", 0.001, "--repeats", 1)
    run("throughput", *device, "--n", 2, "--seed", 9, "--out", folder)
    run("export", folder, archive)
    printed = capsys.readouterr().out
    assert f"{folder}: 2 of 2 architectures, 0 failed" in printed
    assert "mine/throughput: 2 values" in printed
    assert f"2 records in {archive}" in printed
    data = load_dataset(archive)
    assert data.index.tolist() == [a.index for a in sample_architectures(2, 9)]
    assert (data.metrics["mine/throughput"] > 0).all()


def test_foreign_text_does_not_control_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = sample_architectures(2, 5)[1].index
    throughput(tmp_path, Abacus(failing=(index,)), n=2)
    (tmp_path / "failures" / "1.json").write_text('{"error": "stuck\\u001b[2J\\nrecord 0 failed"}')
    run("status", tmp_path)
    assert "  record 1 failed: stuck\\x1b[2J record 0 failed\n" in capsys.readouterr().out


def test_status_names_failures_and_outliers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archs = sample_architectures(40, 5)
    throughput(tmp_path, Abacus(failing=(archs[3].index,)), n=40)
    path = tmp_path / "records" / "result_8.json"
    start = '"throughput_abacus": {"throughput_mean": '
    path.write_text(path.read_text().replace(start, f"{start}9"))
    run("status", tmp_path)
    printed = capsys.readouterr().out
    assert "39 of 40 architectures, 1 failed" in printed
    assert "record 3 failed: RuntimeError: a bead is stuck" in printed
    assert "record 8 is an outlier: abacus/throughput 9" in printed
    assert "abacus/latency: 78 values" in printed
    assert "abacus/latency: Kendall's τ between the first two repeats is " in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("throughput", "--device", "cpu", "--board", "there"), "an option of the device cpu must be one of"),
        (("throughput", "--device", "gpu"), "device must be one of"),
        (("throughput", "--device", "cpu", "--repeats", 0), "passes must be an integer of at least 1"),
        (("throughput", "--device", "cpu", "--name", "tpuv2", "--n", 0), "n must be an integer of at least 1, got 0"),
        (("throughput", "--device", "cpu", "--name", "CPU"), "metric must be <name>/throughput"),
        (("accuracy", "--scheme", "prox"), "did you mean 'proxy'"),
        (("accuracy", "--data", "mnist"), "data must be one of 'digits', 'imagenet'"),
        (("accuracy", "--executor", "locl"), "did you mean 'local'"),
        (("accuracy", "--executor-option", "address"), "--executor-option must be KEY=VALUE, got 'address'"),
        (("accuracy", "--network", "width"), "--network must be KEY=VALUE, got 'width'"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(arguments[0], "--n", 1, "--out", tmp_path / "new", *arguments[1:])
    assert not (tmp_path / "new").exists()
