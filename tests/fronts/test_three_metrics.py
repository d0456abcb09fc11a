"""Fronts of accuracy and two device metrics."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import anb_gym
from anb_gym import SPACE
from anb_gym.cli import main
from anb_gym.fronts import NoFrontError
from anb_gym.fronts.store import choose_front, front_metrics
from anb_gym.rewards import Product
from anb_gym.study.analysis.judging import Judge

DEVICES = ["vck190/throughput", "zcu102/latency"]


@pytest.fixture(scope="module")
def front():
    return anb_gym.Benchmark().front("vck190+zcu102/latency")


def test_it_holds_the_fronts_of_two_metrics(front):
    assert front is anb_gym.Benchmark().front("zcu102/latency+vck190/throughput")
    assert set(front.metrics) == {"accuracy", *DEVICES}
    for device in DEVICES:
        assert set(anb_gym.Benchmark().front(device).indices.tolist()) <= set(front.indices.tolist())


def test_it_verifies_and_no_architecture_escapes(front):
    front.verify()
    states = SPACE.to_states(SPACE.sample(500, np.random.default_rng(5)))
    signs = np.where(np.array(front.directions) == "max", 1.0, -1.0)
    found = anb_gym.Benchmark().query_states(states, front.metrics)
    points = np.stack([found[name] for name in front.metrics], axis=1) * signs
    members = front.objectives * signs
    as_good = np.array([(members >= point).all(axis=1).any() for point in points])
    assert as_good.all()


def test_an_environment_and_a_judge_of_studies_know_it(front):
    env = gym.make("anb_gym:AccelNAS-All-MO-v0", metrics=np.array(["vck190", "zcu102/latency"])).unwrapped
    assert env.problem.metrics == ("accuracy", *DEVICES)
    assert env.reward_dim == 3
    assert len(env.pareto_front(1.0)) == len(front)
    judge = Judge("AccelNAS-All-MO-v0", {"metrics": DEVICES})
    assert judge.front is not None
    assert judge.front.shape == (len(front), 3)
    assert judge.front.max() <= 1.0
    assert Judge("AccelNAS-All-MO-v0").front is None


def test_a_study_of_three_metrics_has_its_pages(tmp_path):
    pytest.importorskip("pyarrow", reason="the extra study is not installed")
    study = tmp_path / "three.yaml"
    study.write_text(
        "name: three\nevaluations: 50\nseeds: 2\ncontrollers: [random_search, archive_evolution]\n"
        "tasks:\n  - {name: three, id: AccelNAS-All-MO-v0, metrics: [vck190/throughput, zcu102/latency]}\n"
    )
    out = tmp_path / "out"
    assert main(["study", str(study), "--workers", "1", "--out", str(out), "--report"]) == 0
    assert main(["leaderboard", str(out), "--out", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "leaderboard.md").read_text()
    assert "Hypervolume regret of 3 objectives" in page
    assert (tmp_path / "page" / "leaderboard.html").exists()
    assert main(["submit", str(out), "random_search", "--out", str(tmp_path / "sent")]) == 0
    assert '"regret"' in (tmp_path / "sent" / "submission.json").read_text()
    assert main(["validate", str(tmp_path / "sent")]) == 0
    assert (out / "report.html").exists()
    assert list((out / "plots").iterdir())


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["vck190"], r"metrics must be two or more different metrics of devices, got \['vck190'\]"),
        (["vck190", "vck190/throughput"], "metrics must be two or more"),
        ("vck190", "metrics must be two or more"),
        (["vck190", "zcu102/latncy"], "metrics must be one of .* did you mean 'zcu102/latency'"),
    ],
)
def test_bad_metrics_of_an_environment(metrics, message):
    with pytest.raises(ValueError, match=message):
        gym.make("anb_gym:AccelNAS-All-MO-v0", metrics=metrics)


def test_what_is_no_reward_has_no_best(front):
    for wrong in ("product", None, Product):
        with pytest.raises(ValueError, match=r"reward must be an object such as anb_gym.rewards.Accuracy\(\), got"):
            front.best(wrong)
    with pytest.raises(NoFrontError, match="for two of them use .best of their front"):
        anb_gym.Benchmark().optimum(Both())
    assert front.best(Both()).value == front.objectives[:, 0].max()


class Both:
    """The accuracy, of a reward that says it reads two devices."""

    metrics, monotone = ("accuracy", *DEVICES), True

    def __call__(self, values):
        return values["accuracy"]


def test_bad_names():
    with pytest.raises(ValueError, match="metrics must be None but for the task 'All'"):
        gym.make("anb_gym:AccelNAS-VCK190-MO-v0", metrics=DEVICES)
    with pytest.raises(ValueError, match="metric must have a device metric before and after '\\+', got 'vck190\\+'"):
        choose_front("vck190+")
    for name in ("a100+a100/throughput", "a100+tpuv3+vck190"):
        with pytest.raises(ValueError, match="metric must be one or two different device metrics"):
            choose_front(name)
    with pytest.raises(NoFrontError, match=r"anb-gym solve --surrogate gp --metrics tpuv3/throughput\+a100/throughput"):
        anb_gym.Benchmark().front("a100+tpuv3")
    assert front_metrics("a100+tpuv3") == ("accuracy", "tpuv3/throughput", "a100/throughput")
