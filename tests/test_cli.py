"""The `anb-gym` command as its user types it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anb_gym import EFFICIENTNET_B0, Benchmark, __version__, configs
from anb_gym.cli import _parser, main
from anb_gym.devices import VARIABLE
from anb_gym.fronts import load_front
from anb_gym.fronts.store import FRONTS, front_path, read_front

COMMAND = Path(sys.executable).with_name("anb-gym")
TOY = f"{Path(__file__).parent / 'agents' / 'toy_agent.py'}:Toy"


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
        (["fit", "--metrics", "VCK190"], "got 'VCK190'; did you mean 'vck190'"),
        (["fit", "--families", "xgboost"], "did you mean 'xgb'"),
        (["fit", "--workers", "0"], "--workers must be at least 1"),
        (["fit", "--data", "nowhere.tar.gz"], "nowhere.tar.gz"),
        (["solve"], "name --metrics or --all"),
        (["solve", "--metrics", "vck191"], "did you mean 'vck190'"),
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
        (["front", "VCK190"], "got 'VCK190'; did you mean 'vck190'"),
        (["fit", "--configs", "nowhere"], "--configs must be a folder that --tune wrote, got 'nowhere'"),
        (["calibrate"], "name a --device of one's own, or --out: the scales of shipped tasks ship with the package"),
        (["calibrate", "--resolution"], "name a --device of one's own, or --out"),
        (["calibrate", "--device", "cpu"], "name a --device of one's own, or --out"),
        (["calibrate", "--device", "CPU"], "got 'CPU'; did you mean 'cpu'"),
        (
            ["study", "quik"],
            f"STUDY must be one of {', '.join(map(repr, configs.shipped('studies')))}",
        ),
        (
            ["study", "studies/quick.yaml"],
            f"got studies/quick.yaml; by name there are {', '.join(configs.shipped('studies'))}",
        ),
        (["proxy-search", "digit", "--out", "nowhere"], "SEARCH must be one of 'digits', 'paper', got 'digit'"),
    ],
)
def test_bad_input_is_one_line_on_the_error_stream(arguments, message, capsys):
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "metrics", "indices"),
    [
        (["--metrics", "accuracy", "0"], ["accuracy"], [0]),
        (["7", "--metrics", "accuracy,vck190/latency", "0"], ["accuracy", "vck190/latency"], [7, 0]),
        (["--metrics", "accuracy", "--metrics", "vck190", "0"], ["accuracy", "vck190/throughput"], [0]),
        (["--metrics=accuracy,macs", "0", str(EFFICIENTNET_B0)], ["accuracy", "macs"], [0, EFFICIENTNET_B0.index]),
        (["--metrics", "cpu", str(EFFICIENTNET_B0), "3"], ["cpu/throughput"], [EFFICIENTNET_B0.index, 3]),
        (["--metrics", "accuracy,", "macs", "5"], ["accuracy", "macs"], [5]),
        (["--metrics", "macs"], ["macs"], [EFFICIENTNET_B0.index]),
    ],
)
def test_metrics_and_architectures_are_told_apart(arguments, metrics, indices, capsys):
    assert main(["query", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[-1][:-1]) for line in lines if "(index " in line] == indices
    assert [line.split()[0] for line in lines if "(index " not in line] == metrics * len(indices)


def test_versions_and_the_module(capsys):
    for command in ([COMMAND], [sys.executable, "-m", "anb_gym"]):
        run = subprocess.run([*command, "--version"], capture_output=True, text=True)
        assert (run.returncode, run.stdout, run.stderr) == (0, f"anb-gym {__version__}\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
@pytest.mark.parametrize(
    ("output", "status", "message"),
    [("/dev/full", 1, "anb-gym: [Errno 28] No space left on device: standard output\n"), ("&-", 0, "")],
)
def test_output_that_cannot_be_written(output, status, message):
    command = f"exec {sys.executable} -m anb_gym query 0 --metrics macs >{output}"
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    result = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, env=environment)
    assert (result.returncode, result.stderr) == (status, message)


def test_help_is_quick():
    """It loads nothing that is not the package's, Python's or gymnasium's, and no module that works for a command."""
    code = """
import sys, gymnasium
known = {name.partition(".")[0] for name in sys.modules} | sys.stdlib_module_names | {"anb_gym"}
from anb_gym.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
loaded = {name for name in sys.modules if name.partition(".")[0] not in known}
layers = ("agents", "baselines", "construction", "generalisation", "pareto", "problems", "reports", "study")
print(loaded | {name for name in layers if f"anb_gym.{name}" in sys.modules})
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "set()"


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


def test_help_has_no_markup():
    texts = {parser.prog: parser.format_help() for parser in parsers(_parser())}
    assert len(texts) > 15
    assert [prog for prog, text in texts.items() if "`" in text or ":class:" in text or "**" in text] == []


def test_commands_that_write_say_where_to():
    """Each has an option for it, or names a file."""
    silent = {"query", "show", "devices", "validate", "collect status", "evaluate", "design", "compare", "power"}
    silent |= {"doctor", "completion"}
    for parser in parsers(_parser()):
        name = parser.prog.removeprefix("anb-gym").strip()
        if name and name != "collect" and name not in silent:
            assert {"--out", "--video", "archive"} & {
                *parser._option_string_actions,
                *(a.dest for a in parser._actions),
            }, name


UNWRITABLE = [
    (["solve", "--all", "--force", "--out"], "--out"),
    (["fit", "--out"], "--out"),
    (["fit", "--tune", "1", "--out"], "--out"),
    (["calibrate", "--out"], "--out"),
    (["device", "nowhere", "--label", "Toy", "--out"], "--out"),
    (["front", "--report", "--out"], "--out"),
    (["leaderboard", "nowhere", "--out"], "--out"),
    (["difficulty", "--out"], "--out"),
    (["reproduce", "figure5", "--out"], "--out"),
    (["reproduce", "figure5", "--studies"], "--studies"),
    (["study", "quick", "--out"], "--out"),
    (["proxy-search", "digits", "--out"], "--out"),
    (["collect", "throughput", "--device", "cpu", "--runtime", "pytorch", "--n", "2", "--out"], "--out"),
    (["collect", "accuracy", "--n", "2", "--out"], "--out"),
    (["train", TOY, "AccelNAS-VCK190-v0", "--out"], "--out"),
]


@pytest.mark.parametrize(("arguments", "option"), UNWRITABLE, ids=lambda value: " ".join(value[:2]))
def test_what_cannot_be_written_is_said_before_the_work(arguments, option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main([*arguments, "file/out"]) == 1
    captured = capsys.readouterr()
    printed = [line for line in captured.out.splitlines() if not line.startswith(("quick: ", "skipped: "))]
    assert printed == []
    message = f"anb-gym: cannot write into file/out: {tmp_path / 'file'} is not a folder"
    assert captured.err == f"{message}; name another folder with {option}\n".replace(f"{tmp_path}/", "")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_permissions_are_tried(tmp_path, monkeypatch, capsys):
    """Root may write anywhere, so the system refuses in its place."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setenv("ANB_GYM_HOME", str(tmp_path / "home"))
    assert main(["solve", "--metrics", "accuracy", "--force"]) == 1
    message = f"anb-gym: cannot write into {tmp_path}/home/fronts: Permission denied; name another folder with --out\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "--data", "nowhere.tar.gz"],
        ["fit", "--data", "nowhere.tar.gz", "--tune", "1", "--out", "a/b"],
        ["solve", "--metrics", "vck190", "--force", "--surrogate", "gp", "--out", "a/b"],
        ["front", "accuracy", "--plot", "a/b.png"],
        ["device", "nowhere", "--label", "Toy", "--out", "a/b"],
        ["leaderboard", "nowhere"],
        ["difficulty"],
        ["reproduce", "figure7"],
        ["study", "quick", "--backend", "nonsense"],
        ["study", "quick", "--collect", "--out", "a/b"],
        ["proxy-search", "digits", "--out", "a/b", "--executor", "nonsense"],
        ["collect", "throughput", "--device", "cpu", "--runtime", "pytorch", "--n", "0", "--out", "a/b"],
        ["collect", "throughput", "--device", "zcu102", "--n", "1", "--out", "a/b"],
        ["collect", "accuracy", "--scheme", "nonsense", "--n", "1", "--out", "a/b"],
        ["collect", "export", "nowhere", "a/b.tar.gz"],
        ["validate", "nowhere.json"],
        ["train", "nonsense", "AccelNAS-VCK190-v0", "--out", "a/b"],
        ["enjoy", "nowhere", "--video", "a/b.gif"],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
