"""Calibrated deviations: what is known of made-up residuals is found again, and intervals hold what they say."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy import integrate, stats

from anb_gym.cli import main
from anb_gym.construction import fitting, report
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.deviations import (
    cross_validated,
    cross_validated_coverage,
    fit_correction,
    intervals,
    label_noise,
    student_crps,
    student_log_density,
)
from anb_gym.construction.families import make_family
from anb_gym.construction.fitting import Job, fit_job
from anb_gym.reports.surrogates import reliability
from anb_gym.space import SPACE
from anb_gym.surrogates.deviations import Correction, options_above_first
from anb_gym.surrogates.scores import calibration
from anb_gym.surrogates.store import ArtefactError, artefact_path, load
from anb_gym.surrogates.tables import BlockTables, layout

SMALL = {
    "gp": {"order": 2, "iterations": 10},
    "xgb": {"members": 4, "rounds": 60, "learning_rate": 0.2},
}
TRUE_NOISE = 0.3


def states_of(count, seed):
    return SPACE.as_states(SPACE.sample(count, np.random.default_rng(seed)))


def additive(states):
    return 55.0 + (states / SPACE.block_sizes).sum(axis=1)


@pytest.fixture(scope="module")
def noisy():
    """900 accuracies, additive in the blocks, with a known noise that grows towards block 0's last state."""
    rng, states = np.random.default_rng(0), states_of(900, 1)
    spread = np.where(states[:, 0] < 18, TRUE_NOISE / 3, TRUE_NOISE)
    records = np.arange(900)
    metrics = {"vck190/latency": additive(states) + spread * rng.normal(size=900)}
    return Dataset(records, states, metrics, {}, records, records, "0" * 64)


@pytest.fixture(autouse=True)
def split(monkeypatch):
    parts = {"train": np.arange(350), "val": np.arange(350, 400), "test": np.arange(400, 900)}
    for module in (fitting, report):
        monkeypatch.setattr(module, "split_of", lambda dataset: parts)


@pytest.mark.parametrize("family", SMALL)
def test_intervals_hold_what_they_say(family, noisy, tmp_path):
    """500 records: a share of 0.8 has a standard error of 0.018; 400 fitted ones add as much."""
    job = Job(family, "vck190/latency", 0, SMALL[family], version=1)
    manifest = fit_job(job, noisy, tmp_path)
    written = load(artefact_path(tmp_path, f"{family}-v1", "vck190/latency"))
    held_out = noisy.select(np.arange(400, 900))
    for level, share in manifest["std"]["coverage"].items():
        assert share == pytest.approx(float(level), abs=0.08)
        low, high = written.interval(held_out.states, float(level)).T
        labels = held_out.metrics["vck190/latency"]
        assert np.mean((low <= labels) & (labels <= high)) == pytest.approx(share, abs=0.003)
    assert sum(manifest["std"]["cross_validated"].values()) == pytest.approx(6.34, abs=0.15)
    noisier = held_out.states[:, 0] >= 18
    std = written.std(held_out.states, "measurement")
    assert np.median(std[noisier]) > 1.3 * np.median(std[~noisier])
    assert manifest["std"]["test_rms"] == pytest.approx(manifest["test"]["rmse"], rel=0.2)
    assert job.is_done(noisy, tmp_path)
    assert not dataclasses.replace(job, version=0).is_done(noisy, tmp_path)


def test_version_0_is_as_it_was(noisy, tmp_path):
    """Its manifest knows nothing of versions, and its tables are those that calibration starts from."""
    manifests = [fit_job(Job("xgb", "vck190/latency", 0, SMALL["xgb"], v), noisy, tmp_path) for v in (0, 1)]
    assert set(manifests[0]["std"]) == {"samples", "r2_of_tables", "test_rms"}
    assert "version" not in manifests[0]
    assert manifests[1]["version"] == 1
    tables = [load(artefact_path(tmp_path, name, "vck190/latency")) for name in ("xgb", "xgb-v1")]
    np.testing.assert_array_equal(tables[0].mean.values, tables[1].mean.values)


