"""Commands that tell of a network, of the installation and of the commands themselves, and JSON of all that print."""

import configparser
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import anb_gym
from anb_gym import EFFICIENTNET_B0, Benchmark
from anb_gym._extras import EXTRAS
from anb_gym.cli import _parser, completion, doctor, main, show
from anb_gym.metrics import DEVICE_METRICS

ROOT = Path(__file__).parents[1]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_without_arguments_it_says_what_one_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    (commands,) = (action.choices for action in _parser()._actions if action.metavar == "COMMAND")
    assert commands is not None
    lines = [line.split() for line in out.splitlines() if line.startswith("  ") and not line.startswith("  anb-gym")]
    assert sorted(words[0] for words in lines) == sorted(commands)
    first = [line.split("  ")[1] for line in out.splitlines() if line.startswith("  anb-gym")]
    for command in first:
        _parser().parse_args(command.split()[1:])
    assert max(map(len, out.splitlines())) < 110


def test_a_network_stands_against_exact_fronts(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "show", "--json")
    assert found["architecture"] == str(EFFICIENTNET_B0)
    bench, metrics = Benchmark(), {metric["name"]: metric for metric in found["metrics"]}
    values = bench.query(EFFICIENTNET_B0)
    assert {name: metric["value"] for name, metric in metrics.items()} == {n: v[0] for n, v in values.items()}
    for name in DEVICE_METRICS:
        front = bench.front(name)
        best = front.best_under(metrics[name]["value"])
        assert metrics[name]["accuracy_left"] == pytest.approx(best.accuracy[0] - values["accuracy"][0])
        again = front.best_under(metrics[name]["best_as_accurate"])
        assert again.accuracy[0] >= values["accuracy"][0]
        assert 0.0 < metrics[name]["place"] < 1.0
    member = bench.front("vck190")
    on_front = {m["name"]: m for m in show.described(int(member.indices[40]))["metrics"]}["vck190/throughput"]
    assert on_front["accuracy_left"] == 0.0
    assert on_front["best_as_accurate"] == pytest.approx(on_front["value"])


@pytest.mark.parametrize("with_rich", [True, False])
def test_a_network_is_drawn(
    with_rich: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "is_installed", lambda module: with_rich)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["show", "5154928117"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{EFFICIENTNET_B0}  (index 5154928117)\n")
    assert "…" not in out
    for name in Benchmark().metrics:
        assert name in out
    rows = {line.split()[0]: line for line in out.splitlines() if "█" in line}
    assert set(rows) == set(DEVICE_METRICS)
    assert "+1.71" in rows["vck190/throughput"]


def test_other_surrogates_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "show", "0", "--surrogate", "gp@3", "--json")
    assert {metric["std"] for metric in found["metrics"]} == {None}
    assert main(["show", "nonsense"]) == 1
    assert capsys.readouterr().err.startswith("anb-gym: architecture")


def test_every_extra_is_known() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert set(EXTRAS) == set(setup["options.extras_require"])
    assert set(doctor._required()) == set(EXTRAS)


def test_what_is_missing_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in ("smac", "botorch"):
            raise doctor.PackageNotFoundError(name)
        return {"optuna": "4.9.0"}.get(name, "99.0")

    monkeypatch.setattr(doctor, "version", version)
    extras = printed(capsys, "doctor", "--json")["extras"]
    assert extras["smac"]["missing"] == ["optuna>=5.0 (here 4.9.0)", "smac"]
    assert extras["bayes"]["missing"] == ["optuna>=5.0 (here 4.9.0)", "botorch"]
    assert extras["pareto"]["missing"] == []
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "lacks optuna>=5.0 (here 4.9.0), smac; pip install 'anb_gym[smac]'" in out
    assert f"anb_gym {anb_gym.__version__}" not in out  # versions are what metadata say
    assert "anb_gym 99.0" in out


def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ANB_GYM_HOME", str(tmp_path / "file" / "home"))
    home = printed(capsys, "doctor", "--json")["home"]
    assert home["path"] == str(tmp_path / "file" / "home")
    assert "cannot be written: " in home["state"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_shells_complete_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "proxy-search" in script
    assert "surrogate" in script or shell == "tcsh"  # which completes commands alone
    if shell == "bash":
        checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_an_unknown_shell_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bsh"]) == 1
    assert "SHELL must be one of 'bash', " in capsys.readouterr().err


def test_numbers_are_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    (record,) = printed(capsys, "query", "0", "--metrics", "vck190", "--json")
    expected = Benchmark().query(0, ["vck190"], std=True)
    assert record["metrics"]["vck190/throughput"] == {
        "value": expected["vck190/throughput"][0],
        "unit": "images/s",
        "std": expected["vck190/throughput:std"][0],
    }
    front = Benchmark().front("a100")
    found = printed(capsys, "front", "a100", "--json")
    assert [member["index"] for member in found["members"]] == front.indices.tolist()
    assert found["certificate"]["covered"] == anb_gym.SPACE.size
    assert [member["within_data"] for member in found["members"]] == front.within_data.tolist()
    assert {device["name"] for device in printed(capsys, "devices", "--json")["devices"]} >= {"vck190", "cpu"}
    assert main(["front", "--report", "--json"]) == 1
    assert "--json prints one front" in capsys.readouterr().err


def test_the_overview_imports_little() -> None:
    seen = "print({'torch', 'rich', 'pandas', 'scipy'} & {*sys.modules})"
    code = f"import sys; from anb_gym.cli import main; main([]); {seen}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "set()"
