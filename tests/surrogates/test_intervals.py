"""Intervals and deviations of measurements, on calibrated tables made up here."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym import SPACE, Benchmark
from anb_gym.surrogates.intervals import Intervals
from anb_gym.surrogates.links import Identity, Link, Reciprocal
from anb_gym.surrogates.store import ArtefactError, Surrogate, load, save
from anb_gym.surrogates.tables import BlockTables, layout

STATES = SPACE.as_states(SPACE.sample(200, np.random.default_rng(0)))
FOUND = Intervals(np.array([1.0, 2.0]), np.array([0.3, 0.1]), np.array([0.5, 0.9, 0.99]), np.array([0.6, 1.7, 4.0]))


def constant(value: float) -> BlockTables:
    return BlockTables.from_terms({(): value}, order=2)


def surrogate(link: Link, **std: object) -> Surrogate:
    """A mean between 1 and 2.4, a deviation of 0.4, and noise of 0.3 to 0.1."""
    rng = np.random.default_rng(1)
    mean = BlockTables(2, 1 / 21 + rng.uniform(0, 1.4 / 21, layout(2).size))
    manifest = {"family": "gp", "metric": "accuracy", "std": {"samples": 6000, **FOUND.to_dict(), **std}}
    return Surrogate(mean, constant(np.log(0.4)), link, manifest)


@pytest.mark.parametrize("link", [Identity(), Reciprocal()])
@given(levels=st.lists(st.floats(1e-6, 0.99), min_size=2, max_size=2).map(sorted))
def test_intervals_grow_with_the_level_and_hold_the_prediction(link: Link, levels: list[float]) -> None:
    calibrated = surrogate(link)
    inner, outer = (calibrated.interval(STATES, level) for level in levels)
    predicted = calibrated.predict(STATES)
    assert (outer[:, 0] <= inner[:, 0]).all()
    assert (inner[:, 0] <= predicted).all()
    assert (predicted <= inner[:, 1]).all()
    assert (inner[:, 1] <= outer[:, 1]).all()
    assert (outer >= 0).all()
    of_mean = calibrated.interval(STATES, levels[1], "mean")
    assert (outer[:, 0] <= of_mean[:, 0]).all()
    assert (of_mean[:, 1] <= outer[:, 1]).all()


def test_deviations_of_mean_and_measurement() -> None:
    calibrated = surrogate(Identity())
    np.testing.assert_allclose(calibrated.std(STATES), 0.4)
    noise = np.interp(calibrated.predict(STATES), [1.0, 2.0], [0.3, 0.1])
    expected = np.sqrt(0.4**2 + noise**2)
    np.testing.assert_allclose(calibrated.std(STATES, "measurement"), expected)
    ends = calibrated.interval(STATES, 0.7)  # half way between 0.5 and 0.9
    np.testing.assert_allclose(ends[:, 1] - ends[:, 0], 2 * 1.15 * expected)


def test_no_throughput_is_below_0_whatever_the_deviation() -> None:
    wide = Surrogate(constant(1.0), constant(1.0), Reciprocal(), surrogate(Identity()).manifest)
    np.testing.assert_array_equal(wide.interval(STATES[:1], 0.99)[0, 1], np.inf)
    assert wide.interval(STATES[:1], 0.99)[0, 0] > 0


@pytest.mark.parametrize("level", [0, 0.0, -0.1, 0.991, 1, 90, np.nan, True, "0.9", None])
def test_levels_are_checked(level: object) -> None:
    with pytest.raises(ValueError, match=r"level must be a number above 0 and at most 0.99, got"):
        surrogate(Identity()).interval(STATES, level)  # type: ignore[arg-type]


def test_dictionaries_round_trip() -> None:
    again = Intervals.from_dict(json.loads(json.dumps(FOUND.to_dict())))
    for name in ("at", "noise", "levels", "multipliers"):
        np.testing.assert_array_equal(getattr(again, name), getattr(FOUND, name))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"noise": None}, "std must have mappings noise and quantiles"),
        ({"quantiles": [1.0]}, "std must have mappings noise and quantiles"),
        ({"noise": {"at": [1.0], "std": "0.1"}}, "std must be a list of numbers, got '0.1'"),
        ({"noise": {"at": [], "std": []}}, "at must be a list of numbers"),
        ({"noise": {"at": [1.0, 2.0], "std": [0.1]}}, "as many"),
        ({"noise": {"at": [2.0, 1.0], "std": [0.1, 0.1]}}, "ascending sums"),
        ({"noise": {"at": [1.0], "std": [-0.1]}}, "deviations of at least 0"),
        ({"quantiles": {"levels": [0.5, 1.0], "multipliers": [1.0, 2.0]}}, "levels must ascend within"),
        ({"quantiles": {"levels": [0.9, 0.5], "multipliers": [1.0, 2.0]}}, "levels must ascend within"),
        ({"quantiles": {"levels": [0.5, 0.9], "multipliers": [2.0, 1.0]}}, "multipliers must ascend"),
        ({"quantiles": {"levels": [0.5], "multipliers": [True]}}, "multipliers must be a list of numbers"),
    ],
)
def test_damaged_manifests_are_refused(damage: dict[str, object], message: str, tmp_path) -> None:
    path = tmp_path / "accuracy.npz"
    save(surrogate(Identity(), **damage), path)
    with pytest.raises(ArtefactError, match=rf"the manifest of 'gp' of 'accuracy' is damaged.*{message}"):
        load(path).interval(STATES, 0.5)


def test_tables_of_version_0_say_which_surrogate_has_intervals() -> None:
    bench = Benchmark()
    expected = bench.query(SPACE.from_states(STATES), std=True)
    same = bench.query(SPACE.from_states(STATES), std="mean")
    for name, values in expected.items():
        np.testing.assert_array_equal(values, same[name])
    for ask in (
        lambda: bench.query(SPACE.from_states(STATES), "tpuv3", std="measurement"),
        lambda: bench.interval(SPACE.from_states(STATES), "tpuv3"),
        lambda: bench.interval(SPACE.from_states(STATES), "tpuv3", of="mean"),
    ):
        with pytest.raises(ValueError, match=r"calibrated tables, got those of 'gp' of 'tpuv3/throughput'.*'gp-v1'$"):
            ask()


def test_no_surrogate_is_recommended_that_has_no_intervals_either() -> None:
    raw = Surrogate(constant(1.0), constant(0.0), Identity(), {"family": "gp", "metric": "made-up"})
    with pytest.raises(
        ValueError, match=r"those of 'gp' of 'made-up', which are not: anb-gym fit --version 1 makes calibrated ones$"
    ):
        raw.interval(STATES, 0.5)


def test_a_world_has_no_intervals() -> None:
    with pytest.raises(ValueError, match=r"no intervals in a world, where metrics are what they are, got world 3$"):
        Benchmark("gp-v1", world=3).interval(0, "tpuv3")


@pytest.mark.parametrize("std", ["means", "", 1, 2.0, None, ["mean"], np.array([True, False])])
def test_deviations_asked_for_are_checked(std: object) -> None:
    with pytest.raises(ValueError, match=r"std must be True, False, 'mean' or 'measurement', got"):
        Benchmark().query(0, std=std)  # type: ignore[arg-type]


def test_intervals_asked_for_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Benchmark()
    monkeypatch.setattr(bench, "load", lambda metric: surrogate(Identity()))
    assert bench.interval(0, "accuracy").shape == (1, 2)
    assert bench.interval([], "accuracy").shape == (0, 2)
    with pytest.raises(ValueError, match="of must be one of 'mean', 'measurement', got 'measured'; did you mean"):
        bench.interval(0, "accuracy", of="measured")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="archs must be in"):
        bench.interval(-1, "accuracy")
    with pytest.raises(ValueError, match="metric must be one of .*, got 'macs'"):
        Benchmark().interval(0, "macs")
