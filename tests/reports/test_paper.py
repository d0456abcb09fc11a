"""The paper's tables and figures: on small studies, and what the documentation says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym.baselines import BASELINES
from anb_gym.benchmark import Benchmark
from anb_gym.cli import main
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.metrics import ACCURACIES
from anb_gym.reports.paper import TABLE_1, TABLE_2
from anb_gym.reports.paper_figures import figure4, figure4_table, figure5, figure5_table, gains
from anb_gym.reports.paper_tables import PAPER, lines, table1, table2
from anb_gym.reports.paper_validation import FIGURE_6, figure3, figure3_table, figure6, figure6_table
from anb_gym.space import EFFICIENTNET_B0
from anb_gym.study.analysis.anytime import anytime
from anb_gym.study.analysis.judging import Judge
from anb_gym.study.analysis.statistics import Interval
from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry
from anb_gym.study.difficulty import beats_efficientnet
from anb_gym.study.results import Results
from anb_gym.study.runner import run_study
from anb_gym.tasks import TASKS

ROOT = Path(__file__).parents[2]
DEVICE_TASKS = [task for task in TASKS.values() if task.device]


def study(folder: Path, controllers: list[str], tasks: list[str], seeds: int, evaluations: int) -> Results:
    entries = [ControllerEntry(name, BASELINES[name].target) for name in controllers]
    config = StudyConfig("small", entries, [TaskEntry(id, id) for id in tasks], range(seeds), evaluations)
    return Results.load(run_study(config, folder, workers=1).path)


@pytest.fixture(scope="module")
def accuracy(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The controllers of Figure 5b and local search, three seeds."""
    names = ["random_search", "regularized_evolution", "reinforce", "local_search"]
    return study(tmp_path_factory.mktemp("accuracy"), names, ["AccelNAS-Accuracy-v0"], 3, 1000)


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Regularized evolution on every device's scalar reward, with the issue's budget."""
    tasks = [task.id for task in DEVICE_TASKS]
    return study(tmp_path_factory.mktemp("devices"), ["regularized_evolution"], tasks, 1, 1500)


def regrets(results: Results) -> dict[str, np.ndarray]:
    """Regret in accuracy points by controller, (runs, evaluations)."""
    judge = Judge.of(results.tasks["AccelNAS-Accuracy-v0"])
    known = judge.calibration
    assert known is not None
    curves = anytime(results.table, judge, "regret")
    return {name: c.values * (known.best - known.random_mean) for name, c in curves.items()}


def test_evolution_and_reinforce_beat_random_search(accuracy: Results) -> None:
    found = {name: values[:, -1] for name, values in regrets(accuracy).items()}
    assert found["regularized_evolution"].max() < found["random_search"].min()
    assert found["reinforce"].max() < found["random_search"].min()


def test_random_search_stagnates(accuracy: Results) -> None:
    values = np.median(regrets(accuracy)["random_search"], axis=0)
    assert values[99] - values[-1] < 0.25 * (values[0] - values[99])


def test_local_search_comes_within_a_tenth_of_a_point(accuracy: Results) -> None:
    assert np.median(regrets(accuracy)["local_search"][:, -1]) < 0.1


def test_every_device_has_a_better_network_than_efficientnet(devices: Results) -> None:
    for name, description in devices.tasks.items():
        rows = devices.table[devices.table["task"] == name]
        assert beats_efficientnet(rows, Judge.of(description)) <= 1500, name


def test_figure5_has_means_over_seeds(accuracy: Results) -> None:
    best = 67.0
    text = "\n".join(figure5_table(accuracy))
    assert text.startswith("| controller | 50 | 100 | 200 | 500 | 1,000 |")
    assert all(f"| `{name}` |" in text for name in ("random_search", "regularized_evolution", "reinforce"))
    row = next(line for line in text.splitlines() if "local_search" in line)
    assert float(row.split("|")[-2].split("±")[0]) > best
    (axes,) = figure5(accuracy).axes
    assert axes.get_ylabel() == "best accuracy so far (%)"
    assert len(axes.get_lines()) == 5


def test_figure4_has_a_panel_and_a_row_per_task(devices: Results) -> None:
    panels = [axes for axes in figure4(devices).axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == list(devices.tasks)
    rows = figure4_table(devices)[2:]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == list(devices.tasks)
    assert all("1 of 1" in row for row in rows)
    assert [row for row in rows if "+1.8, × 1.55" in row] == [row for row in rows if "AccelNAS-VCK190-v0" in row]


def test_gains_of_figure4_are_those_of_the_best_network(devices: Results) -> None:
    name = "AccelNAS-VCK190-Latency-v0"
    judge = Judge.of(devices.tasks[name])
    rows = devices.table[devices.table["task"] == name]
    values = judge.values(rows["index"].to_numpy())
    accuracy, latency = judge.values(np.array([EFFICIENTNET_B0.index]))[0]
    gain = (values[values[:, 1] <= latency, 0] - accuracy).max()
    ratio = (latency / values[values[:, 0] >= accuracy, 1]).max()
    (row,) = [line for line in figure4_table(devices) if name in line]
    assert f"| {gain:+.2f}, × {ratio:.2f} |" in row


def test_a_seed_that_was_not_run_is_named(devices: Results) -> None:
    with pytest.raises(ValueError, match=r"seed must be one of \[.*0.*\], got 7"):
        figure4(devices, seed=7)


def test_figure5_is_of_accuracy(devices: Results) -> None:
    name = "AccelNAS-VCK190-v0"
    one = Results(devices.table, {**devices.description, "tasks": {name: devices.tasks[name]}})
    with pytest.raises(ValueError, match="results must be of the accuracy task, got AccelNAS-VCK190-v0"):
        figure5(one)


def test_tables_are_beside_the_papers() -> None:
    one, two = table1(), table2()
    assert {family: cells[PAPER] for family, cells in one.items() if PAPER in cells} == TABLE_1
    assert {metric: cells[PAPER] for metric, cells in two.items()} == TABLE_2
    assert all(len(cells) == 7 for cells in two.values())
    # The paper's finding: boosted trees before the support vector machines before the forest.
    assert one["xgb"]["anb_gym"].tau > one["nu_svr"]["anb_gym"].tau > one["rf"]["anb_gym"].tau


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="folder must hold the manifest of gp for accuracy"):
        table1(tmp_path)


def test_the_documentation_has_the_tables_that_ship() -> None:
    text = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    for table in (table1(), table2()):
        assert "\n".join(lines(table)) in text


def test_the_command_prints_and_draws(tmp_path: Path, capsys: Any) -> None:
    assert main(["reproduce", "table1", "table2", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "Table 1: accuracy on the test split" in out
    assert "| xgb | 0.98" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.{suffix}" for name in ("table1", "table2") for suffix in ("png", "svg")
    ]
    assert (tmp_path / "table1.png").read_bytes().startswith(b"\x89PNG")


def test_figure3_has_the_papers_numbers_beside_ours() -> None:
    rows = figure3_table({name: Interval(0.5, 0.25, 0.75) for name in ("proxy against reference", "another")})[2:]
    assert rows == [
        "| proxy against reference | 0.500 | 0.250 to 0.750 | 0.926 |",
        "| another | 0.500 | 0.250 to 0.750 |  |",
    ]
    rng = np.random.default_rng(0)
    panels = figure3(rng.normal(70.0, 3.0, (9, 3)), rng.normal(60.0, 3.0, (9, 3)), rng.normal(70.0, 3.0, 9)).axes
    assert [axes.get_title(loc="left") for axes in panels] == ["Trained three times", "Predicted by the surrogate"]


def test_gains_are_of_one_metric_at_no_loss_in_the_other() -> None:
    points = np.array([[61.0, 50.0], [60.0, 150.0], [59.0, 400.0]])
    assert gains(points, np.array([60.0, 100.0]), "max") == (0.0, 1.5)
    assert gains(points, np.array([60.0, 100.0]), "min") == (1.0, 2.0)
    assert gains(points, np.array([62.0, 500.0]), "max") == (-np.inf, -np.inf)


def test_figure6_has_a_row_a_front_and_a_panel_a_metric() -> None:
    bench = Benchmark()
    fronts = [
        bench.front(metric, fidelity=fidelity)
        for metric in ("vck190/throughput", "zcu102/latency")
        for fidelity in ACCURACIES
    ]
    rows = figure6_table(fronts)[2:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| vck190/throughput", "accuracy"],
        ["| vck190/throughput", "accuracy/reference"],
        ["| zcu102/latency", "accuracy"],
        ["| zcu102/latency", "accuracy/reference"],
    ]
    base = bench.query(EFFICIENTNET_B0, ["accuracy", "vck190/throughput"])
    fast = fronts[0].objectives[fronts[0].objectives[:, 1] >= 1.55 * base["vck190/throughput"], 0]
    assert f"| {fast.max() - base['accuracy'][0]:+.2f} | +1.8 |" in rows[0]
    assert rows[2].endswith("|  |")
    panels = [axes.get_title(loc="left") for axes in figure6(fronts).axes]
    assert panels == ["vck190/throughput", "zcu102/latency"]


def test_a_ratio_that_no_network_has_is_said() -> None:
    (row,) = figure6_table([Benchmark().front("tpuv3/throughput")])[2:]
    assert "| none is so fast |" in row


def test_the_documentation_has_figure_6() -> None:
    bench = Benchmark()
    fronts = [bench.front(metric, fidelity=fidelity) for metric in FIGURE_6 for fidelity in ACCURACIES]
    assert "\n".join(figure6_table(fronts)) in (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")


def test_the_command_replays_figure_3(three_seeds: ThreeSeeds, tmp_path: Path, capsys: Any) -> None:
    assert main(["reproduce", "figure3", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    table = out[out.index("| statistic") : out.index("\nplot in")]
    assert table in (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure3.png", "figure3.svg"]


def test_figure3_without_its_data_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("ANB_GYM_THREE_SEEDS", raising=False)
    monkeypatch.delenv("ANB_GYM_DATASET", raising=False)
    assert main(["reproduce", "figure3", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("anb-gym: there is no three_seeds.csv: name it with --three-seeds")


def test_an_unknown_name_is_one_line(capsys: Any) -> None:
    assert main(["reproduce", "figure7"]) == 1
    assert "NAME must be one of" in capsys.readouterr().err
