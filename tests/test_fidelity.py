"""Accuracy under the reference scheme, and surrogates of another version: metrics, fronts, tasks and ids."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest

import anb_gym
from anb_gym import EFFICIENTNET_B0, SPACE, Benchmark, make_problem
from anb_gym.benchmark import METRICS, REFERENCE
from anb_gym.cli import main
from anb_gym.envs.families import FAMILIES, ids
from anb_gym.fronts.store import front_key, front_metrics
from anb_gym.rewards import Accuracy, Bounded, Product, make_reward
from anb_gym.surrogates.store import ARTEFACTS, SURROGATES, artefact_path, load, peers, save, shipped_path
from anb_gym.tasks import REFERENCE_TASKS, TASKS, get_task, select_tasks

BENCH = Benchmark()
ARCHITECTURES = SPACE.sample(500, np.random.default_rng(3))


def test_metrics_of_the_reference_scheme_come_last_and_are_queried_like_the_others() -> None:
    assert METRICS[-2:] == REFERENCE == ("accuracy/reference", "train_time/reference")
    values = BENCH.query(ARCHITECTURES, std=True)
    # Longer training at a higher resolution: always better, and dearer.
    assert (values["accuracy/reference"] > values["accuracy"] + 3.0).all()
    assert (values["train_time/reference"] > 3.0 * values["train_time"]).all()
    assert (values["accuracy/reference:std"] > 0.0).all()
    noisy = BENCH.query(ARCHITECTURES, "accuracy/reference", noise=1)["accuracy/reference"]
    assert np.std(noisy - values["accuracy/reference"]) == pytest.approx(0.173, rel=0.1)


def test_a_device_and_a_metric_alone_mean_what_they_meant() -> None:
    assert list(BENCH.query(0, ["accuracy", "vck190", "train_time"])) == ["accuracy", "vck190/throughput", "train_time"]
    with pytest.raises(ValueError, match="did you mean 'accuracy/reference'"):
        BENCH.query(0, "accuracy/references")


@pytest.mark.parametrize("metric", ["tpuv3/throughput", "zcu102/latency"])
def test_fronts_of_the_reference_scheme_are_certified(metric: str) -> None:
    front = BENCH.front(metric, fidelity="reference")
    assert front.metrics == front_metrics(metric, "reference")
    assert front_key(front.metrics) == (metric, "reference")
    front.verify()
    values = BENCH.query(SPACE.sample(20_000, np.random.default_rng(5)), front.metrics)
    signs = np.where([direction == "max" for direction in front.directions], 1.0, -1.0)
    points = signs * np.stack([values[name] for name in front.metrics], axis=1)
    for point in signs * front.objectives:
        assert not ((points >= point).all(axis=1) & (points > point).any(axis=1)).any()


def test_an_unknown_fidelity_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="fidelity must be one of 'proxy', 'reference', got 'full'"):
        BENCH.front("vck190", fidelity="full")
    with pytest.raises(ValueError, match="fidelity must be one of"):
        select_tasks(fidelity="full")
    assert main(["front", "vck190", "--fidelity", "ref"]) == 1
    assert "fidelity must be one of 'proxy', 'reference', got 'ref'" in capsys.readouterr().err


def test_tasks_of_the_reference_scheme() -> None:
    assert list(REFERENCE_TASKS) == [f"Reference-{name}" for name in TASKS]
    assert select_tasks(device="vck190", kind="latency", fidelity="reference") == (
        get_task("Reference-VCK190-Latency"),
    )
    families = {name for name, family in FAMILIES.items() if set(family.tasks) & set(REFERENCE_TASKS.values())}
    assert families == {"build", "vector_reward"}


@pytest.mark.parametrize("name", REFERENCE_TASKS)
def test_the_optimum_of_a_reference_task_is_certified_and_recorded(name: str) -> None:
    task = get_task(name)
    problem = make_problem(FAMILIES["build"].id_of(task))
    optimum = problem.optimum
    assert optimum is not None
    assert optimum.front.metrics == task.metrics
    found = problem.evaluate([int(index) for index in optimum.indices])
    assert found.reward == pytest.approx(1.0)
    assert found.regret == pytest.approx(0.0)
    assert problem.evaluate(ARCHITECTURES).regret.min() > 0.0
    assert problem.reward.metrics == task.metrics
    if task.device:
        vector = make_problem(FAMILIES["vector_reward"].id_of(task))
        assert vector.front.metrics == task.metrics
        assert vector.reference_point.shape == (2,)


def test_an_episode_tells_the_accuracy_by_its_name() -> None:
    env = gymnasium.make("anb_gym:AccelNAS-Reference-VCK190-v0")
    env.reset(seed=0)
    over = False
    while not over:
        _, _, over, _, info = env.step(0)
    assert set(info["metrics"]) == {"accuracy/reference", "vck190/throughput"}


def test_rewards_name_their_accuracy() -> None:
    task = get_task("Reference-VCK190")
    assert make_reward("product", task) == Product("vck190", 3000.0, accuracy="accuracy/reference")
    assert make_reward("accuracy", task) == Accuracy("accuracy/reference")
    with pytest.raises(ValueError, match="accuracy must be one of 'accuracy', 'accuracy/reference', got 'train_time'"):
        Product("vck190", 3000.0, accuracy="train_time")
    assert make_reward("bounded", task) == Bounded("vck190", 3000.0, accuracy="accuracy/reference")
    message = "reward 'constrained' needs a task with 'accuracy', 'Reference-VCK190' has 'accuracy/reference'"
    with pytest.raises(ValueError, match=message):
        make_reward("constrained", task)


def test_ids_of_corrected_labels_have_a_version_of_their_own() -> None:
    for name in ("TPUv2", "TPUv3"):
        for family in FAMILIES.values():
            task = get_task(name)
            if task in family.tasks:
                *old, new = family.ids_of(task)
                assert len(old) == family.versions
                assert gymnasium.spec(new).kwargs["surrogate"] == "gp-v1"
                assert all("surrogate" not in gymnasium.spec(env_id).kwargs for env_id in old)
    assert {env_id[:-3].rpartition("-")[0] for env_id in ids() if env_id.endswith("v2")} == {
        "AccelNAS-TPUv2",
        "AccelNAS-TPUv3",
    }


def test_a_version_without_tables_of_a_metric_has_those_of_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anb_gym.surrogates.store.ARTEFACTS", tmp_path)
    first = load(artefact_path(ARTEFACTS, "xgb", "vck190/latency"))
    save(first, artefact_path(tmp_path, "xgb", "vck190/latency"))
    assert shipped_path("xgb-v1", "vck190/latency") == artefact_path(tmp_path, "xgb", "vck190/latency")
    save(first, artefact_path(tmp_path, "xgb-v1", "vck190/latency"))
    assert shipped_path("xgb-v1", "vck190/latency") == artefact_path(tmp_path, "xgb-v1", "vck190/latency")
    assert shipped_path("xgb", "vck190/latency") == artefact_path(tmp_path, "xgb", "vck190/latency")


def test_surrogates_of_one_version_judge_each_other() -> None:
    assert peers("gp") == ("xgb", "lgb")
    assert peers("xgb-v1") == ("gp-v1", "lgb-v1")
    assert set(SURROGATES) == {"gp", *peers("gp"), "gp-v1", *peers("gp-v1")}
    assert make_problem("AccelNAS-VCK190-v0", surrogate="gp-v1").judges == ("xgb-v1", "lgb-v1")


def test_the_first_tables_stay_the_default() -> None:
    assert Benchmark().surrogate == "gp"
    assert anb_gym.make_problem("AccelNAS-TPUv3-v0").surrogate == "gp"
    assert Benchmark("gp-v1").query(EFFICIENTNET_B0, "macs") == Benchmark().query(EFFICIENTNET_B0, "macs")
