"""Fitting end to end on a small made-up dataset."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from anb_gym.benchmark import PREDICTED
from anb_gym.cli import main
from anb_gym.construction import fitting, report, tuning
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.fitting import Job, fit_all, fit_job
from anb_gym.construction.targets import RegressionTarget, score
from anb_gym.space import SPACE
from anb_gym.surrogates.links import Reciprocal
from anb_gym.surrogates.scores import Scores
from anb_gym.surrogates.store import artefact_path, load, save
from anb_gym.surrogates.tables import BlockTables

SMALL = {
    "gp": {"order": 2, "iterations": 10, "degrees": 10.0},
    "xgb": {"members": 6, "rounds": 60, "learning_rate": 0.2},
    "lgb": {"members": 6, "rounds": 60, "learning_rate": 0.2},
    "rf": {"members": 20},
    "eps_svr": {"members": 2},
    "nu_svr": {"members": 2},
}


@pytest.fixture(scope="module")
def made_up():
    """200 architectures whose metrics are additive in the blocks, a few labels missing."""
    rng = np.random.default_rng(0)
    states = SPACE.as_states(SPACE.sample(200, rng))
    seconds = 1e-4 * (2.0 + (states / SPACE.block_sizes).sum(axis=1))
    metrics = {
        name: 1.0 / seconds if name.endswith("throughput") else 50.0 + 1e4 * seconds + rng.normal(0, 0.05, 200)
        for name in PREDICTED
    }
    metrics["a100/throughput"][:5] = np.nan
    records = np.arange(200)
    return Dataset(records, states, metrics, {}, records, records, "0" * 64)


@pytest.fixture(autouse=True)
def small_split(monkeypatch):
    split = {"train": np.arange(120), "val": np.arange(120, 150), "test": np.arange(150, 200)}
    for module in (fitting, tuning, report):
        monkeypatch.setattr(module, "split_of", lambda dataset: split)


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("metric", ["accuracy", "a100/throughput"])
def test_fit_writes_what_it_scored(family, metric, made_up, tmp_path):
    manifest = fit_job(Job(family, metric, 0, SMALL[family]), made_up, tmp_path)
    assert manifest["test"]["tau"] > 0.4
    assert manifest["test"]["records"] == 50
    assert manifest["std"]["test_rms"] > 0
    path = artefact_path(tmp_path, family, metric)
    written = json.loads(path.with_suffix(".json").read_text())
    assert written["test"] == manifest["test"]
    assert written["dataset_sha256"] == "0" * 64
    assert path.exists() == (family in ("gp", "xgb", "lgb"))
    if path.exists():
        surrogate = load(path)
        rows = made_up.select(np.arange(150, 200))
        found = score(rows.metrics[metric], surrogate.predict(rows.states))
        np.testing.assert_allclose(found, [manifest["test"][name] for name in Scores._fields], rtol=1e-6)
        std = surrogate.std(rows.states)
        assert np.sqrt(np.mean(std**2)) == pytest.approx(manifest["std"]["test_rms"], rel=0.3)


def test_finished_jobs_are_not_repeated(made_up, tmp_path):
    jobs = [Job("xgb", metric, 0, SMALL["xgb"]) for metric in ("accuracy", "zcu102/latency")]
    assert not any(job.is_done(made_up, tmp_path) for job in jobs)
    assert len(list(fit_all(jobs, made_up, tmp_path))) == 2
    assert all(job.is_done(made_up, tmp_path) for job in jobs)
    assert not Job("xgb", "accuracy", 1, SMALL["xgb"]).is_done(made_up, tmp_path)
    assert not Job("xgb", "accuracy", 0, SMALL["xgb"] | {"rounds": 61}).is_done(made_up, tmp_path)
    path = artefact_path(tmp_path, "xgb", "accuracy")
    path.write_bytes(path.read_bytes()[:1000])
    assert not jobs[0].is_done(made_up, tmp_path)
    path.unlink()
    assert not jobs[0].is_done(made_up, tmp_path)


def test_what_is_not_positive_is_said(made_up, tmp_path, monkeypatch, capsys):
    """Such a surrogate fits well where it was measured, and has no front."""
    job = Job("xgb", "a100/throughput", 0, SMALL["xgb"])
    fit_job(job, made_up, tmp_path)
    monkeypatch.setattr(Job, "configured", lambda *_: job)
    monkeypatch.setattr("anb_gym.construction.dataset.load_dataset", lambda _: made_up)
    monkeypatch.setattr("anb_gym.construction.report.report", lambda *_: "")
    command = ["fit", "--families", "xgb", "--metrics", "a100", "--out", str(tmp_path)]
    assert main(command) == 0
    assert "not positive" not in capsys.readouterr().out
    path = artefact_path(tmp_path, "xgb", "a100/throughput")
    good = load(path)
    save(dataclasses.replace(good, mean=BlockTables(good.mean.order, good.mean.values - 1e-3)), path)
    assert main(command) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "not positive" in line]
    index = int(re.search("at index ([0-9]+), so anb-gym solve will refuse them", line)[1])
    assert load(path).mean(SPACE.index_to_states([index]))[0] < 0.0


def test_std_tables_recover_a_pairwise_function():
    class Known:
        def std(self, states):
            return np.exp(-2.0 + 0.02 * states[:, 0] - 0.5 * (states[:, 3] % 2) * (states[:, 4] % 2))

    target = RegressionTarget.of("accuracy", np.array([60.0, 62.0]))
    tables, fidelity = fitting.std_tables(Known(), target, 0)
    states = SPACE.as_states(SPACE.sample(500, np.random.default_rng(5)))
    assert fidelity > 0.99
    np.testing.assert_allclose(tables(states), np.log(Known().std(states) * target.scale), atol=0.05)


def test_throughput_is_fitted_in_the_reciprocal():
    labels = np.array([100.0, 200.0, 400.0])
    target = RegressionTarget.of("a100/throughput", labels)
    assert isinstance(target.link, Reciprocal)
    assert target.forward(labels).mean() == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(target.backward(target.forward(labels)), labels)
    with pytest.raises(ValueError, match="did you mean 'a100/throughput'"):
        RegressionTarget.of("a100/throughputs", labels)


def test_tuning_resumes_and_keeps_to_its_budget(made_up, tmp_path):
    family, metric, best = tuning.tune("rf", "accuracy", made_up, tmp_path, trials=2)
    assert (family, metric) == ("rf", "accuracy")
    assert tuning.tune("rf", "accuracy", made_up, tmp_path, trials=2)[2] == best
    assert set(best) <= set(tuning.load_config("rf").search)


def test_tuning_of_version_1_is_a_study_of_its_own(made_up, tmp_path):
    """Version 0's settings stay as they are; the report shows the better of the two."""
    for version in (0, 1):
        best = tuning.tune("xgb", "accuracy", made_up, tmp_path, 1, version=version)[2]
    assert len(tuning.optuna.get_all_study_summaries(tuning._storage(tmp_path / "tuning" / "xgb-accuracy.log"))) == 2
    config = tuning.load_config("xgb")
    new = config.with_metric("accuracy", best | {"rounds": 7}, version=1)
    assert new.hyperparameters("accuracy", 1)["rounds"] == 7
    assert new.hyperparameters("accuracy") == config.hyperparameters("accuracy")
    scores = tuning.validation_scores(tmp_path)
    assert list(scores) == [("xgb", "accuracy")]
    assert 0 < scores["xgb", "accuracy"].tau < 1
    assert tuning.validation_scores(tmp_path / "nowhere") == {}
    fit_job(Job("xgb", "accuracy", 0, SMALL["xgb"]), made_up, tmp_path)
    text = report.report(tmp_path, made_up, ["xgb"], ["accuracy"])
    assert f"{scores['xgb', 'accuracy'].tau:.4f}" in text.partition("Validation records")[2]