def test_commands_that_fail_leave_nothing(arguments, tmp_path, monkeypatch, capsys):
    def fail(*_: object, **__: object) -> None:
        raise ValueError("failed on the way")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("anb_gym.fronts.solving.solve", fail)
    assert main(arguments) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("anb-gym: ")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def quick_search(monkeypatch) -> None:
    """The search finds what ships; all else of the command is as it is."""
    monkeypatch.setattr("anb_gym.fronts.solving.solve", lambda *key, **_: load_front(*key))


def test_solving_by_force_writes_into_the_users_folder(quick_search, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANB_GYM_HOME", str(tmp_path / "home"))
    shipped = {metric: front_path("gp", metric) for metric in ("accuracy", "cpu/throughput")}
    before = {metric: path.stat().st_mtime_ns for metric, path in shipped.items()}
    assert main(["solve", "--metrics", "accuracy,cpu", "--force"]) == 0
    out = capsys.readouterr().out
    assert out.count("certified and verified") == 2
    assert f"written into {tmp_path / 'home' / 'fronts'}\n" in out
    assert {metric: path.stat().st_mtime_ns for metric, path in shipped.items()} == before
    for metric, path in shipped.items():
        assert (tmp_path / "home" / "fronts" / "gp" / path.name).read_bytes() == path.read_bytes(), metric
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_solving_into_a_folder(quick_search, tmp_path, capsys):
    for state in ("certified and verified", "already there"):
        assert main(["solve", "--metrics", "zcu102", "--out", str(tmp_path / "a" / "b")]) == 0
        assert state in capsys.readouterr().out
    front = read_front(tmp_path / "a" / "b" / "gp" / "zcu102-throughput.json")
    assert front.metrics == ("accuracy", "zcu102/throughput")


@pytest.mark.parametrize("name", ["quick", str(Path(configs.__file__).parent / "studies" / "quick.yaml")])
def test_studies_that_ship_are_found_by_name(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["study", name, "--dry-run"]) == 0
    assert "quick: " in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_bad_device_is_one_line_and_no_more(tmp_path):
    environment = os.environ | {VARIABLE: str(tmp_path / "toy")}
    for arguments, status in ((["query", "0", "--metrics", "macs"], 0), (["devices"], 0), (["query", "--bad"], 2)):
        run = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True)
        assert run.returncode == status, run.stderr
        lines = run.stderr.splitlines()
        assert lines[0].startswith(f"{VARIABLE}:1: DeviceWarning: left out: {tmp_path / 'toy' / 'device.json'}: ")
        assert len(lines) == 1 or status == 2
        left_out = f"left out: {tmp_path / 'toy' / 'device.json'}: "
        assert (arguments == ["devices"]) == any(line.startswith(left_out) for line in run.stdout.splitlines())
    run = subprocess.run([COMMAND, "query", "--metrics", "toy"], env=environment, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 2)
    assert f"left out of {VARIABLE}: {tmp_path / 'toy' / 'device.json'}" in run.stderr.splitlines()[1]


