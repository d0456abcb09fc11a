"""Fronts of accuracy and two device metrics."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import anb_gym
from anb_gym import SPACE
from anb_gym.fronts import NoFrontError
from anb_gym.fronts.store import choose_front, front_metrics
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
    env = gym.make("anb_gym:AccelNAS-All-MO-v0", metrics=["vck190", "zcu102/latency"]).unwrapped
    assert env.problem.metrics == ("accuracy", *DEVICES)
    assert env.reward_dim == 3
    assert len(env.pareto_front(1.0)) == len(front)
    judge = Judge("AccelNAS-All-MO-v0", {"metrics": DEVICES})
    assert judge.front is not None
    assert judge.front.shape == (len(front), 3)
    assert judge.front.max() <= 1.0
    assert Judge("AccelNAS-All-MO-v0").front is None


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


def test_bad_names():
    with pytest.raises(ValueError, match="metrics must be None but for the task 'All'"):
        gym.make("anb_gym:AccelNAS-VCK190-MO-v0", metrics=DEVICES)
    for name in ("a100+a100/throughput", "a100+tpuv3+vck190"):
        with pytest.raises(ValueError, match="metric must be one or two different device metrics"):
            choose_front(name)
    with pytest.raises(NoFrontError, match=r"anb-gym solve --surrogate gp --metrics tpuv3/throughput\+a100/throughput"):
        anb_gym.Benchmark().front("a100+tpuv3")
    assert front_metrics("a100+tpuv3") == ("accuracy", "tpuv3/throughput", "a100/throughput")
