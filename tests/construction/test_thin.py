"""Scores on parts of the records: what they are of, and with which weights."""

from __future__ import annotations

from math import comb
from pathlib import Path

import numpy as np
import pytest

from anb_gym import SPACE
from anb_gym._types import FloatArray
from anb_gym.construction import report, thin
from anb_gym.construction.dataset import Dataset, default_split
from anb_gym.construction.fitting import labelled
from anb_gym.construction.report import pooled_deviation
from anb_gym.construction.targets import RegressionTarget, score
from anb_gym.construction.thin import block_parts, part_of, thin_parts, uniform_weights, weighted_scores
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.devices import get_device
from anb_gym.reports.surrogates import block_section, thin_section
from anb_gym.space import N_BLOCKS, States, distances
from anb_gym.surrogates.store import ARTEFACTS, load_shipped

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(60.0, 3.0, 200)
NOISY = TRUTH + RNG.normal(0.0, 1.0, 200)


def test_equal_weights_give_the_scores_of_all() -> None:
    assert weighted_scores(TRUTH, NOISY, np.ones((1, 200)))[0] == pytest.approx(score(TRUTH, NOISY))


def test_weights_are_records_that_occur_so_often() -> None:
    """A record twice is a record of weight two, but for the pair that it makes with itself."""
    weights = np.where(np.arange(200) < 50, 2.0, 1.0)
    twice = np.concatenate([np.arange(50), np.arange(200)])
    r2, tau, mae = weighted_scores(TRUTH, NOISY, weights[None])[0]
    expected = score(TRUTH[twice], NOISY[twice])
    assert (r2, mae) == pytest.approx((expected.r2, expected.mae))
    assert tau == pytest.approx(expected.tau, abs=0.01)
    signs = np.sign(TRUTH[:, None] - TRUTH) * np.sign(NOISY[:, None] - NOISY)
    pairs = np.outer(weights, weights) * (1 - np.eye(200))
    assert tau == pytest.approx((signs * pairs).sum() / pairs.sum())


def test_what_is_all_the_same_ranks_nothing() -> None:
    constant = np.full(200, 60.0)
    assert weighted_scores(TRUTH, constant, np.ones((1, 200)))[0, 1] == 0.0
    r2, tau, _ = weighted_scores(constant, TRUTH, np.ones((1, 200)))[0]
    assert (r2, tau) == (-np.inf, 0.0)


def test_records_of_no_weight_are_no_part() -> None:
    weights = (np.arange(200) < 120).astype(np.float64)
    part = part_of("some", TRUTH, NOISY, weights)
    assert (part.name, part.records) == ("some", 120)
    assert part.scores == pytest.approx(score(TRUTH[:120], NOISY[:120]))
    assert part.error == pytest.approx((TRUTH - NOISY)[:120].mean())
    assert all(low < value < high for low, value, high in zip(part.low, part.scores, part.high, strict=True))
    assert part.low.tau > 0.7
    assert part == part_of("some", TRUTH, NOISY, weights)


def test_uniform_weights_make_the_shares_of_the_space() -> None:
    choices = SPACE.sample(5000, RNG).reshape(-1, N_BLOCKS, 4)
    choices[:3000, :, 3] = 0  # most have no squeeze-excitation
    choices[choices[:, 5, 2] == 3, 5, 2] = RNG.choice(4, (choices[:, 5, 2] == 3).sum(), p=(0.3, 0.3, 0.3, 0.1))
    states = SPACE.as_states(choices.reshape(-1, 28))
    for layers in (False, True):
        weights = uniform_weights(states, layers=layers)
        for count in range(N_BLOCKS):
            rows = choices[:, :, 3].sum(axis=1) == count
            share = comb(N_BLOCKS, count) / 2**N_BLOCKS
            assert weights[rows].sum() == pytest.approx(share)
            if layers:
                assert weights[rows & (choices[:, 5, 2] == 3)].sum() == pytest.approx(share / 4)


@pytest.mark.parametrize(("metric", "tau"), [("accuracy", 0.932), ("tpuv3/throughput", 0.897)])
def test_parts_of_the_test_records(metric: str, tau: float, dataset: Dataset) -> None:
    parts = {part.name: part for part in thin_parts(dataset, ARTEFACTS, "gp", metric)}
    states, labels = labelled(dataset, metric, default_split()["test"])
    assert parts["all"].scores == pytest.approx(score(labels, load_shipped("gp", metric).predict(states)))
    weighted = parts["and four layers in block 5 as well"]
    assert weighted.scores.tau == pytest.approx(tau, abs=0.0005)  # what an independent reading found
    assert weighted.low.tau < parts["all"].scores.tau < weighted.high.tau
    fitted = np.concatenate([default_split()[part] for part in ("train", "val")])
    nearest = distances(SPACE.from_states(states), SPACE.from_states(labelled(dataset, metric, fitted)[0]))
    sizes = {"0 to 5": (nearest <= 5), "6": nearest == 6, "7": nearest == 7, "8 or more": nearest >= 8}
    assert {name: parts[f"distance {name}"].records for name in sizes} == {n: rows.sum() for n, rows in sizes.items()}
    assert (
        parts["largest tenth of predictions"].records
        == parts["smallest tenth of predictions"].records
        == 51 - (metric != "accuracy")
    )


