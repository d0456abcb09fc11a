"""What the generator knows of the real devices."""

import json
from pathlib import Path

import numpy as np
import pytest

from anb_gym import devices
from anb_gym.hardware import prior
from anb_gym.hardware.costs import DEVIATIONS, PARAMETERS, WIDTHS, block_times, mean
from anb_gym.hardware.prior import BASE, FAMILIES, Fit, PriorError, load_fits, load_prior, posterior
from anb_gym.space import SPACE
from anb_gym.surrogates import load_shipped
from anb_gym.surrogates.links import HostBound

STATES = SPACE.as_states(SPACE.sample(2000, np.random.default_rng(1)))


def test_every_device_that_ships_belongs_to_a_family() -> None:
    members = [name for names in FAMILIES.values() for name in names]
    assert sorted(members) == sorted(name for name, device in devices.DEVICES.items() if device.ships)
    assert list(load_fits()) == members
    assert tuple(BASE) == PARAMETERS


@pytest.mark.parametrize("name", [name for names in FAMILIES.values() for name in names])
def test_fits_explain_the_real_devices(name: str) -> None:
    """Seconds per image of random architectures, with the mean as the only thing that is adjusted."""
    fit = load_fits()[name]
    times = block_times(fit.parameters[None], np.array([fit.width]), fit.deviations[None])
    starts = np.cumsum(SPACE.block_sizes) - SPACE.block_sizes
    sums = (times[0] / mean(times)[0])[STATES + starts].sum(axis=1)
    ours = 1.0 / HostBound(float(np.exp(fit.parameters[PARAMETERS.index("host")]))).value(sums)
    real = 1.0 / load_shipped("gp", f"{name}/throughput").predict(STATES)
    ours *= (ours @ real) / (ours @ ours)
    assert 1.0 - ((ours - real) ** 2).mean() / real.var() > (0.985 if name == "tpuv3" else 0.99)
    assert fit.seconds == pytest.approx(real.mean(), rel=0.05)


def test_without_devices_it_is_the_base() -> None:
    base = posterior([])
    np.testing.assert_allclose(base.mean[:-1], [location for location, _ in BASE.values()])
    np.testing.assert_allclose(base.std[:-1], [spread for _, spread in BASE.values()])
    np.testing.assert_allclose(base.widths, 1 / len(WIDTHS))


def test_many_devices_outweigh_the_base() -> None:
    rng = np.random.default_rng(0)
    fits = [
        Fit(rng.normal(2.0, 0.5, len(PARAMETERS)), rng.normal(0.0, 0.3, DEVIATIONS), 64, np.exp(rng.normal(-3.0, 0.2)))
        for _ in range(10_000)
    ]
    fitted = posterior(fits)
    np.testing.assert_allclose(fitted.mean[:-1], 2.0, atol=0.05)
    np.testing.assert_allclose(fitted.std[:-1], 0.5, atol=0.12)
    assert fitted.deviation == pytest.approx(0.3, rel=0.01)
    assert fitted.widths[WIDTHS.index(64)] > 0.99


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_left_out_does_not_count(family: str) -> None:
    others = [fit for name, fit in load_fits().items() if name not in FAMILIES[family]]
    assert len(others) == len(load_fits()) - len(FAMILIES[family])
    np.testing.assert_array_equal(load_prior(family).mean, posterior(others).mean)
    assert not np.array_equal(load_prior(family).mean, load_prior().mean)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema"),
        ({"parameters": ["dense"]}, "parameters must be dense, depthwise"),
        (
            {"devices": {"a100": {"parameters": [0.0], "deviations": [], "width": 1, "seconds": 1.0}}},
            "there must be 15",
        ),
    ],
)
def test_damaged_file(change: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.loads(prior.PATH.read_text()) | change
    (tmp_path / "prior.json").write_text(json.dumps(content))
    monkeypatch.setattr(prior, "PATH", tmp_path / "prior.json")
    with pytest.raises(PriorError, match=message):
        load_fits.__wrapped__()
