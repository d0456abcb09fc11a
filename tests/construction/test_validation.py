"""Figure 3: rank correlations of trainings under both schemes, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from anb_gym.construction.reference import cross_validate
from anb_gym.construction.three_seeds import ThreeSeeds
from anb_gym.construction.validation import validate
from anb_gym.reports.paper import FIGURE_3
from anb_gym.surrogates.store import load_shipped


def trainings(n: int = 40, proxy_noise: float = 0.5) -> ThreeSeeds:
    """Architectures whose proxy accuracy is the reference accuracy less 8, with noise, in a fifth of the time."""
    rng = np.random.default_rng(0)
    mean = rng.normal(65.0, 3.0, n)[:, None]
    reference, proxy = mean + rng.normal(0, 0.1, (n, 3)), mean - 8.0 + rng.normal(0, proxy_noise, (n, 3))
    labels = {
        "reference": {"accuracy": reference, "train_time": 100.0 * reference},
        "proxy": {"accuracy": proxy, "train_time": 20.0 * reference},
    }
    return ThreeSeeds(np.arange(n), labels, "0" * 64)


def test_estimates_are_those_of_scipy() -> None:
    data = trainings()
    proxy, reference = (data.labels[scheme]["accuracy"] for scheme in ("proxy", "reference"))
    found = validate(data, {"guess": reference[:, 0]}, np.random.default_rng(0), 20)
    means = kendalltau(proxy.mean(axis=1), reference.mean(axis=1)).statistic
    assert found["proxy against reference"].estimate == pytest.approx(means)
    pairs = [kendalltau(proxy[:, a], reference[:, b]).statistic for a in range(3) for b in range(3)]
    assert found["one training against one"].estimate == pytest.approx(np.mean(pairs))
    pairs = [kendalltau(reference[:, a], reference[:, b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))]
    assert found["reference against itself"].estimate == pytest.approx(np.mean(pairs))
    best = np.argsort(-reference.mean(axis=1))[:10]
    upper = kendalltau(proxy.mean(axis=1)[best], reference.mean(axis=1)[best]).statistic
    assert found["the same, upper quarter"].estimate == pytest.approx(upper)
    guess, one = found["guess against reference"].estimate, found["one proxy training against reference"].estimate
    assert guess == pytest.approx(kendalltau(reference[:, 0], reference.mean(axis=1)).statistic)
    assert found["guess less one proxy training"].estimate == pytest.approx(guess - one)


def test_intervals_hold_their_estimates_and_narrow_with_architectures() -> None:
    widths = []
    for n in (20, 80):
        found = validate(trainings(n), {}, np.random.default_rng(0), 200)
        assert all(s.low <= s.estimate <= s.high for s in found.values())
        widths.append(found["proxy against reference"].high - found["proxy against reference"].low)
    assert widths[1] < widths[0]


def test_what_is_certain_has_no_width() -> None:
    found = validate(trainings(proxy_noise=0.0), {}, np.random.default_rng(0), 50)
    perfect = found["proxy against itself"]
    assert (perfect.estimate, perfect.low, perfect.high) == pytest.approx((1.0, 1.0, 1.0))
    assert found["time ratio, of means"].estimate == pytest.approx(5.0)


def test_intervals_are_those_of_the_generator() -> None:
    first, second, other = (validate(trainings(), {}, np.random.default_rng(seed), 30) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_repeats_of_predictions_count_with_their_mean() -> None:
    data = trainings()
    good, bad = data.labels["reference"]["accuracy"].mean(axis=1), np.arange(40.0)
    found = validate(data, {"both": np.stack([good, bad])}, np.random.default_rng(0), 10)
    expected = (1.0 + kendalltau(bad, good).statistic) / 2
    assert found["both against reference"].estimate == pytest.approx(expected)


def test_the_published_trainings_agree_with_the_paper(three_seeds: ThreeSeeds) -> None:
    accuracy = load_shipped("gp", "accuracy")
    reference = three_seeds.labels["reference"]["accuracy"]
    held_out = cross_validate(accuracy, three_seeds.states, reference, 0).predictions
    predictions = {"accuracy": accuracy.predict(three_seeds.states), "accuracy/reference": held_out}
    found = validate(three_seeds, predictions, np.random.default_rng(0), 200)
    for name, paper in FIGURE_3.items():
        assert found[name].estimate == pytest.approx(paper, rel=0.01)
        assert found[name].low <= paper <= found[name].high
    # Surrogates rank reference accuracy better than one more proxy training does; of the first it is not certain.
    assert found["accuracy less one proxy training"].estimate > 0.01
    assert found["accuracy/reference less one proxy training"].low > 0.0
