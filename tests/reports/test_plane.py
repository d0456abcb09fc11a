"""The figure shows what it is given."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym.pareto.fronts import staircase
from anb_gym.reports.drawing import save_figure, to_png, to_svg
from anb_gym.reports.plane import front_figure, search_figure

pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)
BACKGROUND, SEARCH = RNG.uniform(size=(40, 2)), RNG.uniform(size=(30, 2))
ARGUMENTS: dict[str, Any] = {
    "directions": ("max", "max"),
    "axis_labels": ("accuracy (%)", "throughput (images/s)"),
    "background_label": "random search",
    "search_label": "agent",
}


def test_staircase_goes_through_what_is_attained() -> None:
    points = np.array([[1.0, 9.0], [2.0, 5.0], [4.0, 3.0]])
    assert staircase(points, ("max", "max")).tolist() == [[1, 9], [1, 5], [2, 5], [2, 3], [4, 3]]
    rising = np.array([[1.0, 3.0], [2.0, 5.0]])
    assert staircase(rising, ("max", "min")).tolist() == [[1, 3], [1, 5], [2, 5]]
    assert staircase(points[:1], ("max", "max")).tolist() == [[1, 9]]


def test_figure_has_labels_and_all_points() -> None:
    figure = search_figure(BACKGROUND, SEARCH, marks={"B0": (0.5, 0.5)}, curves={"iso": [[0, 0], [1, 1]]}, **ARGUMENTS)
    axes = figure.axes[0]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ARGUMENTS["axis_labels"]
    dots = [collection.get_offsets() for collection in axes.collections[:2]]
    np.testing.assert_array_equal(dots[0], BACKGROUND[:, ::-1])
    np.testing.assert_array_equal(dots[1], SEARCH[:, ::-1])
    names = {text.get_text() for text in figure.legends[0].get_texts()}
    assert names == {"random search", "agent", "front of random search", "front of agent", "B0", "iso"}


def test_view_tells_what_it_leaves_out() -> None:
    cloud = np.vstack([RNG.uniform(size=(200, 2)), [[-50.0, 0.5], [-60.0, 0.6]]])
    axes = search_figure(cloud, SEARCH, **ARGUMENTS).axes[0]
    assert axes.get_ylim()[0] > -1
    assert axes.get_ylim()[1] > cloud[:, 0].max()
    assert axes.get_title(loc="right") == "2 of 232 points lie outside the view"


@pytest.mark.parametrize("n", [1, 2, 60])
def test_equal_figures_give_equal_pictures(n: int) -> None:
    pictures = [to_png(search_figure(BACKGROUND[:1], np.resize(SEARCH, (n, 2)), **ARGUMENTS), dpi=50) for _ in "ab"]
    assert pictures[0] == pictures[1]
    image = pytest.importorskip("PIL.Image").open(io.BytesIO(pictures[0]))
    assert image.size == (370, 250)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"background": np.empty((0, 2))}, "background and search must have points, got 0 and 30"),
        ({"search": SEARCH * np.nan}, "search must be finite"),
        ({"search": SEARCH[:, :1]}, r"search must have shape \(n, 2\), got \(30, 1\)"),
        ({"directions": ("max",)}, "directions must be two, got 1"),
        ({"directions": ("max", "up")}, "directions must be one of 'max', 'min', got 'up'"),
        ({"curves": {"iso": [1.0]}}, r"curves\['iso'\] must have shape"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search_figure(**({"background": BACKGROUND, "search": SEARCH} | ARGUMENTS | changes))


def test_front_figure_shows_front_band_and_background() -> None:
    members = np.array([[0.4, 1.0], [0.7, 2.0], [0.9, 3.0]])
    labels = {"axis_labels": ("accuracy (%)", "latency (ms)"), "background_label": "measured", "front_label": "exact"}
    figure = front_figure(BACKGROUND + 0.1, members, directions=("max", "min"), spread=[0.1, 0.2, 0.3], **labels)
    axes = figure.axes[0]
    assert (axes.get_ylabel(), axes.get_xlabel()) == labels["axis_labels"]
    np.testing.assert_array_equal(axes.collections[1].get_offsets(), members[:, ::-1])
    band = axes.collections[2].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.4 - 0.1)
    assert band[:, 1].max() == pytest.approx(0.9 + 0.3)
    names = {text.get_text() for text in figure.legends[0].get_texts()}
    assert names == {"measured", "exact", "front of measured", "± its standard deviation"}
    assert axes.get_xlim()[0] < BACKGROUND[:, 1].min() + 0.1
    with pytest.raises(ValueError, match="members must have points, got 2, 40 and 0"):
        front_figure(BACKGROUND, np.empty((0, 2)), directions=("max", "min"), **labels)


def test_figures_are_written_as_vectors_and_pixels(tmp_path: Path) -> None:
    figures = [search_figure(BACKGROUND, SEARCH, **ARGUMENTS) for _ in "ab"]
    files = save_figure(figures[0], tmp_path / "new" / "v1.0")
    assert [file.name for file in files] == ["v1.0.svg", "v1.0.png"]
    assert files[0].read_bytes() == to_svg(figures[1])
    assert files[1].read_bytes() == to_png(figures[1])
    assert b"<svg" in files[0].read_bytes()
