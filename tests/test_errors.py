"""Shared checks of values, and what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE, Noise
from anb_gym._errors import integer
from anb_gym._workers import check_workers


@pytest.mark.parametrize("kind", [int, np.int8, np.uint64])
def test_integers_of_numpy_are_integers(kind: Any) -> None:
    value = integer(kind(3), 1, "n", 5)
    assert (value, type(value)) == (3, int)
    assert len(SPACE.sample(kind(3), np.random.default_rng(0))) == 3
    assert Noise(kind(3)) == Noise(3)
    check_workers(kind(3))


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        (0, (1,), "n must be an integer of at least 1, got 0"),
        (True, (0,), "n must be an integer of at least 0, got True"),
        (np.bool_(True), (0,), "n must be an integer of at least 0, got "),
        (2.0, (0,), "n must be an integer of at least 0, got 2.0"),
        (np.float64(2), (0,), "n must be an integer of at least 0, got "),
        (6, (1, 5), "n must be an integer in 1..5, got 6"),
        (2**64, (0, 2**64 - 1), f"n must be an integer in 0..2**64-1, got {2**64}"),
        ("x" * 999, (1,), "n must be an integer of at least 1, got 'xxx"),
    ],
)
def test_what_is_no_integer_is_named_in_one_short_line(value: Any, limits: tuple[int, ...], message: str) -> None:
    minimum, *maximum = limits
    with pytest.raises(ValueError, match="^n must be an integer ") as error:
        integer(value, minimum, "n", *maximum)
    assert str(error.value).startswith(message)
    assert len(str(error.value)) < 150
