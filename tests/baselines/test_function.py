"""Any function can be a controller, and its mistakes are named."""

from typing import Any

import numpy as np
import pytest

from anb_gym import SPACE
from anb_gym.baselines.function import FunctionController
from anb_gym.study.protocol import Brief


def _controller(propose: Any, **settings: Any) -> FunctionController:
    return FunctionController(Brief(2, 20), np.random.default_rng(0), propose=propose, **settings)


def test_is_given_everything_evaluated_so_far(search: Any, toy: Any) -> None:
    given = []

    def propose(rng: Any, choices: Any, objectives: Any, n: int) -> Any:
        given.append((choices.copy(), objectives.copy(), n))
        proposals = SPACE.sample(n, rng)
        choices[:] = 0  # what it does to its arguments must not matter
        return proposals

    choices, objectives = search(_controller(propose, batch_size=8), toy(2), 20)
    assert [n for *_, n in given] == [8, 8, 4]
    for (seen, scores, _), k in zip(given, (0, 8, 16), strict=True):
        np.testing.assert_array_equal(seen, choices[:k])
        np.testing.assert_array_equal(scores, objectives[:k])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros((1, 28), dtype=int), "propose must return 2 architectures, got 1"),
        (np.full((2, 28), 7), r"what propose returned\[0, 0\] .* must be in 0..2, got 7"),
        (np.zeros((2, 27), dtype=int), r"what propose returned must have shape \(n, 28\), got \(2, 27\)"),
        (np.zeros((2, 28)), "what propose returned must have an integer dtype"),
        (None, "what propose returned must have shape"),
    ],
    ids=["too-few", "outside", "shape", "float", "none"],
)
def test_bad_proposals(returned: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _controller(lambda rng, choices, objectives, n: returned).ask(2)


def test_not_a_function() -> None:
    with pytest.raises(ValueError, match="propose must be a function of .*, got 'random'"):
        _controller("random")