WITHOUT_EXTRAS = """
import os, sys
sys.modules |= dict.fromkeys("torch scipy pandas matplotlib numba moocore pyarrow joblib tqdm".split())
from anb_gym.cli import main
for line in sys.stdin:
    if main(line.split()) != 1:
        print("an error was expected of", line, file=sys.stderr)
print(os.listdir())
"""


def test_commands_name_the_extra_that_is_missing_and_leave_nothing(tmp_path):
    extras = {
        "fit --report": "fit",
        "fit --device cpu": "fit",
        "solve --metrics vck190 --force": "exact",
        "front --report": "pareto",
        "front vck190 --plot front.png": "pareto",
        "study quick": "study",
        "validate submission.json": "study",
        "reproduce table1": "pareto",
        "reproduce figure4": "study",
        "leaderboard results.parquet": "study",
        "compare one two": "study",
        "power results --difference 0.1": "study",
        "submit results mine --out folder": "study",
        "difficulty": "study",
        "calibrate --out scales": "pareto",
        "calibrate --resolution --out scales": "pareto",
        "collect accuracy --n 1 --out folder": "construction",
        "collect throughput --device cpu --n 1 --out folder": "construction",
        "proxy-search digits --out folder": "construction",
        f"train {TOY} AccelNAS-VCK190-v0 --evaluations 16": "agents",
    }
    command = [sys.executable, "-c", WITHOUT_EXTRAS]
    run = subprocess.run(command, input="\n".join(extras), capture_output=True, text=True, cwd=tmp_path)
    expected = [f"needed and not installed; run: pip install 'anb_gym[{extra}]'" for extra in extras.values()]
    assert [line.partition("' is ")[2] for line in run.stderr.splitlines()] == expected
    assert run.stdout.endswith("\n[]\n")


def test_processes_of_a_command_do_not_warn_again(tmp_path):
    code = """
import os, sys
from anb_gym.cli import main
main(["query", "0", "--metrics", "macs"])
print(os.environ["ANB_GYM_DEVICES"])
"""
    environment = os.environ | {VARIABLE: str(tmp_path / "toy")}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.stdout.endswith("\n\n")


def test_solve_leaves_what_is_there(capsys):
    pytest.importorskip("numba")
    assert main(["solve", "--all"]) == 0
    out = capsys.readouterr().out
    assert out.count("already there") == len(FRONTS)


