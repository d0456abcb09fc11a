"""Pages say which differences are ties."""

from __future__ import annotations

import pytest

import anb_gym
from anb_gym.calibration import resolution_of
from anb_gym.reports.ties import accuracy_band, band_of, marked, tied, ties_line
from anb_gym.rewards import Product
from anb_gym.tasks import get_task

TASK, ID = "VCK190", "AccelNAS-VCK190-v0"


def test_bands_are_those_recorded() -> None:
    known = resolution_of(get_task(TASK))
    assert known is not None
    vector = anb_gym.make_problem("AccelNAS-VCK190-MO-v0")
    assert band_of(anb_gym.make_problem(ID), "regret") == known.regret
    assert band_of(vector, "hypervolume_regret") == known.hypervolume
    assert band_of(vector, "practical_hypervolume_regret") == known.practical_hypervolume


def test_accuracy_under_a_bound_has_the_band_of_accuracy() -> None:
    problem = anb_gym.make_problem(ID, reward="constrained")
    level = problem.gauge.at(None)
    assert band_of(problem, "regret") * (level.one - level.zero) == pytest.approx(accuracy_band())
    assert 0.1 < accuracy_band() < 1.0


@pytest.mark.parametrize(
    ("id", "arguments", "measure"),
    [
        (ID, {"reward": Product("vck190/throughput", 1234.0)}, "regret"),
        (ID, {"surrogate": "xgb"}, "regret"),
        ("AccelNAS-VCK190-MO-v0", {}, "igd_plus"),
        ("AccelNAS-All-MO-v0", {}, "hypervolume_regret"),
        ("AccelNAS-Reference-CPU-v0", {"surrogate": "lgb"}, "regret"),
    ],
)
def test_what_was_not_measured_has_no_band(id: str, arguments: dict[str, object], measure: str) -> None:
    assert not band_of(anb_gym.make_problem(id, **arguments), measure) > 0.0


def test_what_ties_with_the_best_is_marked() -> None:
    values, nan = (0.01, 0.02, 0.05, float("nan")), float("nan")
    assert [marked("x", v, 0.01, 0.03) for v in values] == ["**x**", "≈ x", "x", "x"]
    assert [marked("x", v, 0.01, nan) for v in values] == ["**x**", "x", "x", "x"]
    assert not tied(0.01, 0.01, 0.03)


def test_one_line_has_the_bands_of_all_tasks() -> None:
    (line,) = ties_line({"a_b": 0.034, "c": float("nan"), "d": 0.5})
    assert line.endswith(r": a\_b 0.034, d 0.50.")
    assert ties_line({"c": float("nan")}) == []
