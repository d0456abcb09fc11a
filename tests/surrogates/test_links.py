"""Links: monotone, differentiable as they say, and the same after a round trip through JSON."""

import json
from typing import Any

import numpy as np
import pytest

from anb_gym.surrogates.links import Identity, Link, Reciprocal, link_from_dict, link_to_dict

LINKS: list[Link] = [Identity(), Reciprocal()]
SECONDS = np.linspace(2e-4, 2e-3, 400)

each_link = pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)


@each_link
def test_is_strictly_monotone_in_the_direction_it_says(link: Link) -> None:
    steps = np.diff(link.value(SECONDS))
    assert (steps > 0).all() if link.increasing else (steps < 0).all()


@each_link
def test_inverse(link: Link) -> None:
    np.testing.assert_allclose(link.inverse(link.value(SECONDS)), SECONDS, rtol=1e-15)


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
    with pytest.raises(ValueError, match="link must be one of 'identity', 'reciprocal', got"):
        link_from_dict(values)


@pytest.mark.parametrize("values", [{"name": "identity", "width": 1.0}, ["identity"], None])
def test_other_content(values: Any) -> None:
    with pytest.raises(ValueError, match="link (must be a dictionary with a name|'identity' has other parameters)"):
        link_from_dict(values)
