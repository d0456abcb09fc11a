"""The task table, and the file of what its rewards are worth."""

import json
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.benchmark import METRICS
from anb_gym.calibration import (
    N_RANDOM,
    SEED,
    Calibration,
    calibrate,
    calibration,
    coordinate_ascent,
    random_metrics,
    records,
    write_records,
)
from anb_gym.construction.dataset import Dataset
from anb_gym.devices import DEVICES
from anb_gym.metrics import DIRECTIONS, GENERATED
from anb_gym.rewards import Product, make_reward
from anb_gym.surrogates.store import FAMILIES, load_shipped
from anb_gym.tasks import TASKS, Task, get_task, select_tasks

RECORDS = json.loads(files("anb_gym").joinpath("tasks.json").read_text())
TASK_RECORDS = records()
EVERY_TASK = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)


def test_ids() -> None:
    names = ("ZCU102", "VCK190", "TPUv2", "TPUv3", "A100", "RTX3090", "ZCU102-Latency", "VCK190-Latency", "CPU")
    assert [task.id for task in TASKS.values()] == [f"AccelNAS-{name}-v0" for name in (*names, "Accuracy")]


def test_every_metric_has_a_direction() -> None:
    assert set(DIRECTIONS) == {*METRICS, *GENERATED.values()}
    assert get_task("VCK190").directions == ("max", "max")
    assert get_task("VCK190-Latency").directions == ("max", "min")


@EVERY_TASK
def test_metrics_belong_to_the_device(task: Task) -> None:
    assert task.metrics[0] == "accuracy"
    assert set(task.metrics) <= set(METRICS)
    assert task.metrics[1:] == ((f"{task.device}/{task.kind}",) if task.device else ())


@EVERY_TASK
def test_targets_are_quantiles_of_the_dataset(task: Task, dataset: Dataset) -> None:
    if task.device and DEVICES[task.device].dataset:
        measured = dataset.metrics[task.metrics[1]]
        quantile = np.nanquantile(measured, 0.7 if task.directions[1] == "max" else 0.3)
        assert task.target == float(f"{quantile:.1e}")


def test_select_tasks() -> None:
    assert {task.name for task in select_tasks(kind="latency")} == {"ZCU102-Latency", "VCK190-Latency"}
    assert {task.name for task in select_tasks(device="vck190")} == {"VCK190", "VCK190-Latency"}
    assert select_tasks(kind="throughput", device="a100") == (get_task("A100"),)
    assert select_tasks() == tuple(TASKS.values())
    with pytest.raises(ValueError, match="kind must be one of .* got 'latencies'; did you mean 'latency'"):
        select_tasks(kind="latencies")
    with pytest.raises(ValueError, match="device must be one of .* got 'VCK19'"):
        select_tasks(device="VCK19")


def test_unknown_task() -> None:
    with pytest.raises(ValueError, match="task must be one of .* got 'VCK191'; did you mean 'VCK190'"):
        get_task("VCK191")


@EVERY_TASK
def test_records_are_those_of_the_shipped_tables(task: Task) -> None:
    """A failure means: run ``anb_gym.calibration.write_records()``."""
    record = TASK_RECORDS[task.name]
    assert RECORDS["surrogate"] == FAMILIES[0]
    assert record["tables"] == {m: load_shipped(FAMILIES[0], m).checksum for m in task.metrics}
    reward = make_reward("product", task)
    measured, recorded = calibrate(reward, FAMILIES[0]), Calibration(**record["calibration"])
    assert measured.architecture == recorded.architecture
    assert measured.how == recorded.how
    assert measured.random_mean == pytest.approx(recorded.random_mean, rel=1e-12)
    assert measured.best == pytest.approx(recorded.best, rel=1e-12)
    assert calibration(reward, FAMILIES[0]).best == measured.best


def test_records_are_used_without_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr("anb_gym.calibration.lookup.calibrate", fail)
    for task in TASKS.values():
        recorded = TASK_RECORDS[task.name]["calibration"]
        assert calibration(make_reward("product", task), FAMILIES[0]).architecture == recorded["architecture"]
    with pytest.raises(AssertionError, match="measured"):
        calibration(make_reward("product", get_task("VCK190"), target=2999.0), FAMILIES[0])


def test_records_of_other_tables_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {name: record | {"tables": {"accuracy": "0" * 64}} for name, record in RECORDS["tasks"].items()}
    monkeypatch.setattr("anb_gym.calibration.lookup.records", lambda metrics: others)
    monkeypatch.setattr("anb_gym.calibration.lookup.calibrate", lambda *_: "measured")
    assert calibration(make_reward("product", get_task("VCK190")), FAMILIES[0]) == "measured"


def test_write_records(tmp_path: Path) -> None:
    path = write_records(path=tmp_path / "tasks.json")
    assert json.loads(path.read_text()).keys() == RECORDS.keys()


def test_coordinate_ascent_ends_where_no_single_block_improves() -> None:
    bench = Benchmark()

    def objective(states: np.ndarray) -> np.ndarray:
        return bench.query_states(states, ["accuracy"])["accuracy"]

    best, value = coordinate_ascent(objective, 3, 1)
    assert objective(best[None])[0] == value
    for block, size in enumerate(SPACE.block_sizes):
        others = np.repeat(best[None], size, axis=0)
        others[:, block] = np.arange(size)
        assert objective(others).max() == value
    assert coordinate_ascent(objective, 3, 1)[1] == value
    assert coordinate_ascent(objective, 40, 1)[1] >= value


def test_coordinate_ascent_finds_the_optimum_of_an_additive_function() -> None:
    weights = np.random.default_rng(0).normal(size=(7, 48))
    for block, size in enumerate(SPACE.block_sizes):
        weights[block, size:] = -np.inf
    best, value = coordinate_ascent(lambda states: weights[np.arange(7), states].sum(axis=1), 1, 0)
    assert best.tolist() == weights.argmax(axis=1).tolist()
    assert value == pytest.approx(weights.max(axis=1).sum())


def test_a_constant_reward_has_no_unit_scale() -> None:
    reward = make_reward(lambda values: np.zeros(len(values["accuracy"])), get_task("Accuracy"))
    with pytest.raises(ValueError, match="reward must be finite and differ between architectures"):
        calibration(reward, FAMILIES[0])


def test_calibration_is_remembered() -> None:
    reward = Product("vck190/throughput", 1234.0)
    assert calibration(reward, FAMILIES[0]) is calibration(Product("vck190/throughput", 1234.0), FAMILIES[0])


def test_random_metrics_are_measured_once_and_belong_to_the_caller() -> None:
    states = SPACE.to_states(SPACE.sample(N_RANDOM, np.random.default_rng(SEED)))
    expected = Benchmark().query_states(states, ["accuracy", "a100/throughput", "macs"])
    for _ in range(2):
        found = random_metrics(FAMILIES[0], list(expected))
        assert all(np.array_equal(found[name], column) for name, column in expected.items())
        for column in found.values():
            column[:] = 0.0


def test_a_long_calibration_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("anb_gym._patience._spent", {})
    calibrate(Product("vck190/throughput", 1001.0), FAMILIES[0])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("anb_gym._patience.SECONDS", 0.02)

    def slow(values: dict[str, np.ndarray]) -> np.ndarray:
        time.sleep(0.03)
        return values["accuracy"]

    for task in ("A100", "VCK190"):
        calibrate(make_reward(slow, get_task(task)), FAMILIES[0])
    line = "anb_gym: measuring random means and optima of rewards, once per process\n"
    assert capsys.readouterr() == ("", line)
