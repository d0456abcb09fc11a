"""Worlds: samples of posteriors, against the formulas of Gaussian processes and against what ships."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

import anb_gym
from anb_gym.benchmark import REFERENCE, Benchmark
from anb_gym.noise import Noise, normal
from anb_gym.space import SPACE
from anb_gym.surrogates import store
from anb_gym.surrogates.discrepancy import Discrepancy, load_discrepancy, save_discrepancy
from anb_gym.surrogates.posterior import Posterior, load_posterior, posterior_path, save_posterior
from anb_gym.surrogates.store import ArtefactError, load_deviation, load_shipped, shipped_path
from anb_gym.surrogates.tables import BlockTables, layout
from anb_gym.surrogates.worlds import ACROSS_KERNELS, N_WORLDS, in_world, split_world

#: A metric of pairs of blocks, whose worlds are quick.
QUICK = "zcu102/throughput"


def _states(n, seed):
    return SPACE.to_states(SPACE.sample(n, np.random.default_rng(seed)))


def _posterior(order, n=40, seed=0):
    rng = np.random.default_rng(seed)
    kernels = np.zeros((7, 48, 48))
    for kernel, size in zip(kernels, SPACE.block_sizes, strict=True):
        places = rng.normal(size=(size, 2))
        kernel[:size, :size] = np.exp(-0.5 * np.square(places[:, None] - places).sum(axis=2))
    variances = np.array([0.3, 0.4, 0.1, 0.05])[: order + 1]
    return Posterior.of_kernels(_states(n, seed), rng.uniform(0.01, 0.1, n), kernels, variances, 2.0), kernels


def _kernel(a, b, kernels, variances):
    """By the definition of elementary symmetric polynomials."""
    sums = [np.ones((len(a), len(b))), *(np.zeros((len(a), len(b))) for _ in variances[1:])]
    for block in range(7):
        k = kernels[block][np.ix_(a[:, block], b[:, block])]
        for q in range(len(sums) - 1, 0, -1):
            sums[q] = sums[q] + k * sums[q - 1]
    return sum(v * s for v, s in zip(variances, sums, strict=True))


@pytest.mark.parametrize(("order", "worlds"), [(1, 200), (2, 100), (3, 20)])
def test_samples_have_the_mean_and_the_covariance_of_the_posterior(order, worlds):
    posterior, kernels = _posterior(order)
    x = np.concatenate([posterior.states[:3], _states(5, 1)])
    cross = _kernel(x, posterior.states, kernels, posterior.variances)
    gram = _kernel(posterior.states, posterior.states, kernels, posterior.variances) + np.diag(posterior.noise)
    expected = 4.0 * (_kernel(x, x, kernels, posterior.variances) - cross @ np.linalg.solve(gram, cross.T))
    samples = np.array([posterior.deviation("metric", world)(x) for world in range(worlds)])
    deviation = np.sqrt(np.diag(expected))
    assert np.abs(samples.mean(axis=0) / deviation).max() < 4.0 / np.sqrt(worlds)
    correlation = np.cov(samples.T, ddof=0) / np.outer(deviation, deviation)
    assert np.abs(correlation - expected / np.outer(deviation, deviation)).max() < 6.0 / np.sqrt(worlds)


def test_a_world_does_not_depend_on_what_was_asked_before():
    first, second = _posterior(2)[0], _posterior(2)[0]
    second.deviation("metric", 4)
    second.deviation("other", 3)
    np.testing.assert_array_equal(first.deviation("metric", 3).values, second.deviation("metric", 3).values)
    other = [second.deviation("metric", 4).values, second.deviation("other", 3).values]
    assert all(abs(np.corrcoef(first.deviation("metric", 3).values, values)[0, 1]) < 0.5 for values in other)


def test_shipped_worlds_lie_around_the_mean_as_far_as_its_deviation_says():
    bench, archs = Benchmark(), SPACE.sample(300, np.random.default_rng(2))
    values = bench.query_worlds(archs, QUICK, range(30))
    known = bench.query(archs, QUICK, std=True)
    z = (values - known[QUICK]) / known[f"{QUICK}:std"]
    assert abs(np.median(z.std(axis=0)) - 1.0) < 0.1
    assert np.abs(z.mean(axis=0)).mean() < 1.5 * np.sqrt(2.0 / np.pi / 30)


def test_worlds_of_one_query_are_those_of_each_benchmark():
    archs = SPACE.sample(700, np.random.default_rng(3))
    together = Benchmark().query_worlds(archs, QUICK, [5, 0])
    for row, world in zip(together, [5, 0], strict=True):
        bench = Benchmark(world=world)
        assert bench.world == world
        assert bench.surrogate == f"gp@{world}"
        np.testing.assert_allclose(row, bench.query(archs, QUICK)[QUICK], rtol=1e-13)
        np.testing.assert_array_equal(bench.query(archs[:1], QUICK)[QUICK], bench.query(archs, QUICK)[QUICK][:1])
    np.testing.assert_array_equal(Benchmark().query_worlds(archs[:3], QUICK, [0])[0], together[1, :3])
    counted = Benchmark().query_worlds(archs[:2], "macs", range(3))
    np.testing.assert_array_equal(counted, np.tile(Benchmark().query(archs[:2], "macs")["macs"], (3, 1)))


def test_other_kernels_of_blas_give_the_same_world(tmp_path):
    code = f"""
