"""Links: monotone, differentiable as they say, and the same after a round trip through JSON."""

import json
from typing import Any

import numpy as np
import pytest

from anb_gym.surrogates.links import HostBound, Identity, Link, Reciprocal, link_from_dict, link_to_dict

LINKS: list[Link] = [Identity(), Reciprocal(), HostBound(1e-3)]
SECONDS = np.linspace(2e-4, 2e-3, 400)

each_link = pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)


@each_link
def test_is_strictly_monotone_in_the_direction_it_says(link: Link) -> None:
    steps = np.diff(link.value(SECONDS))
    assert (steps > 0).all() if link.increasing else (steps < 0).all()


@each_link
def test_inverse(link: Link) -> None:
    # Where the host is five times slower, it hides all but 2e-6 of the device's time.
    tolerance = 1e-10 if isinstance(link, HostBound) else 1e-15
    np.testing.assert_allclose(link.inverse(link.value(SECONDS)), SECONDS, rtol=tolerance)


@each_link
def test_slope_is_the_derivative(link: Link) -> None:
    step = 1e-9
    difference = (link.value(SECONDS + step) - link.value(SECONDS - step)) / (2 * step)
    np.testing.assert_allclose(link.slope(SECONDS), difference, rtol=1e-4, atol=1e-2)


@each_link
def test_survives_json(link: Link) -> None:
    restored = link_from_dict(json.loads(json.dumps(link_to_dict(link))))
    assert restored == link
    np.testing.assert_array_equal(restored.value(SECONDS), link.value(SECONDS))


@each_link
def test_values_do_not_depend_on_the_batch(link: Link) -> None:
    for n in (1, 2, 3, 7, 8, 9, 31, 399):
        np.testing.assert_array_equal(link.value(SECONDS[:n]), link.value(SECONDS)[:n])


@pytest.mark.parametrize("values", [{"name": "reciprocl"}, {"name": None}, {}])
def test_unknown_link(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="link must be one of 'identity', 'reciprocal', 'host_bound', got"):
        link_from_dict(values)


@pytest.mark.parametrize("values", [{"name": "identity", "width": 1.0}, ["identity"], None])
def test_other_content(values: Any) -> None:
    with pytest.raises(ValueError, match="link (must be a dictionary with a name|'identity' has other parameters)"):
        link_from_dict(values)


def test_host_and_device_work_at_the_same_time() -> None:
    link = HostBound(1e-3)
    rates = link.value(np.array([1e-6, 1e-3, 1.0]))
    np.testing.assert_allclose(rates, [1e3, 1e3 / 2 ** (1 / 8), 1.0], rtol=1e-12)
    np.testing.assert_array_equal(HostBound(0.0).value(SECONDS), Reciprocal().value(SECONDS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1e-3,), "host must be at least 0"),
        ((1e-3, 0.5), "sharpness at least 1"),
        ((np.nan,), "host must be a finite"),
    ],
)
def test_host_bound_is_checked(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HostBound(*arguments)