def test_deviations_go_without_tables_where_the_mean_is_that_of_version_0(noisy, tmp_path):
    jobs = [Job("xgb", "vck190/latency", 0, SMALL["xgb"], version) for version in (0, 1)]
    fit_job(jobs[0], noisy, tmp_path)
    manifest = fit_job(jobs[1], noisy, tmp_path)
    path, before = (artefact_path(tmp_path, job.surrogate, "vck190/latency") for job in reversed(jobs))
    assert path.with_suffix(".json").exists()
    assert not path.exists()
    assert jobs[1].is_done(noisy, tmp_path)
    assert fitting.smallest(tmp_path, jobs[1]) == fitting.smallest(tmp_path, jobs[0])
    written, known = load(path), load(before)
    assert written.checksum == known.checksum
    np.testing.assert_array_equal(written.mean.values, known.mean.values)
    # The same as tables of its own would say, but for the rounding of version 0's deviations.
    whole = fit_job(jobs[1], noisy, tmp_path / "whole")
    for name in ("factor", "power", "crps", "test_rms"):
        assert manifest["std"][name] == pytest.approx(whole["std"][name], rel=1e-3)
    assert manifest["std"]["coverage"] == pytest.approx(whole["std"]["coverage"], abs=0.01)
    tables = load(artefact_path(tmp_path / "whole", "xgb-v1", "vck190/latency"))
    np.testing.assert_allclose(written.log_std(noisy.states), tables.log_std(noisy.states), atol=1e-3)
    assert calibration(tmp_path, "xgb-v1", "vck190/latency").crps == manifest["std"]["crps"]

    content = json.loads(path.with_suffix(".json").read_text())
    for std, message in [
        ({"options": [0.0] * 42}, "std.options must be a list of 43 numbers"),
        ({"power": None}, "std.power must be finite, got None"),
        ({"options": [0.0] * 42 + [float("inf")]}, "finite and of at most 64 bits, got inf"),
    ]:
        path.with_suffix(".json").write_text(json.dumps({**content, "std": {**content["std"], **std}}))
        with pytest.raises(ArtefactError, match=message):
            load(path)
    path.with_suffix(".json").write_text(json.dumps({**content, "sha256": "abc"}))
    with pytest.raises(ArtefactError, match="it is of other tables: their SHA-256 is abc, not"):
        load(path)
    assert not jobs[1].is_done(noisy, tmp_path)
    before.unlink()
    with pytest.raises(ArtefactError, match="No such file"):
        load(path)


def test_a_correction_is_found_again():
    states, rng = states_of(20000, 2), np.random.default_rng(3)
    choices = SPACE.from_states(states)
    own = rng.normal(-3.0, 0.4, len(states))
    deviation = 2.0 * np.exp(own + 0.5 * (choices[:, 0] == 2) - 0.3 * (choices[:, 26] == 2))
    noise = np.full(len(states), 0.05)
    scale = np.sqrt((deviation**2 + noise**2) * 3.0 / 5.0)
    found = fit_correction(states, own, scale * rng.standard_t(5.0, len(states)), noise)
    assert found.power == pytest.approx(1.0, abs=0.05)
    assert found.degrees == pytest.approx(5.0, abs=0.7)
    log_std = BlockTables(2, np.full(layout(2).size, -3.0 / 21))
    expected = np.log(deviation) - own - 3.0
    np.testing.assert_allclose(found(log_std)(states), expected, atol=0.25)
    assert np.mean(found(log_std)(states) - expected) == pytest.approx(0.0, abs=0.03)


def test_a_correction_of_tables_is_that_of_their_sums():
    rng, states = np.random.default_rng(0), states_of(50, 4)
    log_std = BlockTables(2, rng.normal(size=layout(2).size) / 21)
    correction = Correction(-0.5, rng.normal(size=43), 0.7, 4.0)
    expected = 0.7 * log_std(states) - 0.5 + options_above_first(states) @ correction.options
    np.testing.assert_allclose(correction(log_std)(states), expected)


def test_no_residuals_no_correction():
    with pytest.raises(ValueError, match="residuals must not all be 0"):
        fit_correction(states_of(10, 0), np.zeros(10), np.zeros(10), np.zeros(10))


@pytest.mark.parametrize("degrees", [float("inf"), 4.0])
def test_held_out_residuals_are_those_of_a_fit_without_the_records(degrees, noisy):
    """With the kernel of all records and weights that know nothing of those held out."""
    states, target = noisy.states[:80], noisy.metrics["vck190/latency"][:80]
    target = (target - target.mean()) / target.std()
    model = make_family("gp", **SMALL["gp"], degrees=degrees).fit(states, target, 0)
    first = np.arange(80) < 20
    residuals = model.held_out_residuals(target, [first, ~first])
    parameters, rest = model.parameters, ~first
    model._condition(parameters, states[rest], target[rest], np.ones(60))
    for _ in range(0 if np.isinf(degrees) else model.rounds):
        weights = model._relative_variance(model._posterior.factor, model._posterior.alpha)
        model._condition(parameters, states[rest], target[rest], weights)
    np.testing.assert_allclose(residuals[first], target[first] - model.predict(states[first]), atol=1e-8)
    assert np.isfinite(residuals).all()