import numpy as np, sys
from anb_gym.benchmark import Benchmark
from anb_gym.space import SPACE
archs = SPACE.sample(500, np.random.default_rng(0))
np.save(sys.argv[1], Benchmark(world=11).query(archs, {QUICK!r})[{QUICK!r}])
"""
    expected = Benchmark(world=11).query(SPACE.sample(500, np.random.default_rng(0)), QUICK)[QUICK]
    path = tmp_path / "values.npy"
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Prescott"}
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=environment)
    np.testing.assert_allclose(np.load(path), expected, rtol=ACROSS_KERNELS)


@pytest.mark.parametrize("world", [-1, N_WORLDS, 1.0, True, "7"])
def test_unknown_worlds(world):
    with pytest.raises(ValueError, match="world must be an integer in 0..2147483647, got"):
        Benchmark(world=world)
    with pytest.raises(ValueError, match="world must be an integer"):
        Benchmark().query_worlds(0, QUICK, [world])


@pytest.mark.parametrize("name", ["gp@", "gp@07", "gp@-1", "gp@7@8", f"gp@{N_WORLDS}", "gp@x", "gp@" + "9" * 5000])
def test_names_that_are_no_worlds(name):
    with pytest.raises(ValueError, match="world must be"):
        Benchmark(name)


def test_names():
    assert split_world(in_world("gp-v1", 7)) == ("gp-v1", 7)
    assert split_world("xgb") == ("xgb", None)
    assert Benchmark("gp@7").world == 7
    with pytest.raises(ValueError, match="world must be None where the surrogate names one, got 3 and 'gp@7'"):
        Benchmark("gp@7", world=3)
    with pytest.raises(ValueError, match="world must be None: 'xgb' has no posterior to sample, only gp has"):
        Benchmark("xgb", world=3)
    with pytest.raises(ValueError, match="surrogate must be one of"):
        Benchmark("pg@7")
    with pytest.raises(ValueError, match="worlds must be one or more"):
        Benchmark().query_worlds(0, QUICK, [])
    with pytest.raises(ValueError, match="std must be False in a world"):
        Benchmark(world=1).query(anb_gym.EFFICIENTNET_B0, QUICK, std=True)


def test_files(tmp_path):
    posterior, _ = _posterior(2)
    path = tmp_path / "posterior" / "metric.npz"
    save_posterior(posterior, path, "abc")
    restored = load_posterior(path, "abc", ArtefactError)
    np.testing.assert_array_equal(restored.deviation("m", 1).values, posterior.deviation("m", 1).values)
    with pytest.raises(ArtefactError, match="it is the posterior of other tables: their SHA-256 is abc, expected abd"):
        load_posterior(path, "abd", ArtefactError)
    with pytest.raises(ArtefactError, match="missing"):
        load_posterior(tmp_path / "missing.npz", "abc", ArtefactError)
    with np.load(path) as file:
        arrays = dict(file)
    for name, value in [
        ("noise", -arrays["noise"]),
        ("index", arrays["index"] + SPACE.size),
        ("schema", np.array(9)),
        ("variances", np.ones(7)),
        ("factor_3", np.ones((5, 2))),
        ("surplus", np.ones(1)),
    ]:
        np.savez(path, **{**arrays, name: value})
        with pytest.raises(ArtefactError, match=str(path)):
            load_posterior(path, "abc", ArtefactError)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtefactError, match=str(path)):
        load_posterior(path, "abc", ArtefactError)


def test_every_metric_has_worlds():
    for metric in [*anb_gym.benchmark.DATASET_METRICS, "cpu/throughput"]:
        known, path = load_shipped("gp", metric), shipped_path("gp", metric)
        assert load_posterior(posterior_path(path), known.checksum, ArtefactError).order == known.mean.order
        assert metric in Benchmark(world=0).metrics
    for metric in REFERENCE:
        known, path = load_shipped("gp", metric), shipped_path("gp", metric)
        slope = known.manifest["coefficients"]["surrogate"]
        assert load_discrepancy(posterior_path(path), known.checksum, ArtefactError).slope == pytest.approx(slope)
        assert metric in Benchmark(world=0).metrics


def test_metrics_without_a_posterior(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "posterior_path", lambda path: tmp_path / "missing.npz")
    assert QUICK not in Benchmark(world=2**30).metrics
    with pytest.raises(ArtefactError, match=f"there are no worlds of '{QUICK}': 'gp' has no posterior"):
        Benchmark(world=2**30).query(0, QUICK)


def test_the_reference_scheme_follows_the_proxy_in_its_worlds():
    bench, archs, worlds = Benchmark(), SPACE.sample(400, np.random.default_rng(2)), range(6)
    metric, proxy = "accuracy/reference", "accuracy"
    known = bench.query(archs, [metric, proxy], std=True)
    z, cheaper = (
        (bench.query_worlds(archs, name, worlds) - known[name]) / known[f"{name}:std"] for name in (metric, proxy)
    )
    assert np.sqrt(np.square(z).mean()) == pytest.approx(1.0, abs=0.2)
    slope = bench.load(metric).manifest["coefficients"]["surrogate"]
    expected = slope * (known[f"{proxy}:std"] / known[f"{metric}:std"]).mean()
    assert np.mean(z * cheaper) / np.square(cheaper).mean() == pytest.approx(expected, abs=0.2)
    # Tables of version 1 have the mean of version 0's, and so its worlds.
    newer = Benchmark("gp-v1", world=3).query(archs[:5], metric)[metric]
    np.testing.assert_array_equal(newer, Benchmark(world=3).query(archs[:5], metric)[metric])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_interactions_are_those_of_the_prior_with_variance_1(order):
    posterior, kernels = _posterior(order)
    x = _states(6, 1)
    n = 200 if order < 3 else 40  # a sample of three blocks takes its time
    samples = np.array([posterior.interactions("metric", world)(x) for world in range(n)])
    ones = np.array([v if q >= min(2, order) else 0.0 for q, v in enumerate(posterior.variances)])
    expected = _kernel(x, x, kernels, ones)
    expected /= expected[0, 0]
    np.testing.assert_allclose(samples.T @ samples / n, expected, atol=0.3 if order < 3 else 0.6)
    assert np.abs(samples.mean(axis=0)).max() < 4.0 / np.sqrt(n)


def test_a_discrepancy_is_the_sum_of_its_parts(tmp_path):
    rng = np.random.default_rng(0)
    mean, deviation, rest = (BlockTables(2, rng.normal(size=layout(2).size)) for _ in range(3))
    discrepancy = Discrepancy(0.9, rng.normal(size=4), rng.normal(size=4), rng.normal(size=(4, 264)), 0.3)
    x = _states(50, 3)
    z = normal("metric/coefficients", np.arange(4), Noise(7))
    starts = np.cumsum([0, *SPACE.block_sizes[:-1]])
    expected = z @ discrepancy.constants + (z @ discrepancy.terms)[x + starts].sum(axis=1)
    expected += (z @ discrepancy.slopes) * (mean(x) + deviation(x)) + 0.9 * deviation(x) + 0.3 * rest(x)
    found = discrepancy.deviation("metric", 7, mean, deviation, rest)
    np.testing.assert_allclose(found(x), expected, atol=1e-10)
    path = tmp_path / "discrepancy.npz"
    save_discrepancy(discrepancy, path, "abc")
    restored = load_discrepancy(path, "abc", ArtefactError).deviation("metric", 7, mean, deviation, rest)
    np.testing.assert_array_equal(restored.values, found.values)
    with pytest.raises(ArtefactError, match="it is the posterior of other tables: their SHA-256 is abc, expected abd"):
        load_discrepancy(path, "abd", ArtefactError)
    with np.load(path) as file:
        arrays = dict(file)
    for name, value in [
        ("schema", np.array(9)),
        ("constants", np.ones(3)),
        ("terms", np.ones((4, 263))),
        ("spread", np.array(-0.1)),
        ("surplus", np.ones(1)),
    ]:
        np.savez(path, **{**arrays, name: value})
        with pytest.raises(ArtefactError, match=str(path)):
            load_discrepancy(path, "abc", ArtefactError)


def test_a_discrepancy_of_other_tables_is_refused(monkeypatch):
    known = load_shipped("gp", "accuracy/reference")
    changed = {**known.manifest, "upon": {"metric": "accuracy", "sha256": "abc"}}
    monkeypatch.setattr(store, "_load", lambda surrogate, metric: dataclasses.replace(known, manifest=changed))
    with pytest.raises(ArtefactError, match="it was learned upon other tables of 'accuracy', with the SHA-256 abc"):
        load_deviation("gp", "accuracy/reference", 0)
    changed["upon"] = None
    with pytest.raises(ArtefactError, match="the manifest of 'accuracy/reference' is damaged"):
        load_deviation("gp", "accuracy/reference", 0)


@pytest.mark.parametrize("metric", [None, ["accuracy", "macs"], "accurcy", 7])
def test_worlds_are_of_one_metric(metric):
    with pytest.raises(ValueError, match=r"^metric must be one of 'accuracy', .* got "):
        Benchmark().query_worlds(0, metric, [7])
