"""Campaigns that are made up are found, and taken off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.cli import main
from anb_gym.construction import fitting
from anb_gym.construction.campaigns import AFFECTED, Campaigns, has_campaigns, knot_weights, remove_campaigns
from anb_gym.construction.dataset import Dataset
from anb_gym.construction.fitting import Job, fit_job
from anb_gym.construction.targets import score
from anb_gym.space import SPACE
from anb_gym.surrogates.store import ARTEFACTS, artefact_path, load

THREE = (0, 200, 400, 600)


def made_up(limited, seed=0):
    """600 architectures of three campaigns, the third different ones and with a slower host; seconds per image."""
    rng = np.random.default_rng(seed)
    states = SPACE.as_states(SPACE.sample(600, rng))
    states[400:, 5] = rng.integers(36, 48, 200)  # as in the dataset, only the last has four layers in block 5
    records = np.arange(600)
    device = 1e-4 * (3.0 + 2.0 * (states / SPACE.block_sizes).sum(axis=1))
    offset = np.array([[0, 5, 10, 20], [0, 5, 15, 20], [10, 15, 20, 30]]) * 1e-6
    host = np.array([[800, 810, 820, 830], [800, 815, 825, 830], [950, 960, 970, 980]]) * 1e-6
    campaigns = Campaigns(THREE, offset, host if limited else np.zeros((3, 4)))
    free = campaigns.free(device)
    labels = campaigns.measured(free, records) * np.exp(rng.normal(0.0, 0.003, 600))
    return states, records, campaigns, free, labels


@pytest.mark.parametrize("limited", [False, True])
def test_known_offsets_and_limits_are_recovered(limited):
    states, records, campaigns, free, labels = made_up(limited)
    found, corrected = remove_campaigns(labels, states, records, limited, 0, THREE)
    # An offset of all records cannot be told from the device; where a host limits, all of the label is the campaign's.
    change = found.offset - campaigns.offset
    assert np.abs(change - change.mean()).max() < 8e-6
    assert np.abs(change + found.host - campaigns.host).max() < (8e-6 if limited else 25e-6)
    assert found.reference[0] in (0, 1)
    assert found.reference[1] == 0
    raw, left = labels / free - 1.0, corrected / free - 1.0
    assert np.std(left) < 0.01
    assert np.std(left) < np.std(raw) / 2.0
    if limited:
        assert abs(left[400:].mean() - left[:400].mean()) < 0.01
        assert raw[400:].mean() - raw[:400].mean() > 0.02


def test_labels_without_campaigns_stay():
    states, records, _, free, _ = made_up(False)
    found, corrected = remove_campaigns(free, states, records, False, 0, THREE)
    assert np.abs(found.offset - found.offset.mean()).max() < 2e-6
    np.testing.assert_allclose(corrected, free, rtol=5e-3)


hosts = st.lists(st.floats(0.0, 1e-3), min_size=24, max_size=24)


@given(hosts, st.lists(st.tuples(st.floats(1e-4, 2e-3), st.integers(0, 599)), min_size=1, max_size=20))
def test_what_campaigns_show(values, rows):
    offset, host = np.array(values).reshape(2, 3, 4)
    campaigns = Campaigns(THREE, offset, host)
    device = np.array([row[0] for row in rows])
    records = np.array([row[1] for row in rows])
    free = campaigns.free(device)
    shown = campaigns.measured(free, records)
    weights = knot_weights(records, THREE)
    # The fastest host hides no more than any other.
    expected = np.maximum(device, weights @ host.ravel()) + weights @ offset.ravel()
    np.testing.assert_allclose(shown, expected, rtol=1e-9)
    # A campaign never turns an order round.
    slower = campaigns.measured(free + 1e-5, records)
    assert (slower >= shown).all()
    # At the reference nothing happens.
    campaign, knot = campaigns.reference
    record = np.full(len(free), {0: 0, 3: 199}.get(knot, -1) + 200 * campaign)
    if knot in (0, 3):
        np.testing.assert_allclose(campaigns.measured(free, record), free, rtol=1e-9)


@given(st.integers(0, 599))
def test_weights_are_those_of_one_campaign(record):
    weights = knot_weights(np.array([record]), THREE).reshape(3, 4)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[record // 200].sum() == pytest.approx(1.0)
    assert weights.min() >= 0.0


@pytest.mark.parametrize("record", [-1, 600])
def test_records_of_no_campaign(record):
    with pytest.raises(ValueError, match=f"records must be in 0..599, got {record}"):
        knot_weights(np.array([5, record]), THREE)


def test_a_dataset_of_ones_own_has_no_campaigns(dataset):
    assert has_campaigns(dataset, "tpuv3/throughput")
    assert not has_campaigns(dataset, "a100/throughput")
    rows = dataset.select(np.arange(10))
    object.__setattr__(rows, "sha256", "0" * 64)
    assert not has_campaigns(rows, "tpuv3/throughput")


@pytest.mark.parametrize("family", ["gp", "xgb", "lgb"])
@pytest.mark.parametrize(("metric", "tau"), [("tpuv2/throughput", 0.975), ("tpuv3/throughput", 0.925)])
def test_shipped_surrogates_without_campaigns(family, metric, tau, dataset):
    """Scores with campaigns known, again from what ships."""
    surrogate = load(artefact_path(ARTEFACTS, f"{family}-v1", metric))
    manifest = surrogate.manifest
    assert manifest["version"] == 1
    assert manifest["hyperparameters"] == Job.configured(family, metric, version=1).hyperparameters
    stated = manifest["campaigns"]
    campaigns = Campaigns.from_dict(stated)
    assert stated["host_us"] is None or AFFECTED[metric]
    rows = fitting.with_label(dataset, metric, fitting.split_of(dataset)["test"])
    shown = campaigns.measured(1.0 / surrogate.predict(rows.states), rows.records)
    found = score(rows.metrics[metric], 1.0 / shown)
    assert found.tau == pytest.approx(manifest["test"]["tau"], abs=1e-3)
    assert found.r2 == pytest.approx(manifest["test"]["r2"], abs=1e-4)
    assert found.tau >= (tau if family == "gp" else tau - 0.01)


def test_version_1_without_campaigns_predicts_as_version_0(tmp_path, monkeypatch):
    """Apart from its deviations: what a dataset without campaigns teaches is the same."""
    states, records, _, free, _ = made_up(False)
    made = Dataset(records, states, {"tpuv3/throughput": 1.0 / free}, {}, records, records, "0" * 64)
    monkeypatch.setattr(
        fitting, "split_of", lambda _: {"train": records[:300], "val": records[300:400], "test": records[400:]}
    )
    settings = {"members": 2, "rounds": 40, "learning_rate": 0.2}
    first, second = (
        fit_job(Job("xgb", "tpuv3/throughput", 0, settings, version), made, tmp_path) for version in (0, 1)
    )
    assert second["version"] == 1
    assert first["test"] == second["test"]
    tables = [load(artefact_path(tmp_path, name, "tpuv3/throughput")).mean.values for name in ("xgb", "xgb-v1")]
    np.testing.assert_array_equal(*tables)


def test_unknown_versions_are_refused(capsys):
    assert main(["fit", "--version", "2"]) == 1
    assert "--version must be one of 0, 1, got 2" in capsys.readouterr().err
