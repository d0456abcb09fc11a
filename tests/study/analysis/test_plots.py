"""Plots show the numbers that they are given."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym.pareto.fronts import staircase
from anb_gym.reports import plots
from anb_gym.reports.drawing import to_png
from anb_gym.reports.pictures import improvement_matrix, intervals, write_pictures
from anb_gym.reports.styles import PALETTE, styles
from anb_gym.study.analysis.analyse import Analysis
from anb_gym.study.analysis.anytime import Curves
from anb_gym.study.analysis.attained import Attained, archives, attained
from anb_gym.study.analysis.statistics import Interval

SCALAR, VECTOR = "AccelNAS-VCK190-v0", "AccelNAS-VCK190-MO-v0"
VALUES = np.array([[0.9, 0.5, 0.0], [0.7, 0.3, 0.2], [0.8, 0.1, 0.1]])
CURVES = {"one": Curves(np.arange(3), VALUES, np.cumsum(np.ones_like(VALUES), axis=1))}


def names(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_anytime_curves_are_medians_within_quartiles() -> None:
    figure = plots.anytime_figure(CURVES, "regret", title="A task")
    axes = figure.axes[0]
    assert axes.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert axes.lines[0].get_ydata().tolist() == [0.8, 0.3, 0.1]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.05, pytest.approx(0.85))
    assert (axes.get_title(loc="left"), axes.get_ylabel(), axes.get_xlabel()) == ("A task", "regret", "evaluations")
    assert names(figure) == ["one"]


def test_regrets_below_the_floor_are_drawn_on_it_and_the_axis_says_so() -> None:
    zero = {"one": Curves(np.arange(3), VALUES * [1, 1, 0], CURVES["one"].hours)}
    figure = plots.anytime_figure(zero, "regret")
    to_png(figure, dpi=30)
    assert figure.axes[0].lines[0].get_ydata()[-1] == plots.FLOOR
    assert "≤ 0.0001" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_anytime_curves_over_hours_begin_when_every_run_has_a_value() -> None:
    axes = plots.anytime_figure(CURVES, "regret", over="hours").axes[0]
    x, y = axes.lines[0].get_data()
    assert (x[0], x[-1]) == (1.0, pytest.approx(3.0))
    assert (y[0], y[-1]) == (0.8, pytest.approx(0.1))
    assert axes.get_xlabel() == "simulated GPU-hours"


def test_profile_rises_to_all_runs() -> None:
    matrices = {"one": np.array([[0.1], [0.2]]), "two": np.array([[0.5], [0.4]])}
    axes = plots.profile_figure(matrices, "regret", np.random.default_rng(0)).axes[0]
    for line, at_fifth in zip(axes.lines, (1.0, 0.0), strict=True):
        x, y = line.get_data()
        assert y[np.searchsorted(x, 0.3)] == at_fifth
        assert y[-1] == 1.0


def test_intervals_are_sorted_by_the_last_budget() -> None:
    found = {
        50: {"one": Interval(1.0, 0.5, 1.5), "two": Interval(2.0, 1.5, 2.5)},
        100: {"one": Interval(0.8, 0.4, 1.2), "two": Interval(0.5, 0.1, 0.9)},
    }
    figure = plots.interval_figure(found, "regret")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["50 evaluations", "100 evaluations"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["one", "two"]  # upwards, the best above
    assert [list(line.get_xdata()) for line in figure.axes[1].lines] == [[0.4, 1.2], [0.8], [0.1, 0.9], [0.5]]


@pytest.mark.parametrize("directions", [("max", "max"), ("max", "min"), ("min", "min")], ids="-".join)
def test_attainment_bands_reach_from_many_runs_to_few(directions: tuple[str, str]) -> None:
    signs = np.where(np.array(directions) == "max", 1.0, -1.0)
    inner, middle, outer = (np.array([[1.0, 3.0], [3.0, 1.0]]) * scale for scale in (1.0, 1.2, 1.4))

    def surface(points: np.ndarray) -> np.ndarray:
        turned = points * signs
        return turned[np.argsort(turned[:, 0])]

    found = {"one": Attained([surface(p) for p in (inner, middle, outer)], np.zeros(2, dtype=np.int64), inner * signs)}
    exact = surface(inner * 2.0)
    figure = plots.attainment_figure(exact, found, directions, ("first", "second"))
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xydata()[:, ::-1], staircase(exact, directions))
    np.testing.assert_array_equal(axes.lines[1].get_xydata()[:, ::-1], staircase(surface(middle), directions))
    band = axes.patches[0].get_path()
    # Points between the surfaces are in the band, those within the inner one are not, up to the ends of the plane.
    for x, y, inside in [(3.5, 1.1, True), (1.1, 3.5, True), (2.0, 0.9, False), (1.1, 1.3, True), (1.05, 0.95, False)]:
        assert band.contains_point((y * signs[1], x * signs[0])) == inside, (x, y)
    assert names(figure) == ["exact front", "one"]


def test_improvement_shows_every_pair() -> None:
    figure = plots.improvement_figure(np.array([[np.nan, 0.9], [0.1, np.nan]]), ["one", "two"])
    assert {text.get_text() for text in figure.axes[0].texts} == {"0.90", "0.10"}
    with pytest.raises(
        ValueError, match=r"probabilities must have shape \(n, n\) for 2 names or more, got \(2, 2\), 1"
    ):
        plots.improvement_figure(np.eye(2), ["one"])


def test_controllers_look_different_and_the_same_everywhere() -> None:
    look = styles([f"c{i:02}" for i in range(12)])
    assert len({(style.colour, style.line) for style in look.values()}) == 12
    assert look["c00"].colour == look["c06"].colour == PALETTE[0]
    assert styles(reversed(list(look))) == look


def test_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="there must be a controller to draw"):
        plots.anytime_figure({}, "regret")
    with pytest.raises(ValueError, match="intervals must have a budget"):
        plots.interval_figure({}, "regret")
    with pytest.raises(ValueError, match="over must be one of 'evaluations', 'hours', got 'days'"):
        plots.anytime_figure(CURVES, "regret", over="days")


def test_attained_sets_are_the_fronts_of_the_runs(analysis: Analysis) -> None:
    task = analysis.tasks[VECTOR]
    runs = archives(task.table, task.judge)["evolution"]
    assert len(runs) == 4
    short = archives(task.table, task.judge, budget=1)["evolution"]
    assert [len(run) for run in short] == [1] * 4
    found = attained(task.table, task.judge)["evolution"]
    assert set(found.members) <= set(np.concatenate(runs))
    np.testing.assert_array_equal(task.judge.values(found.members), found.points)
    many, median, few = (surface.max(axis=0) for surface in found.surfaces)
    assert (many <= median).all()
    assert (median <= few).all()
    assert (few <= found.points.max(axis=0)).all()


def test_all_pictures_of_a_study_are_written(analysis: Analysis, tmp_path: Path, monkeypatch: Any) -> None:
    written: dict[str, Any] = {}
    monkeypatch.setattr(
        "anb_gym.reports.pictures.save_figure",
        lambda figure, path: written.update({path.name: figure}) or [path],
    )
    files = write_pictures(analysis, tmp_path)
    assert [file.name for file in files] == list(written)
    assert set(written) == {
        *(f"AccelNAS-VCK190-v0-regret-{over}" for over in plots.CLOCKS),
        *(f"{VECTOR}-hypervolume_regret-{over}" for over in plots.CLOCKS),
        *(f"noisy-regret-{over}" for over in plots.CLOCKS),
        f"{VECTOR}-attainment",
        *(
            f"{group.replace(' ', '-')}-{kind}"
            for group in analysis.matrices
            for kind in ("profile", "intervals", "improvement")
        ),
    }
    assert to_png(written[f"{VECTOR}-attainment"], dpi=40).startswith(b"\x89PNG")


def test_names_that_look_alike_do_not_share_files(analysis: Analysis, tmp_path: Path, monkeypatch: Any) -> None:
    written: list[Path] = []
    monkeypatch.setattr("anb_gym.reports.pictures.save_figure", lambda figure, path: written.append(path) or [path])
    names = ("a+b", "a-b", "a b", "../a", "regret")
    tasks = {name: replace(analysis.tasks[SCALAR], name=name) for name in names}
    write_pictures(replace(analysis, tasks=tasks), tmp_path)
    assert len(set(written)) == len(written)
    assert {path.parent for path in written} == {tmp_path}


def test_matrix_and_intervals_are_those_of_the_tables(analysis: Analysis) -> None:
    matrix = improvement_matrix(analysis.improvement, "regret", ["random", "evolution"])
    row = analysis.improvement.query("group == 'regret' and first == 'random'")
    assert matrix[0, 1] == row["probability"].item()
    assert np.isnan(np.diagonal(matrix)).all()
    found = intervals(analysis, "regret")
    assert list(found) == [50, 60]
    assert set(found[60]) == {"random", "evolution"}