def test_report_puts_the_paper_beside_the_published_dataset(made_up, tmp_path, monkeypatch):
    list(
        fit_all([Job("xgb", metric, 0, SMALL["xgb"]) for metric in ("accuracy", "a100/throughput")], made_up, tmp_path)
    )
    own = report.report(tmp_path, made_up)
    monkeypatch.setattr(report, "SHA256", made_up.sha256)
    published = report.report(tmp_path, made_up)
    for text, is_published in ((own, False), (published, True)):
        assert "| accuracy (%) |" in text
        assert ("0.984 | 0.922 | 0.306" in text) == is_published
        assert ("a random test split." in text) != is_published
        assert ("The paper's Table 1" in text) == is_published
    with pytest.raises(ValueError, match="found none in"):
        report.report(tmp_path / "nowhere")


@pytest.mark.parametrize("labels", [[], [60.0], [60.0, 60.0], [60.0, np.nan], [60.0, 0.0], [60.0, -1.0]])
def test_labels_that_cannot_be_fitted(labels):
    with pytest.raises(ValueError, match="labels of accuracy must be positive, finite and not all equal"):
        RegressionTarget.of("accuracy", np.array(labels))


def test_predictions_all_alike_rank_nothing():
    """A manifest holds finite numbers only."""
    assert score(np.arange(3.0), np.ones(3)).tau == 0.0


def test_too_few_test_labels_to_score(made_up, tmp_path):
    metrics = {"accuracy": np.where(made_up.records < 151, made_up.metrics["accuracy"], np.nan)}
    with pytest.raises(ValueError, match="accuracy must have two different labels among the 50 test records at least"):
        fit_job(Job("gp", "accuracy", 0, SMALL["gp"]), dataclasses.replace(made_up, metrics=metrics), tmp_path)


def test_a_ceiling_needs_two_test_records(made_up, tmp_path, monkeypatch):
    fit_job(Job("xgb", "accuracy", 0, SMALL["xgb"]), made_up, tmp_path)
    assert report.noise_ceiling(tmp_path, "xgb", "accuracy", made_up) is not None
    monkeypatch.setattr(report, "split_of", lambda _: {"test": np.arange(1)})
    assert report.noise_ceiling(tmp_path, "xgb", "accuracy", made_up) is None


def test_the_ceiling_is_what_repeats_allow(made_up, tmp_path):
    """The labels of test records are means of four repeats; two records have one repeat only, which says nothing."""
    metric = "a100/throughput"
    fit_job(Job("gp", metric, 0, SMALL["gp"]), made_up, tmp_path)
    ceilings = []
    for relative in (0.001, 0.05, 0.2):
        labels = made_up.metrics[metric]
        repeats = np.repeat(labels[:, None], 4, axis=1)
        repeats[150:152, 1:] = np.nan
        std = np.where(np.isnan(repeats[:, 1]), np.nan, relative * labels)
        repeated = dataclasses.replace(made_up, std={metric: std}, repeats={metric: repeats})
        ceilings.append(report.noise_ceiling(tmp_path, "gp", metric, repeated))
    assert [c.tau for c in ceilings] == sorted((c.tau for c in ceilings), reverse=True)
    assert 0.97 < ceilings[0].tau < 1
    assert ceilings[2].tau < 0.8
    # Half the relative deviation of one repeat remains in a mean of four, and |normal| has mean sqrt(2 / pi).
    expected = 0.05 / 2 * np.sqrt(2 / np.pi) * np.nanmean(made_up.metrics[metric][152:])
    assert ceilings[1].mae == pytest.approx(expected, rel=0.1)
    assert report.noise_ceiling(tmp_path, "gp", "accuracy", repeated) is None