def test_front_prints_every_member(capsys):
    front = Benchmark().front("vck190/throughput")
    assert main(["front", "vck190"]) == 0
    *lines, within, practical, first, certified, unverified = capsys.readouterr().out.splitlines()[1:]
    assert within == f"within the range of what was measured: 57 of {len(front)} members"
    assert "above the practical reference point, 60.00 % and 2,054 images/s: 17,576.7, 92.0 % of it by" in practical
    assert "above the first reference point" in first
    assert [not line.endswith(" beyond the data") for line in lines] == front.within_data.tolist()
    assert f"{front.certificate.covered:,} architectures" in certified
    assert unverified.startswith(f"not verified: {front.certificate.nodes:,} nodes")
    assert [int(line.split()[0]) for line in lines] == front.indices.tolist()
    assert lines[0].split()[1] == str(front.architectures()[0])
    assert f"{front.objectives[-1, 1]:,.2f}" in lines[-1]


def test_front_prints_members_within_the_data(capsys):
    assert main(["front", "vck190", "--within-data"]) == 0
    out = capsys.readouterr().out
    assert "57 of 57 members" in out
    assert "beyond" not in out
    assert main(["front", "accuracy", "--within-data"]) == 1
    assert capsys.readouterr().err == "anb-gym: no member of the front of accuracy lies within the data\n"


def test_front_of_another_surrogate_or_of_accuracy_has_no_recorded_hypervolume(capsys):
    assert main(["front", "accuracy"]) == 0
    out = capsys.readouterr().out
    assert "within the range of what was measured: 0 of 1 members" in out
    assert "hypervolume" not in out


def test_fit_writes_labels_alone(dataset, tmp_path, capsys):
    assert main(["fit", "--labels", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"labels in {tmp_path / 'labels.json'}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["labels.json"]


def test_front_draws(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.delenv("ANB_GYM_DATASET", raising=False)
    assert main(["front", "zcu102/latency", "--plot", str(tmp_path / "front.png")]) == 0
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    assert main(["front", "accuracy", "--plot", str(tmp_path / "accuracy.png")]) == 1
    assert "must be of a device" in capsys.readouterr().err


def test_fit_report_of_the_shipped_surrogates(dataset, capsys):
    assert main(["fit", "--report", "--families", "gp", "xgb", "--metrics", "accuracy"]) == 0
    out = capsys.readouterr().out
    assert "eps_svr" not in out
    assert "| accuracy (%) | 0.98" in out
    assert "0.984 | 0.922 | 0.306" in out


def test_fit_report_needs_neither_the_network_nor_the_dataset(capsys, monkeypatch):
    monkeypatch.delenv("ANB_GYM_DATASET", raising=False)
    monkeypatch.setattr("anb_gym.construction.dataset._download", lambda: pytest.fail("it was asked for"))
    assert main(["fit", "--report", "--families", "gp", "--metrics", "accuracy"]) == 0
    out = capsys.readouterr().out
    assert "| accuracy (%) | 0.9883 | 0.9334 | 0.259 | 0.984 | 0.922 | 0.306 |  |  |  |\n" in out
    assert out.endswith("\nNoise ceilings need the dataset: set ANB_GYM_DATASET or give --data.\n")


def test_report_of_an_empty_folder_is_an_error(dataset, tmp_path, capsys):
    assert main(["fit", "--report", "--out", str(tmp_path)]) == 1
    assert "found none in" in capsys.readouterr().err


def test_architectures_are_scored_in_a_world_without_deviations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "0", "--surrogate", "gp@7", "--metrics", "cpu", "macs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    value = Benchmark(world=7).query(0, "cpu")["cpu/throughput"][0]
    assert lines[1].split() == ["cpu/throughput", f"{value:,.2f}", "images/s"]


def test_fronts_are_printed_in_a_world_without_deviations(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Benchmark().front("cpu")
    monkeypatch.setattr(Benchmark, "front", lambda *_, **__: known)
    assert main(["front", "cpu", "--surrogate", "gp@7"]) == 0
    out = capsys.readouterr().out
    assert "accuracy (%), cpu/throughput (images/s)" in out
    assert "±" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--surrogate", "gp-v1"], "--surrogate goes with --worlds"),
        (["--tasks", "VCK190"], "--tasks goes with --worlds or --resolution"),
        (["--worlds", "1", "--surrogate", "gp-v2"], "--surrogate must be one of"),
    ],
)
def test_options_of_worlds_are_not_ignored(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", "--out", str(tmp_path), *arguments]) == 1
    assert message in capsys.readouterr().err