def test_fits_without_a_block_have_not_seen_it(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []

    class Order:
        def predict(self, states: States) -> FloatArray:
            return np.arange(len(states)) * 1e-3

    def fit(job: object, states: States, labels: FloatArray) -> tuple[RegressionTarget, Order]:
        fitted.append(SPACE.states_to_index(states))
        return RegressionTarget.of("accuracy", labels), Order()

    monkeypatch.setattr(thin, "fit_model", fit)
    pairs = list(block_parts(dataset, ARTEFACTS, "gp", "accuracy"))
    unique = dataset.unique()
    assert [without.name for without, _ in pairs] == ["0 to 1,805", "1,806 to 3,721", "3,722 to 5,137"]
    for (without, tables), index, low, high in zip(pairs, fitted, (0, 1806, 3722), (1806, 3722, 9999), strict=True):
        inside = (unique.records >= low) & (unique.records < high)
        assert set(index) == set(unique.index[~inside])
        assert without.records == inside.sum()
        test = default_split()["test"]
        assert tables.records == ((test >= low) & (test < high)).sum()
        assert tables.scores.tau > 0.9


def test_sections_have_a_row_per_metric_and_block() -> None:
    part = part_of("all", TRUTH, NOISY, np.ones(200))
    assert thin_section({}) == block_section({}) == ""
    text = thin_section({"accuracy": [part]})
    assert f"| accuracy | {part.scores.tau:.3f} [{part.low.tau:.3f}, {part.high.tau:.3f}] |" in text
    assert f"| accuracy | {part.scores.mae:.4g}, {part.error:+.2g} |" in text
    assert "| accuracy | all | 200 |" in block_section({"accuracy": [(part, part)]})


def test_the_page_has_the_report_s_figures(dataset: Dataset) -> None:
    page = (Path(__file__).parents[2] / "docs" / "surrogates.md").read_text(encoding="utf-8")
    section = page.partition("<!-- thin:begin -->")[2].partition("<!-- thin:end -->")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) == 24
    assert set(rows) <= set(report.report(ARTEFACTS, dataset, ["gp"]).splitlines())


def test_the_page_has_the_deviations_over_seeds(three_seeds: ThreeSeeds) -> None:
    page = (Path(__file__).parents[2] / "docs" / "surrogates.md").read_text(encoding="utf-8")
    section = page.partition("<!-- seeds:begin -->")[2].partition("<!-- seeds:end -->")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) == 7
    assert set(rows) <= set(report.report(ARTEFACTS, None, ["gp"], ["accuracy"], False, three_seeds).splitlines())
    assert not set(rows[2:]) & set(report.report(ARTEFACTS, None, ["gp"], ["a100/throughput"]).splitlines())


def test_metrics_that_the_dataset_has_not_are_reported_without_parts(dataset: Dataset) -> None:
    folder = get_device("cpu").folder / "surrogates"
    text = report.report(folder, dataset, ["gp"], ["cpu/throughput"])
    assert "| cpu/throughput (images/s) | 0.9" in text
    assert "Where data are thin" not in text


def test_the_deviation_over_seeds() -> None:
    accuracies = 60.0 + np.random.default_rng(1).normal(0.0, 0.3, (78, 3)) + RNG.normal(0.0, 3.0, (78, 1))
    found = pooled_deviation(accuracies)
    assert (found.degrees, found.architectures) == (156, 78)
    assert found.low < 0.3 < found.high
    # 156 degrees of freedom: tables of chi-square have 123.2 and 192.4 at 2.5 and 97.5 %.
    assert found.low / found.std == pytest.approx(np.sqrt(156 / 192.4), abs=2e-3)
    assert found.high / found.std == pytest.approx(np.sqrt(156 / 123.2), abs=2e-3)
    for shape in ((0, 3), (5, 1), (5,)):
        with pytest.raises(ValueError, match=r"accuracies must have shape \(architectures, seeds >= 2\)"):
            pooled_deviation(np.ones(shape))


@pytest.mark.parametrize(
    ("metric", "r2", "tau"), [("tpuv2/throughput", 0.997, 0.984), ("tpuv3/throughput", 0.993, 0.952)]
)
def test_ceilings_of_means_of_runs(metric: str, r2: float, tau: float, dataset: Dataset) -> None:
    ceiling = report.noise_ceiling(ARTEFACTS, "gp", metric, dataset)
    assert ceiling is not None
    assert (ceiling.r2, ceiling.tau) == pytest.approx((r2, tau), abs=0.001)
    assert report.noise_ceiling(ARTEFACTS, "gp", "vck190/throughput", dataset) is None