def test_folds_predict_what_they_have_not_seen():
    states, labels = states_of(25, 0), np.arange(25.0)
    seen = []

    def fit(some, their_labels):
        seen.append(set(their_labels))
        return lambda held_out: np.full(len(held_out), float(len(seen)))

    predictions = cross_validated(fit, states, labels, 0)
    assert all(label not in seen[int(fold) - 1] for label, fold in zip(labels, predictions, strict=True))
    assert len(seen) == 10


def test_coverage_in_folds_sees_the_others_alone():
    """Of heavy tails too; 2,000 residuals."""
    states, rng = states_of(2000, 5), np.random.default_rng(6)
    residuals = 0.2 * rng.standard_t(3.0, 2000)
    shares = cross_validated_coverage(states, additive(states), np.zeros(2000), residuals, np.zeros(2000), 0)
    assert all(share == pytest.approx(float(level), abs=0.02) for level, share in shares.items())


def test_noise_of_labels(noisy):
    rows = noisy.select(np.arange(4))
    labels = np.array([100.0, 200.0, 400.0, 400.0])
    np.testing.assert_array_equal(label_noise(rows, "vck190/latency", labels), 0.0)
    assert label_noise(rows, "accuracy", np.array([50.0, 70.0])).tolist() == [0.40, 0.21]
    metric, std = "tpuv3/throughput", np.array([2.0, 4.0, 8.0, np.nan])
    measured = dataclasses.replace(rows, metrics={metric: labels}, std={metric: std})
    # Means of four by the device's protocol, the last as the others are.
    np.testing.assert_allclose(label_noise(measured, metric, labels), [1.0, 2.0, 4.0, 4.0])
    repeats = np.array([[1.0, np.nan], [1.0, 1.0], [1.0, 1.0], [np.nan, np.nan]])
    counted = dataclasses.replace(measured, repeats={metric: repeats})
    expected = [2.0, 4.0 / np.sqrt(2), 8.0 / np.sqrt(2), 400 * 0.02 / np.sqrt(2)]
    np.testing.assert_allclose(label_noise(counted, metric, labels), expected)


def test_noise_is_kept_by_prediction():
    mean = np.linspace(1.0, 2.0, 800)
    found = intervals(mean, np.ones(800), np.random.default_rng(0).normal(size=800), mean)
    assert found.at.shape == (8,)
    np.testing.assert_allclose(found.noise, found.at)


@pytest.mark.parametrize("degrees", [3.0, 8.0, 200.0])
def test_scores_of_students_t(degrees):
    """The density is one of the given deviation, and the closed form of the CRPS is its integral."""
    scale = 0.7 * np.sqrt((degrees - 2) / degrees)
    grid = np.linspace(-400, 400, 2_000_001)
    density = np.exp(student_log_density(grid, np.full(len(grid), 0.7), degrees))
    assert integrate.trapezoid(density, grid) == pytest.approx(1.0, abs=1e-4)
    assert integrate.trapezoid(density * grid**2, grid) == pytest.approx(0.49, rel=0.02)
    for residual in (0.0, -0.3, 2.0):
        step = (stats.t.cdf(grid / scale, degrees) - (grid >= residual)) ** 2
        expected = integrate.trapezoid(step, grid)
        assert student_crps(np.array([residual]), np.array([0.7]), degrees)[0] == pytest.approx(expected, rel=1e-3)


def test_report_shows_coverage(noisy, tmp_path, monkeypatch):
    fit_job(Job("xgb", "vck190/latency", 0, SMALL["xgb"], 1), noisy, tmp_path)
    text = report.report(tmp_path, noisy, ["xgb-v1"], ["vck190/latency"])
    assert "| CRPS | NLL |" in text
    assert "| `xgb-v1` | vck190/latency |" in text
    (axes,) = reliability(tmp_path, ["xgb-v1", "gp-v1"], ["vck190/latency", "accuracy"]).axes
    assert [line.get_label() for line in axes.get_lines()[1:]] == ["xgb-v1"]
    with pytest.raises(ValueError, match="must hold calibrated surrogates, found none"):
        reliability(tmp_path, ["gp-v1"], ["accuracy"])
    path = artefact_path(tmp_path, "xgb-v1", "vck190/latency").with_suffix(".json")
    manifest = json.loads(path.read_text())
    del manifest["std"]["crps"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="has a damaged section std"):
        calibration(tmp_path, "xgb-v1", "vck190/latency")


def test_versions_are_checked(capsys):
    assert main(["fit", "--version", "2"]) == 1
    assert "--version must be one of 0, 1, got 2" in capsys.readouterr().err


def test_plots_go_with_reports(capsys):
    assert main(["fit", "--plot", "somewhere"]) == 1
    assert "--plot goes with --report" in capsys.readouterr().err
