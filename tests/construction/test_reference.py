"""The reference scheme learned from few trainings upon the proxy's surrogate."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anb_gym.benchmark import Benchmark
from anb_gym.cli import main
from anb_gym.construction.reference import (
    FOLDS,
    LEVELS,
    METRICS,
    TERMS,
    HeldOut,
    ReferenceJob,
    TwoFidelity,
    cross_validate,
    fit_reference,
    seed_deviation,
)
from anb_gym.construction.targets import score
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.space import EFFICIENTNET_B0, SPACE
from anb_gym.surrogates.posterior import posterior_path
from anb_gym.surrogates.scores import Scores
from anb_gym.surrogates.store import ARTEFACTS, FAMILIES, artefact_path, load
from anb_gym.surrogates.tables import BlockTables

#: Nested cross-validation: τ at least, mean absolute error at most.
REQUIRED = {"gp": Scores(0.989, 0.940, 0.24), "xgb": Scores(0.985, 0.930, 0.28), "lgb": Scores(0.985, 0.928, 0.28)}


@pytest.fixture(scope="module")
def made_up() -> ThreeSeeds:
    """60 architectures whose reference accuracy is 0.9 proxy + 0.2 layers - 0.1 early kernels, with noise of 0.1."""
    rng = np.random.default_rng(0)
    choices = SPACE.sample(60, rng)
    index = np.sort(SPACE.to_index(choices))
    states = SPACE.index_to_states(index)
    labels = truth(states)[:, None] + rng.normal(0.0, 0.1, (60, 3))
    return ThreeSeeds(index, {"reference": {"accuracy": labels, "train_time": 100.0 * labels}}, "0" * 64)


def truth(states: Any) -> Any:
    choices = SPACE.from_states(states).reshape(-1, 7, 4).astype(float)
    position = np.arange(7) - 3.0
    proxy = load(artefact_path(ARTEFACTS, "gp", "accuracy")).predict(states)
    return 0.9 * proxy + 0.2 * choices[:, :, 2].sum(axis=1) - 0.1 * (choices[:, :, 1] @ position)


def test_coefficients_are_found(made_up: ThreeSeeds, tmp_path: Path) -> None:
    manifest = fit_reference(ReferenceJob("gp", "accuracy/reference"), made_up, tmp_path)
    found = manifest["coefficients"]
    expected = dict.fromkeys(TERMS, 0.0) | {"surrogate": 0.9, "layers": 0.2, "kernel by position": -0.1}
    assert found == pytest.approx(expected, abs=0.03)
    assert manifest["test"]["mae"] < 0.08
    assert manifest["std"]["noise"]["std"] == pytest.approx([0.1] * 3, abs=0.025)
    states = SPACE.as_states(SPACE.sample(500, np.random.default_rng(1)))
    surrogate = load(artefact_path(tmp_path, "gp", "accuracy/reference"))
    error = surrogate.predict(states) - truth(states)
    assert np.sqrt(np.mean(error**2)) < 0.1


def test_tables_are_the_model(made_up: ThreeSeeds) -> None:
    upon = load(artefact_path(ARTEFACTS, "xgb", "accuracy"))
    labels = made_up.labels["reference"]["accuracy"].mean(axis=1)
    model = TwoFidelity(upon).fit(made_up.states, (labels - labels.mean()) / labels.std())
    states = SPACE.as_states(SPACE.sample(200, np.random.default_rng(2)))
    np.testing.assert_allclose(model.fold()(states), model.predict(states), atol=1e-10)


def test_deviations_add_up(made_up: ThreeSeeds) -> None:
    upon = load(artefact_path(ARTEFACTS, "gp", "accuracy"))
    labels = made_up.labels["reference"]["accuracy"].mean(axis=1)
    model = TwoFidelity(upon).fit(made_up.states, (labels - labels.mean()) / labels.std())
    states = made_up.states[:5]
    least = model.coefficients[0] * np.exp(upon.log_std(states))
    without = model.std(states)
    assert (without > least).all()
    model.spread = 0.3
    np.testing.assert_allclose(model.std(states) ** 2, without**2 + 0.09)


def test_samples_deviate_as_the_coefficients_do(made_up: ThreeSeeds) -> None:
    upon = load(artefact_path(ARTEFACTS, "gp", "accuracy"))
    labels = made_up.labels["reference"]["accuracy"].mean(axis=1)
    model = TwoFidelity(upon).fit(made_up.states, (labels - labels.mean()) / labels.std())
    discrepancy, nothing = model.discrepancy(2.0), BlockTables(upon.mean.order, np.zeros_like(upon.mean.values))
    states = SPACE.as_states(SPACE.sample(20, np.random.default_rng(3)))
    samples = np.array(
        [discrepancy.deviation("metric", world, upon.mean, nothing, nothing)(states) for world in range(150)]
    )
    cheaper = model.coefficients[0] * np.exp(upon.log_std(states))
    expected = 2.0 * np.sqrt(model.std(states) ** 2 - cheaper**2)
    np.testing.assert_allclose(np.sqrt(np.square(samples).mean(axis=0)), expected, rtol=0.25)
    assert discrepancy.slope == pytest.approx(2.0 * model.coefficients[0])
    assert discrepancy.spread == 0.0


def test_held_out_labels_are_never_seen(made_up: ThreeSeeds) -> None:
    upon = load(artefact_path(ARTEFACTS, "lgb", "accuracy"))
    runs = made_up.labels["reference"]["accuracy"]
    before = cross_validate(upon, made_up.states, runs, 0)
    changed = runs.copy()
    changed[7] += 100.0
    after = cross_validate(upon, made_up.states, changed, 0)
    np.testing.assert_array_equal(before.predictions[:, 7], after.predictions[:, 7])
    assert not np.array_equal(before.predictions, after.predictions)


def test_coverage_of_normal_residuals_is_nominal() -> None:
    rng = np.random.default_rng(0)
    n = 2000
    labels = rng.normal(0.0, 1.0, n)
    folds = np.arange(n) % FOLDS
    held_out = HeldOut(labels, np.zeros((1, n)), np.full((1, n), 0.6), folds[None], 0.3)
    assert held_out.spread() == pytest.approx(np.sqrt(1.0 - 0.36 - 0.09), abs=0.05)
    np.testing.assert_allclose(held_out.coverage(), LEVELS, atol=0.01)


def test_weak_networks_may_vary_more() -> None:
    rng = np.random.default_rng(0)
    mean = np.linspace(50.0, 70.0, 300)[:, None]
    at, deviation = seed_deviation(mean + rng.normal(size=(300, 3)) * np.where(mean < 56.6, 0.4, 0.1))
    assert at == pytest.approx([53.3, 60.0, 66.7], abs=0.1)
    assert deviation == pytest.approx([0.4, 0.1, 0.1], abs=0.05)


def test_fewer_architectures_than_folds_are_refused(made_up: ThreeSeeds, tmp_path: Path) -> None:
    labels = {"reference": {"accuracy": made_up.labels["reference"]["accuracy"][:9]}}
    few = ThreeSeeds(made_up.index[:9], labels, made_up.sha256)
    with pytest.raises(ValueError, match="runs must be of 10 architectures at least, got 9"):
        fit_reference(ReferenceJob("gp", "accuracy/reference"), few, tmp_path)


@pytest.mark.parametrize(("family", "metric"), [("rf", "accuracy/reference"), ("gp", "accuracy")])
def test_unknown_jobs_are_refused(family: str, metric: str) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        ReferenceJob(family, metric)


def test_a_job_is_done_until_the_data_or_the_surrogate_change(made_up: ThreeSeeds, tmp_path: Path) -> None:
    job = ReferenceJob("gp", "train_time/reference")
    assert not job.is_done(made_up, tmp_path)
    fit_reference(job, made_up, tmp_path)
    assert job.is_done(made_up, tmp_path)
    assert not dataclasses.replace(job, seed=1).is_done(made_up, tmp_path)
    other = ThreeSeeds(made_up.index, made_up.labels, "1" * 64)
    assert not job.is_done(other, tmp_path)
    posterior = posterior_path(artefact_path(tmp_path, "gp", "train_time/reference"))
    data = posterior.read_bytes()
    posterior.unlink()
    assert not job.is_done(made_up, tmp_path)
    posterior.write_bytes(data)
    assert job.is_done(made_up, tmp_path)
    artefact_path(tmp_path, "gp", "train_time/reference").write_bytes(b"damaged")
    assert not job.is_done(made_up, tmp_path)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_ships_is_what_the_command_makes(family: str, metric: str, three_seeds: ThreeSeeds) -> None:
    job = ReferenceJob(family, metric)
    assert job.is_done(three_seeds, ARTEFACTS)
    manifest = load(artefact_path(ARTEFACTS, family, metric)).manifest
    assert manifest["test"]["records"] == 78
    for level, share in manifest["std"]["cross_validated"].items():
        assert share == pytest.approx(float(level), abs=0.02)


@pytest.mark.parametrize("family", FAMILIES)
def test_accuracy_reaches_what_is_stated(family: str, three_seeds: ThreeSeeds) -> None:
    runs = three_seeds.labels["reference"]["accuracy"]
    upon = load(artefact_path(ARTEFACTS, family, "accuracy"))
    held_out = cross_validate(upon, three_seeds.states, runs, 0)
    found, required = held_out.scores(), REQUIRED[family]
    assert found.r2 >= required.r2
    assert found.tau >= required.tau
    assert found.mae <= required.mae
    shipped = load(artefact_path(ARTEFACTS, family, "accuracy/reference"))
    recorded = shipped.manifest["test"]
    assert found == pytest.approx([recorded[name] for name in Scores._fields], rel=1e-4)
    assert score(runs.mean(axis=1), shipped.predict(three_seeds.states)).r2 > found.r2  # it has seen these


def test_the_command_fits_and_resumes(three_seeds: ThreeSeeds, tmp_path: Path, capsys: Any) -> None:
    arguments = ["fit", "--metrics", "accuracy/reference", "--families", "lgb", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "lgb accuracy/reference: R² 0.98" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "1 of 1 surrogates of the reference scheme are already in" in capsys.readouterr().out


def test_the_report_says_how_they_were_scored(capsys: Any) -> None:
    arguments = ["fit", "--report", "--families", "gp", "rf", "--metrics"]
    assert main([*arguments, "accuracy/reference"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("\nThe reference scheme, in nested cross-validation against means of seeds.\n")
    assert "| `gp` | accuracy/reference (%) | 0.9895 | 0.9417 | 0.2335 |" in out
    assert "test split" not in out
    assert main([*arguments, "accuracy/reference", "accuracy"]) == 0
    both = capsys.readouterr().out
    assert "test split" in both
    assert "| `gp` | accuracy/reference (%) | 0.9895 | 0.9417 | 0.2335 |" in both


def test_intervals_are_at_hand() -> None:
    bench = Benchmark()
    (low, high), (inner_low, inner_high) = (
        bench.interval(EFFICIENTNET_B0, "accuracy/reference", 0.9, of)[0] for of in ("measurement", "mean")
    )
    value = bench.query(EFFICIENTNET_B0, "accuracy/reference")["accuracy/reference"][0]
    assert low < inner_low < value < inner_high < high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--families", "rf"], "--families must be one of 'gp', 'xgb', 'lgb', got 'rf'"),
        (["--tune", "3"], "--tune must not be given for accuracy/reference alone"),
        (["--three-seeds", "missing.csv"], "path must name a three_seeds.csv, got 'missing.csv'"),
    ],
)
def test_bad_arguments_are_one_line(arguments: list[str], message: str, tmp_path: Path, capsys: Any) -> None:
    assert main(["fit", "--metrics", "accuracy/reference", "--out", str(tmp_path), *arguments]) == 1
    assert message in capsys.readouterr().err
