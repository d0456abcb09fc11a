"""The commands that train agents and use them."""

import base64
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import anb_gym
from anb_gym.agents import load
from anb_gym.agents.curves import curves, grid
from anb_gym.agents.designs import designs_for_all
from anb_gym.agents.scores import score_agent
from anb_gym.cli import main
from anb_gym.envs.families import make_problem
from anb_gym.pareto import normalised_hypervolume
from anb_gym.problems import Problem
from anb_gym.reports.event_log import N_POINTS
from anb_gym.study.analysis.references import best_constants, contexts
from tests.agents.command_agents import Constant, Oracle, Toy

for extra in ("tensorboard", "matplotlib", "jinja2", "moocore", "yaml", "tqdm"):
    pytest.importorskip(extra)

FILE = Path(__file__).with_name("command_agents.py")
TOY, ORACLE = f"{FILE}:Toy", f"{FILE}:Oracle"
ID, PREFERENCE, BOUND = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-Preference-v0", "AccelNAS-VCK190-Latency-Preference-v0"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of trained agents."""
    folder = tmp_path_factory.mktemp("agents")
    for name, agent, id, more in (
        ("toy", TOY, ID, ["--set", "batch_size=32"]),
        ("front", ORACLE, PREFERENCE, []),
        ("bound", ORACLE, BOUND, ["--arg", "reward=constrained"]),
        ("constant", f"{FILE}:Constant", "AccelNAS-VCK190-Preference-v0", []),
        ("new", ORACLE, "AccelNAS-VCK190-Bound-v0", []),
        ("transfer", TOY, "AccelNAS-Transfer-v0", ["--arg", "granularity=block"]),
    ):
        command = ["train", agent, id, "--evaluations", "600", "--seed", "1", "--out", str(folder / name), *more]
        assert main(command) == 0
    return folder


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of everything that TensorBoard shows of a folder."""
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.iterdir()):
        for event in loader.EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return found


def test_training_writes_its_folder(trained: Path) -> None:
    folder = trained / "toy"
    names = [".training", "agent.npz", "learning_curve.png", "report.html", "tensorboard"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    again = load(folder, Toy, id=ID)
    assert (again.settings, again.assignment.seed) == ({"batch_size": 32}, 1)


def test_the_page_is_one_small_file_that_opens_offline(trained: Path) -> None:
    for folder in trained.iterdir():
        text = (folder / "report.html").read_text(encoding="utf-8")
        assert len(text) < 1_000_000
        assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=['\"](?!data:)", text)
        assert "://" not in text
        picture = re.search(r'src="data:image/png;base64,([^"]+)"', text)
        assert picture is not None
        assert base64.b64decode(picture[1]) == (folder / "learning_curve.png").read_bytes()


def test_logs_have_every_step_once(trained: Path) -> None:
    found = events(trained / "toy" / "tensorboard")
    problem = make_problem(ID)
    steps = grid(600, N_POINTS).tolist()
    assert {tag: [step for step, _ in pairs] for tag, pairs in found.items()} == dict.fromkeys(found, steps)
    assert set(found) == {f"train/{n}" for n in (
        "best regret", "mean reward", "unique evaluations", "evaluations per second")}  # fmt: skip
    _, record = anb_gym.agents.train(Toy, ID, 600, seed=1, settings={"batch_size": 32})
    assert found["train/best regret"][-1][1] == pytest.approx(record.regret.min())
    assert found["train/mean reward"][-1][1] == pytest.approx(record.reward[-30:].mean(), rel=1e-5)
    assert isinstance(problem, Problem)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("anb_gym.reports.event_log._INTERVAL", 0.0)
    monkeypatch.setattr("anb_gym.reports.event_log._SHARE", 0.0)
    command = ["train", f"{FILE}:Interrupted", ID, "--evaluations", "96", "--out", str(tmp_path)]
    whole = tmp_path / "whole"
    assert main([*command[:-1], str(whole)]) == 0
    monkeypatch.setenv("ANB_GYM_TEST_INTERRUPTS", "1")
    begun = tmp_path / "begun"
    assert main([*command[:-1], str(begun)]) == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "run the same command again to go on" in capsys.readouterr().err
    logged = events(begun / "tensorboard")["train/mean reward"]
    assert [step for step, _ in logged] == list(range(1, 49))  # beyond the checkpoint after 32
    assert not (begun / "report.html").exists()
    monkeypatch.delenv("ANB_GYM_TEST_INTERRUPTS")
    assert main(["evaluate", str(begun), "--class", command[1]]) == 0
    assert "its training is not over: 32 of 96 evaluations" in capsys.readouterr().out
    assert main([*command[:-1], str(begun)]) == 0
    for tag in ("train/mean reward", "train/best regret", "train/unique evaluations"):
        assert events(begun / "tensorboard")[tag] == events(whole / "tensorboard")[tag]
    assert (begun / "learning_curve.png").read_bytes() == (whole / "learning_curve.png").read_bytes()


def test_scores_are_those_of_the_designs(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = load(trained / "toy", Toy)
    problem = make_problem(ID)
    assert isinstance(problem, Problem)
    assert main(["evaluate", str(trained / "toy"), "--class", TOY, "--n", "50", "--seed", "3", "--json"]) == 0
    greedy, sampled = json.loads(capsys.readouterr().out)["scores"]
    found = problem.evaluate(agent.design(50, seed=3, greedy=False))
    assert (sampled["reward"], sampled["regret"]) == (found.reward.mean(), found.regret.mean())
    assert greedy["designs"] == greedy["unique"] == 1
    assert greedy["reward"] == problem.evaluate(agent.design(greedy=True)).reward[0]


def test_the_certified_best_has_perfect_scores(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score = score_agent(load(trained / "front", Oracle))[0]
    assert (score.reward, score.regret, score.policy_score) == (1.0, 0.0, 1.0)
    problem = make_problem(PREFERENCE)
    assert isinstance(problem, Problem)
    assert score.coverage is not None
    assert 0.99 < score.coverage <= 1.0
    (designs,) = designs_for_all(load(trained / "front", Oracle), 1001, greedy=True)
    found = designs.evaluation.exact
    points = np.stack([found["accuracy"], found["vck190/throughput"]], axis=1)
    reference = anb_gym.calibration.front_scale(problem.task).reference_point
    assert score.coverage == normalised_hypervolume(points, problem.front.objectives, reference, ("max", "max"))
    for name in ("bound", "new"):
        assert main(["evaluate", str(trained / name), "--class", ORACLE, "--json"]) == 0
        bounded = json.loads(capsys.readouterr().out)["scores"][0]
        assert (bounded["loss"], bounded["violations"], bounded["regret"]) == (0.0, 0.0, None)


def test_policies_are_compared_with_the_best_constant(trained: Path) -> None:
    constant, sampled = score_agent(load(trained / "constant", Constant), n=65)
    assert constant.unique == sampled.unique == 1
    assert constant.policy_score == pytest.approx(0.0, abs=1e-12)
    *parts, overall = score_agent(load(trained / "transfer", Toy), n=65)[:9]
    assert [part.policy_score for part in parts] == [None] * 8
    assert overall.task == "all"
    assert overall.reward == pytest.approx(np.mean([part.reward for part in parts]))
    problem = make_problem("AccelNAS-Transfer-v0")
    best = best_constants(problem, contexts(problem, 8)).mean
    assert overall.policy_score == pytest.approx((overall.reward - best) / (1.0 - best))  # type: ignore[operator]


def test_designs_stand_beside_the_certified_best(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = make_problem(ID)
    assert isinstance(problem, Problem)
    assert problem.optimum is not None
    assert main(["design", str(trained / "toy"), "--class", TOY, "--n", "3", "--csv"]) == 0
    *rows, best = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert [row["by"] for row in rows] == ["agent"] * 3
    assert best["by"] == "certified"
    assert int(best["index"]) == problem.optimum.indices[0]
    for row in rows:
        evaluation = problem.evaluate(row["architecture"])
        assert float(row["reward"]) == evaluation.reward[0]
        assert float(row["vck190/throughput"]) == evaluation.exact["vck190/throughput"][0]
    assert main(["design", str(trained / "toy"), "--class", TOY]) == 0
    shown = capsys.readouterr().out
    assert str(problem.optimum.architecture) in shown
    assert "vck190/throughput (images/s)" in shown


def test_designs_for_a_preference_and_under_a_bound(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["design", str(trained / "front"), "--class", ORACLE, "--json"]
    assert main([*command, "--preference", "0.3,0.7"]) == 0
    agent, best = json.loads(capsys.readouterr().out)["designs"]
    assert agent["preference"] == [0.3, 0.7]
    assert (agent["architecture"], best["regret"]) == (best["architecture"], 0.0)
    assert main([*command, "--n", "3"]) == 0
    found = json.loads(capsys.readouterr().out)["designs"]
    assert [row["preference"] for row in found[:3]] == [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    problem = make_problem(BOUND, reward="constrained")
    assert isinstance(problem, Problem)
    accuracy, latency = problem.front.objectives.T
    for bound in (2.5, 100.0):  # the most accurate of all meets the second
        command = ["design", str(trained / "bound"), "--class", ORACLE, "--json", "--at-most", str(bound)]
        assert main(command) == 0
        agent, best = json.loads(capsys.readouterr().out)["designs"]
        assert best["metrics"]["vck190/latency"] <= bound
        assert best["metrics"]["accuracy"] == agent["metrics"]["accuracy"] == accuracy[latency <= bound].max()


def test_what_meets_a_bound_is_seen_to_meet_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["design", "vck190/latency", "--at-most", "1.446"]) == 0  # the best has 1.4459 ms
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row[:2] == ["certified", "1.446"]
    assert float(row[4]) <= 1.446
    assert main(["design", "vck190/latency", "--at-most", "1.446", "--csv"]) == 0
    assert main(["design", "cpu/throughput", "--at-least", "1202.4436001", "--csv"]) == 0
    *_, head, _, best = csv.reader(io.StringIO(capsys.readouterr().out))
    assert dict(zip(head, best, strict=True))["preference"] == "1202.4436001"


def test_designs_for_a_device(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["design", str(trained / "transfer"), "--class", TOY, "--json"]
    assert main([*command, "--device", "zcu102/latency"]) == 0
    assert [row["task"] for row in json.loads(capsys.readouterr().out)["designs"]] == ["ZCU102-Latency"] * 2
    assert main([*command, "--device", "zcu102"]) == 0
    assert [row["task"] for row in json.loads(capsys.readouterr().out)["designs"]] == ["ZCU102"] * 2
    assert main(command) == 0
    assert len(json.loads(capsys.readouterr().out)["designs"]) == 16


def test_an_episode_is_shown_or_written(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("PIL.Image")
    agent = load(trained / "toy", Toy)
    reward = make_problem(ID).evaluate(agent.design(greedy=True)).reward[0]  # type: ignore[union-attr]
    assert main(["enjoy", str(trained / "toy"), "--class", TOY]) == 0
    assert f"reward: {reward:.4f}" in capsys.readouterr().out
    for suffix in ("gif", "webp"):
        path = tmp_path / f"episode.{suffix}"
        assert main(["enjoy", str(trained / "toy"), "--class", TOY, "--video", str(path)]) == 0
        with image.open(path) as video:
            assert (video.n_frames, video.size) == (29, (1152, 432))
    pytest.importorskip("moviepy")
    assert main(["enjoy", str(trained / "toy"), "--class", TOY, "--sample", "--video", str(tmp_path / "e.mp4")]) == 0
    assert (tmp_path / "e.mp4").read_bytes()[4:8] == b"ftyp"


def test_an_episode_of_a_preference(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in (["--at-most", "2.5"], []):
        assert main(["enjoy", str(trained / "bound"), "--class", ORACLE, *more]) == 0
        assert "reward: 1.0000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nonsense", ID], "agent must be one of"),
        (["train", "nowhere.py:Toy", ID], "agent must be in a file that exists, there is no 'nowhere.py'"),
        (["train", "nowhere:Toy", ID], "agent must be in a module that Python finds, there is no 'nowhere'"),
        (["train", TOY, "AccelNAS-VCK19-v0"], "did you mean 'AccelNAS-VCK190-v0'"),
        (["train", TOY, ID, "--set", "batch_siz=3"], "did you mean 'batch_size'"),
        (["train", TOY, ID, "--set", "batch_size"], "--set must be name=value, got 'batch_size'"),
        (["train", TOY, ID, "--set", "a=1", "--set", "a=2"], "--set must name 'a' once"),
        (["train", TOY, ID, "--set", "batch_size=[3"], "--set must have a value in YAML, got 'batch_size=[3'"),
        (["train", TOY, ID, "--arg", "granularity=blok"], "granularity must be one of"),
        (["train", TOY, ID, "--arg", "granularit=block"], "did you mean 'granularity'"),
        (["train", TOY, ID, "--arg", "reward=module:Mine"], "reward must be a name in files"),
        (["train", TOY, ID, "--evaluations", "0"], "evaluations must be an integer of at least 1, got 0"),
        (["train", TOY, ID, "--seed", "-1"], "seed must be an integer of at least 0, got -1"),
        (["train", TOY, ID, "--seed", str(2**64)], "seed must be finite and of at most 64 bits"),
        (["train", "policy_gradient", ID, "--set", f"n_policies={10**12}"], "Unable to allocate"),
        (["train", f"{FILE}:Picky", ID, "--evaluations", "7"], "evaluations must be at least 16, one update, got 7"),
        (["evaluate", "nowhere"], "DIR must be the folder of a training, or a device or metric whose agent ships: "),
        (["design", "nowhere", "--n", "0"], "--n must be an integer of at least 1, got 0"),
        (["enjoy", "nowhere", "--video", "film.avi"], "--video must name a file that ends in .gif, .webp, .mp4, got"),
        (["enjoy", "nowhere", "--video", f"{FILE}/a.gif"], f"cannot write into {FILE}: {FILE} is not a folder; name"),
        (["enjoy", "nowhere", "--fps", "0"], "--fps must be in 0.1..100, got 0"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert [line for line in captured.err.splitlines() if "evaluations/s" not in line][-1].startswith("anb-gym: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("toy", ["--id", "AccelNAS-A100-v0"], f"id must be '{ID}', which {{}} was trained on, got 'AccelNAS-A100-v0'"),
        ("toy", ["--arg", "granularity=block"], "granularity must be 'choice', which {} was trained with, got 'block'"),
        ("transfer", ["--arg", "granularity=choice"], "granularity must be 'block', which {} was trained with"),
        ("toy", ["--arg", "granularit=choice"], "did you mean 'granularity'"),
        ("toy", ["--preference", "0.3,0.7"], "--preference has no meaning for an agent whose episodes ask for nothing"),
        ("toy", ["--device", "a100"], "--device has no meaning for an agent for VCK190, got a100"),
        ("front", ["--preference", "0.3,0.8"], "preference must be 2 non-negative numbers with the sum 1, got"),
        ("front", ["--preference", "1,-0"], ""),
        ("front", ["--preference", "much"], "--preference must be weights such as 0.3,0.7, got 'much'"),
        ("front", ["--at-least", "3000"], "--at-least has no meaning for an agent whose episodes ask for weights"),
        (
            "bound",
            ["--at-most", "1"],
            "none has a vck190/latency of at most 1.0 ms; the nearest that can be met is 1.44",
        ),
        ("bound", ["--at-most", "nan"], "--at-most must be a finite number, got nan"),
        ("bound", ["--at-least", "2"], "--at-least has no meaning for vck190/latency, of which a bound is --at-most"),
        ("transfer", ["--device", "vck19"], "did you mean 'vck190'"),
    ],
)
def test_what_an_agent_cannot_do_is_named(
    name: str, arguments: list[str], message: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = TOY if name in ("toy", "transfer") else ORACLE
    status = main(["design", str(trained / name), "--class", agent, *arguments])
    captured = capsys.readouterr()
    assert status == (1 if message else 0)
    assert message.format(trained / name) in captured.err
    assert captured.err.count("\n") == status


def test_agents_that_do_not_ship_are_named(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(trained / "toy")]) == 1
    assert f"whose agent does not ship, such as --class {TOY}" in capsys.readouterr().err


def test_damaged_files_are_named(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (trained / "toy" / "agent.npz").read_bytes()
    (tmp_path / "short.npz").write_bytes(data[:1000])
    (tmp_path / "page.npz").write_bytes((trained / "toy" / "report.html").read_bytes())
    with np.load(io.BytesIO(data)) as arrays:
        content: dict[str, Any] = dict(arrays)
    content["manifest"] = np.array(content["manifest"].item().replace("anb_gym agent 1", "anb_gym agent 9"))
    np.savez_compressed(tmp_path / "format.npz", **content)
    messages = {"short": "short.npz", "page": "page.npz", "format": "must be of the format 'anb_gym agent 1', got"}
    for name, message in messages.items():
        assert main(["evaluate", str(tmp_path / f"{name}.npz"), "--class", TOY]) == 1
        captured = capsys.readouterr()
        assert message in captured.err
        assert captured.err.count("\n") == 1
    # A training does not go on from it.
    (tmp_path / "agent.npz").write_bytes(data[:1000])
    assert main(["train", TOY, ID, "--evaluations", "600", "--out", str(tmp_path)]) == 1
    assert "agent.npz" in capsys.readouterr().err


@pytest.mark.parametrize("id", ["AccelNAS-VCK190-MO-v0", "AccelNAS-All-MO-v0", "AccelNAS-Accuracy-MO-v0"])
def test_vector_rewards_have_reports_and_scores(id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", f"{FILE}:Sampler", id, "--evaluations", "64", "--out", str(tmp_path / "a")]) == 0
    assert main(["evaluate", str(tmp_path / "a"), "--class", f"{FILE}:Sampler", "--json"]) == 0
    out = capsys.readouterr().out
    sampled = json.loads(out[out.index("{") :])["scores"][1]
    assert (sampled["coverage"] is not None) == (id == "AccelNAS-VCK190-MO-v0")
    assert "of which the table has at most ten" in (tmp_path / "a" / "report.html").read_text(encoding="utf-8")


def test_folders_in_use_are_refused(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", TOY, ID, "--evaluations", "700", "--seed", "1", "--out", str(trained / "toy")]) == 1
    assert "holds another training" in capsys.readouterr().err
    fcntl = pytest.importorskip("fcntl")
    with (trained / "toy" / ".training").open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        command = ["train", TOY, ID, "--evaluations", "600", "--seed", "1", "--set", "batch_size=32", "--out"]
        assert main([*command, str(trained / "toy")]) == 1
        assert "another process works on a training in" in capsys.readouterr().err
    (tmp_path / "thesis.tex").touch()
    assert main(["train", TOY, ID, "--out", str(tmp_path)]) == 1
    assert f"--out must be a folder of its own, {tmp_path} holds other files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_is_free_after_a_training_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    command = ["train", TOY, ID, "--evaluations", "40", "--out", str(tmp_path / "a" / "b")]
    with monkeypatch.context() as patch:
        patch.setattr("anb_gym.agents.saving.save", full)
        assert main(command) == 1
    assert list(tmp_path.iterdir()) == []
    assert main(command) == 0


def test_a_training_is_not_given_up_for_want_of_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("tensorboard.compat.proto.event_pb2", "matplotlib.figure", "jinja2"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["train", TOY, ID, "--evaluations", "32", "--out", str(tmp_path / "a")]) == 0
    out = capsys.readouterr().out
    assert "no TensorBoard logs: the module 'tensorboard.compat.proto.event_pb2' is needed" in out
    assert "no report: the module 'matplotlib.figure' is needed and not installed" in out
    assert sorted(os.listdir(tmp_path / "a")) == [".training", "agent.npz"]


def test_curves_are_those_of_the_record() -> None:
    _, record = anb_gym.agents.train(Toy, "AccelNAS-VCK190-Bound-v0", 200, seed=0)
    found = curves(record, np.array([1, 50, 200]), 40)
    np.testing.assert_allclose(
        found.reward, [record.reward[0], record.reward[10:50].mean(), record.reward[160:].mean()]
    )
    last = record.regret[160:]
    assert np.isinf(last).any()
    assert found.regret[-1] == np.median(last[np.isfinite(last)])
    assert found.unique.tolist() == [1, *(len(np.unique(record.index[:n])) for n in (50, 200))]
    for budget, points in ((1, 5), (7, 5), (600, 500), (10_000, 500)):
        at = grid(budget, points)
        assert len(at) <= points
        assert at[-1] == budget
        assert (np.diff(at) > 0).all()


@pytest.mark.parametrize("id", [ID, PREFERENCE, "AccelNAS-VCK190-MO-v0"])
def test_without_an_exact_front_less_is_said(id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--arg", "surrogate=xgb", "--arg", "reward_scale=raw", "--evaluations", "32"]
    assert main(["train", f"{FILE}:Sampler", id, *arguments, "--out", str(tmp_path / "a")]) == 0
    assert main(["evaluate", str(tmp_path / "a"), "--class", f"{FILE}:Sampler", "--json"]) == 0
    out = capsys.readouterr().out
    score = json.loads(out[out.index("{") :])["scores"][1]
    assert [score[name] for name in ("regret", "policy_score", "coverage", "loss")] == [None] * 4
    assert main(["design", str(tmp_path / "a"), "--class", f"{FILE}:Sampler"]) == 0
    assert "certified" not in capsys.readouterr().out
    assert (tmp_path / "a" / "report.html").exists()


def test_a_device_is_answered_by_the_agent_that_ships(capsys: pytest.CaptureFixture[str]) -> None:
    front = anb_gym.Benchmark().front("vck190/throughput")
    assert main(["design", "vck190", "--at-least", "3000", "--json"]) == 0
    agent, best = json.loads(capsys.readouterr().out)["designs"]
    assert agent["metrics"]["vck190/throughput"] >= 3000.0
    assert best["metrics"]["accuracy"] == front.best_under(3000.0).accuracy[0]
    assert 0.0 <= best["metrics"]["accuracy"] - agent["metrics"]["accuracy"] < 0.5
    assert main(["design", "vck190/latency", "--preference", "0.3,0.7", "--json"]) == 0
    agent, best = json.loads(capsys.readouterr().out)["designs"]
    assert (agent["task"], best["preference"]) == ("VCK190-Latency", [0.3, 0.7])
    assert agent["regret"] < 0.05
    assert main(["design", "cpu", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["designs"]) == 22
    assert main(["enjoy", "vck190", "--at-least", "3000"]) == 0
    assert "vck190/throughput: 3," in capsys.readouterr().out


def test_the_agents_of_a_device_are_scored(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "a100", "--n", "65", "--json"]) == 0
    weights, bound = json.loads(capsys.readouterr().out)
    assert (weights["id"], bound["id"]) == ("AccelNAS-A100-Preference-v0", "AccelNAS-A100-Bound-v0")
    assert weights["scores"][0]["coverage"] > 0.9
    assert bound["scores"][0]["violations"] < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["design", "vck19", "--at-least", "3000"], "did you mean 'vck190'"),
        (["design", "VCK190"], "DIR must be the folder of a training, or a device or metric whose agent ships: "),
        (["evaluate", "accuracy"], "got 'accuracy'"),
        (["design", "vck190", "--at-least", "30000"], "the nearest that can be met is 4927.008"),
        (["design", "vck190", "--at-most", "3"], "of which a bound is --at-least"),
        (["design", "vck190", "--preference", "0.5,0.5", "--at-least", "3000"], "--preference has no meaning"),
        (["design", "vck190", "--id", "AccelNAS-VCK190-v0"], "id must be 'AccelNAS-VCK190-Preference-v0'"),
    ],
)
def test_what_no_shipped_agent_does_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_shipped_agents_need_numpy_and_gymnasium_alone() -> None:
    code = """
import sys
sys.modules |= dict.fromkeys("torch scipy pandas matplotlib moocore yaml tqdm jinja2 tensorboard PIL".split())
from anb_gym.cli import main
sys.exit(main(["design", "vck190", "--at-least", "3000"]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("\n") == 4
