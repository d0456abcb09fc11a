"""The report on the fronts says what is true of them."""

import csv
from pathlib import Path

import numpy as np
import pytest

from anb_gym import SPACE, Benchmark
from anb_gym.metrics import DEVICE_METRICS
from anb_gym.reports.fronts import member_table, write_report
from anb_gym.space import distances
from anb_gym.surrogates.store import FAMILIES

pytest.importorskip("moocore")
MEASURED = SPACE.to_index(SPACE.sample(300, np.random.default_rng(3)))


def test_distances_count_differing_choices() -> None:
    rng = np.random.default_rng(0)
    choices, measured = SPACE.sample(200, rng), SPACE.sample(50, rng)
    expected = [min(int((a != b).sum()) for b in measured) for a in choices]
    assert distances(choices, measured).tolist() == expected
    assert distances(measured, measured).tolist() == [0] * 50
    assert distances(SPACE.neighbours(measured[0]), measured[:1]).tolist() == [1] * len(SPACE.neighbours(measured[0]))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default family judges itself, so that a test knows what it has to say."""
    monkeypatch.setattr("anb_gym.reports.fronts.judges", lambda front: [FAMILIES[0]])


def test_member_table(judged: None) -> None:
    front = Benchmark().front("zcu102/latency")
    table = member_table(front, MEASURED)
    scored = Benchmark().query(front.indices, front.metrics, std=True)
    assert {len(column) for column in table.values()} == {len(front)}
    for name in ("accuracy", "zcu102/latency", "accuracy:std", "zcu102/latency:std"):
        np.testing.assert_allclose(table[name], scored[name], rtol=1e-12)
    np.testing.assert_allclose(table[f"accuracy:{FAMILIES[0]}"], table["accuracy"], rtol=1e-12)
    assert table["architecture"][0] == str(front.architectures()[0])
    assert "distance" not in member_table(front)


def test_write_report(judged: None, tmp_path: Path) -> None:
    path = write_report(tmp_path, MEASURED)
    text = path.read_text(encoding="utf-8")
    assert text.count(f"| {FAMILIES[0]} | +0.00 | +0.00 | +0.0 | +0.0 | 1.0000 | 1.0000 |") == len(DEVICE_METRICS)
    for metric in DEVICE_METRICS:
        front = Benchmark().front(metric)
        table = (tmp_path / "fronts" / f"{metric.replace('/', '-')}.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(table.splitlines()))
        assert [int(row["index"]) for row in rows] == front.indices.tolist()
        assert f"| {len(front):,} |" in text
        assert [row["within_data"] == "True" for row in rows] == front.within_data.tolist()
        assert f" | {100.0 * (1.0 - front.within_data.mean()):.1f} | " in text
    assert "| A100 | 60.00, 7,397 | 92289.8 | 99.5 | 1.6 | 35.51, 0 | 1.19058e+06 | 74.2 | 0.4 | 54.9 |" in text


def test_report_without_dataset_and_judges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("anb_gym.reports.fronts.judges", lambda front: [])
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert "the dataset was not at hand" in text
    assert f"their tables are not all there: {', '.join(FAMILIES[1:])}" in text
